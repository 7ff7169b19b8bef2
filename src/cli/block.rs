//! `stratal block …`, also as `stratal tools block …`: the tools for block directories on local disks.

use clap::{Args, Subcommand};
use tsdb::time::Millis;

use super::value;

/// The tools for block directories, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Print generated data, the same from the same seed everywhere
    Generate(GenerateFlags),
}

/// Flags of `generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateFlags {
    /// Print OpenMetrics text.
    #[arg(long, required = true)]
    pub(crate) openmetrics: bool,
    /// Everything random follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Scraped targets, of 212 series each.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) targets: u32,
    /// Time between two scrapes.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = value::millis)]
    pub(crate) interval: Millis,
    /// Blocks, end to end.
    #[arg(long, value_name = "N", default_value_t = 11)]
    pub(crate) blocks: u32,
    /// Length of a block.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = value::millis)]
    pub(crate) block_duration: Millis,
    /// First time of the first block: milliseconds or RFC 3339.
    #[arg(long, value_name = "TIME", default_value = "2023-11-15T00:00:00Z", value_parser = value::millis_or_rfc3339, allow_hyphen_values = true)]
    pub(crate) start: Millis,
    /// Percentage of targets replaced where a block ends.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub(crate) churn: f64,
    /// Which of a group of equal scrapers this is: same values, other times.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replica: u32,
}
