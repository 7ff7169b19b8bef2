//! Which blocks of one group to compact next, or none; pure.
//!
//! Three rules around each other, each asking the inner one again after taking blocks out:
//!
//! ```text
//! downsampled overlap   planned blocks overlap and are downsampled: mark them, plan again    (vertical compaction only)
//!   index size          the result's index would be too large: mark the largest, plan again
//!     base              overlaps first, then the smallest full level, then tombstones
//! ```
//!
//! The freshest block is left alone: what belongs beside it may not have arrived. Blocks that carry a no-compact mark split a run
//! in two, so a result never reaches over one of them. Equal input gives an equal plan. Overlaps where vertical compaction is
//! off are [`crate::overlap`]'s. What comes after a plan is played through in [`chain`].

use tsdb::id::BlockId;
use tsdb::mark::Reason;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::{Millis, TimeRange};

use crate::ranges;

pub mod chain;
#[cfg(test)]
mod tests;

/// Part of the index size limit that a plan may fill, in percent: the estimate is a sum of inputs, not a measurement.
const INDEX_FILL_PERCENT: u64 = 85;

/// A block is rewritten alone when it has more than one tombstone per this many series.
const SERIES_PER_TOMBSTONE: u64 = 20;

/// One block of a group, with what planning needs to know beyond its meta.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The block.
    pub meta: &'a BlockMeta,
    /// Whether it carries a no-compact mark.
    pub no_compact: bool,
    /// Size of its index file.
    pub index_size_bytes: u64,
}

/// How to plan.
#[derive(Debug, Clone)]
pub struct Planner<'a> {
    /// Widths to compact to; the first is no target. See [`ranges::levels`].
    pub levels: &'a [Millis],
    /// Largest index that a compaction may be expected to write; none: no limit.
    pub index_limit_bytes: Option<u64>,
    /// Whether overlapping blocks are merged, and downsampled ones kept out of that.
    pub vertical: bool,
}

/// What to compact, and what to mark before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Blocks to compact into one, in order of time; empty: nothing to do.
    pub blocks: Vec<BlockId>,
    /// Blocks to take out of compaction for good, in order of time.
    pub exclusions: Vec<Exclusion>,
}

/// A block that gets a no-compact mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The block.
    pub block: BlockId,
    /// Why.
    pub reason: Reason,
    /// The facts, for the mark.
    pub details: String,
}

impl Planner<'_> {
    /// Plans for one group, sorted by first time.
    #[must_use]
    pub fn plan(&self, group: &[Candidate<'_>]) -> Plan {
        let mut draft = Draft::new(group);
        let chosen = if self.vertical {
            self.without_downsampled_overlap(&mut draft)
        } else {
            self.within_index_limit(&mut draft)
        };
        Plan {
            blocks: chosen.iter().map(|&at| group[at].meta.ulid).collect(),
            exclusions: draft.exclusions.into_iter().flatten().collect(),
        }
    }

    fn without_downsampled_overlap(&self, draft: &mut Draft<'_>) -> Vec<usize> {
        loop {
            // What the inner rule takes out holds for its own answer only, as in Thanos; the marks stay.
            let closed = draft.closed.clone();
            let chosen = self.within_index_limit(draft);
            draft.closed = closed;
            let downsampled: Vec<_> = chosen
                .iter()
                .copied()
                .filter(|&at| draft.group[at].meta.resolution() != Resolution::RAW)
                .collect();
            if downsampled.is_empty() || !draft.overlap(&chosen) {
                return chosen;
            }
            for at in downsampled {
                draft.exclude(
                    at,
                    Reason::DownsampleVerticalCompaction,
                    "downsampled blocks that overlap are not merged".into(),
                );
            }
        }
    }

    fn within_index_limit(&self, draft: &mut Draft<'_>) -> Vec<usize> {
        let Some(limit) = self.index_limit_bytes else {
            return self.base(draft);
        };
        let fill = limit / 100 * INDEX_FILL_PERCENT + limit % 100 * INDEX_FILL_PERCENT / 100;
        loop {
            let chosen = self.base(draft);
            let Some(largest) = draft.index_to_drop(&chosen, fill) else {
                return chosen;
            };
            draft.exclude(
                largest,
                Reason::IndexSizeExceeding,
                format!(
                    "largeTotalIndexSizeFilter: Total compacted block's index size could exceed: {limit} with this block. See https://github.com/thanos-io/thanos/issues/1424"
                ),
            );
        }
    }

    /// The base rule: overlaps, levels, tombstones.
    fn base(&self, draft: &Draft<'_>) -> Vec<usize> {
        let mut open = draft.open();
        if self.vertical {
            let overlapping = first_overlap(&draft.ranges, &open);
            if !overlapping.is_empty() {
                return overlapping;
            }
        }
        let Some(freshest) = draft.group.len().checked_sub(1) else {
            return Vec::new();
        };
        if open.last() == Some(&freshest) {
            open.pop();
        }
        let run = self.full_level(draft, freshest);
        if run.is_empty() {
            return self.tombstones(draft, &open);
        }
        run
    }

    /// The first run, at the smallest level, that fills its window or that nothing can be added to.
    fn full_level(&self, draft: &Draft<'_>, freshest: usize) -> Vec<usize> {
        let older = &draft.ranges[..freshest];
        let Some(newest) = older.last() else {
            return Vec::new();
        };
        for &width in self.levels.iter().skip(1) {
            for run in ranges::split(older, width) {
                let failed = draft.group[run.clone()]
                    .iter()
                    .any(|block| block.meta.compaction.failed);
                let span = TimeRange::new(older[run.start].min, older[run.end - 1].max);
                let complete = span.duration() == width || span.max <= newest.min;
                if failed || !complete {
                    continue;
                }
                let closed = |&at: &usize| draft.closed[at];
                let positions: Vec<_> = run.collect();
                if let Some(piece) = positions.split(closed).find(|piece| piece.len() > 1) {
                    return piece.to_vec();
                }
            }
        }
        Vec::new()
    }

    /// The newest block whose tombstones are worth a rewrite; only blocks of at least the middle level are.
    fn tombstones(&self, draft: &Draft<'_>, open: &[usize]) -> Vec<usize> {
        let Some(&middle) = self.levels.get(self.levels.len() / 2) else {
            return Vec::new();
        };
        open.iter()
            .rev()
            .take_while(|&&at| draft.ranges[at].duration() >= middle)
            .find(|&&at| {
                let stats = draft.group[at].meta.stats;
                stats.num_tombstones.saturating_mul(SERIES_PER_TOMBSTONE)
                    > stats.num_series.saturating_add(1)
            })
            .map_or_else(Vec::new, |&at| vec![at])
    }
}

