//! The index header that a store gateway keeps of a block, written whole or not at all.

use tsdb::block::mmap::Mapped;
use tsdb::block::{INDEX, file};
use tsdb::index::header;

use super::Outcome;
use crate::cli::block::IndexHeaderFlags;

/// Writes the header.
pub(super) fn run(flags: &IndexHeaderFlags) -> anyhow::Result<Outcome> {
    let path = flags.block.join(INDEX);
    let index = Mapped::open(&path)?;
    let bytes = header::encode(&index).map_err(|error| error.at(path.display()))?;
    file::write_whole(&flags.out, &bytes)?;
    Ok(Outcome::Done)
}
