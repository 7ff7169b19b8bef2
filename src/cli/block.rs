//! `stratal block …`, also as `stratal tools block …`: the tools for block directories on local disks.
//!
//! Each takes directories as they lie on a disk, and never changes one that it was given. What they do is in
//! [`crate::command`]; the words of the help text live here and nowhere else.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tsdb::matcher::{Matcher, parse_selector};
use tsdb::time::Millis;

use super::value;
use crate::memory::{self, MemoryLimit};

/// What a series must match, all of it.
pub(crate) type Selector = Vec<Matcher>;

/// The tools for block directories, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Print a digest of the samples: `<name> <series> <samples> <hex>`
    ///
    /// Two blocks with the same digest hold the same samples, however they are cut into chunks. Tombstones are ignored
    /// unless asked for.
    Digest(DigestFlags),
    /// Merge blocks into one
    ///
    /// The inputs are never touched; the result appears as DIR/ULID, whole or not at all.
    Compact(CompactBlocksFlags),
    /// Make a block of lower resolution
    Downsample(DownsampleBlockFlags),
    /// Write the index header that a store gateway keeps
    IndexHeader(IndexHeaderFlags),
    /// Check every byte that a block promises; exit 3 where one does not hold
    Verify(VerifyBlocksFlags),
    /// Show what a block is made of: cardinality, churn, bytes by label
    Analyze(AnalyzeFlags),
    /// Print samples as promtool does
    ///
    /// One line a sample: labels, value, milliseconds. A series of a downsampled block is printed once per aggregate, told apart by
    /// the label __aggregate__: count, sum, min, max, counter.
    Dump(DumpFlags),
    /// Turn OpenMetrics text into blocks
    Import(ImportFlags),
    /// Write blocks of generated data, the same from the same seed everywhere
    Generate(GenerateFlags),
}

/// How many cores a tool may take.
#[derive(Debug, Args)]
pub(crate) struct ThreadFlags {
    /// Threads to use; without it as many as there are cores.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

impl ThreadFlags {
    /// How many that is.
    pub(crate) fn count(&self) -> usize {
        let all = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(all).get()
    }
}

/// Flags of `digest`.
#[derive(Debug, Args)]
pub(crate) struct DigestFlags {
    /// Leave out what the tombstones delete.
    #[arg(long)]
    pub(crate) tombstones: bool,
    /// Block directories.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) blocks: Vec<PathBuf>,
}

/// Flags of `compact`.
#[derive(Debug, Args)]
pub(crate) struct CompactBlocksFlags {
    /// Directory to put the new block into; made if absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// How overlapping series become one; without it equal timestamps are one.
    #[arg(long, value_name = "FUNC", value_enum)]
    pub(crate) dedup_func: Option<Dedup>,
    /// Size at which chunk files are cut.
    #[arg(long, value_name = "BYTES", default_value = "512MiB", value_parser = value::positive_bytes)]
    pub(crate) segment_size: u64,
    /// What it may take.
    #[command(flatten)]
    pub(crate) work: WorkFlags,
    /// Block directories.
    #[arg(value_name = "BLOCK", required = true)]
    pub(crate) blocks: Vec<PathBuf>,
}

/// What a job may take of the machine.
#[derive(Debug, Args)]
pub(crate) struct WorkFlags {
    /// How many threads.
    #[command(flatten)]
    pub(crate) threads: ThreadFlags,
    /// Most memory to hold, or `auto`: a quarter of what the machine or its control group has.
    #[arg(long, value_name = "BYTES", default_value = "auto", value_parser = memory::parse)]
    pub(crate) memory_limit: MemoryLimit,
}

/// How replicas become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dedup {
    /// As Thanos merges scrapers of the same targets.
    Penalty,
}

/// Flags of `downsample`.
#[derive(Debug, Args)]
pub(crate) struct DownsampleBlockFlags {
    /// Resolutions to make; 1h of a raw block goes through 5m.
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        value_delimiter = ',',
        required = true
    )]
    pub(crate) resolution: Vec<Level>,
    /// Directory to put the new blocks into; made if absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What it may take.
    #[command(flatten)]
    pub(crate) work: WorkFlags,
    /// Block directory.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: PathBuf,
}

