//! `stratal bucket …`, also as `stratal tools bucket …`: Thanos' flags, and our forms of output.
//!
//! Names, short letters and defaults are those of `thanos tools bucket`; forms of output that are ours come in addition.
//! What they do is in [`crate::command`].

use std::path::PathBuf;
use std::time::Duration;

use bucket_tools::{inspect, ls, verify};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Subcommand, ValueEnum};
use tsdb::id::BlockId;
use tsdb::time::Millis;

use super::shared::{self, HashFunc, ObjstoreFlags, RetentionFlags, SelectorFlags, TimeFlags};
use super::value;

/// What all tools for buckets take, and which of them.
#[derive(Debug, Args)]
pub(crate) struct BucketFlags {
    /// Where the bucket is.
    #[command(flatten)]
    pub(crate) objstore: ObjstoreFlags,
    /// Which tool.
    #[command(subcommand)]
    pub(crate) command: BucketCommand,
}

/// The tools for buckets, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// List the blocks
    Ls(LsFlags),
    /// Show what each block is: range, series, samples, chunks, bytes, labels
    Inspect(InspectFlags),
    /// Check every byte that a block promises; exit 3 where one does not hold
    Verify(VerifyFlags),
    /// Put a mark on blocks, or remove it
    Mark(MarkFlags),
    /// Delete blocks whose deletion mark is old enough, and partial uploads
    Cleanup(CleanupFlags),
    /// Mark blocks past their retention for deletion
    Retention(ApplyRetentionFlags),
    /// Downsample until nothing is due
    Downsample(DownsampleFlags),
}

/// Flags of `ls`.
#[derive(Debug, Args)]
pub(crate) struct LsFlags {
    /// Which blocks.
    #[command(flatten)]
    pub(crate) selector: SelectorFlags,
    /// Which times.
    #[command(flatten)]
    pub(crate) time: TimeFlags,
    /// Form of a line: nothing (the ULID), wide, json, table, csv, tsv, or a template of field paths
    /// like `{{.ULID}} {{.Thanos.Labels}}`.
    #[arg(
        short = 'o',
        long,
        value_name = "FORM",
        default_value = "",
        hide_default_value = true,
        value_parser = ls::Form::parse
    )]
    pub(crate) output: ls::Form,
    /// Leave out blocks that are marked for deletion.
    #[arg(long)]
    pub(crate) exclude_delete: bool,
    /// How long to wait for the bucket.
    #[command(flatten)]
    pub(crate) limit: LimitFlags,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectFlags {
    /// Only blocks with this external label; repeat it for several.
    #[arg(short = 'l', long, value_name = "NAME=\"VALUE\"", value_parser = inspect::label)]
    pub(crate) selector: Vec<(String, String)>,
    /// Columns to sort by, the first first.
    #[arg(long, value_name = "COLUMN", default_values = inspect::SORT_DEFAULT, value_parser = sort_columns())]
    pub(crate) sort_by: Vec<String>,
    /// How to print it.
    #[command(flatten)]
    pub(crate) table: TableFlags,
    /// How long to wait for the bucket.
    #[command(flatten)]
    pub(crate) limit: LimitFlags,
}

/// The titles of the table that Thanos has, as `--sort-by` takes them.
fn sort_columns() -> PossibleValuesParser {
    let columns = inspect::COLUMNS.iter().filter(|column| !column.wide);
    PossibleValuesParser::new(columns.map(|column| column.title))
}

/// How long a tool may take.
#[derive(Debug, Args)]
pub(crate) struct LimitFlags {
    /// Give up after this time.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
}

/// How to print rows.
#[derive(Debug, Args)]
pub(crate) struct TableFlags {
    /// Form of the table.
    #[arg(
        short = 'o',
        long,
        value_name = "FORM",
        value_enum,
        default_value = "table"
    )]
    pub(crate) output: Form,
}

