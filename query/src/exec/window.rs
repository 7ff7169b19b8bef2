//! The windows of one series, one per step, found by cursors that only go forward.
//!
//! ```text
//! samples   . . . . . . . . . .
//! step 0      (---------]           floats low..high, histograms low..high
//! step 1          (---------]       both ends move right, or stay
//! ```
//!
//! Nothing is copied: a window is a pair of slices. Functions that only need its ends are constant per step that way.

use crate::annotation::{Annotation, Annotations};
use crate::error::Result;
use crate::exec::batch::RowMut;
use crate::functions::Args;
use crate::plan::build::unsupported;
use crate::plan::{Grid, Look};
use crate::storage::{Columns, HistogramSample};
use crate::syntax::ast::Span;

/// One series on its way through a function.
pub struct Series<'a, 'r> {
    /// Its samples; for windows without stale markers.
    pub columns: &'a Columns,
    /// Where windows lie.
    pub look: Look,
    /// What the function is given.
    pub args: &'a Args<'a>,
    /// Its name.
    pub metric: &'a str,
    /// Its `__type__`.
    pub kind: &'a str,
    /// Where the range was written.
    pub range_span: Span,
    /// What comes out.
    pub out: RowMut<'r>,
    /// What is worth telling.
    pub notes: &'a mut Annotations,
}

/// The samples of one window.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Which step.
    pub step: usize,
    /// Left end, outside.
    pub start: i64,
    /// Right end, inside.
    pub end: i64,
    /// Position of the first float among all of the series.
    pub first: usize,
    /// Times of the floats.
    pub t: &'a [i64],
    /// The floats.
    pub v: &'a [f64],
    /// The histograms.
    pub histograms: &'a [HistogramSample],
}

impl Window<'_> {
    /// Whether it has both kinds of samples.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        !self.v.is_empty() && !self.histograms.is_empty()
    }

    /// Whether it has no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v.is_empty() && self.histograms.is_empty()
    }

    /// For functions that cannot work on histograms yet: better no answer than one without them.
    ///
    /// # Errors
    /// Where there are some.
    pub fn refuse_histograms(&self) -> Result<()> {
        if self.histograms.is_empty() {
            return Ok(());
        }
        Err(unsupported("this function over native histograms"))
    }
}

/// Two cursors over ascending times.
struct Cursors {
    low: usize,
    high: usize,
}

impl Cursors {
    fn advance(&mut self, count: usize, (start, end): (i64, i64), time: impl Fn(usize) -> i64) {
        while self.high < count && time(self.high) <= end {
            self.high += 1;
        }
        while self.low < self.high && time(self.low) <= start {
            self.low += 1;
        }
    }
}

/// Visits the windows over `grid` in order.
pub fn each<'a>(
    columns: &'a Columns,
    grid: Grid,
    look: Look,
    mut visit: impl FnMut(Window<'a>) -> Result<()>,
) -> Result<()> {
    let mut floats = Cursors { low: 0, high: 0 };
    let mut histograms = Cursors { low: 0, high: 0 };
    for step in 0..grid.steps {
        let end = look.end(grid, step);
        let start = end.saturating_sub(look.range);
        floats.advance(columns.t.len(), (start, end), |at| columns.t[at]);
        histograms.advance(columns.histograms.len(), (start, end), |at| {
            columns.histograms[at].t
        });
        visit(Window {
            step,
            start,
            end,
            first: floats.low,
            t: &columns.t[floats.low..floats.high],
            v: &columns.v[floats.low..floats.high],
            histograms: &columns.histograms[histograms.low..histograms.high],
        })?;
    }
    Ok(())
}

impl<'a> Series<'a, '_> {
    /// The times of the steps.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.args.grid
    }

    /// Tells something about the range.
    pub fn note(&mut self, annotation: Annotation) {
        self.notes.add(annotation, self.range_span);
    }

    /// Visits the windows that have a sample.
    pub fn windows(
        &mut self,
        mut visit: impl FnMut(&mut Self, Window<'a>) -> Result<()>,
    ) -> Result<()> {
        let (columns, grid, look) = (self.columns, self.grid(), self.look);
        each(columns, grid, look, |window| {
            if window.is_empty() {
                return Ok(());
            }
            visit(self, window)
        })
    }

    /// Writes what `compute` makes of the floats of each window that has some, at least `least`.
    pub fn floats(
        &mut self,
        least: usize,
        mut compute: impl FnMut(Window<'a>) -> f64,
    ) -> Result<()> {
        let (columns, grid, look) = (self.columns, self.grid(), self.look);
        each(columns, grid, look, |window| {
            if window.v.len() >= least.max(1) {
                self.out.set(window.step, compute(window));
            }
            Ok(())
        })
    }

    /// As [`Self::floats`], of a function that ignores histograms, with an info where a window has both.
    pub fn only_floats(
        &mut self,
        least: usize,
        mut compute: impl FnMut(Window<'a>) -> f64,
    ) -> Result<()> {
        if self.columns.histograms.is_empty() {
            return self.floats(least, compute);
        }
        self.windows(|series, window| {
            if window.is_mixed() {
                let metric = series.metric.to_owned();
                series.note(Annotation::HistogramIgnoredInMixedRange(metric));
            }
            if window.v.len() >= least.max(1) {
                series.out.set(window.step, compute(window));
            }
            Ok(())
        })
    }
}
