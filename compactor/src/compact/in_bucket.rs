//! How a step makes its block without a disk: open the inputs where they lie, merge, and let the result grow in the bucket.
//!
//! ```text
//! open -> merge, looking at both sides -> odd? look again, take out -> meta.json
//!         objects of the new block grow                               it appears
//! ```
//!
//! Everything here may be dropped at any await: until its `meta.json` is in the bucket there is no new block, and what was
//! written of it is deleted, at the latest as a partial upload.

use tsdb::block::compact::{CompactOptions, compacted_meta, write};
use tsdb::bucket::stream::write::{BucketBlockWriter, WriteOptions};
use tsdb::error::{Error as BlockError, ErrorKind};
use tsdb::id::BlockId;
use tsdb::index::Version;
use tsdb::merge::Merged;
use tsdb::merge::stitch::Watch;
use tsdb::meta::BlockMeta;
use tsdb::segment;

use super::make::{Made, empty_job, fence_culprit, is_accepted};
use crate::build::Look;
use crate::compactor::Compactor;
use crate::error::{Error, Result};
use crate::fetch::{blocking, fact};
use crate::group::Group;
use crate::health::Health;
use crate::report::Job;
use crate::streamed::{Opened, Streamed};
use crate::{result_meta, retry};

/// A block that was written, but for its meta.
struct Written {
    inputs: Vec<Streamed>,
    writer: BucketBlockWriter,
    result: tsdb::Result<(BlockMeta, Merged, Health)>,
}

/// Opens, merges, publishes.
pub(super) async fn make(
    compactor: &Compactor,
    group: &Group,
    planned: &[&BlockMeta],
) -> Result<Made> {
    let mut inputs = Vec::with_capacity(planned.len());
    for meta in planned {
        match Streamed::open(compactor, meta).await? {
            Opened::Sound(block) => inputs.push(*block),
            Opened::Damaged(fact) => compactor.fence(meta.ulid, &fact).await?,
        }
    }
    if inputs.len() < planned.len() {
        return Ok(Made::Excluded);
    }
    let id = compactor.world.block_id();
    let Written {
        inputs,
        writer,
        result,
    } = merge(compactor, inputs, id).await?;
    let failed = |error: &BlockError| error.kind() == ErrorKind::Corrupt;
    let is_odd = inputs.iter().any(Streamed::is_odd) || result.as_ref().is_err_and(failed);
    if is_odd && !all_accepted(compactor, inputs).await? {
        writer.abandon().await;
        return Ok(Made::Excluded);
    }
    match result {
        Ok((meta, merged, health)) if merged.stats.num_chunks > 0 => {
            publish(compactor, (group, planned), &writer, (meta, merged, health)).await
        }
        Ok(_) => {
            writer.abandon().await;
            let empty = planned.iter().filter(|meta| meta.stats.num_samples == 0);
            Ok(Made::Nothing {
                emptied: empty.map(|meta| meta.ulid).collect(),
            })
        }
        Err(error) => {
            writer.abandon().await;
            fence_culprit(compactor, planned, error).await
        }
    }
}

async fn merge(compactor: &Compactor, inputs: Vec<Streamed>, id: BlockId) -> Result<Written> {
    let config = &compactor.config;
    let options = CompactOptions {
        id,
        func: config.merge,
        segment_bytes: segment::SIZE_DEFAULT,
        threads: config.threads.get(),
        with_tombstones: false,
        budget: config.budget.clone(),
    };
    let how = WriteOptions {
        sha256: config.hash_files,
    };
    let writer = BucketBlockWriter::create(&compactor.bucket, id, how).await?;
    blocking(move || {
        let metas: Vec<&BlockMeta> = inputs.iter().map(Streamed::meta).collect();
        let result = compacted_meta(id, &metas).and_then(|mut meta| {
            let mut look = Look::new(meta.range());
            let watch: Watch<'_> = Box::new(|series, labels, chunks| {
                look.at(Version::Two.series_offset(series), labels, chunks)
            });
            let merged = write(&inputs, &mut meta, &writer, &options, Some(watch))?;
            Ok((meta, merged, look.finish()))
        });
        Written {
            inputs,
            writer,
            result,
        }
    })
    .await
}

/// Reads the indexes again; takes blocks out as if they had been looked at before. Whether all may be merged.
async fn all_accepted(compactor: &Compactor, inputs: Vec<Streamed>) -> Result<bool> {
    let mut all = true;
    for input in inputs {
        let block = input.meta().ulid;
        let health = blocking(move || input.health()).await?;
        all &= match health {
            Ok(health) => is_accepted(compactor, block, &health).await?,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                compactor.fence(block, &fact(block, &error)).await?;
                false
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(all)
}

/// Completes the meta of the new block and lets it appear.
async fn publish(
    compactor: &Compactor,
    (group, planned): (&Group, &[&BlockMeta]),
    writer: &BucketBlockWriter,
    (mut meta, merged, health): (BlockMeta, Merged, Health),
) -> Result<Made> {
    if !health.is_clean() && !compactor.config.accept_malformed_index {
        return Err(Error::Died(format!(
            "the new block is not sound: {health:?}"
        )));
    }
    let mut part = result_meta::thanos_part(group, health.stats);
    part.segment_files = writer.segment_names();
    meta.thanos = Some(part);
    merged.tally().note(&mut meta);
    publish_block(compactor, writer, &meta).await?;
    tracing::info!(block = %meta.ulid, group = group.key, samples = meta.stats.num_samples, "block compacted");
    if merged.disordered > 0 {
        tracing::warn!(block = %meta.ulid, series = merged.disordered, "chunks were out of order and are sorted now");
    }
    Ok(Made::Block(Box::new(Job {
        output: Some(meta.ulid),
        bytes_written: writer.size_bytes(),
        series: meta.stats.num_series,
        samples: meta.stats.num_samples,
        series_sorted: merged.disordered,
        ..empty_job(group, planned)
    })))
}

/// Lets a block appear whose objects are written.
///
/// # Errors
/// Where the bucket refuses.
pub(crate) async fn publish_block(
    compactor: &Compactor,
    writer: &BucketBlockWriter,
    meta: &BlockMeta,
) -> Result<()> {
    let now = jiff::Timestamp::from_millisecond(compactor.now().0)
        .map_err(|error| Error::Config(format!("the clock is wrong: {error}")))?;
    let attempt = || writer.publish(meta.clone(), now);
    retry::transient("publishing a block", attempt).await?;
    Ok(())
}
