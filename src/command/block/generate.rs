//! Generated data, as blocks or as OpenMetrics text.
//!
//! The generator is a pure function of its flags; only the names of new blocks come from the clock.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tsdb::block::generated;
use tsdb::codec::Output;
use tsdb::generate::flat::{self, Flat};
use tsdb::generate::{Config, Generator};
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;
use tsdb::openmetrics;

use super::{Outcome, usage};
use crate::cli::block::{GenerateFlags, Shape};
use crate::{clock, output, shutdown};

/// Targets of a percent, in the generator's unit.
const PPM_PER_PERCENT: f64 = 10_000.0;

/// Writes blocks and prints where they are, or prints text.
pub(super) fn run(flags: &GenerateFlags) -> anyhow::Result<Outcome> {
    if let Some(shape) = flags.shape {
        return run_flat(&flat(flags, shape), flags.out.as_deref());
    }
    let generator = Generator::new(config(flags)).map_err(usage)?;
    if let Some(parent) = &flags.out {
        return blocks(parent, generator.config().blocks, |number, id| {
            generated::write(&generator, number, parent, id, None)
        });
    }
    output::stdout(|out| {
        openmetrics::write::generated(&generator, Stream(out))?;
        Ok(())
    })?;
    Ok(Outcome::Done)
}

fn run_flat(flat: &Flat, out: Option<&Path>) -> anyhow::Result<Outcome> {
    flat.check().map_err(usage)?;
    if let Some(parent) = out {
        return blocks(parent, flat.blocks, |number, id| {
            generated::write_flat(flat, number, parent, id)
        });
    }
    output::stdout(|out| {
        openmetrics::write::flat(flat, Stream(out))?;
        Ok(())
    })?;
    Ok(Outcome::Done)
}

fn blocks(
    parent: &Path,
    count: u32,
    write: impl Fn(u32, BlockId) -> tsdb::Result<Option<(PathBuf, BlockMeta)>>,
) -> anyhow::Result<Outcome> {
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    for number in 0..count {
        shutdown::check()?;
        if let Some((dir, _)) = write(number, clock::fresh_id())? {
            output::text(&format!("{}\n", dir.display()))?;
        }
    }
    Ok(Outcome::Done)
}

fn flat(flags: &GenerateFlags, shape: Shape) -> Flat {
    let flat = Flat::new(match shape {
        Shape::Wide => flat::Shape::Wide,
        Shape::Cardinality => flat::Shape::Cardinality,
        Shape::Many => flat::Shape::Many,
    });
    Flat {
        seed: flags.seed,
        series: flags.series.unwrap_or(flat.series),
        start: flags.start,
        block_duration: flags.block_duration,
        blocks: flags.blocks.unwrap_or(flat.blocks),
        ..flat
    }
}

fn config(flags: &GenerateFlags) -> Config {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the flag is between 0 and 100"
    )]
    let churn_ppm = (flags.churn * PPM_PER_PERCENT).round() as u32;
    let defaults = Config::default();
    Config {
        seed: flags.seed,
        targets: flags.targets,
        interval: flags.interval,
        start: flags.start,
        block_duration: flags.block_duration,
        blocks: flags.blocks.unwrap_or(defaults.blocks),
        churn_ppm,
        replica: flags.replica,
        ..defaults
    }
}

/// A stream as the output that formats write to.
struct Stream<'a>(&'a mut dyn Write);

impl Output for Stream<'_> {
    fn append(&mut self, bytes: &[u8]) -> tsdb::Result<()> {
        self.0.write_all(bytes).map_err(|source| tsdb::Error::Io {
            action: "write",
            source,
        })
    }
}
