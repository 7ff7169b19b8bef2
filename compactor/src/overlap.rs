//! Overlaps where vertical compaction is off; pure.
//!
//! Thanos stops there. We leave the overlapping blocks alone and go on with the rest: downsampled ones get the mark
//! that Thanos gives them under vertical compaction, raw ones are named to the operator on every run until someone turns vertical
//! compaction on or marks one of them.

use tsdb::id::BlockId;
use tsdb::time::{Millis, TimeRange};

use crate::plan::Candidate;

/// Names the blocks without a no-compact mark that overlap another such block, in order of time.
#[must_use]
pub fn overlapping(group: &[Candidate<'_>]) -> Vec<BlockId> {
    let open: Vec<_> = group.iter().filter(|block| !block.no_compact).collect();
    let ranges: Vec<_> = open.iter().map(|block| block.meta.range()).collect();
    flags(&ranges)
        .into_iter()
        .zip(open)
        .filter_map(|(overlaps, block)| overlaps.then_some(block.meta.ulid))
        .collect()
}

/// Which of these ranges, sorted by first time, overlap another.
fn flags(ranges: &[TimeRange]) -> Vec<bool> {
    let mut flags = vec![false; ranges.len()];
    let mut reach = Millis::MIN;
    let mut farthest = 0;
    for (at, range) in ranges.iter().enumerate() {
        if at > 0 && range.min < reach {
            flags[at] = true;
            flags[farthest] = true;
        }
        if range.max > reach {
            reach = range.max;
            farthest = at;
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_overlaps_if_it_has_a_time_in_common_with_another(
            mut blocks in prop::collection::vec((0_i64..30, 1_i64..8), 0..12),
        ) {
            blocks.sort_unstable();
            let ranges: Vec<_> = blocks.iter()
                .map(|&(min, len)| TimeRange::new(Millis(min), Millis(min + len))).collect();
            let naive: Vec<_> = (0..ranges.len())
                .map(|a| (0..ranges.len()).any(|b| a != b && ranges[a].overlaps(ranges[b]))).collect();
            prop_assert_eq!(flags(&ranges), naive);
        }
    }
}
