//! Looking into one block: what it is made of, and its samples as text.

use bucket_tools::{analyze, dump};
use tsdb::time::{Interval, Millis};

use super::{Outcome, threads};
use crate::cli::block::{AnalyzeFlags, DumpFlags};
use crate::output;

/// Prints cardinality, churn and bytes.
pub(super) fn analyze(flags: &AnalyzeFlags) -> anyhow::Result<Outcome> {
    let analysis = analyze::run(&flags.block, flags.limit)?;
    output::stdout(|out| Ok(analysis.write(out)?))?;
    Ok(Outcome::Done)
}

/// Prints samples as promtool does.
pub(super) fn dump(flags: &DumpFlags) -> anyhow::Result<Outcome> {
    let options = dump::Options {
        selectors: flags.selector.clone(),
        times: Interval::new(
            flags.min_time.unwrap_or(Millis::MIN),
            flags.max_time.unwrap_or(Millis::MAX),
        ),
    };
    threads::start(&flags.threads)?;
    output::stdout(|out| Ok(dump::run(&flags.block, &options, out)?))?;
    Ok(Outcome::Done)
}
