//! Threads that read a block.

use anyhow::Context as _;

use crate::cli::block::ThreadFlags;

/// Starts the threads that share what is split up for them; once in a process.
pub(super) fn start(flags: &ThreadFlags) -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(flags.count());
    pool.build_global().context("start threads")
}
