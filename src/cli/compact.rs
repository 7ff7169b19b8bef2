//! `stratal compact`: Thanos' flags, hidden ones included, and two of ours for scheduled runs.
//!
//! Every flag of `thanos compact` is here, hidden ones too. Those of the daemon are known only to say that they come with
//! the service. What a run does with them is in [`crate::command`].

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tsdb::time::Millis;

use super::shared::{self, HashFunc, ObjstoreFlags, RetentionFlags, SelectorFlags, TimeFlags};
use super::value;
use crate::memory::{self, MemoryLimit};

/// Where blocks are on their way.
#[derive(Debug, Clone)]
pub(crate) enum Scratch {
    /// In a directory.
    Dir(PathBuf),
    /// On no disk.
    None,
}

fn scratch(text: &str) -> Result<Scratch, String> {
    match text {
        "" => Err("give a directory, or none".into()),
        "none" => Ok(Scratch::None),
        dir => Ok(Scratch::Dir(dir.into())),
    }
}

/// Flags of `stratal compact`.
#[derive(Debug, Args)]
pub(crate) struct CompactFlags {
    /// Where the bucket is.
    #[command(flatten)]
    pub(crate) objstore: ObjstoreFlags,
    /// Which blocks.
    #[command(flatten)]
    pub(crate) selector: SelectorFlags,
    /// Which times.
    #[command(flatten)]
    pub(crate) time: TimeFlags,
    /// How long to keep them.
    #[command(flatten)]
    pub(crate) retention: RetentionFlags,
    /// What is done in parallel.
    #[command(flatten)]
    pub(crate) concurrency: ConcurrencyFlags,
    /// What only tests and emergencies need.
    #[command(flatten)]
    pub(crate) debug: DebugFlags,
    /// Scratch directory; one run at a time holds it.
    #[arg(long = "data-dir", value_name = "DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Where blocks are on their way: a directory, or `none` to read and write them in the bucket without a disk. By default the
    /// scratch directory.
    #[arg(long = "scratch", value_name = "DIR|none", value_parser = scratch)]
    pub(crate) scratch: Option<Scratch>,
    /// Age below which a block is left alone unless a compactor made it, because it may still be on its way.
    #[arg(long = "consistency-delay", value_name = "DURATION", default_value = "30m", value_parser = value::millis)]
    pub(crate) consistency_delay: Millis,
    /// Time between a block's deletion mark and its deletion; 0s deletes at once, which readers may notice.
    #[arg(long = "delete-delay", value_name = "DURATION", default_value = "48h", value_parser = value::millis)]
    pub(crate) delete_delay: Millis,
    /// External label that tells replicas apart; repeat it or separate with commas. Blocks that differ only in it are merged.
    #[arg(
        long = "deduplication.replica-label",
        value_name = "LABEL",
        value_delimiter = ','
    )]
    pub(crate) replica_labels: Vec<String>,
    /// How replicas become one: `penalty` for scrapers, nothing for exact copies.
    #[arg(long = "deduplication.func", value_name = "FUNC", default_value = "", hide_default_value = true, value_parser = dedup_func)]
    pub(crate) dedup_func: DedupFunc,
    /// Make no downsampled blocks; long ranges are then slow to read.
    #[arg(long = "downsampling.disable")]
    pub(crate) downsampling_disable: bool,
    /// Hash of uploaded files that meta.json should name: SHA256, or nothing.
    #[arg(long = "hash-func", value_name = "FUNC", default_value = "", hide_default_value = true, value_parser = shared::hash_func)]
    pub(crate) hash_func: HashFunc,
    /// How blocks are found in the bucket.
    #[arg(
        long = "block-discovery-strategy",
        value_enum,
        value_name = "STRATEGY",
        default_value = "concurrent"
    )]
    pub(crate) discovery: Discovery,
    /// Write what was done as JSON: each job, bytes, samples, seconds, fenced blocks.
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the metrics of this run as text, for a collector of text files.
    #[arg(long = "metrics-file", value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,
}

