//! The command tree as data: names, help, defaults; no logic.
//!
//! Flags are named and behave as Thanos' do: dots and hyphens mixed, `--flag=value` or `--flag value`, and a `--no-`
//! twin for every switch ([`switch`]). What a flag's text means is in [`value`]; what a command does in
//! [`crate::command`].

pub(crate) mod block;
pub(crate) mod bucket;
pub(crate) mod compact;
pub(crate) mod demo;
pub(crate) mod promql;
pub(crate) mod query;
pub(crate) mod service;
pub(crate) mod shared;
mod switch;
pub(crate) mod value;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 finished but something needs a person.
Data goes to standard output, everything else to standard error.";

/// Years of Prometheus metrics on object storage: compact, downsample, inspect.
///
/// Works on buckets and blocks as Prometheus and Thanos write them.
#[derive(Debug, Parser)]
#[command(name = "stratal", version = env!("STRATAL_VERSION"), after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What to log.
    #[command(flatten)]
    pub(crate) log: LogFlags,
    /// What to do; nothing is a question for help.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// How to log.
#[derive(Debug, Args)]
pub(crate) struct LogFlags {
    /// Least severe events to log; info where nothing is said, warn in the demo.
    #[arg(
        long = "log.level",
        global = true,
        value_enum,
        value_name = "LEVEL",
        help_heading = "Logging"
    )]
    pub(crate) level: Option<LogLevel>,
    /// Form of the log lines on standard error.
    #[arg(
        long = "log.format",
        global = true,
        value_enum,
        default_value = "logfmt",
        value_name = "FORMAT",
        help_heading = "Logging"
    )]
    pub(crate) format: LogFormat,
}

/// Severity of log lines.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    /// What failed, or needs a person.
    Error,
    /// What may.
    Warn,
    /// What becomes of each block.
    Info,
    /// Each step.
    Debug,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// `ts=… level=… msg=… key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// The commands, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compact, downsample and clean a bucket, once
    Compact(Box<compact::CompactFlags>),
    /// Answer PromQL over local blocks, with the HTTP API of Prometheus
    Query(Box<query::QueryFlags>),
    /// Tools for buckets: list, inspect, verify, mark, clean up
    Bucket(Box<bucket::BucketFlags>),
    /// Tools for block directories on local disks
    #[command(subcommand)]
    Block(block::BlockCommand),
    /// The tools under the names that they have in Thanos
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Show all of it on generated data, in a minute at most
    Demo(demo::DemoFlags),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Directory for one page per command; without it the main page goes to standard output.
        #[arg(long, value_name = "DIR")]
        out: Option<std::path::PathBuf>,
    },
}

/// The tools, with Thanos' word before them.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolsCommand {
    /// Tools for buckets: list, inspect, verify, mark, clean up
    Bucket(Box<bucket::BucketFlags>),
    /// Tools for block directories on local disks
    #[command(subcommand)]
    Block(block::BlockCommand),
    /// Look at PromQL expressions, ask servers that answer them
    #[command(subcommand)]
    Promql(Box<promql::PromqlCommand>),
}

/// The whole tree, ready to parse.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command()
        .mut_subcommand("compact", service::compact)
        .mut_subcommand("query", service::query)
        .mut_subcommand("bucket", service::bucket)
        .mut_subcommand("tools", |tools| {
            tools.mut_subcommand("bucket", service::bucket)
        });
    switch::with_twins(command)
}
