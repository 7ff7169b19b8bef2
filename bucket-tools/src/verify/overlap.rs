//! Blocks of one group (external labels and resolution) that share a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tsdb::block::check::Findings;
use tsdb::bucket::filter;
use tsdb::meta::BlockMeta;
use tsdb::time::TimeRange;

use super::Verified;
use crate::report::rfc3339;

/// Reports each block that begins before an earlier one of its group has ended.
pub(super) fn check(metas: &[Arc<BlockMeta>], verified: &mut Verified) {
    let all: Vec<&BlockMeta> = metas.iter().map(|meta| &**meta).collect();
    // Those overlap what they are in, and go with the next compaction.
    let duplicates: BTreeSet<_> = filter::duplicates(&all).into_iter().collect();
    let mut groups: BTreeMap<String, Vec<&BlockMeta>> = BTreeMap::new();
    for meta in all
        .into_iter()
        .filter(|meta| !duplicates.contains(&meta.ulid))
    {
        groups.entry(meta.group_key()).or_default().push(meta);
    }
    for (key, group) in groups {
        for (earlier, later) in overlaps(&group) {
            let common = TimeRange::new(later.min_time, later.max_time.min(earlier.max_time));
            let fact = format!(
                "overlaps block {} of group {key} from {} to {}",
                earlier.ulid,
                rfc3339(common.min),
                rfc3339(common.max)
            );
            let mut findings = Findings::default();
            findings.damage("meta.json", None, fact);
            verified.add(&later.ulid.to_string(), findings);
        }
    }
}

/// Pairs of blocks that share a time, the one that begins first in front; each later block is with the one that reaches furthest.
fn overlaps<'a>(group: &[&'a BlockMeta]) -> Vec<(&'a BlockMeta, &'a BlockMeta)> {
    let mut order = group.to_vec();
    order.sort_by_key(|meta| (meta.min_time, meta.max_time, meta.ulid));
    let mut pairs = Vec::new();
    let mut furthest: Option<&BlockMeta> = None;
    for meta in order {
        if let Some(earlier) = furthest.filter(|earlier| earlier.range().overlaps(meta.range())) {
            pairs.push((earlier, meta));
        }
        if furthest.is_none_or(|earlier| meta.max_time > earlier.max_time) {
            furthest = Some(meta);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use tsdb::id::BlockId;
    use tsdb::time::Millis;

    use super::*;

    #[test]
    fn touching_blocks_do_not_overlap() {
        fn check(ranges: &[(i64, i64)], want: &[(u128, u128)]) {
            let metas: Vec<BlockMeta> = (1..)
                .zip(ranges)
                .map(|(id, &(min, max))| BlockMeta {
                    ulid: BlockId::new(0, id),
                    min_time: Millis(min),
                    max_time: Millis(max),
                    ..BlockMeta::default()
                })
                .collect();
            let group: Vec<&BlockMeta> = metas.iter().collect();
            let pairs: Vec<_> = (overlaps(&group).into_iter())
                .map(|(a, b)| (a.ulid, b.ulid))
                .collect();
            let want: Vec<_> = (want.iter())
                .map(|&(a, b)| (BlockId::new(0, a), BlockId::new(0, b)))
                .collect();
            assert_eq!(pairs, want, "{ranges:?}");
        }
        check(&[(0, 10), (10, 20), (20, 30)], &[]);
        check(&[(0, 11), (10, 20)], &[(1, 2)]);
        check(
            &[(0, 30), (5, 10), (20, 40), (39, 50)],
            &[(1, 2), (1, 3), (3, 4)],
        );
    }
}
