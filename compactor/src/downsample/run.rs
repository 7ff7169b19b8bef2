//! One pass over the blocks that are due: fetch, look, downsample, read again, upload. What is ready already is only uploaded.
//!
//! The source stays as it is. A block that is damaged is taken out; a block whose chunks are not where they should be is left alone
//! and named. Either way the others go on.

use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use tsdb::block::META;
use tsdb::block::file::write_whole;
use tsdb::block::reader::Block;
use tsdb::error::{Error as BlockError, ErrorKind};
use tsdb::id::BlockId;
use tsdb::merge::tally;
use tsdb::meta::{BlockMeta, Resolution};

use super::block::{Downsampled, Target, downsample};
use super::{ahead, in_bucket};
use crate::compact::upload_block;
use crate::compactor::{Compactor, culprit};
use crate::downsample_due::{self, Due};
use crate::error::{Error, Result};
use crate::fetch::{Fetched, blocking, fetch};
use crate::health::{Health, IndexStats};
use crate::metrics::count;
use crate::published::{self, Wanted};
use crate::report::{Job, JobKind, seconds_between};
use crate::view::View;
use crate::{build, result_meta, work_dir};

/// What a downsampling may write besides what it reads: small series end up near their raw size.
const SPACE_FACTOR: u64 = 2;

/// Downsamples what is due, some blocks beside each other. Says whether anything was made. Failures are in the report.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn pass(compactor: &Compactor, view: &View) -> Result<bool> {
    let aside = compactor.not_downsampled.all();
    let due = downsample_due::due(&view.downsampled().collect::<Vec<_>>());
    let due = due.into_iter().filter(|due| !aside.contains(&due.block));
    let jobs = due.map(|due| one(compactor, view, due));
    let done: Vec<_> = futures::stream::iter(jobs)
        .buffer_unordered(compactor.config.downsamplings.get())
        .collect()
        .await;
    let done: Vec<bool> = done.into_iter().collect::<Result<_>>()?;
    Ok(done.contains(&true))
}

async fn one(compactor: &Compactor, view: &View, due: Due) -> Result<bool> {
    let meta = &view.blocks[&due.block];
    match attempt(compactor, view, meta, due.to).await {
        Ok(made) => Ok(made),
        Err(Error::Stopped) => Err(Error::Stopped),
        Err(error) => {
            count(&compactor.metrics.downsampling_failures, meta.resolution());
            compactor.not_downsampled.add(meta.ulid);
            let what = format!("downsampling: {}", error.chain());
            compactor.note_failure(Some(meta.ulid), &error, what);
            Ok(false)
        }
    }
}

async fn attempt(
    compactor: &Compactor,
    view: &View,
    meta: &BlockMeta,
    to: Resolution,
) -> Result<bool> {
    let wanted = Wanted::downsampled(meta, to);
    if published::find(view, &wanted, &[meta.ulid]).is_some() {
        return Ok(false);
    }
    let start = compactor.now();
    let made = match compactor.ready.take(meta.ulid, to) {
        Some(made) => Some(publish_ready(compactor, meta, made).await?),
        None => make(compactor, view, meta, to).await?,
    };
    let Some(job) = made else {
        compactor.not_downsampled.add(meta.ulid);
        return Ok(false);
    };
    count(&compactor.metrics.downsamplings, meta.resolution());
    let seconds = seconds_between(start, compactor.now());
    compactor
        .journal
        .write(|report| report.jobs.push(Job { seconds, ..job }));
    Ok(true)
}

/// Publishes a block that was made ahead, as if it had been made of the source as it is now.
async fn publish_ready(
    compactor: &Compactor,
    source: &BlockMeta,
    mut made: Downsampled,
) -> Result<Job> {
    let BlockMeta {
        ulid,
        stats,
        thanos,
        ..
    } = made.meta;
    let part = thanos.unwrap_or_default();
    made.meta = result_meta::downsampled(ulid, source, part.resolution, stats, part.segment_files);
    tally::sum(&made.ranges).note(&mut made.meta);
    let dir = made.dir.clone();
    let job = compactor.stop.or(publish(compactor, source, made)).await;
    work_dir::leave(&dir, &job)?;
    job
}

/// Makes and publishes a block. None where nothing is left of it, or where the source is taken out.
async fn make(
    compactor: &Compactor,
    view: &View,
    meta: &BlockMeta,
    to: Resolution,
) -> Result<Option<Job>> {
    let bytes_read = compactor.size_bytes(meta).await?;
    let Some(work_dir) = &compactor.scratch else {
        let making = in_bucket::make(compactor, meta, to);
        let made = compactor.stop.or(making).await?;
        return Ok(made.map(|job| Job { bytes_read, ..job }));
    };
    let _space = compactor.reserve(work_dir, bytes_read.saturating_mul(SPACE_FACTOR))?;
    let (dir, ready) = (work_dir.downsampling(meta.ulid), work_dir.ready());
    work_dir::remove(&dir)?;
    let wanted = ahead::resolutions(meta, &view.downsampled().collect::<Vec<_>>());
    let wanted = if wanted.first() == Some(&to) {
        wanted
    } else {
        vec![to]
    };
    let making = make_in(compactor, meta, &wanted, (&dir, &ready));
    let made = compactor.stop.or(making).await;
    work_dir::leave(&dir, &made)?;
    Ok(made?.map(|job| Job { bytes_read, ..job }))
}

