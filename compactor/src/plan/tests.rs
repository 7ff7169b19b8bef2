//! The planner by tables of blocks, and against a naive version.

use proptest::prelude::*;

use super::*;

const HOUR: i64 = Millis::HOUR.0;

fn block(id: u128, hours: (i64, i64)) -> BlockMeta {
    BlockMeta {
        ulid: BlockId::new(1, id),
        min_time: Millis(hours.0 * HOUR),
        max_time: Millis(hours.1 * HOUR),
        ..BlockMeta::default()
    }
}

fn plan_hours(planner: &Planner<'_>, blocks: &[(i64, i64)], marked: &[usize]) -> Vec<(i64, i64)> {
    let metas: Vec<_> = (0..).zip(blocks).map(|(id, &b)| block(id, b)).collect();
    let group: Vec<_> = metas
        .iter()
        .enumerate()
        .map(|(at, meta)| Candidate {
            meta,
            no_compact: marked.contains(&at),
            index_size_bytes: 1,
        })
        .collect();
    let plan = planner.plan(&group);
    plan.blocks
        .iter()
        .map(|&id| blocks[metas.iter().position(|meta| meta.ulid == id).unwrap()])
        .collect()
}

fn planner(vertical: bool) -> Planner<'static> {
    Planner {
        levels: ranges::levels(4),
        index_limit_bytes: None,
        vertical,
    }
}

#[test]
fn the_smallest_full_level_is_compacted_first() {
    fn check(blocks: &[(i64, i64)], marked: &[usize], want: &[(i64, i64)]) {
        for vertical in [false, true] {
            let got = plan_hours(&planner(vertical), blocks, marked);
            assert_eq!(got, want, "{blocks:?} vertical {vertical}");
        }
    }
    check(&[], &[], &[]);
    check(&[(0, 2)], &[], &[]);
    check(&[(0, 2), (2, 4), (4, 6)], &[], &[]);
    check(&[(0, 2), (2, 4), (4, 6), (6, 8)], &[], &[]);
    let full = [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)];
    check(&full, &[], &full[..4]);
    let gap = [(0, 2), (2, 4), (6, 8), (8, 10)];
    check(&gap, &[], &gap[..3]);
    let past = [(0, 2), (2, 4), (8, 10), (10, 12)];
    check(&past, &[], &past[..2]);
    check(&full, &[1], &full[2..4]);
    check(&[(0, 1), (1, 2), (2, 3)], &[], &[(0, 1), (1, 2)]);
}

#[test]
fn overlaps_come_first_where_they_are_merged() {
    let blocks = [(0, 8), (4, 12), (12, 14)];
    assert_eq!(plan_hours(&planner(true), &blocks, &[]), blocks[..2]);
    // A chain: the third overlaps the first only through the second's reach.
    let chain = [(0, 8), (1, 2), (4, 6), (8, 10)];
    assert_eq!(plan_hours(&planner(true), &chain, &[]), chain[..3]);
}

