//! `stratal compact`: one pass of the compactor over a bucket.
//!
//! Flags become a [`compactor::Config`] one to one. What was done goes to the log, to `--report` as JSON and to
//! `--metrics-file` as the text that Prometheus reads; both files appear whole or not at all.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use compactor::config::Config;
use compactor::metrics::Metrics;
use compactor::report::Report;
use compactor::retention::Retention;
use compactor::stop::Stop;
use compactor::{Compactor, cycle};
use prometheus_client::registry::Registry;
use tsdb::bucket::Bucket;
use tsdb::merge::MergeFunc;
use tsdb::time::{Interval, Millis};

use super::Outcome;
use super::open::{self, System, Usage};
use crate::cli::compact::{CompactFlags, DedupFunc, Discovery, Scratch};
use crate::cli::shared::{HashFunc, RetentionFlags};
use crate::progress::Bar;
use crate::{clock, shutdown};

/// How often a bar is drawn anew: often enough for an eye, too seldom to cost anything.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Compacts, downsamples and cleans until nothing is due.
pub(super) fn run(flags: &CompactFlags) -> anyhow::Result<Outcome> {
    let places = [&flags.report, &flags.metrics_file];
    for path in places.into_iter().flatten() {
        check_place(path)?;
    }
    let opened = open::opened(&flags.objstore)?;
    let config = config(flags)?;
    let mut registry = Registry::default();
    opened.metrics.register(&mut registry);
    let metrics = Metrics::register(&mut registry);
    let report = open::block_on(async {
        let compactor = begin(open::writable(opened).await?, config, metrics)?;
        anyhow::Ok(watched(&compactor, cycle::run(&compactor)).await?)
    })?;
    if let Some(path) = &flags.metrics_file {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        write_whole(path, text.as_bytes())?;
    }
    let report = report?;
    if let Some(path) = &flags.report {
        let mut json = serde_json::to_vec_pretty(&report)?;
        json.push(b'\n');
        write_whole(path, &json)?;
    }
    Ok(finish(&report))
}

/// A compactor that stops where a signal asks for it.
pub(super) fn begin(bucket: Bucket, config: Config, metrics: Metrics) -> anyhow::Result<Compactor> {
    let holder = format!("stratal, process {}", std::process::id());
    let begun = Compactor::begin(bucket, config, Arc::new(System), metrics, &holder);
    let mut compactor = begun.map_err(|error| match error {
        compactor::Error::Config(text) => Usage(text).into(),
        other => anyhow::Error::from(other),
    })?;
    compactor.stop = Stop::new(shutdown::flag());
    Ok(compactor)
}

/// Carries a run on, with a bar of its jobs for whoever watches.
pub(super) async fn watched<T>(compactor: &Compactor, run: impl Future<Output = T>) -> T {
    let bar = Bar::start("compact and downsample", 0);
    let mut run = std::pin::pin!(run);
    loop {
        tokio::select! {
            done = &mut run => return done,
            () = tokio::time::sleep(LOOK_EVERY) => {
                let progress = compactor.progress();
                bar.show(progress.done, progress.known);
            }
        }
    }
}

/// Says in one line what a run came to.
pub(super) fn finish(report: &Report) -> Outcome {
    tracing::info!(
        jobs = report.jobs.len(),
        marked = report.marked.len(),
        deleted = report.deleted.len(),
        fenced = report.fenced.len(),
        attention = report.attention.len(),
        failures = report.failures.len(),
        seconds = report.seconds,
        stopped = report.stopped,
        "run finished"
    );
    match report.outcome() {
        compactor::Outcome::Done => Outcome::Done,
        compactor::Outcome::Failed => Outcome::Failed,
        compactor::Outcome::NeedsPerson => Outcome::NeedsPerson,
    }
}

fn config(flags: &CompactFlags) -> anyhow::Result<Config> {
    let now = clock::now();
    let debug = &flags.debug;
    let parallel = &flags.concurrency;
    Ok(Config {
        times: Interval::new(
            flags.time.min_time.resolve(now),
            flags.time.max_time.resolve(now),
        ),
        shard: open::selector(&flags.selector)?,
        consistency_delay: flags.consistency_delay,
        delete_delay: flags.delete_delay,
        replica_labels: flags.replica_labels.clone(),
        merge: match flags.dedup_func {
            DedupFunc::OneToOne => MergeFunc::OneToOne,
            DedupFunc::Penalty => MergeFunc::Penalty,
        },
        vertical: debug.enable_vertical,
        level_max: debug.max_compaction_level,
        index_limit_bytes: debug.block_max_index_size,
        skip_out_of_order: debug.skip_out_of_order,
        accept_malformed_index: debug.accept_malformed_index,
        groups: at_least_one("compact.concurrency", parallel.compact)?,
        fetches: at_least_one("compact.blocks-fetch-concurrency", parallel.blocks_fetch)?,
        files: at_least_one("block-files-concurrency", parallel.block_files)?,
        metas: at_least_one("block-meta-fetch-concurrency", parallel.meta_fetch)?,
        downsamplings: at_least_one("downsample.concurrency", parallel.downsample)?,
        budget: parallel.memory_limit.budget(),
        downsample: !flags.downsampling_disable,
        retention: retention(&flags.retention),
        hash_files: flags.hash_func == HashFunc::Sha256,
        list_recursively: flags.discovery == Discovery::Recursive,
        scratch: match &flags.scratch {
            None => Some(flags.data_dir.clone()),
            Some(Scratch::Dir(dir)) => Some(dir.clone()),
            Some(Scratch::None) => None,
        },
        ..Config::new(flags.data_dir.clone())
    })
}

/// How long to keep blocks.
pub(super) fn retention(flags: &RetentionFlags) -> Retention {
    let duration = |keep: Millis| Duration::from_millis(u64::try_from(keep.0).unwrap_or(0));
    Retention {
        raw: duration(flags.retention_raw),
        five_minutes: duration(flags.retention_5m),
        one_hour: duration(flags.retention_1h),
    }
}

/// A number of things done side by side.
pub(super) fn at_least_one(flag: &str, value: usize) -> anyhow::Result<NonZeroUsize> {
    NonZeroUsize::new(value).ok_or_else(|| Usage(format!("--{flag} must be at least 1")).into())
}

/// Complains before hours of work, not after them, where a result could not be written.
fn check_place(path: &Path) -> anyhow::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let there = dir.is_none_or(Path::is_dir) && !path.is_dir();
    anyhow::ensure!(
        there,
        "write {}: not a file in a directory that exists",
        path.display()
    );
    Ok(())
}

/// Writes beside the place and renames, so that a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("write {}", path.display()))
}