/// Fetches, downsamples, uploads the first of the wanted; what comes of it waits in `ready`. May be dropped at any await.
async fn make_in(
    compactor: &Compactor,
    meta: &BlockMeta,
    wanted: &[Resolution],
    (dir, ready): (&Path, &Path),
) -> Result<Option<Job>> {
    let (source, health) = match fetch(compactor, meta, dir).await? {
        Fetched::Sound { dir, health } => (dir, health),
        Fetched::Damaged(fact) => {
            compactor.fence(meta.ulid, &fact).await?;
            return Ok(None);
        }
    };
    if !is_accepted(compactor, meta.ulid, &health) {
        return Ok(None);
    }
    let made = match coarser(compactor, source, wanted, dir).await? {
        Ok(made) => made,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            let fact =
                culprit(&error, &[meta.ulid]).map_or_else(|| error.chain(), |(_, fact)| fact);
            compactor.fence(meta.ulid, &fact).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let mut made = made.into_iter().map_while(|made| made);
    let Some(first) = made.next() else {
        tracing::warn!(block = %meta.ulid, "nothing is left of the block when it is downsampled");
        return Ok(None);
    };
    let id = first.meta.ulid;
    let job = publish(compactor, meta, first).await?;
    compactor.ready.keep(id, made, ready);
    Ok(Some(job))
}

/// Whether a block with such an index may be downsampled; otherwise it is named.
pub(super) fn is_accepted(compactor: &Compactor, block: BlockId, health: &Health) -> bool {
    if health.is_clean() || compactor.config.accept_malformed_index {
        return true;
    }
    let what = format!(
        "index: {} chunks outside the block, {} out of order, {} label names out of order; not downsampled",
        health.outside_chunks, health.out_of_order_chunks, health.out_of_order_labels
    );
    compactor.journal.attention(Some(block), what);
    false
}

async fn coarser(
    compactor: &Compactor,
    source: PathBuf,
    wanted: &[Resolution],
    parent: &Path,
) -> Result<tsdb::Result<Vec<Option<Downsampled>>>> {
    let target = |&resolution: &Resolution| Target {
        id: compactor.world.block_id(),
        resolution,
    };
    let targets: Vec<Target> = wanted.iter().map(target).collect();
    let (parent, threads) = (parent.to_owned(), compactor.config.threads.get());
    let budget = compactor.config.budget.clone();
    blocking(move || downsample(Block::open(&source)?, &parent, &targets, threads, &budget)).await
}

/// Looks at the new block, notes its largest things, uploads it.
async fn publish(compactor: &Compactor, source: &BlockMeta, made: Downsampled) -> Result<Job> {
    let range = source.range();
    compactor.world.keep(&made.dir);
    let looking = blocking(move || {
        let health = build::health_of_new(&made.dir, range, &made.ranges);
        health.map(|health| (made, health))
    });
    let (made, health) = looking.await??;
    let Downsampled { dir, mut meta, .. } = made;
    complete(compactor, source, &mut meta, &health)?;
    let (dir, meta, bytes_written) = blocking(move || {
        write_whole(&dir.join(META), &meta.to_json())?;
        let bytes = build::size_bytes(&dir)?;
        Ok::<_, BlockError>((dir, meta, bytes))
    })
    .await??;
    upload_block(compactor, meta.ulid, &dir).await?;
    Ok(job_of(source, &meta, bytes_written))
}

/// Gives a new block the labels of its source and what was measured of its index, which must be sound.
pub(super) fn complete(
    compactor: &Compactor,
    source: &BlockMeta,
    meta: &mut BlockMeta,
    health: &Health,
) -> Result<()> {
    if !health.is_clean() && !compactor.config.accept_malformed_index {
        return Err(Error::Died(format!(
            "the new block is not sound: {health:?}"
        )));
    }
    let part = meta.thanos.get_or_insert_default();
    // Those of the group: replica labels are taken off.
    let labels = source.thanos.as_ref().map(|part| part.labels.clone());
    part.labels = labels.unwrap_or_default();
    note_stats(
        &mut part.series_max_size,
        &mut part.chunk_max_size,
        health.stats,
    );
    Ok(())
}

/// What was done.
pub(super) fn job_of(source: &BlockMeta, meta: &BlockMeta, bytes_written: u64) -> Job {
    tracing::info!(block = %meta.ulid, source = %source.ulid, resolution_ms = meta.resolution().0, "block downsampled");
    Job {
        kind: JobKind::Downsample,
        group: meta.group_key(),
        inputs: vec![source.ulid],
        output: Some(meta.ulid),
        found: false,
        resolution_ms: meta.resolution().0,
        bytes_read: 0,
        bytes_written,
        series: meta.stats.num_series,
        samples: meta.stats.num_samples,
        series_sorted: 0,
        seconds: 0.0,
    }
}

/// What was not measured keeps the source's value, as in Thanos.
fn note_stats(series: &mut i64, chunk: &mut i64, measured: IndexStats) {
    if measured.series_max_size > 0 {
        *series = measured.series_max_size;
    }
    if measured.chunk_max_size > 0 {
        *chunk = measured.chunk_max_size;
    }
}
