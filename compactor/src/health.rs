//! What an index promises beyond its checksums: order, and chunks inside the block; pure.
//!
//! Counts, as Thanos does, what is wrong with a block's series, and measures the largest series entry and chunk for the
//! block's meta. The measuring has Thanos' omissions, because the numbers are written down: the last series and the last
//! two chunks of each series are never measured. Fed with the entries in the order of the list of all series; what each
//! finding means for the block is [`crate::compact`]'s to say.

use tsdb::error::{Error, Result};
use tsdb::id::ChunkRef;
use tsdb::index::ChunkMeta;
use tsdb::time::{Interval, Millis, TimeRange};

/// One chunk of an entry: its place and its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkAt {
    /// Place of the record.
    pub at: ChunkRef,
    /// First and last time.
    pub times: Interval,
}

impl From<&ChunkMeta> for ChunkAt {
    fn from(chunk: &ChunkMeta) -> Self {
        Self {
            at: chunk.reference,
            times: Interval::new(Millis(chunk.min), Millis(chunk.max)),
        }
    }
}

/// Whether one series keeps the rest of a block from being [clean](Health::is_clean), whatever its neighbours are.
#[must_use]
pub fn is_odd<L: Ord>(range: TimeRange, labels: &[(L, L)], chunks: &[ChunkMeta]) -> bool {
    let backwards = |pair: &[ChunkMeta]| {
        let (last, next) = (&pair[0], &pair[1]);
        next.min <= last.max && (next.min, next.max) != (last.min, last.max)
    };
    let is_outside = |chunk: &ChunkMeta| chunk.min < range.min.0 || chunk.max > range.max.0;
    labels.windows(2).any(|pair| pair[1].0 < pair[0].0)
        || chunks.windows(2).any(backwards)
        || chunks.iter().any(is_outside)
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Series seen.
    pub series: u64,
    /// Chunks seen.
    pub chunks: u64,
    /// Label names that sort before the one in front of them.
    pub out_of_order_labels: u64,
    /// Chunks that begin before the one in front of them ends.
    pub out_of_order_chunks: u64,
    /// Chunks with the same times as the one in front of them.
    pub duplicated_chunks: u64,
    /// Chunks that reach out of the block.
    pub outside_chunks: u64,
    /// Of these, chunks with nothing inside.
    pub complete_outside_chunks: u64,
    /// Of these, chunks that begin at the block's end and so are the next block's too.
    pub at_end_chunks: u64,
    /// Largest entry and chunk.
    pub stats: IndexStats,
}

/// Largest things of an index, as far as they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStats {
    /// Bytes of the largest series entry with its padding, 0 unknown.
    pub series_max_size: i64,
    /// Bytes of the largest chunk record, 0 unknown.
    pub chunk_max_size: i64,
}

impl Health {
    /// Whether data lies where no reader of this block looks for it; what begins at the block's end is in the next block.
    #[must_use]
    pub fn has_chunks_outside(&self) -> bool {
        self.outside_chunks > self.at_end_chunks
    }

    /// Whether Thanos would find nothing to complain of.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.outside_chunks == 0 && self.out_of_order_chunks == 0 && self.out_of_order_labels == 0
    }
}

/// The pass over one index. `L` stands for a label string and orders like it: the string or its place in the sorted
/// symbol table.
#[derive(Debug)]
pub struct Check<L> {
    range: TimeRange,
    health: Health,
    last_offset: Option<u64>,
    last_labels: Vec<(L, L)>,
}

impl<L: Copy + Ord> Check<L> {
    /// Before the first series of a block with this range.
    #[must_use]
    pub fn new(range: TimeRange) -> Self {
        Self {
            range,
            health: Health::default(),
            last_offset: None,
            last_labels: Vec::new(),
        }
    }

    /// Looks at the next series, whose entry lies at `offset`.
    ///
    /// # Errors
    /// Corruption where series are not in order or have no labels. A series without chunks has nothing to lose.
    pub fn series(&mut self, offset: u64, labels: &[(L, L)], chunks: &[ChunkAt]) -> Result<()> {
        let corrupt = |what: &str| Err(Error::corrupt("series", offset, what));
        if labels.is_empty() {
            return corrupt("series without labels");
        }
        if self.last_labels.as_slice() >= labels {
            return corrupt("series not after the one in front of it");
        }
        self.health.series += 1;
        let unsorted = labels.windows(2).filter(|pair| pair[1].0 < pair[0].0);
        self.health.out_of_order_labels += count(unsorted);
        if let Some(last) = self.last_offset {
            let size = i64::try_from(offset.saturating_sub(last)).unwrap_or(i64::MAX);
            self.health.stats.series_max_size = self.health.stats.series_max_size.max(size);
        }
        self.last_offset = Some(offset);
        self.last_labels.clear();
        self.last_labels.extend_from_slice(labels);
        self.chunks(chunks);
        Ok(())
    }

