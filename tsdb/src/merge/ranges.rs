//! Cutting a merge into label ranges.
//!
//! Pivots are taken at even steps from the block with most series, and looked up in every other block by binary search over
//! its own list of series, from where the last one was. So each range is a contiguous piece of every block's list, and all pieces together are the whole.

use std::ops::Range;

use super::RANGE_BYTES;
use super::input::{Input, Source};
use crate::error::Result;
use crate::index::series::SeriesEntry;

/// A label range: for each source, the piece of its list of series.
pub type Piece = Vec<Range<usize>>;

/// How many series of the largest block give about [`super::RANGE_BYTES`] of output.
#[must_use]
pub fn step<I: Input>(sources: &[Source<'_, I>]) -> usize {
    let bytes: u64 = sources.iter().map(|source| source.input.size_bytes()).sum();
    let series = sources
        .iter()
        .map(|source| source.series.len())
        .max()
        .unwrap_or(0);
    let pieces = usize::try_from(bytes / RANGE_BYTES)
        .unwrap_or(usize::MAX)
        .max(1);
    series.div_ceil(pieces).max(1)
}

/// The pieces of about `step` series of the largest source, each found only when it is asked for: the reads that it takes lie
/// where whoever builds the pieces reads next, so a source that comes over a network is not fetched twice.
///
/// # Errors
/// Where an index cannot be opened. Each piece may be an error where one is damaged or cannot be read.
pub fn cut<'a, I: Input>(sources: &'a [Source<'a, I>], step: usize) -> Result<Cuts<'a, I>> {
    let windows = sources.iter().map(|source| source.input.index_probe());
    Ok(Cuts {
        sources,
        windows: windows.collect::<Result<_>>()?,
        largest: (0..sources.len()).max_by_key(|&at| sources[at].series.len()),
        step: step.max(1),
        next: step.max(1),
        starts: vec![0; sources.len()],
        guesses: vec![step; sources.len()],
        pivot: SeriesEntry::default(),
    })
}

/// Cutting, somewhere on the way.
pub struct Cuts<'a, I: Input> {
    sources: &'a [Source<'a, I>],
    windows: Vec<I::Window>,
    /// The source that pivots are taken from; none at the end.
    largest: Option<usize>,
    step: usize,
    /// Position of the next pivot.
    next: usize,
    starts: Vec<usize>,
    /// How long the last piece of each source was.
    guesses: Vec<usize>,
    pivot: SeriesEntry,
}

impl<I: Input> Cuts<'_, I> {
    /// Where each source's piece ends that begins at `starts`, by the pivot at `next` of the largest.
    fn ends(&mut self, largest: usize) -> Result<Vec<usize>> {
        let pivot = &mut self.pivot;
        self.sources[largest].read_series(&mut self.windows[largest], self.next, pivot)?;
        let mut ends = self.starts.clone();
        for (which, source) in self.sources.iter().enumerate() {
            let (start, guess) = (self.starts[which], self.guesses[which]);
            ends[which] = match which == largest {
                true => self.next,
                false => {
                    source.lower_bound(&mut self.windows[which], &pivot.labels, start, guess)?
                }
            };
            self.guesses[which] = ends[which] - start;
        }
        Ok(ends)
    }
}

impl<I: Input> Iterator for Cuts<'_, I> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Result<Piece>> {
        let largest = self.largest?;
        let is_last = self.next >= self.sources[largest].series.len();
        let ends = match is_last {
            true => Ok(self
                .sources
                .iter()
                .map(|source| source.series.len())
                .collect()),
            false => self.ends(largest),
        };
        if is_last || ends.is_err() {
            self.largest = None;
        }
        let ends: Vec<usize> = match ends {
            Ok(ends) => ends,
            Err(error) => return Some(Err(error)),
        };
        let piece = self.starts.iter().zip(&ends);
        let piece = piece.map(|(&start, &end)| start..end).collect();
        self.starts = ends;
        self.next += self.step;
        Some(Ok(piece))
    }
}

impl<I: Input> std::fmt::Debug for Cuts<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cuts")
            .field("starts", &self.starts)
            .finish()
    }
}
