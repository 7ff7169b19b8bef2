//! What follows the series: postings lists and their offset table.
//!
//! Two ways to the same bytes. Where the log of pairs fits memory, lists come from it by counting sort, and the table is walked
//! twice: once for its length, which comes first. Where pairs were put aside, the runs are merged, and the table is put aside as
//! it grows.

use super::{Frame, LIST_ALIGN, Tail, limit, varint_len};
use crate::codec::{Output, Scratch, Sink as _};
use crate::error::Result;
use crate::id::SeriesRef;
use crate::index::pairs::SortedPairs;
use crate::index::runs::MergedRuns;
use crate::index::symbols::SymbolTable;
use crate::index::{Toc, postings};

/// Series of a list that is written in one piece.
const PIECE_SERIES: usize = 4096;

/// Bytes of the table that are copied at a time.
const PIECE_BYTES: u64 = 64 << 10;

/// Writes all lists and their table from the log of all series.
pub(super) fn put_sorted<O: Output>(
    tail: &mut Tail<O>,
    toc: &mut Toc,
    (all, pairs): (&[SeriesRef], &SortedPairs<'_>),
    symbols: &SymbolTable,
) -> Result<()> {
    let lists = begin(tail, toc);
    put_list(tail, all)?;
    // A list is a multiple of four bytes long, so the next one needs no padding.
    pairs.lists(|list| put_list(tail, list))?;
    begin_table(tail, toc);
    let entries = || {
        let mut next = lists + list_size(all.len() as u64);
        let labels = pairs.pairs().map(move |((name, value), count)| {
            let list = next;
            next += list_size(count.into());
            (string(symbols, name), string(symbols, value), list)
        });
        std::iter::once::<Offset<'_>>((b"", b"", lists)).chain(labels)
    };
    let len = entries().map(offset_size).sum::<u64>();
    let mut frame = begin_offsets(tail, len, 1 + pairs.pairs().len() as u64)?;
    for entry in entries() {
        frame.put(|buffer| put_offset(entry, buffer))?;
    }
    frame.finish();
    Ok(())
}

/// Writes all lists and their table from runs, with the table put aside in `scratch`.
pub(super) fn put_merged<O: Output>(
    tail: &mut Tail<O>,
    toc: &mut Toc,
    (all, mut runs): (&[SeriesRef], MergedRuns),
    symbols: &SymbolTable,
    mut scratch: Box<dyn Scratch>,
) -> Result<()> {
    let lists = begin(tail, toc);
    put_list(tail, all)?;
    let mut entry = Vec::new();
    put_offset((b"", b"", lists), &mut entry);
    let (mut len, mut count) = (entry.len() as u64, 1);
    scratch.append(&entry)?;
    while let Some((pair, series)) = runs.head() {
        entry.clear();
        let list = tail.position();
        let strings = (string(symbols, pair.0), string(symbols, pair.1));
        put_offset((strings.0, strings.1, list), &mut entry);
        scratch.append(&entry)?;
        (len, count) = (len + entry.len() as u64, count + 1);
        let mut frame = begin_list(tail, series.into())?;
        runs.take_list(pair, |series| frame.put(|buffer| buffer.put(series)))?;
        frame.finish();
        tail.flush_if_full()?;
    }
    drop(runs);
    begin_table(tail, toc);
    let mut frame = begin_offsets(tail, len, count)?;
    let mut window = scratch.window()?;
    let mut at = 0;
    while at < len {
        let piece = (len - at).min(PIECE_BYTES);
        let bytes = window.fill(at, usize::try_from(piece).expect("a piece is small"))?;
        frame.put(|buffer| buffer.put(bytes))?;
        at += piece;
    }
    frame.finish();
    Ok(())
}

/// Goes to where the first list starts.
fn begin<O: Output>(tail: &mut Tail<O>, toc: &mut Toc) -> u64 {
    toc.label_indices = tail.position();
    toc.postings = tail.position();
    tail.pad(LIST_ALIGN);
    tail.position()
}

fn begin_table<O: Output>(tail: &Tail<O>, toc: &mut Toc) {
    toc.label_indices_table = tail.position();
    toc.postings_table = tail.position();
}

/// Writes a list; a long one is never held as a whole.
fn put_list<O: Output>(tail: &mut Tail<O>, list: &[SeriesRef]) -> Result<()> {
    if list.len() <= PIECE_SERIES {
        postings::encode(list, &mut tail.buffer);
        return tail.flush_if_full();
    }
    let mut frame = begin_list(tail, list.len() as u64)?;
    for piece in list.chunks(PIECE_SERIES) {
        frame.put(|buffer| piece.iter().for_each(|series| buffer.put_u32(series.0)))?;
    }
    frame.finish();
    tail.flush_if_full()
}

fn begin_list<O: Output>(tail: &mut Tail<O>, series: u64) -> Result<Frame<'_, O>> {
    let (len, max) = (4 + 4 * series, u64::from(u32::MAX));
    let short = u32::try_from(len).map_err(|_error| limit("bytes of a postings list", len, max))?;
    let mut frame = Frame::begin(tail, short);
    let count = u32::try_from(series).expect("a quarter of what fits 32 bits");
    frame.put(|buffer| buffer.put_u32(count))?;
    Ok(frame)
}

/// Bytes of a list of so many series.
fn list_size(series: u64) -> u64 {
    4 + 4 + 4 * series + 4
}

/// Starts the table of `count` entries that together take `bytes`.
fn begin_offsets<O: Output>(tail: &mut Tail<O>, bytes: u64, count: u64) -> Result<Frame<'_, O>> {
    let (len, max) = (4 + bytes, u64::from(u32::MAX));
    let short =
        u32::try_from(len).map_err(|_error| limit("bytes of the postings table", len, max))?;
    let mut frame = Frame::begin(tail, short);
    let count = u32::try_from(count).expect("each entry takes bytes of a 32-bit length");
    frame.put(|buffer| buffer.put_u32(count))?;
    Ok(frame)
}

/// One entry of the offset table: name, value, offset of the list.
type Offset<'a> = (&'a [u8], &'a [u8], u64);

fn put_offset((name, value, list): Offset<'_>, out: &mut Vec<u8>) {
    out.put_uvarint(2);
    out.put_uvarint_bytes(name);
    out.put_uvarint_bytes(value);
    out.put_uvarint(list);
}

fn offset_size((name, value, list): Offset<'_>) -> u64 {
    let (name, value) = (name.len() as u64, value.len() as u64);
    1 + varint_len(name) + name + varint_len(value) + value + varint_len(list)
}

fn string(symbols: &SymbolTable, symbol: crate::id::SymbolRef) -> &[u8] {
    symbols.get(symbol).expect("the log checked every symbol")
}
