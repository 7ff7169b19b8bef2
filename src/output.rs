//! Standard output through a checked writer, and the one line that an error gets.
//!
//! `stratal … | head -1` is not a failure: a closed pipe ends the command quietly. Any other failure to write is an
//! error like every other. Nothing else in the program prints. Colour is for terminals that want it (`NO_COLOR`), never in
//! pipes.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};

/// Gives `write` a buffered standard output and flushes it.
///
/// # Errors
/// What `write` or standard output failed with.
pub(crate) fn stdout(
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    write(&mut out)?;
    out.flush()?;
    Ok(())
}

/// Writes one text to standard output.
///
/// # Errors
/// What standard output failed with.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    stdout(|out| Ok(out.write_all(text.as_bytes())?))
}

/// Style of headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// Style of what is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Style of what is not.
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Writes a text with a style to standard output.
///
/// # Errors
/// What standard output failed with.
pub(crate) fn styled(style: Style, text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{style}{text}{style:#}")?;
    out.flush()?;
    Ok(())
}

/// Whether the reader of our output has gone.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Prints the chain of an error, outermost place first, on one line of standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    drop(writeln!(
        anstream::stderr(),
        "stratal: {BAD}error{BAD:#}: {error:#}"
    ));
}
