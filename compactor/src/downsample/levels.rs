//! The way from one resolution to coarser ones, series by series.
//!
//! Each level is made of the finished chunks of the one before, so it makes no difference whether a series goes all the way
//! at once or one pass at a time. Series come from a block that is walked ([`super::block`]), or from a range that has just been merged.

use tsdb::chunk::Chunk;
use tsdb::codec::Cursor;
use tsdb::error::{Error, Result};
use tsdb::index::series::Pair;
use tsdb::merge::range::{RangeOutput, SeriesEnd};
use tsdb::meta::Resolution;
use tsdb::segment::Record;

use super::block::Target;
use super::{Downsampler, SeriesChunk};

/// The levels between a source and the coarsest target.
pub(crate) struct Levels {
    from: Resolution,
    /// Resolutions to go through, and whether that is a target.
    steps: Vec<(Resolution, bool)>,
}

impl Levels {
    /// The way to these targets, finest first.
    ///
    /// # Errors
    /// Where a target is not coarser than what it is made of, or of a resolution that nobody makes.
    pub(crate) fn new(from: Resolution, targets: &[Target]) -> Result<Self> {
        let wanted: Vec<_> = targets.iter().map(|target| target.resolution).collect();
        let coarser = std::iter::once(from)
            .chain(wanted.iter().copied())
            .is_sorted_by(|a, b| a < b);
        let known = [Resolution::FIVE_MINUTES, Resolution::ONE_HOUR];
        if !coarser || wanted.is_empty() || wanted.iter().any(|to| !known.contains(to)) {
            let list: Vec<_> = wanted.iter().map(|to| format!("{} ms", to.0)).collect();
            return Err(Error::Invalid(format!(
                "a block of {} ms cannot be downsampled to [{}]: each must be 5m or 1h, and coarser than the one before",
                from.0,
                list.join(", "),
            )));
        }
        let steps = known
            .into_iter()
            .filter(|&to| to > from && wanted.last().is_some_and(|&last| to <= last))
            .map(|to| (to, wanted.contains(&to)))
            .collect();
        Ok(Self { from, steps })
    }

    /// The ranges of all targets, made of a range of the source that lies in memory.
    ///
    /// # Errors
    /// Where a chunk is damaged, or chunks overlap.
    pub(crate) fn of_range(&self, source: &RangeOutput) -> Result<Vec<RangeOutput>> {
        let mut ladder = Ladder::new(self);
        let mut chunks = Vec::new();
        let mut start = SeriesEnd::default();
        for end in &source.series {
            chunks.clear();
            for chunk in &source.chunks[start.chunks..end.chunks] {
                let at = usize::try_from(chunk.reference.0).unwrap_or(usize::MAX);
                let records = source.records.get(at..).unwrap_or_default();
                let mut cursor = Cursor::new("chunk", records, chunk.reference.0);
                chunks.push(SeriesChunk {
                    min: chunk.min,
                    max: chunk.max,
                    view: Record::peek(&mut cursor)?.chunk,
                });
            }
            ladder.series(&source.labels[start.labels..end.labels], &chunks)?;
            start = *end;
        }
        Ok(ladder.finish())
    }
}

/// Series on their way, with memory that is used again for the next.
pub(super) struct Ladder<'a> {
    levels: &'a Levels,
    downsampler: Downsampler,
    /// Chunks of each level.
    made: Vec<Vec<Chunk>>,
    /// Finished series of each target.
    out: Vec<RangeOutput>,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(levels: &'a Levels) -> Self {
        let targets = levels.steps.iter().filter(|(_, wanted)| *wanted);
        Self {
            levels,
            downsampler: Downsampler::new(),
            made: vec![Vec::new(); levels.steps.len()],
            out: targets.map(|_| RangeOutput::default()).collect(),
        }
    }

    /// Takes the next series all the way.
    ///
    /// # Errors
    /// Where a chunk is damaged, or chunks overlap.
    pub(super) fn series(&mut self, labels: &[Pair], chunks: &[SeriesChunk<'_>]) -> Result<()> {
        self.climb(chunks)?;
        let made = self.made.iter().zip(&self.levels.steps);
        let wanted = made.filter(|(_, (_, wanted))| *wanted);
        for ((chunks, _), out) in wanted.zip(&mut self.out) {
            for chunk in chunks {
                out.put(chunk.min, chunk.max, chunk.view())?;
            }
            out.finish_series(labels)?;
        }
        Ok(())
    }

    fn climb(&mut self, chunks: &[SeriesChunk<'_>]) -> Result<()> {
        let mut from = self.levels.from;
        let mut left = self.made.as_mut_slice();
        let mut finished: &[Chunk] = &[];
        for &(to, _) in &self.levels.steps {
            let (out, rest) = left.split_first_mut().expect("each step has its chunks");
            out.clear();
            if from == Resolution::RAW {
                self.downsampler.raw(chunks, to, out)?;
            } else if from == self.levels.from {
                self.downsampler.aggregates(chunks, to, out)?;
            } else if !finished.is_empty() {
                self.downsampler.last_made(finished, to, out)?;
            }
            (from, left, finished) = (to, rest, out);
        }
        Ok(())
    }

    /// The ranges of all targets.
    pub(super) fn finish(self) -> Vec<RangeOutput> {
        self.out
    }
}