/// Positions, among `open` ones, of the first blocks that overlap each other in a chain; empty: none do.
///
/// The block before the first overlap belongs to it, whichever block it is that reaches over.
pub(crate) fn first_overlap(ranges: &[TimeRange], open: &[usize]) -> Vec<usize> {
    let mut chain = Vec::new();
    let mut reach = Millis::MIN;
    for (number, &at) in open.iter().enumerate() {
        let overlaps = number > 0 && ranges[at].min < reach;
        if overlaps && chain.is_empty() {
            chain.push(open[number - 1]);
        }
        if overlaps {
            chain.push(at);
        } else if !chain.is_empty() {
            break;
        }
        reach = reach.max(ranges[at].max);
    }
    chain
}

/// A plan in the making: the group, and what was taken out so far.
struct Draft<'a> {
    group: &'a [Candidate<'a>],
    ranges: Vec<TimeRange>,
    /// Not to be planned.
    closed: Vec<bool>,
    /// To be marked.
    exclusions: Vec<Option<Exclusion>>,
}

impl<'a> Draft<'a> {
    fn new(group: &'a [Candidate<'a>]) -> Self {
        Self {
            group,
            ranges: group.iter().map(|block| block.meta.range()).collect(),
            closed: group.iter().map(|block| block.no_compact).collect(),
            exclusions: vec![None; group.len()],
        }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.group.len())
            .filter(|&at| !self.closed[at])
            .collect()
    }

    fn overlap(&self, chosen: &[usize]) -> bool {
        !first_overlap(&self.ranges, chosen).is_empty()
    }

    fn exclude(&mut self, at: usize, reason: Reason, details: String) {
        self.closed[at] = true;
        self.exclusions[at].get_or_insert(Exclusion {
            block: self.group[at].meta.ulid,
            reason,
            details,
        });
    }

    /// The block with the largest index among those up to the one with which the sum reaches `fill`.
    fn index_to_drop(&self, chosen: &[usize], fill: u64) -> Option<usize> {
        let mut sum = 0_u64;
        let mut largest: Option<usize> = None;
        for &at in chosen {
            let size = self.group[at].index_size_bytes;
            sum = sum.saturating_add(size);
            if largest.is_none_or(|other| size > self.group[other].index_size_bytes) {
                largest = Some(at);
            }
            if sum >= fill {
                return largest;
            }
        }
        None
    }
}
