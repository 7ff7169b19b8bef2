//! One step on one group: plan, fetch, look, merge, read again, upload, mark the sources.
//!
//! ```text
//! plan -> found already? -> space? -> fetch and look -> merge -> read again -> upload -> mark sources
//!          |                 |         |                 |
//!          verify, use it    fail      broken: fence it, and plan again without it
//! ```
//!
//! A step publishes at most one block, after which the bucket is looked at again; coarser ones made beside it wait for their turn.
//! Whatever goes wrong stays in its group; a damaged block is taken out and the rest goes on. Blocks go through scratch
//! space (`make`) or not (`in_bucket`). Up to the upload everything may be dropped at any point; from the end of the
//! upload to the last mark nothing may, and nothing waits for long.

mod choose;
mod in_bucket;
mod make;

use tsdb::id::BlockId;
use tsdb::meta::{BlockMeta, Resolution};

use crate::compactor::Compactor;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::metrics::count;
use crate::published::{self, Wanted};
use crate::report::{Job, seconds_between};
use crate::view::View;
use crate::work_dir::{self, Reservation, WorkDir};
use crate::{fetch, plan};

use choose::{Chosen, choose};
pub(crate) use in_bucket::publish_block;
pub(crate) use make::upload_block;
use make::{Made, empty_job, make};

/// Details of the deletion mark of a block that was compacted into another.
const SOURCE_DETAILS: &str = "source of compacted block";

/// What a compaction may write besides what it reads: the result, never larger than its inputs together.
const SPACE_FACTOR: u64 = 2;

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// Something changed; look again.
    Progress,
    /// It failed, and the group is left for the next run.
    Failed,
}

/// Takes one step on a group. Failures are in the report.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn step(compactor: &Compactor, view: &View, group: &Group) -> Result<Step> {
    let metrics = &compactor.metrics;
    count(&metrics.runs_started, group.resolution);
    match attempt(compactor, view, group).await {
        Ok(step) => {
            count(&metrics.runs_completed, group.resolution);
            Ok(step)
        }
        Err(Error::Stopped) => Err(Error::Stopped),
        Err(error) => {
            count(&metrics.compaction_failures, group.resolution);
            let what = format!(
                "compaction of group {} {}: {}",
                group.key,
                group.labels,
                error.chain()
            );
            compactor.note_failure(None, &error, what);
            Ok(Step::Failed)
        }
    }
}

async fn attempt(compactor: &Compactor, view: &View, group: &Group) -> Result<Step> {
    let Chosen {
        blocks: planned,
        coarser,
    } = choose(compactor, view, group).await?;
    if planned.is_empty() {
        return Ok(Step::Idle);
    }
    tracing::info!(group = group.key, labels = %group.labels, blocks = planned.len(), "compaction planned");
    let start = compactor.now();
    if let Some(step) = use_published(compactor, view, group, &planned).await? {
        return Ok(step);
    }
    let bytes_read = input_bytes(compactor, &planned).await?;
    let made = match &compactor.scratch {
        Some(work_dir) => {
            let (_space, coarser) = room(compactor, work_dir, bytes_read, coarser)?;
            let (dir, ready) = (work_dir.compaction(&group.key), work_dir.ready());
            work_dir::remove(&dir)?;
            let making = make(compactor, group, &planned, (&dir, &ready, &coarser));
            let made = compactor.stop.or(making).await;
            work_dir::leave(&dir, &made)?;
            made?
        }
        None => {
            let making = in_bucket::make(compactor, group, &planned);
            compactor.stop.or(making).await?
        }
    };
    let job = match made {
        Made::Excluded => return Ok(Step::Progress),
        Made::Nothing { emptied } => return mark_empty(compactor, group, &planned, emptied).await,
        Made::Block(job) => job,
    };
    mark_sources(compactor, &planned).await?;
    count(&compactor.metrics.compactions, group.resolution);
    if are_overlapping(&planned) {
        count(&compactor.metrics.vertical_compactions, group.resolution);
    }
    let seconds = seconds_between(start, compactor.now());
    compactor.journal.write(|report| {
        report.jobs.push(Job {
            bytes_read,
            seconds,
            ..*job
        });
    });
    Ok(Step::Progress)
}

