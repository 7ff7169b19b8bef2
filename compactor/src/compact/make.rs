//! How a step makes its block: fetch the inputs and look at them, merge, look at the result, upload.
//!
//! Everything here may be dropped at any await: until its `meta.json` is in the bucket, there is no new block.

use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _};
use tsdb::bucket::upload::{UploadOptions, upload};
use tsdb::error::{Error as BlockError, ErrorKind};
use tsdb::id::BlockId;
use tsdb::mark::Reason;
use tsdb::meta::{BlockMeta, Resolution};

use crate::build::{self, Built};
use crate::compactor::{Compactor, culprit};
use crate::downsample::block::{Target, Targets};
use crate::error::{Error, Result};
use crate::fetch::{Fetched, blocking, fetch};
use crate::group::Group;
use crate::health::Health;
use crate::report::{Job, JobKind};
use crate::{result_meta, retry};

/// Where coarser blocks lie until the raw one is published.
const COARSER: &str = "coarser";

/// What came of merging.
pub(super) enum Made {
    /// A block is in the bucket.
    Block(Box<Job>),
    /// No sample was left; `emptied` says whether inputs without samples were among them.
    Nothing { emptied: Vec<BlockId> },
    /// A block was taken out; plan again.
    Excluded,
}

/// Fetches, merges, uploads. Works in the directory, and makes blocks of the resolutions beside the result.
pub(super) async fn make(
    compactor: &Compactor,
    group: &Group,
    planned: &[&BlockMeta],
    (dir, ready, coarser): (&Path, &Path, &[Resolution]),
) -> Result<Made> {
    let fetches = planned.iter().map(|meta| fetch(compactor, meta, dir));
    let fetched: Vec<_> = futures::stream::iter(fetches)
        .buffered(compactor.config.fetches.get())
        .try_collect()
        .await?;
    let mut dirs = Vec::with_capacity(planned.len());
    for (meta, fetched) in planned.iter().zip(fetched) {
        dirs.extend(accept(compactor, meta.ulid, fetched).await?);
    }
    if dirs.len() < planned.len() {
        return Ok(Made::Excluded);
    }
    let built = match merge(compactor, dirs, dir, coarser).await? {
        Ok(built) => built,
        Err(error) => return fence_culprit(compactor, planned, error).await,
    };
    let Some(mut built) = built else {
        let empty = planned.iter().filter(|meta| meta.stats.num_samples == 0);
        return Ok(Made::Nothing {
            emptied: empty.map(|meta| meta.ulid).collect(),
        });
    };
    let (id, coarser) = (built.meta.ulid, std::mem::take(&mut built.coarser));
    let made = publish(compactor, group, planned, built).await?;
    let coarser = coarser.into_iter().map_while(|made| made);
    compactor.ready.keep(id, coarser, ready);
    Ok(made)
}

/// The directory of a fetched block that may be merged; otherwise it is taken out.
async fn accept(
    compactor: &Compactor,
    block: BlockId,
    fetched: Fetched,
) -> Result<Option<PathBuf>> {
    let (dir, health) = match fetched {
        Fetched::Sound { dir, health } => (dir, health),
        Fetched::Damaged(fact) => {
            compactor.fence(block, &fact).await?;
            return Ok(None);
        }
    };
    let accepted = is_accepted(compactor, block, &health).await?;
    Ok(accepted.then_some(dir))
}

/// Whether a block with such an index may be merged; otherwise it is taken out.
pub(super) async fn is_accepted(
    compactor: &Compactor,
    block: BlockId,
    health: &Health,
) -> Result<bool> {
    let config = &compactor.config;
    if health.out_of_order_chunks > 0 && config.skip_out_of_order {
        compactor.not_compacted.add(block);
        let facts = format!(
            "{} chunks out of order in the index",
            health.out_of_order_chunks
        );
        compactor
            .mark_no_compact(block, Reason::BlockIndexOutOfOrderChunk, &facts)
            .await?;
        return Ok(false);
    }
    if config.accept_malformed_index {
        return Ok(true);
    }
    if health.out_of_order_labels > 0 {
        let fact = format!(
            "index: {} label names out of order",
            health.out_of_order_labels
        );
        compactor.fence(block, &fact).await?;
        return Ok(false);
    }
    if health.has_chunks_outside() {
        compactor.not_compacted.add(block);
        compactor.journal.attention(Some(block), outside(health));
        return Ok(false);
    }
    Ok(true)
}