    fn chunks(&mut self, chunks: &[ChunkAt]) {
        let health = &mut self.health;
        health.chunks += count(chunks.iter());
        for (number, pair) in chunks.windows(2).enumerate() {
            let (last, next) = (pair[0], pair[1]);
            if number + 2 < chunks.len() && last.at.segment() == next.at.segment() {
                let size = i64::from(next.at.offset()) - i64::from(last.at.offset());
                health.stats.chunk_max_size = health.stats.chunk_max_size.max(size);
            }
            if next.times.min > last.times.max {
                continue;
            }
            if next.times == last.times {
                health.duplicated_chunks += 1;
            } else {
                health.out_of_order_chunks += 1;
            }
        }
        // The end of the block is taken as inside here: Thanos does, and the counts are compared.
        let block = Interval::new(self.range.min, self.range.max);
        for chunk in chunks.iter().filter(|chunk| !block.covers(chunk.times)) {
            health.outside_chunks += 1;
            if !block.overlaps(chunk.times) {
                health.complete_outside_chunks += 1;
            } else if chunk.times.min == self.range.max {
                health.at_end_chunks += 1;
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Health {
        self.health
    }
}

fn count(things: impl Iterator) -> u64 {
    things.count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(offset: u32, min: i64, max: i64) -> ChunkAt {
        ChunkAt {
            at: ChunkRef::new(0, offset),
            times: Interval::new(Millis(min), Millis(max)),
        }
    }

    fn health(chunks: &[ChunkAt]) -> Health {
        let mut check = Check::new(TimeRange::new(Millis(100), Millis(200)));
        check.series(16, &[(1, 2)], chunks).unwrap();
        check.finish()
    }

    #[test]
    fn chunks_outside_the_block_are_counted_as_thanos_does() {
        let check = |min, max, want: (u64, u64, u64)| {
            let got = health(&[chunk(8, min, max)]);
            let got = (
                got.outside_chunks,
                got.complete_outside_chunks,
                got.at_end_chunks,
            );
            assert_eq!(got, want, "[{min}, {max}]");
        };
        check(100, 200, (0, 0, 0));
        check(99, 150, (1, 0, 0));
        check(150, 201, (1, 0, 0));
        check(200, 201, (1, 0, 1));
        check(201, 202, (1, 1, 0));
        check(50, 99, (1, 1, 0));
    }

    #[test]
    fn chunks_out_of_order_and_duplicates_are_told_apart() {
        let check = |second: (i64, i64), want: (u64, u64)| {
            let got = health(&[chunk(8, 120, 130), chunk(20, second.0, second.1)]);
            assert_eq!(
                (got.out_of_order_chunks, got.duplicated_chunks),
                want,
                "{second:?}"
            );
        };
        check((131, 140), (0, 0));
        check((130, 140), (1, 0));
        check((110, 115), (1, 0));
        check((120, 130), (0, 1));
    }

    #[test]
    fn last_series_and_last_two_chunks_are_not_measured() {
        let mut check = Check::new(TimeRange::new(Millis(0), Millis(1000)));
        let chunks = [
            chunk(8, 0, 9),
            chunk(30, 10, 19),
            chunk(90, 20, 29),
            chunk(99, 30, 39),
        ];
        check.series(64, &[("a", "1")], &chunks).unwrap();
        check.series(96, &[("a", "2")], &chunks[..2]).unwrap();
        check.series(112, &[("a", "3")], &chunks[..1]).unwrap();
        let want = IndexStats {
            series_max_size: 32,
            chunk_max_size: 60,
        };
        assert_eq!(check.finish().stats, want);
        assert_eq!(health(&chunks[..2]).stats, IndexStats::default());
    }

    #[test]
    fn series_without_order_or_labels_are_corrupt() {
        let one = [chunk(8, 100, 110)];
        let check = |labels: &[(u32, u32)], chunks: &[ChunkAt], want: bool| {
            let mut check = Check::new(TimeRange::new(Millis(100), Millis(200)));
            check.series(16, &[(1, 5)], &one).unwrap();
            assert_eq!(check.series(32, labels, chunks).is_ok(), want, "{labels:?}");
        };
        check(&[(1, 6)], &one, true);
        check(&[(1, 5), (2, 1)], &one, true);
        check(&[(1, 5)], &one, false);
        check(&[(1, 4)], &one, false);
        check(&[], &one, false);
        check(&[(1, 6)], &[], true);
        let mut unsorted = Check::new(TimeRange::new(Millis(100), Millis(200)));
        unsorted.series(16, &[(2, 5), (1, 1)], &one).unwrap();
        assert_eq!(unsorted.finish().out_of_order_labels, 1);
    }

    proptest! {
        #[test]
        fn a_series_is_odd_where_its_block_would_not_be_clean(
            labels in prop::collection::vec(0..4_u8, 1..4),
            chunks in prop::collection::vec((98..103_i64, 0..4_i64), 0..4),
        ) {
            let range = TimeRange::new(Millis(100), Millis(104));
            let labels: Vec<_> = labels.into_iter().map(|name| (name, 0)).collect();
            let chunks = chunks.into_iter().enumerate().map(|(at, (min, long))| ChunkMeta {
                min,
                max: min + long,
                reference: ChunkRef(at as u64),
            });
            let chunks: Vec<_> = chunks.collect();
            let places: Vec<_> = chunks.iter().map(ChunkAt::from).collect();
            let mut check = Check::new(range);
            check.series(0, &labels, &places).unwrap();
            prop_assert_eq!(is_odd(range, &labels, &chunks), !check.finish().is_clean());
        }
    }
}