/// Room for the result, and for coarser blocks beside it if there is that much: else there will be none.
fn room<'a>(
    compactor: &Compactor,
    work_dir: &'a WorkDir,
    bytes_read: u64,
    coarser: Vec<Resolution>,
) -> Result<(Reservation<'a>, Vec<Resolution>)> {
    let need = bytes_read.saturating_mul(SPACE_FACTOR);
    let more = need.saturating_add(bytes_read);
    if !coarser.is_empty()
        && let Ok(space) = compactor.reserve_if_free(work_dir, more)
    {
        return Ok((space, coarser));
    }
    Ok((compactor.reserve(work_dir, need)?, Vec::new()))
}

/// Bytes of all objects of these blocks.
async fn input_bytes(compactor: &Compactor, planned: &[&BlockMeta]) -> Result<u64> {
    let mut sum = 0_u64;
    for meta in planned {
        sum = sum.saturating_add(compactor.size_bytes(meta).await?);
    }
    Ok(sum)
}

/// Goes on from a block that an earlier run uploaded before it was cut off.
async fn use_published(
    compactor: &Compactor,
    view: &View,
    group: &Group,
    planned: &[&BlockMeta],
) -> Result<Option<Step>> {
    let ids: Vec<_> = planned.iter().map(|meta| meta.ulid).collect();
    let found = Wanted::compacted(planned).and_then(|wanted| published::find(view, &wanted, &ids));
    let Some(found) = found.filter(|found| !compactor.not_compacted.all().contains(&found.ulid))
    else {
        return Ok(None);
    };
    if let Some(fact) = fetch::verify(compactor, found).await? {
        compactor.fence(found.ulid, &fact).await?;
        return Ok(Some(Step::Progress));
    }
    tracing::info!(block = %found.ulid, "result of an earlier run is used");
    mark_sources(compactor, planned).await?;
    compactor.journal.write(|report| {
        report.jobs.push(Job {
            found: true,
            output: Some(found.ulid),
            series: found.stats.num_series,
            samples: found.stats.num_samples,
            ..empty_job(group, planned)
        });
    });
    Ok(Some(Step::Progress))
}

/// Marks the sources of a block that is whole in the bucket. Nothing stops this half way but a failure.
async fn mark_sources(compactor: &Compactor, planned: &[&BlockMeta]) -> Result<()> {
    for meta in planned {
        compactor
            .mark_for_deletion(meta.ulid, SOURCE_DETAILS)
            .await?;
    }
    Ok(())
}

/// Where no sample is left: inputs that say so themselves go.
async fn mark_empty(
    compactor: &Compactor,
    group: &Group,
    planned: &[&BlockMeta],
    emptied: Vec<BlockId>,
) -> Result<Step> {
    for &block in &emptied {
        compactor.mark_for_deletion(block, SOURCE_DETAILS).await?;
        compactor.not_compacted.add(block);
    }
    if emptied.is_empty() {
        for meta in planned {
            compactor.not_compacted.add(meta.ulid);
            let what = "compacting this block with its neighbours gives no sample, though its meta.json counts some";
            compactor.journal.attention(Some(meta.ulid), what);
        }
    }
    compactor
        .journal
        .write(|report| report.jobs.push(empty_job(group, planned)));
    Ok(Step::Progress)
}

fn are_overlapping(planned: &[&BlockMeta]) -> bool {
    let ranges: Vec<_> = planned.iter().map(|meta| meta.range()).collect();
    let all: Vec<_> = (0..ranges.len()).collect();
    !plan::first_overlap(&ranges, &all).is_empty()
}
