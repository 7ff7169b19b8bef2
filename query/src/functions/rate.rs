//! How fast things change: rate, increase, delta over a whole window, irate and idelta over its last two samples.
//!
//! ```text
//! start      first                       last     end
//!   (----------.------.------.------.------.-------]
//!    to start  |<------ sampled --------->| to end      each side extrapolated, at most half an interval if a gap is long
//! ```
//!
//! A counter that falls began again from zero: what it had before is added. Those places are found once per series; a
//! window adds its own in order, so the result is that of summing over the window, without looking at all of it. Where
//! start timestamps count, a first sample that began inside the window counts from zero at its start.

use std::sync::Arc;

use super::native::gauge;
use super::over_time::as_float;
use super::{Entry, extended, native_rate, window};
use crate::annotation::{Annotation, HistogramOperation};
use crate::error::Result;
use crate::exec::batch::CellRef;
use crate::exec::window::{Point, Series, Stamp, Window};
use crate::plan::Extension;
use crate::value::SampleValue;

/// What is asked of a difference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Whether falling means to begin again.
    pub(super) counter: bool,
    /// Whether it is divided by time.
    pub(super) per_second: bool,
}

pub(super) const RATE: Change = Change {
    counter: true,
    per_second: true,
};
pub(super) const INCREASE: Change = Change {
    counter: true,
    per_second: false,
};
pub(super) const DELTA: Change = Change {
    counter: false,
    per_second: false,
};

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "rate" => window(|series| over_range(series, RATE)),
        "increase" => window(|series| over_range(series, INCREASE)),
        "delta" => window(|series| over_range(series, DELTA)),
        "irate" => window(|series| last_two(series, RATE)),
        "idelta" => window(|series| last_two(series, DELTA)),
        _ => None,
    }
}

fn over_range(series: &mut Series<'_, '_>, change: Change) -> Result<()> {
    if series.extension == Extension::None {
        let mut breaks = Breaks::of(series, change);
        // What nearly all series are: nothing to tell apart in the loop.
        let is_plain = series.columns.histograms.is_empty() && series.starts().is_none();
        series.windows(|series, window| {
            if is_plain {
                if window.v.len() >= 2 {
                    let value = breaks.of_floats(series, window, None);
                    series.out.set(window.step, value);
                }
            } else if let Some(value) = breaks.difference(series, window) {
                series.out.set_value(window.step, value);
            }
            Ok(())
        })?;
    } else {
        extended::over_range(series, change)?;
    }
    if change.counter {
        note_non_counter(series);
    }
    Ok(())
}

/// Positions in a series, and how many of them lie before the windows, which only move forwards.
#[derive(Debug, Default)]
struct Places {
    at: Vec<usize>,
    low: usize,
}

impl Places {
    fn new(count: usize, is_one: impl Fn(usize) -> bool) -> Self {
        Self {
            at: (1..count).filter(|at| is_one(*at)).collect(),
            low: 0,
        }
    }

    /// Those of a window, its first sample aside.
    fn inside(&mut self, first: usize, count: usize) -> &[usize] {
        while self.at.get(self.low).is_some_and(|at| *at <= first) {
            self.low += 1;
        }
        let rest = &self.at[self.low..];
        let inside = rest.iter().take_while(|at| **at < first + count).count();
        &rest[..inside]
    }
}

/// Where the counter of one series began again.
pub(super) struct Breaks {
    change: Change,
    floats: Places,
    histograms: Places,
    /// Where start times are in disorder.
    overlaps: [Places; 2],
}

impl Breaks {
    pub(super) fn of(series: &Series<'_, '_>, change: Change) -> Self {
        let mut breaks = Self {
            change,
            floats: Places::default(),
            histograms: Places::default(),
            overlaps: [Places::default(), Places::default()],
        };
        if !change.counter {
            return breaks;
        }
        let columns = series.columns;
        let (v, histograms) = (columns.v.as_slice(), columns.histograms.as_slice());
        let Some(_) = series.starts() else {
            breaks.floats = Places::new(v.len(), |at| v[at] < v[at - 1]);
            breaks.histograms = Places::new(histograms.len(), |at| {
                histograms[at].h.detect_reset(&histograms[at - 1].h)
            });
            return breaks;
        };
        let float = |at: usize| Stamp {
            t: columns.t[at],
            start: columns.starts.get(at).copied().unwrap_or(0),
        };
        let histogram = |at: usize| Stamp {
            t: histograms[at].t,
            start: histograms[at].start,
        };
        breaks.floats = Places::new(v.len(), |at| {
            v[at] < v[at - 1] || float(at).began_again(float(at - 1))
        });
        breaks.histograms = Places::new(histograms.len(), |at| {
            histograms[at].h.detect_reset(&histograms[at - 1].h)
                || histogram(at).began_again(histogram(at - 1))
        });
        breaks.overlaps = [
            Places::new(v.len(), |at| float(at).overlaps(float(at - 1))),
            Places::new(histograms.len(), |at| {
                histogram(at).overlaps(histogram(at - 1))
            }),
        ];
        breaks
    }