fn outside(health: &Health) -> String {
    format!(
        "index: {} chunks reach out of the block's range, {} lie outside; compaction would cut them, so the block is left alone",
        health.outside_chunks, health.complete_outside_chunks
    )
}

async fn merge(
    compactor: &Compactor,
    dirs: Vec<PathBuf>,
    parent: &Path,
    coarser: &[Resolution],
) -> Result<tsdb::Result<Option<Built>>> {
    let options = build::Options {
        id: compactor.world.block_id(),
        merge: compactor.config.merge,
        threads: compactor.config.threads.get(),
        budget: compactor.config.budget.clone(),
    };
    let target = |&resolution: &Resolution| Target {
        id: compactor.world.block_id(),
        resolution,
    };
    let targets: Vec<Target> = coarser.iter().map(target).collect();
    let parent = parent.to_owned();
    blocking(move || {
        let coarser = Targets {
            parent: &parent.join(COARSER),
            list: &targets,
        };
        build::merge(&dirs, &parent, &options, coarser)
    })
    .await
}

/// Takes the block out that a failed merge names; other failures stay failures.
pub(super) async fn fence_culprit(
    compactor: &Compactor,
    planned: &[&BlockMeta],
    error: BlockError,
) -> Result<Made> {
    let ids: Vec<_> = planned.iter().map(|meta| meta.ulid).collect();
    match culprit(&error, &ids) {
        Some((block, fact)) if error.kind() == ErrorKind::Corrupt => {
            compactor.fence(block, &fact).await?;
            Ok(Made::Excluded)
        }
        _ => Err(error.into()),
    }
}

/// Looks at the new block, completes its meta, uploads it.
async fn publish(
    compactor: &Compactor,
    group: &Group,
    planned: &[&BlockMeta],
    built: Built,
) -> Result<Made> {
    compactor.world.keep(&built.dir);
    let looking = blocking(move || {
        let health = build::health_of_new(&built.dir, built.meta.range(), &built.ranges);
        health.map(|health| (built, health))
    });
    let (mut built, health) = looking.await??;
    if !health.is_clean() && !compactor.config.accept_malformed_index {
        return Err(Error::Died(format!(
            "the new block is not sound: {health:?}"
        )));
    }
    let part = result_meta::thanos_part(group, health.stats);
    let (built, bytes_written) = blocking(move || {
        build::add_thanos_part(&mut built, part)?;
        let bytes = build::size_bytes(&built.dir)?;
        Ok::<_, BlockError>((built, bytes))
    })
    .await??;
    upload_block(compactor, built.meta.ulid, &built.dir).await?;
    tracing::info!(block = %built.meta.ulid, group = group.key, samples = built.meta.stats.num_samples, "block compacted");
    if built.series_sorted > 0 {
        tracing::warn!(block = %built.meta.ulid, series = built.series_sorted, "chunks were out of order and are sorted now");
    }
    Ok(Made::Block(Box::new(Job {
        output: Some(built.meta.ulid),
        bytes_written,
        series: built.meta.stats.num_series,
        samples: built.meta.stats.num_samples,
        series_sorted: built.series_sorted,
        ..empty_job(group, planned)
    })))
}

/// Uploads the block `id`, which is in `dir`.
///
/// # Errors
/// Where the bucket or the disk refuses.
pub(crate) async fn upload_block(compactor: &Compactor, id: BlockId, dir: &Path) -> Result<()> {
    let now = jiff::Timestamp::from_millisecond(compactor.now().0)
        .map_err(|error| Error::Config(format!("the clock is wrong: {error}")))?;
    let options = UploadOptions {
        concurrency: compactor.config.files.get(),
        sha256: compactor.config.hash_files,
        now,
    };
    let attempt = || async {
        // Nobody else has this name: if the block is visible, an attempt before this one ended well and did not hear of it.
        if !compactor.bucket.has_block(id).await? {
            upload(&compactor.bucket, dir, &options).await?;
        }
        Ok(())
    };
    Ok(retry::transient("uploading a block", attempt).await?)
}

/// A job on these blocks of which nothing else is known.
pub(super) fn empty_job(group: &Group, planned: &[&BlockMeta]) -> Job {
    Job {
        kind: JobKind::Compact,
        group: group.key.clone(),
        inputs: planned.iter().map(|meta| meta.ulid).collect(),
        output: None,
        found: false,
        resolution_ms: group.resolution.0,
        bytes_read: 0,
        bytes_written: 0,
        series: 0,
        samples: 0,
        series_sorted: 0,
        seconds: 0.0,
    }
}
