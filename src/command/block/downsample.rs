//! Coarser blocks of a local block, in a directory of their own; the source is only read.

use std::fs;

use anyhow::Context as _;
use compactor::downsample::block::{self, Target};
use tsdb::block::reader::Block;
use tsdb::meta::Resolution;

use super::Outcome;
use crate::cli::block::{DownsampleBlockFlags, Level};
use crate::{clock, output};

/// Downsamples and prints where the results are, finest first.
pub(super) fn run(flags: &DownsampleBlockFlags) -> anyhow::Result<Outcome> {
    let source = Block::open(&flags.block)?;
    let out = &flags.out;
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let target = |resolution| Target {
        id: clock::fresh_id(),
        resolution,
    };
    let targets: Vec<Target> = resolutions(&flags.resolution)
        .into_iter()
        .map(target)
        .collect();
    let (threads, budget) = (flags.work.threads.count(), flags.work.memory_limit.budget());
    let made = block::downsample(source, out, &targets, threads, &budget)?;
    for block in made {
        let line = block.map_or_else(
            || "no samples are left, so there is no block\n".to_owned(),
            |block| format!("{}\n", block.dir.display()),
        );
        output::text(&line)?;
    }
    Ok(Outcome::Done)
}

fn resolutions(levels: &[Level]) -> Vec<Resolution> {
    let mut levels = levels.to_vec();
    levels.sort_unstable();
    levels.dedup();
    let resolution = |level: &Level| match level {
        Level::FiveMinutes => Resolution::FIVE_MINUTES,
        Level::OneHour => Resolution::ONE_HOUR,
    };
    levels.iter().map(resolution).collect()
}
