//! `stratal bucket …`: one function per tool, in the order of the help text.
//!
//! `cleanup`, `retention` and `downsample` are steps of the compactor; the others only look, and are in `bucket_tools`.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use bucket_tools::report::Format;
use bucket_tools::select::Selection;
use bucket_tools::{inspect, ls, mark, verify};
use compactor::config::Config;
use compactor::metrics::Metrics;
use compactor::{Compactor, Report, cycle};
use prometheus_client::registry::Registry;
use tsdb::bucket::Bucket;
use tsdb::time::Interval;

use super::open::{self, Usage};
use super::{Outcome, compact};
use crate::cli::bucket::{
    ApplyRetentionFlags, BucketCommand, BucketFlags, CleanupFlags, DelayFlags, DownsampleFlags,
    Form, InspectFlags, LsFlags, MarkFlags, Marker, VerifyFlags,
};
use crate::cli::shared::{HashFunc, SelectorFlags, TimeFlags};
use crate::objstore::Opened;
use crate::{clock, output};

/// Blocks verified side by side; each is read by one thread.
const VERIFY_CONCURRENCY: usize = 4;

/// Runs one tool.
///
/// # Errors
/// Whatever the tool failed with.
pub(super) fn run(flags: &BucketFlags) -> anyhow::Result<Outcome> {
    let opened = open::opened(&flags.objstore)?;
    let bucket = &opened.bucket;
    match &flags.command {
        BucketCommand::Ls(flags) => list(bucket, flags),
        BucketCommand::Inspect(flags) => look(bucket, flags),
        BucketCommand::Verify(flags) => check(bucket, flags),
        BucketCommand::Mark(flags) => put_mark(bucket, flags),
        BucketCommand::Cleanup(flags) => cleanup(opened, flags),
        BucketCommand::Retention(flags) => retention(opened, flags),
        BucketCommand::Downsample(flags) => downsample(opened, flags),
    }
}

fn list(bucket: &Bucket, flags: &LsFlags) -> anyhow::Result<Outcome> {
    let selection = Selection {
        times: Some(times(&flags.time)),
        relabel: Some(open::selector(&flags.selector)?),
        exclude_marked: flags.exclude_delete,
        ..Selection::default()
    };
    let mut text = Vec::new();
    within(
        flags.limit.timeout,
        ls::run(bucket, &selection, &flags.output, &mut text),
    )??;
    output::stdout(|out| Ok(out.write_all(&text)?))?;
    Ok(Outcome::Done)
}

fn look(bucket: &Bucket, flags: &InspectFlags) -> anyhow::Result<Outcome> {
    let format = format(flags.table.output);
    let options = inspect::Options {
        labels: flags.selector.clone(),
        sort_by: flags.sort_by.clone(),
        with_marks: matches!(format, Format::Wide | Format::Json),
        ..inspect::Options::default()
    };
    let report = within(flags.limit.timeout, inspect::run(bucket, &options))??;
    output::stdout(|out| Ok(report.write(format, out)?))?;
    Ok(Outcome::Done)
}

fn check(bucket: &Bucket, flags: &VerifyFlags) -> anyhow::Result<Outcome> {
    if flags.repair {
        let text = "--repair is refused: look at what is found, and take a block out with 'stratal bucket mark'";
        return Err(Usage(text.to_owned()).into());
    }
    let scratch = Scratch::new("verify")?;
    let options = verify::Options {
        selection: Selection {
            ids: flags.id.iter().copied().collect(),
            ..Selection::default()
        },
        checks: match flags.issues.as_slice() {
            [] => verify::Check::ALL.to_vec(),
            some => some.to_vec(),
        },
        work_dir: scratch.0.clone(),
        concurrency: VERIFY_CONCURRENCY,
    };
    let verified = open::block_on(verify::run(bucket, &options))??;
    output::stdout(|out| {
        if !verified.findings.is_empty() {
            verified.report().write(format(flags.table.output), out)?;
        }
        Ok(())
    })?;
    tracing::info!(
        blocks = verified.blocks,
        series = verified.counts.series,
        chunks = verified.counts.chunks,
        samples = verified.counts.samples,
        findings = verified.findings.len() as u64 + verified.more,
        damaged = verified.is_damaged(),
        "verified"
    );
    Ok(if verified.is_damaged() {
        Outcome::NeedsPerson
    } else {
        Outcome::Done
    })
}

