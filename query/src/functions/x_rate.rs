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

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of five minutes that ends at `end` seconds.
    fn check(samples: &[(i64, f64)], (end, appeared): (i64, i64), want: [Option<f64>; 3]) {
        let t: Vec<i64> = samples.iter().map(|(t, _)| t * 1000).collect();
        let v: Vec<f64> = samples.iter().map(|(_, v)| *v).collect();
        let columns = crate::storage::Columns::default();
        let window = Window {
            start: (end - 300) * 1000,
            end: end * 1000,
            ..Window::whole(&columns)
        };
        let got = [RATE, INCREASE, DELTA].map(|change| {
            let floats = Floats { t: &t, v: &v };
            floats.difference(window, appeared * 1000, change)
        });
        assert_eq!(got, want, "{samples:?} {end}");
    }

    #[test]
    fn differences_start_at_the_sample_before_the_window() {
        let counter = [(0, 0.0), (100, 10.0), (200, 20.0), (300, 30.0)];
        check(&counter, (300, 0), [Some(0.1), Some(30.0), Some(30.0)]);
        // A reset gives back what was counted before it; a delta does not care.
        let fallen = [(0, 5.0), (150, 8.0), (300, 2.0)];
        check(
            &fallen,
            (300, 0),
            [Some(5.0 / 300.0), Some(5.0), Some(-3.0)],
        );
        // The last interval is not over, so what is known is stretched to the range.
        let early = [(0, 0.0), (200, 20.0)];
        check(&early, (310, 0), [Some(0.1), Some(20.0), Some(30.0)]);
    }

    #[test]
    fn a_first_sample_too_far_away_does_not_count_for_rates() {
        let far = [(0, 0.0), (900, 90.0), (960, 96.0), (1020, 102.0)];
        check(
            &far,
            (1020, 0),
            [Some(12.0 / 300.0), Some(102.0), Some(12.0)],
        );
        check(&far[..2], (1200, 0), [Some(0.1), Some(90.0), Some(30.0)]);
        check(
            &[(0, 0.0), (10, 1.0)],
            (800, 0),
            [Some(0.0), Some(1.0), Some(0.0)],
        );
    }

    #[test]
    fn a_series_that_came_into_being_grew_from_zero() {
        check(&[(250, 7.0)], (300, 250), [Some(0.0), Some(7.0), Some(0.0)]);
        check(&[(250, 7.0)], (300, -9), [Some(0.0), Some(0.0), Some(0.0)]);
        check(&[], (300, 0), [None; 3]);
    }
}
