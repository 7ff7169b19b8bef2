//! The windows of one series, one per step, found by cursors that only go forward.
//!
//! ```text
//! samples   . . . . . . . . . .
//! step 0      (---------]           floats low..high, histograms low..high
//! step 1          (---------]       both ends move right, or stay
//! ```
//!
//! Nothing is copied: a window is a pair of slices. Functions that only need its ends are constant per step that way.
//! Those that look at floats and histograms together, by time, ask for [`points`].

use crate::annotation::{Annotation, Annotations};
use crate::error::Result;
use crate::exec::batch::{CellRef, RowMut};
use crate::functions::Args;
use crate::plan::{Extension, Grid, Look};
use crate::storage::{Columns, HistogramSample};
use crate::syntax::ast::Span;

/// One series on its way through a function.
pub struct Series<'a, 'r> {
    /// Its samples; for windows without stale markers.
    pub columns: &'a Columns,
    /// Where windows lie.
    pub look: Look,
    /// What they see beyond their edges.
    pub extension: Extension,
    /// How far beyond, milliseconds.
    pub lookback: i64,
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
    /// What was told of this series already.
    pub(super) told: Vec<Annotation>,
}

/// When a sample was taken, and since when it counts.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Its time.
    pub t: i64,
    /// When its counter began; 0 where that is not known.
    pub start: i64,
}

impl Stamp {
    /// Whether a counter began again after the sample before.
    #[must_use]
    pub fn began_again(self, before: Self) -> bool {
        self.start != 0
            && before.start != self.start
            && before.t <= self.start
            && self.start < self.t
    }

    /// Whether a counter is said to have begun anew, but before the sample before.
    #[must_use]
    pub fn overlaps(self, before: Self) -> bool {
        self.start != 0 && before.start != 0 && before.start != self.start && self.start < before.t
    }
}

/// A sample of either kind.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// When.
    pub stamp: Stamp,
    /// What.
    pub value: CellRef<'a>,
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
    /// How many raw samples each float stands for; empty if one each.
    pub weights: &'a [f64],
    /// Position of the first histogram among all of the series.
    pub first_histogram: usize,
    /// The histograms.
    pub histograms: &'a [HistogramSample],
}

impl<'a> Window<'a> {
    /// All samples of a series.
    #[must_use]
    pub fn whole(columns: &'a Columns) -> Self {
        Self {
            step: 0,
            start: i64::MIN,
            end: i64::MAX,
            first: 0,
            t: &columns.t,
            v: &columns.v,
            weights: &columns.weights,
            first_histogram: 0,
            histograms: &columns.histograms,
        }
    }

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

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v.len() + self.histograms.len()
    }

    /// The last samples, at most `count` of each kind.
    #[must_use]
    pub fn tail(&self, count: usize) -> Self {
        let float = self.v.len().saturating_sub(count);
        let histogram = self.histograms.len().saturating_sub(count);
        Self {
            first: self.first + float,
            t: &self.t[float..],
            v: &self.v[float..],
            weights: self.weights.get(float..).unwrap_or(&[]),
            first_histogram: self.first_histogram + histogram,
            histograms: &self.histograms[histogram..],
            ..*self
        }
    }
}

/// Two cursors over ascending times.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    pub(crate) low: usize,
    pub(crate) high: usize,
}

impl Cursors {
    /// Moves to what lies in `(start, end]`.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        count: usize,
        (start, end): (i64, i64),
        time: impl Fn(usize) -> i64,
    ) {
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
    let (mut floats, mut histograms) = (Cursors::default(), Cursors::default());
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
            first_histogram: histograms.low,
            weights: columns.weights.get(floats.low..floats.high).unwrap_or(&[]),
            histograms: &columns.histograms[histograms.low..histograms.high],
        })?;
    }
    Ok(())
}

/// The samples of a window by time, both kinds. Start times are those of `columns`, or unknown.
pub fn points<'a>(
    window: Window<'a>,
    columns: Option<&'a Columns>,
) -> impl Iterator<Item = Point<'a>> {
    let starts = columns.map_or(&[][..], |columns| &columns.starts);
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let takes_float = match (window.t.get(float), window.histograms.get(histogram)) {
            (Some(t), Some(sample)) => *t < sample.t,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return None,
        };
        if takes_float {
            let at = float;
            float += 1;
            let start = starts.get(window.first + at).copied().unwrap_or(0);
            return Some(Point {
                stamp: Stamp {
                    t: window.t[at],
                    start,
                },
                value: CellRef::Float(window.v[at]),
            });
        }
        let sample = &window.histograms[histogram];
        histogram += 1;
        let start = columns.map_or(0, |_| sample.start);
        Some(Point {
            stamp: Stamp { t: sample.t, start },
            value: CellRef::Histogram(&sample.h),
        })
    })
}

impl<'a> Series<'a, '_> {
    /// The times of the steps.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.args.grid
    }

    /// The samples, if their start times count.
    #[must_use]
    pub fn starts(&self) -> Option<&'a Columns> {
        let count = self.args.features.start_timestamps;
        count.then_some(self.columns)
    }

    /// The samples of a window by time.
    pub fn points(&self, window: Window<'a>) -> impl Iterator<Item = Point<'a>> + use<'a> {
        points(window, self.starts())
    }

    /// Tells something about the range.
    pub fn note(&mut self, annotation: Annotation) {
        self.notes.add(annotation, self.range_span);
    }

    /// Tells something about the metric, once per series: windows that overlap say the same.
    pub fn note_metric(&mut self, kind: fn(String) -> Annotation) {
        let annotation = kind(self.metric.to_owned());
        if !self.told.contains(&annotation) {
            self.told.push(annotation.clone());
            self.note(annotation);
        }
    }

    /// Visits the windows that have a sample.
    pub fn windows(
        &mut self,
        mut visit: impl FnMut(&mut Self, Window<'a>) -> Result<()>,
    ) -> Result<()> {
        self.all_windows(|series, window| {
            if window.is_empty() {
                return Ok(());
            }
            visit(series, window)
        })
    }

    /// Visits all windows.
    pub fn all_windows(
        &mut self,
        mut visit: impl FnMut(&mut Self, Window<'a>) -> Result<()>,
    ) -> Result<()> {
        let (columns, grid, look) = (self.columns, self.grid(), self.look);
        each(columns, grid, look, |window| visit(self, window))
    }

    /// Writes what `compute` makes of the floats of each window that has some; histograms are passed over, with an info
    /// where a window has both.
    pub fn floats(&mut self, mut compute: impl FnMut(Window<'a>) -> f64) -> Result<()> {
        self.windows(|series, window| {
            if window.is_mixed() {
                series.note_metric(Annotation::HistogramIgnoredInMixedRange);
            }
            if !window.v.is_empty() {
                series.out.set(window.step, compute(window));
            }
            Ok(())
        })
    }
}
