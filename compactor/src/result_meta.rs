//! What a new block says of itself; pure.
//!
//! A compacted block is one level above its highest input, knows its direct inputs (in their order) and the union of
//! their sources. A downsampled block is its source at another resolution: same range, level, sources, labels; counts that
//! downsampling does not recount stay those of the source, as Thanos leaves them.

use std::collections::BTreeSet;

use serde_json::Value;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, BlockStats, Compaction, Parent, Resolution, ThanosMeta};

use crate::group::Group;
use crate::health::IndexStats;

/// Who wrote the blocks of this crate, in Thanos' words.
pub const SOURCE: &str = "compactor";

/// Meta of the block `id` made of `inputs`, without a Thanos part.
#[must_use]
pub fn compacted(id: BlockId, inputs: &[&BlockMeta], stats: BlockStats) -> BlockMeta {
    let sources: BTreeSet<BlockId> = inputs
        .iter()
        .flat_map(|input| input.compaction.sources.iter().copied())
        .collect();
    let level = inputs.iter().map(|input| input.compaction.level).max();
    BlockMeta {
        ulid: id,
        min_time: inputs
            .iter()
            .map(|input| input.min_time)
            .min()
            .unwrap_or_default(),
        max_time: inputs
            .iter()
            .map(|input| input.max_time)
            .max()
            .unwrap_or_default(),
        stats,
        compaction: Compaction {
            level: level.unwrap_or_default().saturating_add(1),
            sources: sources.into_iter().collect(),
            parents: inputs
                .iter()
                .map(|input| Parent {
                    ulid: input.ulid,
                    min_time: input.min_time,
                    max_time: input.max_time,
                })
                .collect(),
            ..Compaction::default()
        },
        ..BlockMeta::default()
    }
}

/// Thanos' part of a block compacted in `group`.
#[must_use]
pub fn thanos_part(group: &Group, segment_files: Vec<String>, index: IndexStats) -> ThanosMeta {
    part(
        &group.labels,
        group.resolution,
        group.extensions.clone(),
        segment_files,
        index,
    )
}

fn part(
    labels: &Labels,
    resolution: Resolution,
    extensions: Option<Value>,
    segment_files: Vec<String>,
    index: IndexStats,
) -> ThanosMeta {
    ThanosMeta {
        labels: labels.clone(),
        resolution,
        source: SOURCE.into(),
        segment_files,
        series_max_size: index.series_max_size,
        chunk_max_size: index.chunk_max_size,
        extensions,
        ..ThanosMeta::default()
    }
}

/// Meta of the block `id`, which is `source` at resolution `to`. Of `stats`, series, chunks and samples are taken.
#[must_use]
pub fn downsampled(
    id: BlockId,
    source: &BlockMeta,
    to: Resolution,
    stats: BlockStats,
    segment_files: Vec<String>,
) -> BlockMeta {
    let mut meta = source.clone();
    meta.ulid = id;
    meta.stats.num_series = stats.num_series;
    meta.stats.num_chunks = stats.num_chunks;
    meta.stats.num_samples = stats.num_samples;
    let part = meta.thanos.get_or_insert_default();
    part.resolution = to;
    part.source = SOURCE.into();
    part.segment_files = segment_files;
    part.files.clear();
    part.upload_time = None;
    meta
}

#[cfg(test)]
mod tests {
    use tsdb::time::Millis;

    use super::*;

    fn input(id: u128, range: (i64, i64), level: u32, sources: &[u128]) -> BlockMeta {
        let mut meta = BlockMeta {
            ulid: BlockId::new(0, id),
            min_time: Millis(range.0),
            max_time: Millis(range.1),
            ..BlockMeta::default()
        };
        meta.compaction.level = level;
        meta.compaction.sources = sources.iter().map(|&id| BlockId::new(0, id)).collect();
        meta
    }

    #[test]
    fn compacted_block_covers_its_inputs_and_knows_them() {
        let inputs = [
            input(9, (10, 20), 1, &[3, 1]),
            input(4, (0, 10), 2, &[1, 2]),
        ];
        let meta = compacted(
            BlockId::new(5, 5),
            &[&inputs[0], &inputs[1]],
            BlockStats::default(),
        );
        assert_eq!((meta.min_time, meta.max_time), (Millis(0), Millis(20)));
        assert_eq!(meta.compaction.level, 3);
        let sources: Vec<_> = meta
            .compaction
            .sources
            .iter()
            .map(|id| id.0.random())
            .collect();
        assert_eq!(sources, [1, 2, 3]);
        let parents: Vec<_> = meta
            .compaction
            .parents
            .iter()
            .map(|p| p.ulid.0.random())
            .collect();
        assert_eq!(parents, [9, 4], "in the order given");
    }

    #[test]
    fn downsampled_block_keeps_what_downsampling_does_not_recount() {
        let mut source = input(9, (0, 100), 4, &[1]);
        source.stats.num_float_samples = 77;
        source.stats.num_tombstones = 2;
        let stats = BlockStats {
            num_samples: 5,
            num_series: 2,
            num_chunks: 3,
            ..BlockStats::default()
        };
        let meta = downsampled(
            BlockId::new(1, 1),
            &source,
            Resolution::ONE_HOUR,
            stats,
            vec!["000001".into()],
        );
        assert_eq!(meta.compaction, source.compaction);
        assert_eq!(
            (meta.stats.num_samples, meta.stats.num_float_samples),
            (5, 77)
        );
        assert_eq!(meta.resolution(), Resolution::ONE_HOUR);
        assert_eq!(meta.thanos.unwrap().source, "compactor");
    }
}
