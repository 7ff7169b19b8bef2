//! `<name> <series> <samples> <hex>` per block: equal samples give equal lines, however they are cut into chunks.
//!
//! The name is that of the directory, so that two copies of a block in different places print the same.

use std::path::Path;

use tsdb::block::digest;
use tsdb::block::reader::Block;

use super::Outcome;
use crate::cli::block::DigestFlags;
use crate::output;

/// Prints a line per block.
pub(super) fn run(flags: &DigestFlags) -> anyhow::Result<Outcome> {
    output::stdout(|out| {
        for dir in &flags.blocks {
            let totals = digest::digest(&Block::open(dir)?, flags.tombstones)?;
            writeln!(out, "{} {totals}", name(dir))?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// Last part of a path; of `.` what it stands for.
fn name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_error| dir.to_owned());
    let name = dir.file_name().or_else(|| absolute.file_name());
    name.map_or_else(
        || dir.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
