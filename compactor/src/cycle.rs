//! One run, from the first look at the bucket to the last deletion.
//!
//! Reads like the crate's documentation. A step that fails is in the report; only a bucket that cannot be looked at and a wish to
//! stop end a run early.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures::StreamExt as _;

use crate::compact::{self, Step};
use crate::compactor::Compactor;
use crate::error::{Error, Result};
use crate::group::{self, Group};
use crate::plan::Planner;
use crate::report::Report;
use crate::sync::Syncer;
use crate::view::View;
use crate::{clean, downsample_due, progress, ranges, retention};

/// Passes of downsampling: the first makes five-minute blocks, the second one-hour blocks of them.
const DOWNSAMPLING_PASSES: usize = 2;

/// Compacts, downsamples and cleans until nothing is due.
///
/// # Errors
/// Where the bucket cannot be looked at.
pub async fn run(compactor: &Compactor) -> Result<Report> {
    report(compactor, everything(compactor).await)
}

async fn everything(compactor: &Compactor) -> Result<()> {
    let mut syncer = Syncer::new(compactor);
    compact_all(compactor, &mut syncer).await?;
    if compactor.config.downsample {
        for _ in 0..DOWNSAMPLING_PASSES {
            let view = look(compactor, &mut syncer).await?;
            show_progress(compactor, &view);
            crate::downsample::run::pass(compactor, &view).await?;
        }
        compactor.ready.clear()?;
    }
    let view = look(compactor, &mut syncer).await?;
    clean::mark_expired(compactor, &view).await?;
    clean::delete_abandoned(compactor, &view).await?;
    show_progress(compactor, &view);
    compactor.metrics.iterations.inc();
    Ok(())
}

/// Deletes what is marked long enough and uploads that died.
///
/// # Errors
/// Where the bucket cannot be looked at.
pub async fn cleanup(compactor: &Compactor) -> Result<Report> {
    let work = async {
        let view = look(compactor, &mut Syncer::new(compactor)).await?;
        clean::delete_abandoned(compactor, &view).await?;
        clean::delete_marked(compactor, &view).await
    };
    report(compactor, work.await)
}

/// Marks what has outlived its retention.
///
/// # Errors
/// Where the bucket cannot be looked at.
pub async fn apply_retention(compactor: &Compactor) -> Result<Report> {
    let work = async {
        let view = look(compactor, &mut Syncer::new(compactor)).await?;
        clean::mark_expired(compactor, &view).await
    };
    report(compactor, work.await)
}

/// Downsamples until nothing is due.
///
/// # Errors
/// Where the bucket cannot be looked at.
pub async fn downsample(compactor: &Compactor) -> Result<Report> {
    let work = async {
        let mut syncer = Syncer::new(compactor);
        loop {
            let view = look(compactor, &mut syncer).await?;
            if !crate::downsample::run::pass(compactor, &view).await? {
                return Ok(());
            }
        }
    };
    report(compactor, work.await)
}

fn report(compactor: &Compactor, done: Result<()>) -> Result<Report> {
    let mut report = compactor.journal.end(compactor.now());
    match done {
        Ok(()) => {}
        Err(Error::Stopped) => report.stopped = true,
        Err(error) => return Err(error),
    }
    Ok(report)
}

async fn look(compactor: &Compactor, syncer: &mut Syncer) -> Result<View> {
    compactor.stop.check()?;
    let view = async { syncer.view(compactor).await };
    compactor.stop.or(view).await
}

/// Steps on all groups, beside each other up to the bound, until none makes progress.
async fn compact_all(compactor: &Compactor, syncer: &mut Syncer) -> Result<()> {
    let mut given_up: BTreeSet<String> = BTreeSet::new();
    loop {
        let view = look(compactor, syncer).await?;
        clean::delete_marked(compactor, &view).await?;
        clean::mark_garbage(compactor, &view).await?;
        show_progress(compactor, &view);
        let mut groups = group::groups(view.blocks.values().cloned());
        groups.retain(|group| group.blocks.len() > 1 && !given_up.contains(&group.key));
        let steps = step_all(compactor, &view, &groups).await?;
        let progress = steps.iter().any(|(_, step)| *step == Step::Progress);
        let failed = steps.into_iter().filter(|(_, step)| *step == Step::Failed);
        given_up.extend(failed.map(|(key, _)| key));
        if !progress {
            return Ok(());
        }
    }
}

async fn step_all(
    compactor: &Compactor,
    view: &View,
    groups: &[Group],
) -> Result<Vec<(String, Step)>> {
    let steps = groups.iter().map(|group| async move {
        let step = compact::step(compactor, view, group).await;
        step.map(|step| (group.key.clone(), step))
    });
    // All of them end before a stop is passed on: each may be marking the sources of a block that it uploaded.
    let done: Vec<_> = futures::stream::iter(steps)
        .buffer_unordered(compactor.config.groups.get())
        .collect()
        .await;
    done.into_iter().collect()
}

/// Shows what is left to do.
fn show_progress(compactor: &Compactor, view: &View) {
    let (config, metrics) = (&compactor.config, &compactor.metrics);
    let groups = group::groups(view.blocks.values().cloned());
    let planner = Planner {
        levels: ranges::levels(config.level_max),
        index_limit_bytes: None,
        vertical: config.merges_overlaps(),
    };
    let due = progress::compactions_due(&groups, &planner, &view.no_compact);
    let blocks: Vec<_> = view.blocks.values().collect();
    let downsample = if config.downsample {
        downsample_due::due(&blocks).len()
    } else {
        0
    };
    let expired =
        retention::expired(view.blocks.values(), &config.retention, compactor.now()).len();
    let left = due.compactions + downsample as u64;
    let known = compactor.progress().done + left;
    compactor.jobs_known.store(known, Ordering::Relaxed);
    let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.todo_compactions.set(gauge(due.compactions));
    metrics.todo_compaction_blocks.set(gauge(due.blocks));
    metrics.todo_downsample_blocks.set(gauge(downsample as u64));
    metrics.todo_deletion_blocks.set(gauge(expired as u64));
}
