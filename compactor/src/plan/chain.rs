//! Whether a compaction is the last one of its pass that reads what it makes; pure.
//!
//! The rest of the pass is played through on metas, as [`crate::progress`] does: the planned blocks become one, and planning goes
//! on until it ends or takes that one. A block that is read again in the same pass is not worth downsampling.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;

use super::{Candidate, Planner};
use crate::progress::replace;

/// Whether nothing that is planned after `planned` takes the block that they become.
#[must_use]
pub fn is_last(planner: &Planner<'_>, group: &[Candidate<'_>], planned: &[BlockId]) -> bool {
    // The result keeps the name of the first, which is free then.
    let Some(&result) = planned.first() else {
        return false;
    };
    let mut blocks: Vec<BlockMeta> = group.iter().map(|block| block.meta.clone()).collect();
    let closed = group.iter().filter(|block| block.no_compact);
    let mut closed: BTreeSet<BlockId> = closed.map(|block| block.meta.ulid).collect();
    let sizes = group.iter();
    let mut sizes: BTreeMap<BlockId, u64> = sizes
        .map(|block| (block.meta.ulid, block.index_size_bytes))
        .collect();
    let mut planned: BTreeSet<BlockId> = planned.iter().copied().collect();
    while planned.len() > 1 {
        let size = planned.iter().map(|id| sizes[id]).sum();
        replace(&mut blocks, &planned);
        let merged = blocks.iter().find(|block| planned.contains(&block.ulid));
        sizes.extend(merged.map(|merged| (merged.ulid, size)));
        let candidates: Vec<Candidate<'_>> = blocks
            .iter()
            .map(|meta| Candidate {
                meta,
                no_compact: closed.contains(&meta.ulid),
                index_size_bytes: sizes[&meta.ulid],
            })
            .collect();
        let plan = planner.plan(&candidates);
        closed.extend(plan.exclusions.iter().map(|excluded| excluded.block));
        if plan.blocks.contains(&result) {
            return false;
        }
        planned = plan.blocks.into_iter().collect();
    }
    true
}

#[cfg(test)]
mod tests {
    use tsdb::time::Millis;

    use super::*;
    use crate::ranges;

    /// Plays all compactions through; for each, the hours of its result and whether it is the last.
    fn chain(hours: &[(i64, i64)]) -> Vec<((i64, i64), bool)> {
        let planner = Planner {
            levels: ranges::levels(4),
            index_limit_bytes: None,
            vertical: false,
        };
        let mut blocks: Vec<BlockMeta> = (0..)
            .zip(hours)
            .map(|(id, &(min, max))| BlockMeta {
                ulid: BlockId::new(1, id),
                min_time: Millis(min * Millis::HOUR.0),
                max_time: Millis(max * Millis::HOUR.0),
                ..BlockMeta::default()
            })
            .collect();
        let mut made = Vec::new();
        loop {
            let group: Vec<_> = blocks
                .iter()
                .map(|meta| Candidate {
                    meta,
                    no_compact: false,
                    index_size_bytes: 1,
                })
                .collect();
            let planned = planner.plan(&group).blocks;
            let Some(first) = planned.first() else {
                return made;
            };
            let is_last = is_last(&planner, &group, &planned);
            let first = *first;
            replace(&mut blocks, &planned.into_iter().collect());
            let result = blocks.iter().find(|block| block.ulid == first).unwrap();
            let hours = |at: Millis| at.0 / Millis::HOUR.0;
            made.push(((hours(result.min_time), hours(result.max_time)), is_last));
        }
    }

    #[test]
    fn only_the_top_of_a_chain_is_the_last() {
        // Two days in blocks of two hours, and one more block, without which the last is too fresh.
        let hours: Vec<_> = (0..25).map(|at| (at * 2, at * 2 + 2)).collect();
        let made = chain(&hours);
        let (top, rest) = made.split_last().unwrap();
        assert_eq!(*top, ((0, 48), true));
        assert_eq!(rest.len(), 6);
        assert!(rest.iter().all(|(_, is_last)| !is_last), "{made:?}");
        // Without the second day's end, the eight hours stay as they are.
        let made = chain(&hours[..10]);
        assert_eq!(made, [((0, 8), true), ((8, 16), true)]);
    }
}
