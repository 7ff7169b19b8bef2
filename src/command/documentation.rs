//! Completion scripts and manual pages, generated from the command tree itself.
//!
//! Packages call these once at build time; nothing is checked in, so neither can disagree with `--help`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::Outcome;
use crate::{cli, output};

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "stratal", &mut script);
    output::stdout(|out| Ok(out.write_all(&script)?))?;
    Ok(Outcome::Done)
}

/// Writes a page per command into `dir`, or the main page to standard output.
pub(super) fn man(dir: Option<&Path>) -> anyhow::Result<Outcome> {
    if let Some(dir) = dir {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        clap_mangen::generate_to(cli::command(), dir)
            .with_context(|| format!("write manual pages into {}", dir.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(cli::command()).render(&mut page)?;
        output::stdout(|out| Ok(out.write_all(&page)?))?;
    }
    Ok(Outcome::Done)
}
