//! How much is left to do, for the gauges and for whoever watches; pure.
//!
//! Plays the compactions of all groups through on their metas, as Thanos does: plan by the base rule, replace the planned blocks by
//! the one that they would become, until nothing is planned.

use std::collections::BTreeSet;

use tsdb::block::compact::compacted_meta;
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;

use crate::group::Group;
use crate::plan::{Candidate, Planner};

/// How far a run is. What is due is seen anew at each look at the bucket, so `known` may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Jobs done.
    pub done: u64,
    /// Jobs done and jobs known to be due.
    pub known: u64,
}

/// Compactions that are due, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionsDue {
    /// How many.
    pub compactions: u64,
    /// Blocks that they read.
    pub blocks: u64,
}

/// Counts what compacting these groups to the end would take.
#[must_use]
pub fn compactions_due(
    groups: &[Group],
    planner: &Planner<'_>,
    no_compact: &BTreeSet<BlockId>,
) -> CompactionsDue {
    let base = Planner {
        index_limit_bytes: None,
        ..planner.clone()
    };
    let mut due = CompactionsDue::default();
    for group in groups {
        let mut blocks = group.blocks.clone();
        while blocks.len() > 1 {
            let planned = plan(&base, &blocks, no_compact);
            if planned.is_empty() {
                break;
            }
            due.compactions += 1;
            due.blocks += planned.len() as u64;
            replace(&mut blocks, &planned);
        }
    }
    due
}

fn plan(
    planner: &Planner<'_>,
    blocks: &[BlockMeta],
    no_compact: &BTreeSet<BlockId>,
) -> BTreeSet<BlockId> {
    let candidates: Vec<_> = blocks
        .iter()
        .map(|meta| Candidate {
            meta,
            no_compact: no_compact.contains(&meta.ulid),
            index_size_bytes: 0,
        })
        .collect();
    planner.plan(&candidates).blocks.into_iter().collect()
}

/// Puts the block that they would become in the place of the planned ones. It keeps the first one's name, which is free now.
pub(crate) fn replace(blocks: &mut Vec<BlockMeta>, planned: &BTreeSet<BlockId>) {
    let (inputs, mut rest): (Vec<_>, Vec<_>) = std::mem::take(blocks)
        .into_iter()
        .partition(|block| planned.contains(&block.ulid));
    let inputs: Vec<_> = inputs.iter().collect();
    let result = inputs
        .first()
        .map(|first| compacted_meta(first.ulid, &inputs));
    let Some(Ok(mut result)) = result else {
        unreachable!("a plan has blocks, all of one group and so of one resolution");
    };
    result.thanos.clone_from(&inputs[0].thanos);
    rest.push(result);
    rest.sort_by_key(|block| (block.min_time, block.ulid));
    *blocks = rest;
}

#[cfg(test)]
mod tests {
    use tsdb::time::Millis;

    use super::*;
    use crate::{group, ranges};

    #[test]
    fn compactions_of_all_levels_are_counted() {
        let blocks = (0..10).map(|at| BlockMeta {
            ulid: BlockId::new(0, at),
            min_time: Millis(i64::try_from(at).unwrap() * 2 * Millis::HOUR.0),
            max_time: Millis(i64::try_from(at + 1).unwrap() * 2 * Millis::HOUR.0),
            ..BlockMeta::default()
        });
        let planner = Planner {
            levels: ranges::levels(4),
            index_limit_bytes: Some(1),
            vertical: false,
        };
        let due = compactions_due(&group::groups(blocks), &planner, &BTreeSet::new());
        // 0-8 h and 8-16 h are full; the last two blocks wait.
        assert_eq!(
            due,
            CompactionsDue {
                compactions: 2,
                blocks: 8
            }
        );
    }
}