/// A resolution of downsampled blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// One sample in five minutes.
    #[value(name = "5m")]
    FiveMinutes,
    /// One sample in an hour.
    #[value(name = "1h")]
    OneHour,
}

/// Flags of `index-header`.
#[derive(Debug, Args)]
pub(crate) struct IndexHeaderFlags {
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Block directory.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: PathBuf,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyBlocksFlags {
    /// How many threads.
    #[command(flatten)]
    pub(crate) threads: ThreadFlags,
    /// Block directories.
    #[arg(value_name = "BLOCK", required = true)]
    pub(crate) blocks: Vec<PathBuf>,
}

/// Flags of `analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeFlags {
    /// Rows of each list.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Block directory.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: PathBuf,
}

/// Flags of `dump`.
#[derive(Debug, Args)]
pub(crate) struct DumpFlags {
    /// Only series that match, like `{job="node",instance=~"a.*"}`; repeat it for more.
    #[arg(long = "match", value_name = "SELECTOR", value_parser = parse_selector)]
    pub(crate) selector: Vec<Selector>,
    /// First time: milliseconds or RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = value::millis_or_rfc3339, allow_hyphen_values = true)]
    pub(crate) min_time: Option<Millis>,
    /// Last time.
    #[arg(long, value_name = "TIME", value_parser = value::millis_or_rfc3339, allow_hyphen_values = true)]
    pub(crate) max_time: Option<Millis>,
    /// How many threads.
    #[command(flatten)]
    pub(crate) threads: ThreadFlags,
    /// Block directory.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: PathBuf,
}

/// Flags of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportFlags {
    /// Text to read, once or several times, so that memory stays bounded.
    #[arg(long, value_name = "FILE")]
    pub(crate) openmetrics: PathBuf,
    /// Directory to put the new blocks into; made if absent.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Length of a block.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = value::positive_millis)]
    pub(crate) block_duration: Millis,
    /// Label to add to every series; repeat it for several.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
}

/// Flags of `generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateFlags {
    /// Directory to put the blocks into; made if absent.
    #[arg(long, value_name = "DIR", required_unless_present = "openmetrics")]
    pub(crate) out: Option<PathBuf>,
    /// Print OpenMetrics text instead of writing blocks.
    #[arg(long, conflicts_with = "out")]
    pub(crate) openmetrics: bool,
    /// Everything random follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// One metric with many series instead of a fleet of scraped targets.
    #[arg(long, value_name = "SHAPE", value_enum, conflicts_with_all = ["targets", "interval", "churn", "replica"])]
    pub(crate) shape: Option<Shape>,
    /// Series of a block, where a shape is given; without it as many as the shape says.
    #[arg(long, value_name = "N", requires = "shape")]
    pub(crate) series: Option<u32>,
    /// Scraped targets, of 212 series each.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) targets: u32,
    /// Time between two scrapes.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = value::positive_millis)]
    pub(crate) interval: Millis,
    /// Blocks, end to end; without it 11, or as many as the shape says.
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<u32>,
    /// Length of a block.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = value::positive_millis)]
    pub(crate) block_duration: Millis,
    /// First time of the first block: milliseconds or RFC 3339.
    #[arg(long, value_name = "TIME", default_value = "2023-11-15T00:00:00Z", value_parser = value::millis_or_rfc3339, allow_hyphen_values = true)]
    pub(crate) start: Millis,
    /// Percentage of targets replaced where a block ends.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(crate) churn: f64,
    /// Which of a group of equal scrapers this is: same values, other times.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replica: u32,
}

/// A shape of data other than a fleet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// One block of 1,000,000 series with two samples each.
    Wide,
    /// One block of 5,000,000 values of one label, a sample each.
    Cardinality,
    /// 10,000 blocks of 500 series.
    Many,
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("write name=value")?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Ok((name.to_owned(), quoted.unwrap_or(value).to_owned()))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| "write a percentage, from 0 to 100".to_owned())
}
