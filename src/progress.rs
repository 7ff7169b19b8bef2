//! Progress for whoever watches: a bar on a terminal's standard error, nothing anywhere else.
//!
//! Never on standard output, which is data. What must be known without a terminal is logged.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `steps` steps; it removes itself when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Starts at zero. indicatif draws only where standard error is a terminal.
    pub(crate) fn start(what: &'static str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps).with_message(what);
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
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
