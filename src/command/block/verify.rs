//! Everything that a block promises, checked; findings with file and offset, exit code 3 where there is damage.
//!
//! A directory that is not there or cannot be read is no damaged block but a failure, found before hours of reading.

use std::fs;
use std::path::Path;

use tsdb::block::check;

use super::{Outcome, threads};
use crate::cli::block::VerifyBlocksFlags;
use crate::output;

/// Checks each block, also after one that is damaged.
pub(super) fn run(flags: &VerifyBlocksFlags) -> anyhow::Result<Outcome> {
    for dir in &flags.blocks {
        fs::read_dir(dir).map_err(|error| tsdb::Error::io("open", dir, error))?;
    }
    threads::start(&flags.threads)?;
    let mut outcome = Outcome::Done;
    output::stdout(|out| {
        for dir in &flags.blocks {
            let (counts, findings) = check::directory(dir)?;
            for finding in &findings.list {
                writeln!(out, "{}: {finding}", shown(dir))?;
            }
            if findings.more > 0 {
                writeln!(out, "{}: and {} more", shown(dir), findings.more)?;
            }
            let verdict = if findings.is_damaged() {
                "damaged"
            } else {
                "sound"
            };
            let (series, chunks, samples) = (counts.series, counts.chunks, counts.samples);
            writeln!(
                out,
                "{}: {verdict}, {series} series, {chunks} chunks, {samples} samples",
                shown(dir)
            )?;
            if findings.is_damaged() {
                outcome = Outcome::NeedsPerson;
            }
        }
        Ok(())
    })?;
    Ok(outcome)
}

fn shown(dir: &Path) -> String {
    dir.display().to_string().trim_end_matches('/').to_owned()
}