/// Form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For eyes.
    Table,
    /// The same with more columns.
    Wide,
    /// One object a row.
    Json,
    /// Comma-separated.
    Csv,
    /// Tab-separated.
    Tsv,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyFlags {
    /// Only these blocks.
    #[arg(long, value_name = "ULID", value_parser = BlockId::parse)]
    pub(crate) id: Vec<BlockId>,
    /// Only these checks, by Thanos' names: index_known_issues, overlapped_blocks, duplicated_compaction.
    #[arg(short = 'i', long, value_name = "ISSUE", value_parser = verify::Check::parse)]
    pub(crate) issues: Vec<verify::Check>,
    /// How to print it.
    #[command(flatten)]
    pub(crate) table: TableFlags,
    /// Refused: damage is reported, not repaired.
    #[arg(short = 'r', long, hide = true)]
    pub(crate) repair: bool,
    /// What a repair would need; as in Thanos, nothing is done with it without one.
    #[command(flatten)]
    pub(crate) backup: BackupFlags,
}

/// Where a repair would save blocks, and how long it would keep them.
#[derive(Debug, Args)]
pub(crate) struct BackupFlags {
    /// Path to the configuration of the bucket that a repair would copy blocks to.
    #[arg(
        long = "objstore-backup.config-file",
        value_name = "FILE",
        hide = true,
        conflicts_with = "backup_config"
    )]
    pub(crate) backup_config_file: Option<PathBuf>,
    /// The same configuration as content.
    #[arg(long = "objstore-backup.config", value_name = "YAML", hide = true)]
    pub(crate) backup_config: Option<String>,
    /// Time between a repair's deletion mark and the deletion.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = value::millis, hide = true)]
    pub(crate) delete_delay: Millis,
}

/// Flags of `mark`.
#[derive(Debug, Args)]
pub(crate) struct MarkFlags {
    /// Block to mark; repeat it for several.
    #[arg(long, value_name = "ULID", required = true, value_parser = BlockId::parse)]
    pub(crate) id: Vec<BlockId>,
    /// Which mark.
    #[arg(long, value_name = "FILE", value_enum)]
    pub(crate) marker: Marker,
    /// Why, for whoever finds it.
    #[arg(long, value_name = "TEXT", required_unless_present = "remove", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) details: Option<String>,
    /// Remove the mark.
    #[arg(long)]
    pub(crate) remove: bool,
}

/// The marks, by the names of their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Marker {
    /// To be deleted after the delay.
    #[value(name = "deletion-mark.json")]
    Deletion,
    /// Not to be compacted.
    #[value(name = "no-compact-mark.json")]
    NoCompact,
    /// Not to be downsampled.
    #[value(name = "no-downsample-mark.json")]
    NoDownsample,
}

/// Delays of what deletes.
#[derive(Debug, Args)]
pub(crate) struct DelayFlags {
    /// Age below which a block may still be on its way.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = value::millis)]
    pub(crate) consistency_delay: Millis,
    /// Time between a block's deletion mark and its deletion.
    #[arg(long, value_name = "DURATION", default_value = "48h", value_parser = value::millis)]
    pub(crate) delete_delay: Millis,
    /// Block metas fetched at the same time.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) block_sync_concurrency: usize,
}

/// Flags of `cleanup`.
#[derive(Debug, Args)]
pub(crate) struct CleanupFlags {
    /// Which blocks.
    #[command(flatten)]
    pub(crate) selector: SelectorFlags,
    /// When.
    #[command(flatten)]
    pub(crate) delay: DelayFlags,
}

/// Flags of `retention`.
#[derive(Debug, Args)]
pub(crate) struct ApplyRetentionFlags {
    /// Which blocks.
    #[command(flatten)]
    pub(crate) selector: SelectorFlags,
    /// When.
    #[command(flatten)]
    pub(crate) delay: DelayFlags,
    /// How long to keep them.
    #[command(flatten)]
    pub(crate) retention: RetentionFlags,
}

/// Flags of `downsample`.
#[derive(Debug, Args)]
pub(crate) struct DownsampleFlags {
    /// Scratch directory; one run at a time holds it.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Blocks downsampled at the same time.
    #[arg(long = "downsample.concurrency", value_name = "N", default_value_t = 1)]
    pub(crate) concurrency: usize,
    /// Files of one block downloaded or uploaded at the same time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) block_files_concurrency: usize,
    /// Hash of uploaded files that meta.json should name: SHA256, or nothing.
    #[arg(long, value_name = "FUNC", default_value = "", hide_default_value = true, value_parser = shared::hash_func)]
    pub(crate) hash_func: HashFunc,
}
