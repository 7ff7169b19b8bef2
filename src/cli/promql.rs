//! `stratal tools promql`: expressions looked at, and a client for servers that answer them, in `promtool query`'s forms.
//!
//! `parse`, `format` and `explain` need no server. `query` takes the address where `promtool` takes it, before the
//! expression. What they do is in `crate::command::promql`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tsdb::time::Millis;

use super::value;

const QUERY_HELP: &str = "\
Examples:
  stratal tools promql query instant http://localhost:9090 'sum(up) by (job)'
  stratal tools promql query range http://localhost:9090 'rate(x_total[5m])' --start=-2h --step=1m
  stratal tools promql query series http://localhost:9090 --match='up{job=\"node\"}'
  stratal tools promql query labels http://localhost:9090 job

Warnings go to standard error. Exit codes: 0 answered, 1 refused or out of reach, 2 usage.";

const EXPLAIN_HELP: &str = "\
Children stand below what reads from them; a selector shows its matchers as they are sent to the storage.
With --step the plan is that of a range query: what does not depend on the time is then computed once.";

/// What to do with PromQL.
#[derive(Debug, Subcommand)]
pub(crate) enum PromqlCommand {
    /// Print the tree of an expression as JSON, as /api/v1/parse_query has it
    Parse(ExprFlags),
    /// Print an expression in its canonical form, broken into lines where it is long
    Format(ExprFlags),
    /// Print how an expression would be carried out
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainFlags),
    /// Ask a server that speaks the HTTP API of Prometheus
    #[command(after_help = QUERY_HELP)]
    Query(QueryFlags),
}

/// An expression.
#[derive(Debug, Args)]
pub(crate) struct ExprFlags {
    /// Experimental part of PromQL to turn on, by Prometheus' name; repeat it or separate with commas.
    #[arg(long = "enable-feature", value_name = "FEATURE", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// The expression; - reads it from standard input.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expr: String,
}

/// An expression, and when it would be evaluated.
#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    #[command(flatten)]
    pub(crate) expr: ExprFlags,
    /// Step of a range query over the last hour; without it the query is an instant one.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub(crate) step: Option<Duration>,
}

/// A question to a server.
#[derive(Debug, Args)]
pub(crate) struct QueryFlags {
    #[command(subcommand)]
    pub(crate) question: Question,
    /// Form of the answer.
    #[arg(
        short = 'o',
        long = "format",
        global = true,
        value_enum,
        default_value = "promql",
        value_name = "FORM"
    )]
    pub(crate) form: Form,
    /// Header to send, NAME=VALUE; repeat it for several.
    #[arg(long = "header", global = true, value_name = "NAME=VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Longest wait for the answer.
    #[arg(long, global = true, value_name = "DURATION", default_value = "2m", value_parser = value::duration)]
    pub(crate) timeout: Duration,
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A line a sample, as promtool prints.
    Promql,
    /// What the server sent of it.
    Json,
}

/// The questions.
#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// The value of an expression at one time
    Instant {
        #[command(flatten)]
        target: Target,
        /// When: RFC 3339, Unix seconds, or relative like -1h; now where it is missing.
        #[arg(long, value_name = "TIME", value_parser = value::moment, allow_hyphen_values = true)]
        time: Option<value::Moment>,
    },
    /// The values of an expression over time
    Range {
        #[command(flatten)]
        target: Target,
        /// First time; five minutes before the last where it is missing.
        #[arg(long, value_name = "TIME", value_parser = value::moment, allow_hyphen_values = true)]
        start: Option<value::Moment>,
        /// Last time; now where it is missing.
        #[arg(long, value_name = "TIME", value_parser = value::moment, allow_hyphen_values = true)]
        end: Option<value::Moment>,
        /// Distance of the times; without it whole seconds, 250 times at most.
        #[arg(long, value_name = "DURATION", value_parser = value::millis)]
        step: Option<Millis>,
    },
    /// The series that selectors find
    Series {
        /// Server to ask.
        #[arg(value_name = "SERVER")]
        server: String,
        /// Selector; repeat it for several.
        #[arg(long = "match", value_name = "SELECTOR", required = true)]
        matches: Vec<String>,
        #[command(flatten)]
        between: Between,
    },
    /// The values of a label
    Labels {
        /// Server to ask.
        #[arg(value_name = "SERVER")]
        server: String,
        /// Label whose values to print.
        #[arg(value_name = "NAME")]
        name: String,
        /// Selector of the series that count; repeat it for several.
        #[arg(long = "match", value_name = "SELECTOR")]
        matches: Vec<String>,
        #[command(flatten)]
        between: Between,
    },
}

/// Whom to ask for what.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Server to ask, like http://localhost:9090.
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    /// The expression; - reads it from standard input.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expr: String,
}

/// Times outside of which nothing counts.
#[derive(Debug, Args)]
pub(crate) struct Between {
    /// First time; that of the oldest sample where it is missing.
    #[arg(long, value_name = "TIME", value_parser = value::moment, allow_hyphen_values = true)]
    pub(crate) start: Option<value::Moment>,
    /// Last time; that of the newest sample where it is missing.
    #[arg(long, value_name = "TIME", value_parser = value::moment, allow_hyphen_values = true)]
    pub(crate) end: Option<value::Moment>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("not a header: {text:?} (write NAME=VALUE)"))?;
    Ok((name.to_owned(), value.to_owned()))
}
