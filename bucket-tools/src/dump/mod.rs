//! Samples of a block as text, one a line, as `promtool tsdb dump` prints them.
//!
//! ```text
//! {__name__="up", job="node"} 1 1700006411478
//! {__name__="latency"} {count:12, sum:18.4, [-0.001,0.001]:2, (0.5,1]:10} 1700006411478
//! {__aggregate__="max", __name__="up", job="node"} 1 1700006699999
//! ```
//!
//! Series in label order, samples in order of time, without what tombstones delete. A series of a downsampled block is
//! printed once per aggregate, under one more label ([`AGGREGATE`]). Many series are turned into text side by side, a round at
//! a time, and written in order; each round writes into the memory of the one before, because fresh pages cost as much as the
//! text. One series is in [`series`], the text of values in [`value`].

mod series;
mod value;

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;
use tsdb::block::mmap::Mapped;
use tsdb::block::reader::Block;
use tsdb::error::ResultExt;
use tsdb::id::SeriesRef;
use tsdb::index::{IndexReader, SeriesEntry};
use tsdb::matcher::Matcher;
use tsdb::postings::select::select;
use tsdb::segment::SegmentReader;
use tsdb::time::Interval;

use crate::error::Result;

/// Label that tells the aggregates of a downsampled series apart: count, sum, min, max, counter.
pub const AGGREGATE: &str = "__aggregate__";

/// Chunks turned into text before any of it is written, of one series at least: about 8 MB of text.
const ROUND_CHUNKS: usize = 512;

/// Series whose text is written in one piece: about half a mebibyte of full chunks.
const PIECE_SERIES: usize = 8;

/// What to print.
#[derive(Debug)]
pub struct Options {
    /// Selectors; a series that one of them selects is printed, all are where there is none.
    pub selectors: Vec<Vec<Matcher>>,
    /// Times of the samples.
    pub times: Interval,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            selectors: Vec::new(),
            times: Interval::ALL,
        }
    }
}

/// Prints the block in `dir`.
///
/// # Errors
/// Where the block is damaged or `out` refuses. What lies before the damage has been printed.
pub fn run(dir: &Path, options: &Options, out: &mut dyn Write) -> Result<()> {
    let block = Block::open(dir)?;
    let index = block.index_reader()?;
    let place = || dir.display().to_string();
    let mapped = block.map_segments()?.into_iter();
    let segments = mapped.map(SegmentReader::open).collect::<tsdb::Result<_>>();
    let source = Source {
        segments: segments.at(place)?,
        index: &index,
        block: &block,
        times: options.times,
    };
    let (mut round, mut chunks, mut texts) = (Vec::new(), 0, Vec::new());
    for series in selected(&index, &options.selectors).at(place)? {
        let entry = index.series(series).at(place)?;
        chunks += entry.chunks.len();
        round.push((series, entry));
        if chunks >= ROUND_CHUNKS {
            source.print(&round, &mut texts, out)?;
            round.clear();
            chunks = 0;
        }
    }
    source.print(&round, &mut texts, out)
}

/// The series that any of the selectors selects, in label order.
fn selected<B: AsRef<[u8]>>(
    index: &IndexReader<B>,
    selectors: &[Vec<Matcher>],
) -> tsdb::Result<Vec<SeriesRef>> {
    if selectors.is_empty() {
        return select(index, &[]);
    }
    let mut all = Vec::new();
    for selector in selectors {
        all.extend(select(index, selector)?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Where samples come from, and which are wanted.
struct Source<'a> {
    block: &'a Block,
    index: &'a IndexReader<Mapped>,
    segments: Vec<SegmentReader<Mapped>>,
    times: Interval,
}

impl Source<'_> {
    /// Writes the text of one round, up to the first series that cannot be read; `texts` is memory that is used again.
    fn print(
        &self,
        round: &[(SeriesRef, SeriesEntry)],
        texts: &mut Vec<Vec<u8>>,
        out: &mut dyn Write,
    ) -> Result<()> {
        texts.resize_with(round.len().div_ceil(PIECE_SERIES), Vec::new);
        let pieces = texts.par_iter_mut().zip(round.par_chunks(PIECE_SERIES));
        let done = pieces.map(|(text, piece)| {
            text.clear();
            let mut printer = series::Printer::new(self, text);
            let mut each = piece.iter();
            each.try_for_each(|(series, entry)| printer.series(*series, entry))
        });
        let done: Vec<Result<()>> = done.collect();
        for (text, done) in texts.iter().zip(done) {
            out.write_all(text)?;
            done?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
