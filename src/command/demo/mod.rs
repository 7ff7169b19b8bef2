//! `stratal demo`: two replicas' blocks in a bucket, compacted, deduplicated, downsampled, and checked.
//!
//! 1. [`make`]: generate what two Prometheus servers scraping the same targets would have uploaded.
//! 2. Compact with replica label, penalty and no delays, exactly as `stratal compact` would.
//! 3. [`check`]: every promise of every block, and every sample against what was generated.
//!
//! The bucket stays for the commands that are suggested at the end. It is a directory unless a configuration names another one;
//! neither a directory nor blocks that no demo made are ever touched.

mod check;
mod make;
mod penalty;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use compactor::config::Config;
use compactor::cycle;
use compactor::metrics::Metrics;
use object_store::{ObjectStoreExt as _, PutPayload};
use prometheus_client::registry::Registry;
use tsdb::bucket::list::{self, Discovery};
use tsdb::bucket::sync::{MetaSync, SyncOptions};
use tsdb::bucket::{Bucket, delete, download};
use tsdb::merge::MergeFunc;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

use super::{Outcome, compact, open};
use crate::cli::demo::DemoFlags;
use crate::output::{self, GOOD, HEADING};

/// Says that a directory, or the blocks of a bucket, may be replaced.
const MARKER: &str = "made-by-stratal-demo";
/// Configuration of the bucket in the directory.
const BUCKET_FILE: &str = "bucket.yml";
/// Objects fetched at one time.
const FETCHES: usize = 4;

/// Generates, compacts, checks, tells.
pub(super) fn run(flags: &DemoFlags) -> anyhow::Result<Outcome> {
    let temporary = || std::env::temp_dir().join("stratal-demo");
    let dir = flags.dir.clone().unwrap_or_else(temporary);
    let root = prepare(&dir)?;
    let opened = match open::is_given(&flags.objstore) {
        true => open::opened(&flags.objstore)?,
        false => open::described(&fs::read_to_string(dir.join(BUCKET_FILE))?)?,
    };
    let bucket = open::block_on(open::writable(opened))??;
    open::block_on(claim(&bucket))??;
    let fleet = make::Fleet::new(flags.small)?;
    output::text(&fleet.describe())?;
    make::upload(&fleet, &bucket, &dir.join("server"))?;
    output::styled(HEADING, "\nbefore\n")?;
    show(&open::block_on(metas(&bucket))??)?;
    let metrics = Metrics::register(&mut Registry::default());
    let compactor = compact::begin(bucket.clone(), config(dir.join("scratch")), metrics)?;
    let work = async {
        cycle::run(&compactor).await?;
        // The last sources are marked; without a delay they can go at once.
        cycle::cleanup(&compactor).await
    };
    let report = open::block_on(compact::watched(&compactor, work))??;
    let after = open::block_on(metas(&bucket))??;
    output::styled(
        HEADING,
        "\nafter compaction, deduplication and downsampling\n",
    )?;
    show(&after)?;
    let outcome = compact::finish(&report);
    if outcome != Outcome::Done {
        return Ok(outcome);
    }
    if bucket.local_root().is_none() {
        open::block_on(fetch(&bucket, &after, &root))??;
    }
    let checked = check::run(&fleet, &root, &after)?;
    output::styled(GOOD, &format!("\n{checked}\n"))?;
    suggest(flags, &dir, &after)?;
    Ok(Outcome::Done)
}

/// Removes what an earlier demo left in the bucket, and says that this one is here.
async fn claim(bucket: &Bucket) -> anyhow::Result<()> {
    let marker = bucket.prefix.clone().join("debug").join(MARKER);
    let listing = list::discover(bucket, Discovery::Concurrent).await?;
    anyhow::ensure!(
        listing.blocks.is_empty() || bucket.head(&marker).await?.is_some(),
        "the bucket holds blocks that no demo made; give another bucket or another prefix"
    );
    for id in listing.blocks.into_keys() {
        delete::delete(bucket, id).await?;
    }
    bucket.store.put(&marker, PutPayload::new()).await?;
    Ok(())
}

/// Brings the blocks to where they can be checked.
async fn fetch(bucket: &Bucket, blocks: &[BlockMeta], root: &Path) -> anyhow::Result<()> {
    for block in blocks {
        download::download(bucket, block.ulid, root, FETCHES).await?;
    }
    Ok(())
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
    fs::write(dir.join(BUCKET_FILE), yaml).with_context(at)?;
    Ok(root)
}

fn config(scratch: PathBuf) -> Config {
    Config {
        consistency_delay: Millis(0),
        delete_delay: Millis(0),
        replica_labels: vec![make::REPLICA_LABEL.to_owned()],
        merge: MergeFunc::Penalty,
        groups: NonZeroUsize::MIN,
        // One walk costs less than four questions for each of hundreds of blocks.
        list_recursively: true,
        ..Config::new(scratch)
    }
}

/// The metas of all blocks in the bucket, by resolution and time.
async fn metas(bucket: &Bucket) -> anyhow::Result<Vec<BlockMeta>> {
    let view = MetaSync::new(bucket.clone(), SyncOptions::default())
        .sync()
        .await?;
    let mut metas: Vec<BlockMeta> = view.loaded.values().map(|meta| (**meta).clone()).collect();
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

fn suggest(flags: &DemoFlags, dir: &Path, after: &[BlockMeta]) -> anyhow::Result<()> {
    // A configuration that came as content is not repeated: it may hold keys.
    let given =
        open::is_given(&flags.objstore).then(|| flags.objstore.objstore_config_file.clone());
    let yaml = given.map_or_else(
        || dir.join(BUCKET_FILE),
        |file| file.unwrap_or_else(|| "FILE".into()),
    );
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
