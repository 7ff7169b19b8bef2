//! One series entry: label references and chunk metas.
//!
//! ```text
//! len uvarint | body | crc32c(body) u32
//! body:   count uvarint | count x (name symbol uvarint, value symbol uvarint)
//!         count uvarint | first:  min varint, max - min uvarint, reference uvarint
//!                       | later:  min - previous max uvarint, max - min uvarint, reference - previous varint
//! ```
//!
//! Only the first reference says where the chunks are; whoever moves the chunks of a series together changes that one
//! number. [`Body`] is an entry with that number left out. Differences wrap, as they do in Go. A body without
//! chunks is legal to read. Entries are found by [`super::reader`] and [`super::walk`], placed by [`super::writer`].

use super::ChunkMeta;
use crate::codec::{Cursor, Sink, crc, sink};
use crate::error::{Corruption, Result};
use crate::id::{ChunkRef, SymbolRef};

/// Name and value of a label, as symbols of one table.
pub type Pair = (SymbolRef, SymbolRef);

/// A decoded entry, meant to be filled again and again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeriesEntry {
    /// Names and values by symbol (in version 1: by the symbol's byte offset).
    pub labels: Vec<Pair>,
    /// Chunks in order of time.
    pub chunks: Vec<ChunkMeta>,
}

impl SeriesEntry {
    /// Fills this from a body at `offset` of its file.
    ///
    /// # Errors
    /// Where the bytes end too early or a number does not fit. Bytes after the last chunk are ignored, as in Go.
    pub fn decode(&mut self, body: &[u8], offset: u64) -> Result<()> {
        self.labels.clear();
        self.chunks.clear();
        let mut cursor = Cursor::new("series", body, offset);
        let count = take_count(&mut cursor, 2)?;
        for _ in 0..count {
            let name = SymbolRef(cursor.uvarint32()?);
            self.labels.push((name, SymbolRef(cursor.uvarint32()?)));
        }
        self.decode_chunks(&mut cursor)
    }

    #[expect(
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "differences wrap on their bits"
    )]
    fn decode_chunks(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let count = take_count(cursor, 3)?;
        let mut last = ChunkMeta::default();
        for at in 0..count {
            let min = if at == 0 {
                cursor.varint()?
            } else {
                last.max.wrapping_add(cursor.uvarint()? as i64)
            };
            let max = min.wrapping_add(cursor.uvarint()? as i64);
            let reference = if at == 0 {
                cursor.uvarint()?
            } else {
                last.reference.0.wrapping_add(cursor.varint()? as u64)
            };
            last = ChunkMeta {
                min,
                max,
                reference: ChunkRef(reference),
            };
            self.chunks.push(last);
        }
        Ok(())
    }
}

/// Takes a count of things that each need at least `each` bytes.
fn take_count(cursor: &mut Cursor<'_>, each: usize) -> Result<usize> {
    let start = cursor.clone();
    let value = cursor.uvarint()?;
    let limit = cursor.len() / each;
    match usize::try_from(value) {
        Ok(count) if count <= limit => Ok(count),
        _ => Err(start.corrupt(Corruption::Range {
            what: "count",
            value,
            limit: limit as u64 + 1,
        })),
    }
}

/// Takes one entry and returns its body with the checksum checked, and the body's offset.
///
/// # Errors
/// Where the length is cut off, longer than five bytes or than the file, or the checksum differs.
pub fn take_body<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], u64)> {
    let len = cursor.uvarint32()? as usize;
    take_checked(cursor, len)
}

/// Takes a body of known length and returns it with the checksum checked, and its offset.
///
/// # Errors
/// Where it is cut off, or the checksum differs.
#[inline]
pub fn take_checked<'a>(cursor: &mut Cursor<'a>, len: usize) -> Result<(&'a [u8], u64)> {
    let start = cursor.clone();
    let body = cursor.bytes(len)?;
    crc::verify(&start, body, cursor.u32()?)?;
    Ok((body, start.offset()))
}

/// An encoded body without the first chunk reference: `head | reference uvarint | tail`.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// What lies before the first chunk reference; all of the body where there are no chunks.
    pub head: &'a [u8],
    /// What lies after it.
    pub tail: &'a [u8],
    /// Chunks that the body lists.
    pub chunks: usize,
    /// The last chunk reference less the first.
    pub span: u64,
}

impl<'a> Body<'a> {
    /// The piece that [`encode`] appended to `bytes`, given what it returned.
    #[must_use]
    pub fn new(bytes: &'a [u8], encoded: Encoded, chunks: &[ChunkMeta]) -> Self {
        let (head, tail) = bytes
            .split_at_checked(encoded.head_len)
            .unwrap_or((bytes, &[]));
        let first = chunks.first().copied().unwrap_or_default().reference.0;
        let last = chunks.last().copied().unwrap_or_default().reference.0;
        Self {
            head,
            tail,
            chunks: chunks.len(),
            span: last.wrapping_sub(first),
        }
    }

