//! `stratal query`: the flags of Thanos' querier that apply to local blocks, and the directories of these.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tsdb::time::Millis;

use super::value;
use crate::memory::{self, MemoryLimit};

/// Flags of `stratal query`.
#[derive(Debug, Args)]
pub(crate) struct QueryFlags {
    /// Directory of Prometheus or Thanos blocks to query; repeat it for more. Looked through again every 30 s.
    #[arg(long = "block-dir", value_name = "DIR", required = true)]
    pub(crate) block_dirs: Vec<PathBuf>,
    /// Address to serve the HTTP API on.
    #[arg(long = "http-address", value_name = "ADDRESS", default_value = "0.0.0.0:10902", value_parser = address, help_heading = "HTTP")]
    pub(crate) http_address: SocketAddr,
    /// How long requests may go on after a signal to stop.
    #[arg(long = "http-grace-period", value_name = "DURATION", default_value = "2m", value_parser = value::duration, help_heading = "HTTP")]
    pub(crate) http_grace_period: Duration,
    /// Path that all others are under.
    #[arg(
        long = "web.route-prefix",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true,
        help_heading = "HTTP"
    )]
    pub(crate) route_prefix: String,
    /// Send no headers that let pages of other origins read answers.
    #[arg(long = "web.disable-cors", help_heading = "HTTP")]
    pub(crate) disable_cors: bool,
    /// Longest time that a query may take, waiting not counted.
    #[arg(long = "query.timeout", value_name = "DURATION", default_value = "2m", value_parser = value::duration, help_heading = "Queries")]
    pub(crate) timeout: Duration,
    /// Queries at one time; others wait.
    #[arg(
        long = "query.max-concurrent",
        value_name = "COUNT",
        default_value_t = 20,
        help_heading = "Queries"
    )]
    pub(crate) max_concurrent: usize,
    /// Most samples of one query in memory at one time.
    #[arg(
        long = "query.max-samples",
        value_name = "COUNT",
        default_value_t = 50_000_000,
        help_heading = "Queries"
    )]
    pub(crate) max_samples: u64,
    /// Memory of one query or request; half of --memory-limit if nothing is said.
    #[arg(long = "query.memory-limit", value_name = "BYTES", value_parser = value::bytes, help_heading = "Queries")]
    pub(crate) query_memory: Option<u64>,
    /// Memory of all queries and requests together, or `auto`: a quarter of what the machine or its control group has.
    #[arg(long = "memory-limit", value_name = "BYTES", default_value = "auto", value_parser = memory::parse, help_heading = "Queries")]
    pub(crate) memory_limit: MemoryLimit,
    /// How far back a query looks for the sample of a moment.
    #[arg(long = "query.lookback-delta", value_name = "DURATION", default_value = "5m", value_parser = value::millis, help_heading = "Queries")]
    pub(crate) lookback: Millis,
    /// Step of subqueries that name none.
    #[arg(long = "query.default-evaluation-interval", value_name = "DURATION", default_value = "1m", value_parser = value::millis, help_heading = "Queries")]
    pub(crate) default_step: Millis,
    /// Step of range queries that name none; Prometheus' dialect wants one.
    #[arg(long = "query.default-step", value_name = "DURATION", default_value = "1s", value_parser = value::millis, help_heading = "Queries")]
    pub(crate) default_range_step: Millis,
    /// Let range queries that name no resolution read a coarser one than raw: a fifth of their step.
    #[arg(long = "query.auto-downsampling", help_heading = "Queries")]
    pub(crate) auto_downsampling: bool,
    /// Resolution of instant queries that leave it to us.
    #[arg(long = "query.instant.default.max_source_resolution", value_name = "DURATION", default_value = "0s", value_parser = value::millis, hide = true)]
    pub(crate) instant_max_resolution: Millis,
    /// How far back requests for labels and series look that name no start; 0 for all the way.
    #[arg(long = "query.metadata.default-time-range", value_name = "DURATION", default_value = "0s", value_parser = value::millis, help_heading = "Queries")]
    pub(crate) metadata_range: Millis,
    /// How replicas become one series.
    #[arg(long = "deduplication.func", value_name = "FUNC", value_parser = ["penalty"], hide = true)]
    pub(crate) deduplication: Option<String>,
    /// Thanos has two engines; we have one, and either name will do.
    #[arg(long = "query.promql-engine", value_name = "ENGINE", value_parser = ["prometheus", "thanos"], hide = true)]
    pub(crate) engine: Option<String>,
    /// Label that tells replicas apart; repeat it or separate with commas. Replicas are deduplicated, and the label is gone.
    #[arg(
        long = "query.replica-label",
        value_name = "LABEL",
        value_delimiter = ',',
        help_heading = "Queries"
    )]
    pub(crate) replica_labels: Vec<String>,
    /// Know xrate, xincrease and xdelta.
    #[arg(long = "query.enable-x-functions", help_heading = "Queries")]
    pub(crate) x_functions: bool,
    /// Experimental part of PromQL to turn on, by Prometheus' name; repeat it or separate with commas.
    #[arg(
        long = "enable-feature",
        value_name = "FEATURE",
        value_delimiter = ',',
        help_heading = "Queries"
    )]
    pub(crate) features: Vec<String>,
}

/// An address; without a host it is every one of the machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    let full = full.replace("localhost:", "127.0.0.1:");
    full.parse()
        .map_err(|_error| format!("not an address: {text:?} (write 0.0.0.0:10902)"))
}
