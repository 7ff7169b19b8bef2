//! OpenMetrics text to blocks, and where they are.

use std::fs::{self, File};
use std::io::BufReader;

use anyhow::Context as _;
use tsdb::block::import::{self, ImportOptions, SAMPLES_MAX};

use super::Outcome;
use crate::cli::block::ImportFlags;
use crate::{clock, output};

/// Bytes of text read at once.
const READ_BYTES: usize = 1 << 16;

/// Imports and prints the new blocks in the order of time.
pub(super) fn run(flags: &ImportFlags) -> anyhow::Result<Outcome> {
    let path = &flags.openmetrics;
    // Opened once more for each pass over the text; a missing file is found before anything is written.
    let mut open = || {
        let file = File::open(path).map_err(|error| tsdb::Error::io("open", path, error));
        file.map(|file| BufReader::with_capacity(READ_BYTES, file))
    };
    drop(open()?);
    let options = ImportOptions {
        block_duration: flags.block_duration,
        labels: flags.label.clone(),
        samples_max: SAMPLES_MAX,
    };
    let out = &flags.out;
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let made = import::import(&mut open, out, &mut clock::fresh_id, &options)
        .with_context(|| path.display().to_string())?;
    for (dir, _) in &made {
        output::text(&format!("{}\n", dir.display()))?;
    }
    if made.is_empty() {
        output::text("there are no samples, so there is no block\n")?;
    }
    Ok(Outcome::Done)
}