    /// Bytes of the whole body, with the chunks starting at `first`.
    #[must_use]
    #[inline]
    pub fn len(&self, first: ChunkRef) -> u64 {
        let head = self.head.len() as u64;
        if self.chunks == 0 {
            return head;
        }
        head + sink::uvarint(first.0).1 as u64 + self.tail.len() as u64
    }

    /// Appends the whole body, with the chunks starting at `first`.
    #[inline]
    pub fn put(&self, first: ChunkRef, out: &mut Vec<u8>) {
        out.put(self.head);
        if self.chunks > 0 {
            out.put_uvarint(first.0);
            out.put(self.tail);
        }
    }
}

/// How [`encode`] split a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Bytes before the place of the first chunk reference.
    pub head_len: usize,
}

/// Checks what a writer promises: label names ascend, chunks neither overlap nor touch, chunk references do not go back.
///
/// # Errors
/// The promise that is broken.
#[inline]
pub fn check(labels: &[Pair], chunks: &[ChunkMeta]) -> std::result::Result<(), Corruption> {
    if !labels.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(Corruption::Order("label names"));
    }
    if chunks.iter().any(|chunk| chunk.max < chunk.min) {
        return Err(Corruption::Order("times of a chunk"));
    }
    if !chunks.is_sorted_by(|one, next| one.max < next.min) {
        return Err(Corruption::Order("chunks"));
    }
    if !chunks.is_sorted_by_key(|chunk| chunk.reference) {
        return Err(Corruption::Order("chunk references"));
    }
    Ok(())
}

/// Appends a body without its first chunk reference.
#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "differences wrap on their bits"
)]
pub fn encode(labels: &[Pair], chunks: &[ChunkMeta], out: &mut Vec<u8>) -> Encoded {
    let start = out.len();
    out.put_uvarint(labels.len() as u64);
    for (name, value) in labels {
        out.put_uvarint(name.0.into());
        out.put_uvarint(value.0.into());
    }
    out.put_uvarint(chunks.len() as u64);
    let Some((first, later)) = chunks.split_first() else {
        return Encoded {
            head_len: out.len() - start,
        };
    };
    out.put_varint(first.min);
    out.put_uvarint(first.max.wrapping_sub(first.min) as u64);
    let head_len = out.len() - start;
    let mut last = *first;
    for chunk in later {
        out.put_uvarint(chunk.min.wrapping_sub(last.max) as u64);
        out.put_uvarint(chunk.max.wrapping_sub(chunk.min) as u64);
        out.put_varint(chunk.reference.0.wrapping_sub(last.reference.0) as i64);
        last = *chunk;
    }
    Encoded { head_len }
}

/// Appends a whole body.
pub fn encode_body(labels: &[Pair], chunks: &[ChunkMeta], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    let encoded = encode(labels, chunks, &mut bytes);
    let first = chunks.first().copied().unwrap_or_default().reference;
    Body::new(&bytes, encoded, chunks).put(first, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks() -> impl Strategy<Value = Vec<ChunkMeta>> {
        let chunk = (any::<i64>(), any::<i64>(), any::<u64>()).prop_map(|(min, max, reference)| {
            ChunkMeta {
                min,
                max,
                reference: ChunkRef(reference),
            }
        });
        proptest::collection::vec(chunk, 0..6)
    }

    proptest! {
        #[test]
        fn entries_survive_a_round_trip(
            pairs in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..6),
            chunks in chunks(),
            moved: u64,
        ) {
            let labels: Vec<Pair> = pairs.iter().map(|(n, v)| (SymbolRef(*n), SymbolRef(*v))).collect();
            let mut body = Vec::new();
            encode_body(&labels, &chunks, &mut body);
            let mut entry = SeriesEntry::default();
            entry.decode(&body, 0).unwrap();
            prop_assert_eq!(&entry.labels, &labels);
            prop_assert_eq!(&entry.chunks, &chunks);
            for len in 0..body.len() {
                prop_assert!(entry.decode(&body[..len], 0).is_err());
            }

            let mut bytes = Vec::new();
            let encoded = encode(&labels, &chunks, &mut bytes);
            body.clear();
            Body::new(&bytes, encoded, &chunks).put(ChunkRef(moved), &mut body);
            entry.decode(&body, 0).unwrap();
            for (got, want) in entry.chunks.iter().zip(&chunks) {
                let distance = want.reference.0.wrapping_sub(chunks[0].reference.0);
                prop_assert_eq!(got.reference.0, moved.wrapping_add(distance));
                prop_assert_eq!((got.min, got.max), (want.min, want.max));
            }
        }

        #[test]
        fn any_bytes_give_an_entry_or_an_error(body: Vec<u8>) {
            let mut entry = SeriesEntry::default();
            let _ = entry.decode(&body, 0);
            let _ = take_body(&mut Cursor::new("series", &body, 0));
        }
    }

    #[test]
    fn a_count_is_bounded_by_the_bytes_behind_it() {
        let mut entry = SeriesEntry::default();
        let error = entry.decode(&[0xFF, 0xFF, 0xFF, 0x7F], 0x30).unwrap_err();
        assert_eq!(
            error.to_string(),
            "series at 0x30: count 268435455 is past 1"
        );
        assert_eq!(entry.labels.capacity(), 0);
    }
}
