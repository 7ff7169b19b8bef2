//! Progress for whoever watches: a bar on a terminal's standard error, nothing anywhere else.
//!
//! Never on standard output, which is data. What must be known without a terminal is logged; log lines go through
//! [`Stderr`], which takes the bars away while it writes.

use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All bars of the process: there is one standard error.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar of `steps` steps; it removes itself when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Starts at zero. indicatif draws only where standard error is a terminal.
    pub(crate) fn start(what: &'static str, steps: u64) -> Self {
        let bar = BARS.add(ProgressBar::new(steps).with_message(what));
        let style = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One step further.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// So many steps of so many; both may grow.
    pub(crate) fn show(&self, done: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(done);
    }
}

/// Standard error beside bars.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
