//! Generated data, as blocks or as OpenMetrics text.
//!
//! The generator is a pure function of its flags; only the names of new blocks come from the clock.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use tsdb::block::generated;
use tsdb::codec::Output;
use tsdb::generate::{Config, Generator};
use tsdb::openmetrics;

use super::Outcome;
use crate::cli::block::GenerateFlags;
use crate::{clock, output, shutdown};

/// Targets of a percent, in the generator's unit.
const PPM_PER_PERCENT: f64 = 10_000.0;

/// Writes blocks and prints where they are, or prints text.
pub(super) fn run(flags: &GenerateFlags) -> anyhow::Result<Outcome> {
    let generator = Generator::new(config(flags)?)?;
    if let Some(parent) = &flags.out {
        return blocks(&generator, parent);
    }
    output::stdout(|out| {
        openmetrics::write::generated(&generator, Stream(out))?;
        Ok(())
    })?;
    Ok(Outcome::Done)
}

fn blocks(generator: &Generator, parent: &Path) -> anyhow::Result<Outcome> {
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    for number in 0..generator.config().blocks {
        shutdown::check()?;
        let id = clock::fresh_id();
        if let Some((dir, _)) = generated::write(generator, number, parent, id, None)? {
            output::text(&format!("{}\n", dir.display()))?;
        }
    }
    Ok(Outcome::Done)
}

fn config(flags: &GenerateFlags) -> anyhow::Result<Config> {
    anyhow::ensure!(
        (0.0..=100.0).contains(&flags.churn),
        "--churn is a percentage, from 0 to 100"
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be between 0 and 100 above"
    )]
    let churn_ppm = (flags.churn * PPM_PER_PERCENT).round() as u32;
    Ok(Config {
        seed: flags.seed,
        targets: flags.targets,
        interval: flags.interval,
        start: flags.start,
        block_duration: flags.block_duration,
        blocks: flags.blocks,
        churn_ppm,
        replica: flags.replica,
        ..Config::default()
    })
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