    /// The difference over a window, stretched to its edges.
    pub(super) fn difference<'a>(
        &mut self,
        series: &mut Series<'a, '_>,
        window: Window<'a>,
    ) -> Option<SampleValue> {
        if window.is_mixed() {
            series.note_metric(Annotation::MixedTypes);
            return None;
        }
        let since = self.since(series, window);
        self.note_overlap(series, window);
        if window.len() < 2 && since.is_none() {
            return None;
        }
        if window.histograms.is_empty() {
            let value = self.of_floats(series, window, since);
            return Some(SampleValue::Float(value));
        }
        let restarts = self
            .histograms
            .inside(window.first_histogram, window.histograms.len());
        let restarts = native_rate::Restarts {
            at: restarts,
            from_zero: since.is_some(),
            counter: self.change.counter,
        };
        let mut value = native_rate::difference(series, window, &restarts)?;
        let [first, ..] = window.histograms else {
            return None;
        };
        let ends = (first.t, window.histograms[window.histograms.len() - 1].t);
        value.mul(self.stretch(window, ends, since, (first.h.count, value.count)));
        Some(SampleValue::Histogram(Arc::new(value)))
    }

    /// The difference over a window that has floats.
    #[inline]
    fn of_floats(
        &mut self,
        series: &Series<'_, '_>,
        window: Window<'_>,
        since: Option<i64>,
    ) -> f64 {
        let at_end = window.v.len() - 1;
        let (first, last) = (window.v[0], window.v[at_end]);
        let mut value = if since.is_some() { last } else { last - first };
        for at in self.floats.inside(window.first, window.v.len()) {
            value += series.columns.v[at - 1];
        }
        let ends = (window.t[0], window.t[at_end]);
        value * self.stretch(window, ends, since, (first, value))
    }

    /// When the first sample of a window began to count, where that is inside the window.
    fn since(&self, series: &Series<'_, '_>, window: Window<'_>) -> Option<i64> {
        if !self.change.counter {
            return None;
        }
        let columns = series.starts()?;
        let (t, start) = match window.histograms.first() {
            Some(sample) => (sample.t, sample.start),
            None => (
                *window.t.first()?,
                columns.starts.get(window.first).copied().unwrap_or(0),
            ),
        };
        (start != 0 && start > window.start && start < t).then_some(start)
    }

    fn note_overlap(&mut self, series: &mut Series<'_, '_>, window: Window<'_>) {
        let [floats, histograms] = &mut self.overlaps;
        let disorder = !floats.inside(window.first, window.v.len()).is_empty()
            || !histograms
                .inside(window.first_histogram, window.histograms.len())
                .is_empty();
        if disorder {
            let metric = series.metric.to_owned();
            series.note(Annotation::StartTimeOverlap {
                metric,
                occurrences: 1,
            });
        }
    }

    /// What the difference between first and last sample is multiplied by to stand for the whole window. A counter cannot
    /// have been below zero before; `level` is its first value and its difference.
    fn stretch(
        &self,
        window: Window<'_>,
        (first, last): (i64, i64),
        since: Option<i64>,
        level: (f64, f64),
    ) -> f64 {
        let sampled = seconds(last - since.unwrap_or(first));
        let gaps = window.len() - usize::from(since.is_none());
        let interval = sampled / as_float(gaps);
        let limited = |gap: f64| {
            if gap >= interval * 1.1 {
                interval / 2.0
            } else {
                gap
            }
        };
        let mut to_start = 0.0;
        if since.is_none() {
            to_start = limited(seconds(first - window.start));
            let (value, difference) = level;
            if self.change.counter && difference > 0.0 && value >= 0.0 {
                to_start = to_start.min(sampled * (value / difference));
            }
        }
        let to_end = limited(seconds(window.end - last));
        let factor = (sampled + to_start + to_end) / sampled;
        if self.change.per_second {
            factor / seconds(window.end - window.start)
        } else {
            factor
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of time are far below 2^53"
)]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// Whether a metric is called like a counter.
fn is_counter_name(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Tells that what was taken for a counter may be none, where floats came out.
fn note_non_counter(series: &mut Series<'_, '_>) {
    if series.metric.is_empty() || series.out.present.iter().all(|word| *word == 0) {
        return;
    }
    if series.args.features.type_and_unit_labels {
        if !matches!(series.kind, "counter" | "histogram") {
            let (metric, kind) = (series.metric.to_owned(), series.kind.to_owned());
            series.note(Annotation::PossibleNonCounterType { metric, kind });
        }
    } else if !is_counter_name(series.metric) {
        series.note_metric(Annotation::PossibleNonCounter);
    }
}

/// The difference of the last two samples of each window.
fn last_two(series: &mut Series<'_, '_>, change: Change) -> Result<()> {
    series.windows(|series, window| {
        let tail: Vec<Point<'_>> = series.points(window.tail(2)).collect();
        let [.., before, last] = tail[..] else {
            return Ok(());
        };
        if last.stamp.t > before.stamp.t
            && let Some(value) = between(series, before, last, change)
        {
            series.out.set_value(window.step, value);
        }
        Ok(())
    })
}

fn between(
    series: &mut Series<'_, '_>,
    before: Point<'_>,
    last: Point<'_>,
    change: Change,
) -> Option<SampleValue> {
    let distance = seconds(last.stamp.t - before.stamp.t);
    let restarts = last.stamp.began_again(before.stamp);
    match (before.value, last.value) {
        (CellRef::Float(a), CellRef::Float(b)) => {
            let from_zero = change.counter && (b < a || restarts);
            let value = if from_zero { b } else { b - a };
            Some(SampleValue::Float(if change.per_second {
                value / distance
            } else {
                value
            }))
        }
        (CellRef::Histogram(a), CellRef::Histogram(b)) => {
            native_rate::note_kinds(series, [a, b].into_iter(), change.counter);
            let from_zero = change.counter && (b.detect_reset(a) || restarts);
            let mut value = (**b).clone();
            if !from_zero {
                if a.is_custom() != b.is_custom() {
                    series.note_metric(Annotation::MixedSchemas);
                    return None;
                }
                native_rate::apply(series, &mut value, a, HistogramOperation::Subtraction);
            }
            let mut value = gauge(value);
            if change.per_second {
                value.div(distance);
            }
            Some(SampleValue::Histogram(Arc::new(value)))
        }
        _ => {
            series.note_metric(Annotation::MixedTypes);
            None
        }
    }
}
