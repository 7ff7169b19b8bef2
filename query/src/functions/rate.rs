//! How fast things change: rate, increase, delta over a whole window, irate and idelta over its last two samples.
//!
//! ```text
//! start      first                       last     end
//!   (----------.------.------.------.------.-------]
//!    to start  |<------ sampled --------->| to end      each side extrapolated, at most half an interval if a gap is long
//! ```
//!
//! A counter that falls began again from zero: what it had before is added. Those places are found once per series; a
//! window adds its own in order, so the result is that of summing over the window, without looking at all of it.

use super::{Entry, window};
use crate::annotation::Annotation;
use crate::error::Result;
use crate::exec::window::{Series, Window};

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "rate" => window(|series| counter(series, true)),
        "increase" => window(|series| counter(series, false)),
        "delta" => window(delta),
        "irate" => window(irate),
        "idelta" => window(idelta),
        _ => None,
    }
}

/// Positions of the floats that are less than the one before.
fn falls(v: &[f64]) -> Vec<usize> {
    (1..v.len()).filter(|at| v[*at] < v[at - 1]).collect()
}

/// The falls inside windows that move forward only.
struct Falls<'a> {
    at: Vec<usize>,
    low: usize,
    v: &'a [f64],
}

impl<'a> Falls<'a> {
    fn new(v: &'a [f64]) -> Self {
        Self {
            at: falls(v),
            low: 0,
            v,
        }
    }

    /// Adds to `value` what the counter had before each fall of the window.
    fn correct(&mut self, window: &Window<'_>, mut value: f64) -> f64 {
        let end = window.first + window.v.len();
        while self.at.get(self.low).is_some_and(|at| *at <= window.first) {
            self.low += 1;
        }
        for at in self.at[self.low..].iter().take_while(|at| **at < end) {
            value += self.v[at - 1];
        }
        value
    }
}

fn counter(series: &mut Series<'_, '_>, per_second: bool) -> Result<()> {
    let mut falls = Falls::new(&series.columns.v);
    let range = series.look.range;
    series.windows(|series, window| {
        if !usable(series, &window)? {
            return Ok(());
        }
        let (first, last) = ends(&window);
        let value = falls.correct(&window, last - first);
        let factor = extrapolation(&window, Some(value));
        let factor = if per_second {
            factor / seconds(range)
        } else {
            factor
        };
        series.out.set(window.step, value * factor);
        Ok(())
    })?;
    note_non_counter(series);
    Ok(())
}

fn delta(series: &mut Series<'_, '_>) -> Result<()> {
    series.windows(|series, window| {
        if usable(series, &window)? {
            let (first, last) = ends(&window);
            let value = (last - first) * extrapolation(&window, None);
            series.out.set(window.step, value);
        }
        Ok(())
    })
}

/// Whether a window has two floats and nothing else; a mix is told.
fn usable(series: &mut Series<'_, '_>, window: &Window<'_>) -> Result<bool> {
    if window.is_mixed() {
        let metric = series.metric.to_owned();
        series.note(Annotation::MixedTypes(metric));
        return Ok(false);
    }
    window.refuse_histograms()?;
    Ok(window.v.len() >= 2)
}

fn ends(window: &Window<'_>) -> (f64, f64) {
    (window.v[0], window.v[window.v.len() - 1])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of time are far below 2^53"
)]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// What the change between first and last sample is multiplied by to stand for the whole window. `counter` is the change
/// of a counter, which cannot have been below zero before.
#[expect(
    clippy::cast_precision_loss,
    reason = "a window has far fewer than 2^53 samples"
)]
fn extrapolation(window: &Window<'_>, counter: Option<f64>) -> f64 {
    let (first, last) = (window.t[0], window.t[window.t.len() - 1]);
    let sampled = seconds(last - first);
    let mut to_start = seconds(first - window.start);
    let mut to_end = seconds(window.end - last);
    let interval = sampled / (window.t.len() - 1) as f64;
    let gap = interval * 1.1;
    if to_start >= gap {
        to_start = interval / 2.0;
    }
    if let Some(value) = counter.filter(|value| *value > 0.0 && window.v[0] >= 0.0) {
        let to_zero = sampled * (window.v[0] / value);
        to_start = to_start.min(to_zero);
    }
    if to_end >= gap {
        to_end = interval / 2.0;
    }
    (sampled + to_start + to_end) / sampled
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
    let metric = series.metric.to_owned();
    if series.args.features.type_and_unit_labels {
        if !matches!(series.kind, "counter" | "histogram") {
            let kind = series.kind.to_owned();
            series.note(Annotation::PossibleNonCounterType { metric, kind });
        }
    } else if !is_counter_name(&metric) {
        series.note(Annotation::PossibleNonCounter(metric));
    }
}

fn irate(series: &mut Series<'_, '_>) -> Result<()> {
    last_two(series, |(before_t, before), (t, value)| {
        let grown = if value < before {
            value
        } else {
            value - before
        };
        grown / seconds(t - before_t)
    })
}

fn idelta(series: &mut Series<'_, '_>) -> Result<()> {
    last_two(series, |(_, before), (_, value)| value - before)
}

fn last_two(
    series: &mut Series<'_, '_>,
    compute: impl Fn((i64, f64), (i64, f64)) -> f64,
) -> Result<()> {
    series.windows(|series, window| {
        window.refuse_histograms()?;
        let n = window.v.len();
        if n >= 2 && window.t[n - 1] > window.t[n - 2] {
            let (before, last) = (
                (window.t[n - 2], window.v[n - 2]),
                (window.t[n - 1], window.v[n - 1]),
            );
            series.out.set(window.step, compute(before, last));
        }
        Ok(())
    })
}
