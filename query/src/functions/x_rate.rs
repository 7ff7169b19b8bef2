//! Thanos' `xrate`, `xincrease`, `xdelta`: differences that start at the last sample before the window.
//!
//! That sample may be an hour older than the window. One sample is enough. An increase of a series that came into being
//! inside the window starts at zero; rates and deltas drop a first sample that is too far away, and are stretched to the
//! range where neither edge is far from a sample. Histograms are differenced as in a plain rate.

use super::over_time::as_float;
use super::rate::{Breaks, Change, DELTA, INCREASE, RATE, seconds};
use super::{Entry, window};
use crate::error::Result;
use crate::exec::window::{Series, Window};

/// How much older than its window the first sample may be, milliseconds.
pub(crate) const LOOKBACK: i64 = 3_600_000;

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "xrate" => window(|series| differences(series, RATE)),
        "xincrease" => window(|series| differences(series, INCREASE)),
        "xdelta" => window(|series| differences(series, DELTA)),
        _ => None,
    }
}

fn differences(series: &mut Series<'_, '_>, change: Change) -> Result<()> {
    let mut breaks = Breaks::of(series, change);
    let columns = series.columns;
    let times = [
        columns.t.first().copied(),
        columns.histograms.first().map(|sample| sample.t),
    ];
    let Some(appeared) = times.into_iter().flatten().min() else {
        return Ok(());
    };
    series.all_windows(|series, window| {
        let horizon = window.start.saturating_sub(LOOKBACK);
        let near = |t: &i64| *t > horizon;
        let float = window
            .first
            .checked_sub(1)
            .filter(|at| near(&columns.t[*at]));
        let before = window.first_histogram.checked_sub(1);
        let histogram = before.map(|at| columns.histograms[at].t).filter(near);
        let starts_with_histogram =
            histogram.is_some_and(|t| float.is_none_or(|at| columns.t[at] < t));
        if starts_with_histogram || !window.histograms.is_empty() {
            if let Some(value) = breaks.difference(series, window) {
                series.out.set_value(window.step, value);
            }
            return Ok(());
        }
        let wider = Floats {
            t: &columns.t[float.unwrap_or(window.first)..window.first + window.t.len()],
            v: &columns.v[float.unwrap_or(window.first)..window.first + window.v.len()],
        };
        if let Some(value) = wider.difference(window, appeared, change) {
            series.out.set(window.step, value);
        }
        Ok(())
    })
}

/// The samples of a window and the one before it.
#[derive(Clone, Copy)]
struct Floats<'a> {
    t: &'a [i64],
    v: &'a [f64],
}

impl Floats<'_> {
    fn interval(self) -> f64 {
        match (self.t.first(), self.t.last()) {
            (Some(first), Some(last)) => seconds(last - first) / as_float(self.t.len() - 1),
            _ => f64::NAN,
        }
    }

    #[expect(clippy::float_cmp, reason = "flat is what has one value only")]
    fn difference(mut self, window: Window<'_>, appeared: i64, change: Change) -> Option<f64> {
        let range = window.end - window.start;
        let is_increase = change.counter && !change.per_second;
        let (first, last) = (*self.v.first()?, *self.v.last()?);
        let is_flat = self.v.iter().all(|value| *value == first);
        if is_increase && is_flat && window.end <= range.saturating_add(appeared) {
            return Some(first);
        }
        if !is_increase && seconds(window.start - self.t[0]) > self.interval() {
            if self.t.len() < 3 {
                return Some(0.0);
            }
            self = Self {
                t: &self.t[1..],
                v: &self.v[1..],
            };
        }
        let mut value = last - self.v[0];
        if change.counter {
            let falls = self.v.windows(2).filter(|pair| pair[1] < pair[0]);
            value += falls.map(|pair| pair[0]).sum::<f64>();
        }
        let whole_range = seconds(range / 1000 * 1000);
        let (from, to) = (self.t[0], self.t[self.t.len() - 1]);
        if !is_increase && from <= window.start && seconds(window.end - to) < self.interval() {
            value *= whole_range / seconds(to - from);
        }
        Some(if change.per_second {
            value / whole_range
        } else {
            value
        })
    }
}
