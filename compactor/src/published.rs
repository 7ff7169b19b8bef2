//! The result of a job that an earlier run finished but for marking the sources; pure.
//!
//! A run that is cut off after the upload leaves a block with the same sources, labels, resolution and range as the one that the job
//! would make. It is verified and used, rather than made a second time.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::mark::UnixSeconds;
use tsdb::meta::{BlockMeta, Resolution, group_key};
use tsdb::time::TimeRange;

use crate::view::View;

/// What makes two results the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Sources of the result.
    pub sources: BTreeSet<BlockId>,
    /// Key of its group: labels and resolution.
    pub group: String,
    /// Its range.
    pub range: TimeRange,
}

impl Wanted {
    /// The result of compacting `inputs`, all of one group.
    #[must_use]
    pub fn compacted(inputs: &[&BlockMeta]) -> Option<Self> {
        let (first, rest) = inputs.split_first()?;
        let range = rest.iter().fold(first.range(), |range, input| {
            TimeRange::new(range.min.min(input.min_time), range.max.max(input.max_time))
        });
        Some(Self {
            sources: sources(inputs),
            group: first.group_key(),
            range,
        })
    }

    /// The result of downsampling `input`.
    #[must_use]
    pub fn downsampled(input: &BlockMeta, to: Resolution) -> Self {
        let labels = input.thanos.as_ref().map(|part| &part.labels);
        Self {
            sources: sources(&[input]),
            group: group_key(to, labels.unwrap_or(&Labels::default())),
            range: input.range(),
        }
    }
}

/// The oldest unmarked block in view that is this result and none of `inputs`.
#[must_use]
pub fn find<'a>(view: &'a View, wanted: &Wanted, inputs: &[BlockId]) -> Option<&'a BlockMeta> {
    let marked: &BTreeMap<BlockId, UnixSeconds> = &view.deletion_marks;
    view.blocks
        .values()
        .chain(view.duplicates.values())
        .filter(|block| !inputs.contains(&block.ulid) && !marked.contains_key(&block.ulid))
        .filter(|block| block.range() == wanted.range && block.group_key() == wanted.group)
        .filter(|block| sources(&[block]) == wanted.sources)
        .min_by_key(|block| block.ulid)
}

fn sources(blocks: &[&BlockMeta]) -> BTreeSet<BlockId> {
    blocks
        .iter()
        .flat_map(|block| block.compaction.sources.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use tsdb::testing::metas;
    use tsdb::time::Millis;

    use super::*;

    fn block(id: u128, range: (i64, i64), sources: &[u128]) -> BlockMeta {
        BlockMeta {
            min_time: Millis(range.0),
            max_time: Millis(range.1),
            ..metas::block(id, sources)
        }
    }

    #[test]
    fn published_result_has_the_same_sources_and_range() {
        fn check(other: BlockMeta, marked: bool, want: bool) {
            let inputs = [block(1, (0, 10), &[1]), block(2, (10, 20), &[2])];
            let wanted = Wanted::compacted(&[&inputs[0], &inputs[1]]).unwrap();
            let mut view = View::default();
            if marked {
                view.deletion_marks.insert(other.ulid, UnixSeconds(0));
            }
            view.blocks.insert(other.ulid, other.clone());
            let found = find(&view, &wanted, &[inputs[0].ulid, inputs[1].ulid]);
            assert_eq!(found.is_some(), want, "{other:?} {marked}");
        }
        check(block(9, (0, 20), &[2, 1]), false, true);
        check(block(9, (0, 20), &[2, 1]), true, false);
        check(block(9, (0, 21), &[2, 1]), false, false);
        check(block(9, (0, 20), &[2, 1, 3]), false, false);
        check(block(1, (0, 20), &[2, 1]), false, false);
    }
}
