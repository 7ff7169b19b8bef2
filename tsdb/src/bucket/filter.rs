//! Which blocks of a bucket to look at; pure.
//!
//! A compactor applies these in the order of this file, a store gateway without the replica labels. Each is a question about one block,
//! but for the last: a block is a duplicate if all its sources are in another block of its group.
//!
//! ```text
//! time partition | label shard | consistency delay | deletion mark | replica labels | duplicates
//! ```
//!
//! Ages are differences to `now`, which the caller gives. Marks are read in [`super`]; these functions see their times only.

use std::collections::HashMap;

use crate::id::BlockId;
use crate::label::Labels;
use crate::meta::{BlockMeta, Resolution, ThanosMeta};
use crate::time::{Interval, Millis};

/// Label under which the name of a block takes part in sharding.
pub const BLOCK_ID_LABEL: &str = "__block_id";

/// Value of the first replica label where taking them off leaves no label at all.
const DEDUPED: &str = "deduped";

/// Writers whose blocks are whole as soon as they are visible, so that nobody waits for them.
const EXEMPT_FROM_DELAY: [&str; 3] = ["bucket.repair", "compactor", "compactor.repair"];

/// Whether the block reaches into `times`, both ends counted as inside.
#[must_use]
pub fn in_time_partition(meta: &BlockMeta, times: Interval) -> bool {
    Interval::new(meta.min_time, meta.max_time).overlaps(times)
}

/// The labels that decide to which shard a block belongs: its external ones without `replica_labels`, and its name.
#[must_use]
pub fn shard_labels(meta: &BlockMeta, replica_labels: &[String]) -> Labels {
    let mut labels = meta
        .thanos
        .as_ref()
        .map_or_else(Labels::default, |part| part.labels.without(replica_labels));
    labels.set(BLOCK_ID_LABEL, &meta.ulid.to_string());
    labels
}

/// Whether the block is so fresh that parts of it may not be visible everywhere yet.
#[must_use]
pub fn is_too_fresh(meta: &BlockMeta, delay: Millis, now: Millis) -> bool {
    let part = meta.thanos.as_ref();
    let exempt = part.is_some_and(|part| EXEMPT_FROM_DELAY.contains(&part.source.as_str()));
    let named_at = Millis(i64::try_from(meta.ulid.time_ms()).expect("48 bits fit in 63"));
    let uploaded_at = part
        .and_then(|part| part.upload_time)
        .map_or(named_at, |time| Millis(time.as_millisecond()));
    !exempt && now.saturating_sub(uploaded_at) < delay
}

/// Whether a deletion mark set at this Unix second is older than `delay`. The filter asks with half the delay of the cleaner.
///
/// The mark has whole seconds, its age has not: with no delay a mark is due as soon as its second has begun.
#[must_use]
pub fn is_mark_due(deletion_time_s: i64, delay: Millis, now: Millis) -> bool {
    let marked_at = Millis(deletion_time_s.saturating_mul(1000));
    now.saturating_sub(marked_at) > delay
}

/// Takes the replica labels off the external labels, so that replicas are in one group. Says whether that changed anything.
pub fn remove_replica_labels(meta: &mut BlockMeta, replica_labels: &[String]) -> bool {
    let Some(first) = replica_labels.first() else {
        return false;
    };
    let part = meta.thanos.get_or_insert_with(ThanosMeta::default);
    let mut labels = part.labels.without(replica_labels);
    let changed = labels.len() != part.labels.len();
    if labels.is_empty() {
        labels.set(first, DEDUPED);
    }
    part.labels = labels;
    changed
}

/// Names the blocks that are no use because another block of the same labels and resolution has all their sources.
///
/// Of equals the oldest name stays. Linear in the number of sources but for sources that many blocks share.
#[must_use]
pub fn duplicates(blocks: &[&BlockMeta]) -> Vec<BlockId> {
    let mut order: Vec<_> = blocks.to_vec();
    order.sort_by_key(|block| {
        (
            std::cmp::Reverse(block.compaction.sources.len()),
            block.ulid,
        )
    });
    let mut groups: HashMap<(Resolution, Option<&Labels>), Kept> = HashMap::new();
    order
        .into_iter()
        .filter(|block| {
            let labels = block.thanos.as_ref().map(|part| &part.labels);
            let labels = labels.filter(|labels| !labels.is_empty());
            let kept = groups.entry((block.resolution(), labels)).or_default();
            let covered = kept.covers(&block.compaction.sources);
            if !covered {
                kept.add(&block.compaction.sources);
            }
            covered
        })
        .map(|block| block.ulid)
        .collect()
}

/// Sources of the blocks of one group that stay.
#[derive(Default)]
struct Kept {
    blocks: u32,
    by_source: HashMap<BlockId, Vec<u32>>,
}

impl Kept {
    fn add(&mut self, sources: &[BlockId]) {
        for &source in sources {
            let holders = self.by_source.entry(source).or_default();
            if holders.last() != Some(&self.blocks) {
                holders.push(self.blocks);
            }
        }
        self.blocks += 1;
    }

