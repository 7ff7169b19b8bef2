//! One block to a coarser one without a disk: read where it lies, written where it will lie.
//!
//! The index is judged as it passes, as in compactions ([`crate::streamed`]).

use tsdb::bucket::stream::write::{BucketBlockWriter, WriteOptions};
use tsdb::error::ErrorKind;
use tsdb::index::Version;
use tsdb::merge::Merged;
use tsdb::merge::stitch::Watch;
use tsdb::meta::{BlockMeta, Resolution};

use super::block::{Sink, Target, write};
use super::run::{complete, is_accepted, job_of};
use crate::build::Look;
use crate::compact::publish_block;
use crate::compactor::Compactor;
use crate::error::Result;
use crate::fetch::{blocking, fact};
use crate::health::Health;
use crate::report::Job;
use crate::result_meta;
use crate::streamed::{Opened, Streamed};

/// A block that was written, but for its meta.
struct Written {
    source: Streamed,
    writer: BucketBlockWriter,
    result: tsdb::Result<(Merged, Health)>,
}

/// Opens, downsamples, publishes. May be dropped at any await.
pub(super) async fn make(
    compactor: &Compactor,
    meta: &BlockMeta,
    to: Resolution,
) -> Result<Option<Job>> {
    let source = match Streamed::open(compactor, meta).await? {
        Opened::Sound(block) => block.without_tombstones(),
        Opened::Damaged(fact) => {
            compactor.fence(meta.ulid, &fact).await?;
            return Ok(None);
        }
    };
    let target = Target {
        id: compactor.world.block_id(),
        resolution: to,
    };
    let Written {
        source,
        writer,
        result,
    } = coarser(compactor, source, target).await?;
    let failure = result.as_ref().err().map(tsdb::Error::kind);
    let is_odd = source.is_odd() || failure == Some(ErrorKind::Corrupt);
    if is_odd && !look_again(compactor, source).await? {
        writer.abandon().await;
        return Ok(None);
    }
    match result {
        Ok((merged, health)) if merged.stats.num_samples > 0 => {
            let done = publish(compactor, meta, (target, &writer), (&merged, health)).await;
            done.map(Some)
        }
        Ok(_) => {
            writer.abandon().await;
            tracing::warn!(block = %meta.ulid, "nothing is left of the block when it is downsampled");
            Ok(None)
        }
        Err(error) => {
            writer.abandon().await;
            if error.kind() != ErrorKind::Corrupt {
                return Err(error.into());
            }
            compactor.fence(meta.ulid, &fact(meta.ulid, &error)).await?;
            Ok(None)
        }
    }
}

async fn coarser(compactor: &Compactor, source: Streamed, target: Target) -> Result<Written> {
    let how = WriteOptions {
        sha256: compactor.config.hash_files,
    };
    let writer = BucketBlockWriter::create(&compactor.bucket, target.id, how).await?;
    let threads = compactor.config.threads.get();
    let budget = compactor.config.budget.clone();
    blocking(move || {
        let mut look = Look::new(source.meta().range());
        let result = {
            let watch: Watch<'_> = Box::new(|series, labels, chunks| {
                look.at(Version::Two.series_offset(series), labels, chunks)
            });
            let mut sinks = [Sink {
                target,
                writer: &writer,
                watch: Some(watch),
            }];
            let resolution = source.meta().resolution();
            let written = write(&source, resolution, &mut sinks, threads, &budget);
            written.map(|mut all| all.pop().unwrap_or_default())
        };
        Written {
            result: result.map(|merged| (merged, look.finish())),
            source,
            writer,
        }
    })
    .await
}

/// Reads the index again and judges it as if it had been looked at before. Whether the block may be downsampled.
async fn look_again(compactor: &Compactor, source: Streamed) -> Result<bool> {
    let block = source.meta().ulid;
    match blocking(move || source.health()).await? {
        Ok(health) => Ok(is_accepted(compactor, block, &health)),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            compactor.fence(block, &fact(block, &error)).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn publish(
    compactor: &Compactor,
    source: &BlockMeta,
    (target, writer): (Target, &BucketBlockWriter),
    (merged, health): (&Merged, Health),
) -> Result<Job> {
    let names = writer.segment_names();
    let (id, to) = (target.id, target.resolution);
    let mut meta = result_meta::downsampled(id, source, to, merged.stats, names);
    complete(compactor, source, &mut meta, &health)?;
    merged.tally().note(&mut meta);
    publish_block(compactor, writer, &meta).await?;
    Ok(job_of(source, &meta, writer.size_bytes()))
}
