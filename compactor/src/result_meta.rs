//! What a new block says of itself; pure.
//!
//! What Prometheus writes of a compacted block (level, sources, parents) is [`tsdb::block::compact`]'s; here is Thanos' part. A
//! downsampled block is its source at another resolution: same range, level, sources, labels; counts that downsampling does not
//! recount stay those of the source, as Thanos leaves them.

use tsdb::id::BlockId;
use tsdb::merge::tally;
use tsdb::meta::{BlockMeta, BlockStats, Resolution, ThanosMeta};

use crate::group::Group;
use crate::health::IndexStats;

/// Who wrote the blocks of this crate, in Thanos' words.
pub const SOURCE: &str = "compactor";

/// Thanos' part of a block compacted in `group`, without its files.
#[must_use]
pub fn thanos_part(group: &Group, index: IndexStats) -> ThanosMeta {
    ThanosMeta {
        labels: group.labels.clone(),
        resolution: group.resolution,
        source: SOURCE.into(),
        series_max_size: index.series_max_size,
        chunk_max_size: index.chunk_max_size,
        extensions: group.extensions.clone(),
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
    part.extensions = tally::forget(part.extensions.take());
    meta
}

#[cfg(test)]
mod tests {
    use tsdb::testing::metas::block;
    use tsdb::time::Millis;

    use super::*;

    #[test]
    fn downsampled_block_keeps_what_downsampling_does_not_recount() {
        let mut source = block(9, &[1]);
        source.max_time = Millis(100);
        source.compaction.level = 4;
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