fn put_mark(bucket: &Bucket, flags: &MarkFlags) -> anyhow::Result<Outcome> {
    let options = mark::Options {
        ids: flags.id.clone(),
        kind: match flags.marker {
            Marker::Deletion => tsdb::mark::MarkKind::Deletion,
            Marker::NoCompact => tsdb::mark::MarkKind::NoCompact,
            Marker::NoDownsample => tsdb::mark::MarkKind::NoDownsample,
        },
        details: flags.details.clone().unwrap_or_default(),
        remove: flags.remove,
    };
    let marked = open::block_on(mark::run(bucket, &options, clock::now()))??;
    for (block, outcome) in marked {
        let mark = options.kind.file_name();
        tracing::info!(%block, mark, outcome = ?outcome, "mark");
    }
    Ok(Outcome::Done)
}

fn cleanup(opened: Opened, flags: &CleanupFlags) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new("cleanup")?;
    let config = tool_config(&scratch, &flags.selector, &flags.delay)?;
    step(opened, config, async |compactor| {
        cycle::cleanup(compactor).await
    })
}

fn retention(opened: Opened, flags: &ApplyRetentionFlags) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new("retention")?;
    let config = Config {
        retention: compact::retention(&flags.retention),
        // Whoever calls this tool by hand may keep blocks for less than downsampling needs.
        downsample: false,
        ..tool_config(&scratch, &flags.selector, &flags.delay)?
    };
    step(opened, config, async |compactor| {
        cycle::apply_retention(compactor).await
    })
}

fn downsample(opened: Opened, flags: &DownsampleFlags) -> anyhow::Result<Outcome> {
    let config = Config {
        downsamplings: compact::at_least_one("downsample.concurrency", flags.concurrency)?,
        files: compact::at_least_one("block-files-concurrency", flags.block_files_concurrency)?,
        hash_files: flags.hash_func == HashFunc::Sha256,
        consistency_delay: tsdb::time::Millis(0),
        ..Config::new(flags.data_dir.clone())
    };
    step(opened, config, async |compactor| {
        cycle::downsample(compactor).await
    })
}

fn step(
    opened: Opened,
    config: Config,
    work: impl AsyncFnOnce(&Compactor) -> compactor::Result<Report>,
) -> anyhow::Result<Outcome> {
    let metrics = Metrics::register(&mut Registry::default());
    let report = open::block_on(async {
        let compactor = compact::begin(open::writable(opened).await?, config, metrics)?;
        anyhow::Ok(work(&compactor).await?)
    })??;
    Ok(compact::finish(&report))
}

fn tool_config(
    scratch: &Scratch,
    selector: &SelectorFlags,
    delay: &DelayFlags,
) -> anyhow::Result<Config> {
    Ok(Config {
        shard: open::selector(selector)?,
        consistency_delay: delay.consistency_delay,
        delete_delay: delay.delete_delay,
        metas: compact::at_least_one("block-sync-concurrency", delay.block_sync_concurrency)?,
        ..Config::new(scratch.0.clone())
    })
}

fn times(flags: &TimeFlags) -> Interval {
    let now = clock::now();
    Interval::new(flags.min_time.resolve(now), flags.max_time.resolve(now))
}

fn format(form: Form) -> Format {
    match form {
        Form::Table => Format::Table,
        Form::Wide => Format::Wide,
        Form::Json => Format::Json,
        Form::Csv => Format::Csv,
        Form::Tsv => Format::Tsv,
    }
}

/// Does `work` within `limit`. The timer counts in milliseconds, so less than one is no time at all.
fn within<T>(limit: Duration, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let gave_up = || format!("gave up after {limit:?} (--timeout)");
    anyhow::ensure!(limit >= Duration::from_millis(1), gave_up());
    let work = async { tokio::time::timeout(limit, work).await };
    open::block_on(work)?.with_context(gave_up)
}

/// A directory that goes when the tool is done.
struct Scratch(PathBuf);

impl Scratch {
    fn new(tool: &str) -> anyhow::Result<Self> {
        let name = format!("stratal-{tool}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: it lies among temporary files and has the number of this process in its name.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