    /// Whether one block has all of these. No sources at all are in every block, if there is one.
    fn covers(&self, sources: &[BlockId]) -> bool {
        let Some((first, rest)) = sources.split_first() else {
            return self.blocks > 0;
        };
        let holders = |source| self.by_source.get(source).map_or(&[][..], Vec::as_slice);
        holders(first).iter().any(|block| {
            rest.iter()
                .all(|source| holders(source).binary_search(block).is_ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::metas::block;

    #[test]
    fn time_partition_counts_both_ends() {
        fn check(times: (i64, i64), want: bool) {
            let meta = BlockMeta {
                min_time: Millis(100),
                max_time: Millis(200),
                ..BlockMeta::default()
            };
            let times = Interval::new(Millis(times.0), Millis(times.1));
            assert_eq!(in_time_partition(&meta, times), want, "{times:?}");
        }
        check((0, 99), false);
        check((0, 100), true);
        check((200, 300), true);
        check((201, 300), false);
    }

    #[test]
    fn fresh_blocks_wait_unless_the_compactor_wrote_them() {
        fn check(source: &str, ulid_age: u64, upload_age: Option<i64>, want: bool) {
            let now = 1_000_000;
            let upload_time = upload_age.map(|age| {
                jiff::Timestamp::from_millisecond(i64::try_from(now).unwrap() - age).unwrap()
            });
            let meta = BlockMeta {
                ulid: BlockId::new(now - ulid_age, 1),
                thanos: Some(ThanosMeta {
                    source: source.into(),
                    upload_time,
                    ..ThanosMeta::default()
                }),
                ..BlockMeta::default()
            };
            let got = is_too_fresh(&meta, Millis(100), Millis(1_000_000));
            assert_eq!(got, want, "{source} {ulid_age} {upload_age:?}");
        }
        check("sidecar", 99, None, true);
        check("sidecar", 100, None, false);
        check("sidecar", 500, Some(99), true);
        check("sidecar", 0, Some(100), false);
        check("compactor", 0, Some(0), false);
    }

    #[test]
    fn marks_are_due_when_they_are_older_than_the_delay() {
        let check = |delay, now, want| {
            assert_eq!(
                is_mark_due(50, Millis(delay), Millis(now)),
                want,
                "{delay} {now}"
            );
        };
        check(10_000, 60_000, false);
        check(10_000, 60_001, true);
        check(0, 50_000, false);
        check(0, 50_001, true);
        check(0, 0, false);
        assert!(!is_mark_due(i64::MAX, Millis(0), Millis::MAX));
    }

    #[test]
    fn replica_labels_never_leave_a_block_without_labels() {
        fn check(labels: &[(&str, &str)], want: &[(&str, &str)], changed: bool) {
            let mut meta = block(1, &[]);
            let pairs = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
            meta.thanos = Some(ThanosMeta {
                labels: pairs(labels),
                ..ThanosMeta::default()
            });
            let got = remove_replica_labels(&mut meta, &["b".into(), "a".into()]);
            assert_eq!((meta.thanos.unwrap().labels, got), (pairs(want), changed));
        }
        check(&[("a", "1"), ("c", "2")], &[("c", "2")], true);
        check(&[("c", "2")], &[("c", "2")], false);
        check(&[("a", "1")], &[("b", "deduped")], true);
    }

    #[test]
    fn of_two_equal_blocks_the_older_stays() {
        let blocks = [
            block(5, &[1, 2]),
            block(4, &[2, 1]),
            block(3, &[1]),
            block(2, &[]),
        ];
        let gone = duplicates(&blocks.iter().collect::<Vec<_>>());
        let gone: BTreeSet<_> = gone.iter().map(|id| id.0.random()).collect();
        assert_eq!(gone, BTreeSet::from([2, 3, 5]));
    }

    /// The rule as it is written: every kept block is asked.
    fn duplicates_naively(blocks: &[BlockMeta]) -> BTreeSet<BlockId> {
        let mut order: Vec<_> = blocks.iter().collect();
        order.sort_by_key(|block| {
            (
                std::cmp::Reverse(block.compaction.sources.len()),
                block.ulid,
            )
        });
        let mut kept: Vec<BTreeSet<BlockId>> = Vec::new();
        let mut gone = BTreeSet::new();
        for block in order {
            let sources: BTreeSet<_> = block.compaction.sources.iter().copied().collect();
            if kept.iter().any(|other| sources.is_subset(other)) {
                gone.insert(block.ulid);
            } else {
                kept.push(sources);
            }
        }
        gone
    }

    proptest! {
        #[test]
        fn duplicates_are_those_of_the_naive_rule(sources in prop::collection::vec(prop::collection::vec(0_u128..7, 0..5), 0..12)) {
            let blocks: Vec<_> = (100..).zip(&sources).map(|(id, sources)| block(id, sources)).collect();
            let got: BTreeSet<_> = duplicates(&blocks.iter().collect::<Vec<_>>()).into_iter().collect();
            prop_assert_eq!(got, duplicates_naively(&blocks));
        }
    }
}
