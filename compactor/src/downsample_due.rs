//! Which blocks are due for downsampling, and to what; pure.
//!
//! A raw block of at least 40 h is due while some of its sources are in no five-minute block; a five-minute block of at
//! least 10 d while some are in no one-hour block. What is there is judged by sources over the whole bucket, as Thanos does: a source
//! belongs to one stream only. Blocks with a no-downsample mark are not looked at and do not count.

use std::collections::BTreeSet;

use tsdb::id::BlockId;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

/// Raw blocks shorter than this are left for compaction to grow.
pub const RAW_RANGE_MIN: Millis = Millis(40 * Millis::HOUR.0);
/// The same for five-minute blocks.
pub const FIVE_MINUTES_RANGE_MIN: Millis = Millis(10 * 24 * Millis::HOUR.0);

/// A block and the resolution to make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The block to read.
    pub block: BlockId,
    /// Resolution of the block to write.
    pub to: Resolution,
}

/// What is due, by name of the source block.
#[must_use]
pub fn due(blocks: &[&BlockMeta]) -> Vec<Due> {
    let sources_at = |resolution: Resolution| -> BTreeSet<BlockId> {
        blocks
            .iter()
            .filter(|block| block.resolution() == resolution)
            .flat_map(|block| block.compaction.sources.iter().copied())
            .collect()
    };
    let five_minutes = sources_at(Resolution::FIVE_MINUTES);
    let one_hour = sources_at(Resolution::ONE_HOUR);
    let mut all: Vec<_> = blocks
        .iter()
        .filter_map(|block| {
            let (to, done, range_min) = match block.resolution() {
                Resolution::RAW => (Resolution::FIVE_MINUTES, &five_minutes, RAW_RANGE_MIN),
                Resolution::FIVE_MINUTES => {
                    (Resolution::ONE_HOUR, &one_hour, FIVE_MINUTES_RANGE_MIN)
                }
                _ => return None,
            };
            let covered = block.compaction.sources.iter().all(|id| done.contains(id));
            let long = block.range().duration() >= range_min;
            (!covered && long).then_some(Due {
                block: block.ulid,
                to,
            })
        })
        .collect();
    all.sort_by_key(|due| due.block);
    all
}

#[cfg(test)]
mod tests {
    use tsdb::meta::ThanosMeta;
    use tsdb::testing::metas;

    use super::*;

    fn block(id: u128, resolution: Resolution, hours: i64, sources: &[u128]) -> BlockMeta {
        BlockMeta {
            max_time: Millis(hours * Millis::HOUR.0),
            thanos: Some(ThanosMeta {
                resolution,
                ..ThanosMeta::default()
            }),
            ..metas::block(id, sources)
        }
    }

    #[test]
    fn a_long_block_is_due_until_all_its_sources_are_at_the_next_resolution() {
        fn check(blocks: &[BlockMeta], want: &[(u128, Resolution)]) {
            let got: Vec<_> = due(&blocks.iter().collect::<Vec<_>>())
                .iter()
                .map(|due| (due.block.0.random(), due.to))
                .collect();
            assert_eq!(got, want);
        }
        let (raw, five, hour) = (
            Resolution::RAW,
            Resolution::FIVE_MINUTES,
            Resolution::ONE_HOUR,
        );
        check(&[block(1, raw, 40, &[1])], &[(1, five)]);
        check(&[block(1, raw, 39, &[1])], &[]);
        check(
            &[block(1, raw, 40, &[1, 2]), block(3, five, 40, &[1])],
            &[(1, five)],
        );
        check(&[block(1, raw, 40, &[1]), block(3, five, 40, &[1, 2])], &[]);
        check(
            &[block(2, five, 240, &[1]), block(1, raw, 50, &[9])],
            &[(1, five), (2, hour)],
        );
        check(&[block(2, five, 240, &[1]), block(3, hour, 240, &[1])], &[]);
        check(&[block(3, hour, 10_000, &[1])], &[]);
        check(&[block(3, Resolution(7), 10_000, &[1])], &[]);
    }
}