#[test]
fn downsampled_blocks_that_overlap_are_marked_and_the_rest_is_planned() {
    let mut metas: Vec<_> = [(0, 2), (0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
        .iter()
        .zip(0..)
        .map(|(&hours, id)| block(id, hours))
        .collect();
    for meta in &mut metas {
        meta.thanos = Some(tsdb::meta::ThanosMeta {
            resolution: Resolution::FIVE_MINUTES,
            ..Default::default()
        });
    }
    let group: Vec<_> = metas
        .iter()
        .map(|meta| Candidate {
            meta,
            no_compact: false,
            index_size_bytes: 0,
        })
        .collect();
    let plan = planner(true).plan(&group);
    let marked: Vec<_> = plan.exclusions.iter().map(|one| one.block).collect();
    assert_eq!(marked, [metas[0].ulid, metas[1].ulid]);
    let want: Vec<_> = metas[2..5].iter().map(|meta| meta.ulid).collect();
    assert_eq!(plan.blocks, want);
}

#[test]
fn the_largest_index_is_taken_out_when_the_sum_is_too_large() {
    let metas: Vec<_> = [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
        .iter()
        .zip(0..)
        .map(|(&hours, id)| block(id, hours))
        .collect();
    let sizes = [10, 70, 10, 10, 10];
    let group: Vec<_> = metas
        .iter()
        .zip(sizes)
        .map(|(meta, index_size_bytes)| Candidate {
            meta,
            no_compact: false,
            index_size_bytes,
        })
        .collect();
    let check = |limit: u64, marked: &[usize], planned: &[usize]| {
        let mut planner = planner(false);
        planner.index_limit_bytes = Some(limit);
        let plan = planner.plan(&group);
        let ids = |at: &[usize]| at.iter().map(|&at| metas[at].ulid).collect::<Vec<_>>();
        let got: Vec<_> = plan.exclusions.iter().map(|one| one.block).collect();
        assert_eq!((got, plan.blocks), (ids(marked), ids(planned)), "{limit}");
    };
    check(119, &[], &[0, 1, 2, 3]); // 85 % of it is 101
    check(118, &[1], &[2, 3]); // 85 % of it is 100, which is too much
}

#[test]
fn tombstones_make_a_large_block_due_alone() {
    fn check(hours: i64, tombstones: u64, want: bool) {
        let mut old = block(1, (0, hours));
        old.stats.num_tombstones = tombstones;
        old.stats.num_series = 99;
        let fresh = block(2, (hours, hours + 2));
        let group = [&old, &fresh].map(|meta| Candidate {
            meta,
            no_compact: false,
            index_size_bytes: 0,
        });
        let due = planner(false).plan(&group).blocks == [old.ulid];
        assert_eq!(due, want, "{hours} h, {tombstones} tombstones");
    }
    check(8, 5, false); // 5 of 100 is not more than 5 %
    check(8, 6, true);
    check(7, 6, false);
}

/// The overlap rule written naively: every pair.
fn overlaps_somewhere(blocks: &[(i64, i64)]) -> bool {
    (0..blocks.len())
        .any(|b| (0..b).any(|a| blocks[b].0 < blocks[a].1 && blocks[a].0 < blocks[b].1))
}

prop_compose! {
    fn sorted_blocks()(mut blocks in prop::collection::vec((0_i64..40, 1_i64..10), 0..16)) -> Vec<(i64, i64)> {
        for block in &mut blocks {
            block.1 += block.0;
        }
        blocks.sort_by_key(|block| block.0);
        blocks
    }
}

proptest! {
    #[test]
    fn overlap_is_found_where_two_blocks_overlap(blocks in sorted_blocks()) {
        let ranges: Vec<_> = blocks.iter().map(|&(min, max)| TimeRange::new(Millis(min), Millis(max))).collect();
        let all: Vec<_> = (0..ranges.len()).collect();
        prop_assert_eq!(!first_overlap(&ranges, &all).is_empty(), overlaps_somewhere(&blocks));
    }

    #[test]
    fn plans_never_touch_marked_blocks_or_reach_over_them(blocks in sorted_blocks(), marks in prop::collection::vec(any::<bool>(), 16)) {
        let marked: Vec<_> = (0..blocks.len()).filter(|&at| marks[at]).collect();
        let metas: Vec<_> = (0..).zip(&blocks).map(|(id, &b)| block(id, b)).collect();
        let group: Vec<_> = metas.iter().enumerate()
            .map(|(at, meta)| Candidate { meta, no_compact: marked.contains(&at), index_size_bytes: 0 }).collect();
        let plan = planner(false).plan(&group);
        let at: Vec<_> = plan.blocks.iter().map(|&id| metas.iter().position(|m| m.ulid == id).unwrap()).collect();
        prop_assert!(at.iter().all(|at| !marked.contains(at)));
        prop_assert!(at.windows(2).all(|pair| pair[1] == pair[0] + 1), "neighbours: {at:?}");
        prop_assert!(at.iter().all(|&at| at + 1 < blocks.len()), "the freshest block is left alone");
        prop_assert_eq!(at.len() == 1, false);
    }
}
