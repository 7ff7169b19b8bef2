//! Which coarser blocks will be due of a block that does not exist yet; pure.
//!
//! Judged as if the block were there and nothing else changed: the rule is that of [`crate::downsample_due`].

use tsdb::block::compact::compacted_meta;
use tsdb::id::BlockId;
use tsdb::meta::{BlockMeta, Resolution};

use crate::downsample_due::due;

/// Resolutions that will be due, one after another, of `block` beside `others`; the finest first.
#[must_use]
pub fn resolutions(block: &BlockMeta, others: &[&BlockMeta]) -> Vec<Resolution> {
    let mut wanted = Vec::new();
    let mut next = block.clone();
    loop {
        let others = others.iter().copied();
        let others = others.filter(|other| other.ulid != block.ulid);
        let due = due(&others.chain([&next]).collect::<Vec<_>>());
        let Some(next_due) = due.iter().find(|due| due.block == next.ulid) else {
            return wanted;
        };
        wanted.push(next_due.to);
        next.thanos.get_or_insert_default().resolution = next_due.to;
    }
}

/// The same of the block that raw `inputs` will become.
#[must_use]
pub fn resolutions_of_result(inputs: &[&BlockMeta], others: &[&BlockMeta]) -> Vec<Resolution> {
    let is_raw = inputs
        .iter()
        .all(|input| input.resolution() == Resolution::RAW);
    // A name that no block has.
    let result = compacted_meta(BlockId::default(), inputs).ok();
    result
        .filter(|_| is_raw)
        .map_or_else(Vec::new, |result| resolutions(&result, others))
}

#[cfg(test)]
mod tests {
    use tsdb::meta::ThanosMeta;
    use tsdb::testing::metas;
    use tsdb::time::Millis;

    use super::*;

    fn block(id: u128, resolution: Resolution, hours: (i64, i64)) -> BlockMeta {
        BlockMeta {
            min_time: Millis(hours.0 * Millis::HOUR.0),
            max_time: Millis(hours.1 * Millis::HOUR.0),
            thanos: Some(ThanosMeta {
                resolution,
                ..ThanosMeta::default()
            }),
            ..metas::block(id, &[id])
        }
    }

    #[test]
    fn what_will_be_due_follows_from_the_range_of_the_result_and_from_what_is_there() {
        fn check(inputs: [BlockMeta; 2], others: &[BlockMeta], want: &[Resolution]) {
            let others: Vec<_> = others.iter().collect();
            let inputs: Vec<_> = inputs.iter().collect();
            assert_eq!(resolutions_of_result(&inputs, &others), want, "{inputs:?}");
        }
        let (raw, five, hour) = (
            Resolution::RAW,
            Resolution::FIVE_MINUTES,
            Resolution::ONE_HOUR,
        );
        let two = |to: i64| [block(1, raw, (0, 20)), block(2, raw, (20, to))];
        check(two(39), &[], &[]);
        check(two(40), &[], &[five]);
        check(two(239), &[], &[five]);
        check(two(240), &[], &[five, hour]);
        let covering = |resolution| {
            let mut meta = block(3, resolution, (0, 240));
            meta.compaction.sources = vec![BlockId::new(0, 1), BlockId::new(0, 2)];
            meta
        };
        check(two(240), &[covering(hour)], &[five]);
        check(two(240), &[covering(five)], &[]);
        check(
            two(240).map(|mut meta| {
                meta.thanos.get_or_insert_default().resolution = five;
                meta
            }),
            &[],
            &[],
        );
        let long = block(1, raw, (0, 240));
        assert_eq!(resolutions(&long, &[&long]), [five, hour], "beside itself");
    }
}