/// What is done in parallel.
#[derive(Debug, Args)]
#[command(next_help_heading = "Concurrency")]
pub(crate) struct ConcurrencyFlags {
    /// Groups compacted at the same time; a group has never more than one job.
    #[arg(long = "compact.concurrency", value_name = "N", default_value_t = 1)]
    pub(crate) compact: usize,
    /// Blocks of one job downloaded at the same time.
    #[arg(
        long = "compact.blocks-fetch-concurrency",
        value_name = "N",
        default_value_t = 1
    )]
    pub(crate) blocks_fetch: usize,
    /// Blocks downsampled at the same time.
    #[arg(long = "downsample.concurrency", value_name = "N", default_value_t = 1)]
    pub(crate) downsample: usize,
    /// Files of one block downloaded or uploaded at the same time.
    #[arg(
        long = "block-files-concurrency",
        value_name = "N",
        default_value_t = 1
    )]
    pub(crate) block_files: usize,
    /// Block metas fetched at the same time.
    #[arg(
        long = "block-meta-fetch-concurrency",
        value_name = "N",
        default_value_t = 32
    )]
    pub(crate) meta_fetch: usize,
    /// Most memory that merging and downsampling hold, or `auto`: a quarter of what the machine or its control group has.
    #[arg(long = "memory-limit", value_name = "BYTES", default_value = "auto", value_parser = memory::parse)]
    pub(crate) memory_limit: MemoryLimit,
}

/// What only tests and emergencies need; hidden, as in Thanos.
#[derive(Debug, Args)]
pub(crate) struct DebugFlags {
    /// Highest level to compact to.
    #[arg(
        long = "debug.max-compaction-level",
        hide = true,
        value_name = "LEVEL",
        default_value_t = 4
    )]
    pub(crate) max_compaction_level: usize,
    /// Read on where an index breaks rules that readers can live with.
    #[arg(long = "debug.accept-malformed-index", hide = true)]
    pub(crate) accept_malformed_index: bool,
    /// Ask for no halt; a bad block halts nothing here in any case.
    #[arg(long = "no-debug.halt-on-error", hide = true)]
    pub(crate) no_halt_on_error: bool,
    /// Merge blocks of one group that overlap; implied by a replica label.
    #[arg(long = "compact.enable-vertical-compaction", hide = true)]
    pub(crate) enable_vertical: bool,
    /// Mark blocks whose chunks are out of order, instead of sorting them.
    #[arg(long = "compact.skip-block-with-out-of-order-chunks", hide = true)]
    pub(crate) skip_out_of_order: bool,
    /// Size of an index past which blocks are not merged further.
    #[arg(long = "compact.block-max-index-size", hide = true, value_name = "SIZE", default_value = "64GB", value_parser = value::bytes)]
    pub(crate) block_max_index_size: u64,
    /// A label of the block viewer, which comes with the service; without effect here.
    #[arg(long = "bucket-web-label", hide = true, value_name = "LABEL")]
    pub(crate) bucket_web_label: Option<String>,
    /// A switch of the block viewer, which comes with the service; without effect here.
    #[arg(long = "disable-admin-operations", hide = true)]
    pub(crate) disable_admin_operations: bool,
}

/// How replicas become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DedupFunc {
    /// Samples with equal timestamps are one.
    OneToOne,
    /// Penalty deduplication.
    Penalty,
}

fn dedup_func(text: &str) -> Result<DedupFunc, String> {
    match text {
        "" => Ok(DedupFunc::OneToOne),
        "penalty" => Ok(DedupFunc::Penalty),
        _ => Err("must be penalty or empty".to_owned()),
    }
}

/// How blocks are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Discovery {
    /// One listing of the top, one look per block.
    Concurrent,
    /// One listing of everything.
    Recursive,
}
