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

/// Cuts the sources into pieces of about `step` series of the largest.
///
/// # Errors
/// Where an index is damaged or cannot be read.
pub fn cut<I: Input>(sources: &[Source<'_, I>], step: usize) -> Result<Vec<Piece>> {
    let Some(largest) = (0..sources.len()).max_by_key(|&at| sources[at].series.len()) else {
        return Ok(Vec::new());
    };
    let mut windows = sources
        .iter()
        .map(|source| source.input.index_probe())
        .collect::<Result<Vec<_>>>()?;
    let mut pivot = SeriesEntry::default();
    let mut starts = vec![0; sources.len()];
    let mut guesses = vec![step; sources.len()];
    let mut pieces = Vec::new();
    for at in (step..sources[largest].series.len()).step_by(step.max(1)) {
        sources[largest].read_series(&mut windows[largest], at, &mut pivot)?;
        let mut ends = starts.clone();
        for (which, source) in sources.iter().enumerate() {
            let end = if which == largest {
                at
            } else {
                let start = starts[which];
                source.lower_bound(&mut windows[which], &pivot.labels, start, guesses[which])?
            };
            guesses[which] = end - starts[which];
            ends[which] = end;
        }
        pieces.push(
            starts
                .iter()
                .zip(&ends)
                .map(|(&start, &end)| start..end)
                .collect(),
        );
        starts = ends;
    }
    pieces.push(
        starts
            .iter()
            .zip(sources)
            .map(|(&start, source)| start..source.series.len())
            .collect(),
    );
    Ok(pieces)
}
