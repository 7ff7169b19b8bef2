//! `stratal demo`: two replicas' blocks in a bucket, compacted, deduplicated, downsampled, and checked.
//!
//! 1. [`make`]: generate what two Prometheus servers scraping the same targets would have uploaded.
//! 2. Compact with replica label, penalty and no delays, exactly as `stratal compact` would.
//! 3. [`check`]: every promise of every block, and every sample against what was generated.
//!
//! The bucket stays for the commands that are suggested at the end. A directory that no demo made is never touched.

mod check;
mod make;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use compactor::config::Config;
use compactor::cycle;
use compactor::metrics::Metrics;
use prometheus_client::registry::Registry;
use tsdb::bucket::Bucket;
use tsdb::merge::MergeFunc;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

use super::{Outcome, compact, open};
use crate::cli::demo::DemoFlags;
use crate::output;

/// Says that a directory may be replaced.
const MARKER: &str = "made-by-stratal-demo";

/// Generates, compacts, checks, tells.
pub(super) fn run(flags: &DemoFlags) -> anyhow::Result<Outcome> {
    let temporary = || std::env::temp_dir().join("stratal-demo");
    let dir = flags.dir.clone().unwrap_or_else(temporary);
    let root = prepare(&dir)?;
    let bucket = Bucket::open_local(&root, "")?;
    let fleet = make::Fleet::new(flags.small)?;
    output::text(&fleet.describe())?;
    make::upload(&fleet, &bucket, &dir.join("server"))?;
    let before = metas(&root)?;
    output::text("\nbefore\n")?;
    show(&before)?;
    let metrics = Metrics::register(&mut Registry::default());
    let compactor = compact::begin(bucket, config(dir.join("scratch")), metrics)?;
    let report = open::block_on(async {
        cycle::run(&compactor).await?;
        // The last sources are marked; without a delay they can go at once.
        cycle::cleanup(&compactor).await
    })??;
    let after = metas(&root)?;
    output::text("\nafter compaction, deduplication and downsampling\n")?;
    show(&after)?;
    let outcome = compact::finish(&report);
    if outcome != Outcome::Done {
        return Ok(outcome);
    }
    let checked = check::run(&fleet, &root, &after)?;
    output::text(&format!("\n{checked}\n"))?;
    suggest(&dir, &after)?;
    Ok(Outcome::Done)
}

/// Makes an empty bucket in `dir`, in place of what an earlier demo left.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    let at = || format!("prepare {}", dir.display());
    let marker = dir.join(MARKER);
    let is_empty = !dir.exists() || fs::read_dir(dir).with_context(at)?.next().is_none();
    anyhow::ensure!(
        is_empty || marker.exists(),
        "{} holds something that no demo made; give another --dir",
        dir.display()
    );
    if !is_empty {
        fs::remove_dir_all(dir).with_context(at)?;
    }
    let root = dir.join("bucket");
    fs::create_dir_all(&root).with_context(at)?;
    fs::write(&marker, "").with_context(at)?;
    let yaml = format!(
        "type: FILESYSTEM\nconfig:\n  directory: {}\n",
        serde_json::to_string(&root)?
    );
    fs::write(dir.join("bucket.yml"), yaml).with_context(at)?;
    Ok(root)
}

fn config(scratch: PathBuf) -> Config {
    Config {
        consistency_delay: Millis(0),
        delete_delay: Millis(0),
        replica_labels: vec![make::REPLICA_LABEL.to_owned()],
        merge: MergeFunc::Penalty,
        groups: NonZeroUsize::MIN,
        ..Config::new(scratch)
    }
}

/// The metas of all blocks in the bucket, by resolution and time.
fn metas(root: &Path) -> anyhow::Result<Vec<BlockMeta>> {
    let mut metas = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path().join(tsdb::bucket::META_FILE);
        if path.exists() {
            metas.push(BlockMeta::from_json(&fs::read(&path)?)?);
        }
    }
    metas.sort_by_key(|meta| (meta.resolution().0, meta.min_time, meta.ulid));
    Ok(metas)
}

/// A row per resolution.
fn show(metas: &[BlockMeta]) -> anyhow::Result<()> {
    let levels = [
        ("raw", Resolution::RAW),
        ("5m", Resolution::FIVE_MINUTES),
        ("1h", Resolution::ONE_HOUR),
    ];
    output::stdout(|out| {
        writeln!(
            out,
            "  {:10} {:>7} {:>9} {:>12} {:>12}",
            "resolution", "blocks", "series", "samples", "bytes"
        )?;
        for (name, level) in levels {
            let blocks: Vec<_> = metas
                .iter()
                .filter(|meta| meta.resolution() == level)
                .collect();
            let sum =
                |value: fn(&BlockMeta) -> u64| blocks.iter().map(|meta| value(meta)).sum::<u64>();
            // The same series is in many blocks; the widest block has nearly all.
            let series = blocks
                .iter()
                .map(|meta| meta.stats.num_series)
                .max()
                .unwrap_or(0);
            let samples = sum(|meta| meta.stats.num_samples);
            writeln!(
                out,
                "  {name:10} {:>7} {series:>9} {samples:>12} {:>12}",
                blocks.len(),
                sum(size_bytes)
            )?;
        }
        Ok(())
    })
}

fn size_bytes(meta: &BlockMeta) -> u64 {
    let files = meta.thanos.as_ref().map_or(&[][..], |part| &part.files);
    files.iter().filter_map(|file| file.size_bytes).sum()
}

fn suggest(dir: &Path, after: &[BlockMeta]) -> anyhow::Result<()> {
    let yaml = dir.join("bucket.yml");
    let yaml = yaml.display();
    let block = after
        .first()
        .map_or_else(String::new, |meta| meta.ulid.to_string());
    let block = dir.join("bucket").join(block);
    output::stdout(|out| {
        writeln!(out, "\nnext, try")?;
        writeln!(
            out,
            "  stratal bucket inspect --objstore.config-file={yaml} -o wide"
        )?;
        writeln!(out, "  stratal bucket verify --objstore.config-file={yaml}")?;
        writeln!(out, "  stratal block analyze {}", block.display())?;
        writeln!(
            out,
            "  stratal block dump --match '{{__name__=\"up\"}}' {} | head",
            block.display()
        )?;
        writeln!(out, "  stratal compact --help")?;
        Ok(())
    })
}
