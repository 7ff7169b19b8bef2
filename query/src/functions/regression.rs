//! Straight lines and smoothing through the floats of a window.

use super::over_time::Compensated;
use super::rate::seconds;
use super::{Entry, window};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::exec::window::{Series, Window};
use crate::syntax::number;

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "deriv" => window(deriv),
        "predict_linear" => window(predict),
        "double_exponential_smoothing" => window(smooth),
        _ => None,
    }
}

/// Slope and height at `origin` of the line through the floats, by least squares.
#[expect(
    clippy::float_cmp,
    reason = "a constant series has no slope, whatever rounding says"
)]
fn line(window: &Window<'_>, origin: i64) -> (f64, f64) {
    let mut count = 0.0;
    let mut sums = [Compensated::default(); 4];
    let first = window.v[0];
    let constant = window.v.iter().all(|y| *y == first);
    for (t, y) in window.t.iter().zip(window.v) {
        count += 1.0;
        let x = seconds(t - origin);
        sums[0].add(x);
        sums[1].add(*y);
        sums[2].add(x * y);
        sums[3].add(x * x);
    }
    if constant {
        return if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
    }
    let [x, y, xy, xx] = sums.map(Compensated::total);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

/// Writes what `compute` makes of the floats of each window that has two; histograms are passed over.
fn lines(series: &mut Series<'_, '_>, compute: impl Fn(Window<'_>) -> Result<f64>) -> Result<()> {
    series.windows(|series, window| {
        let value = compute(window)?;
        if window.is_mixed() {
            series.note_metric(Annotation::HistogramIgnoredInMixedRange);
        }
        if window.v.len() >= 2 {
            series.out.set(window.step, value);
        }
        Ok(())
    })
}

fn deriv(series: &mut Series<'_, '_>) -> Result<()> {
    lines(series, |window| {
        let origin = window.t.first();
        Ok(origin.map_or(f64::NAN, |origin| line(&window, *origin).0))
    })
}

fn predict(series: &mut Series<'_, '_>) -> Result<()> {
    let (grid, ahead) = (series.grid(), series.args.scalars[0]);
    lines(series, |window| {
        if window.v.is_empty() {
            return Ok(f64::NAN);
        }
        let (slope, height) = line(&window, grid.time(window.step));
        Ok(slope * ahead[window.step] + height)
    })
}

fn smooth(series: &mut Series<'_, '_>) -> Result<()> {
    let (smoothing, trend) = (series.args.scalars[0], series.args.scalars[1]);
    lines(series, |window| {
        let (smoothing, trend) = (smoothing[window.step], trend[window.step]);
        check_factor("smoothing factor", "sf", smoothing)?;
        check_factor("trend factor", "tf", trend)?;
        Ok(smoothed(window.v, smoothing, trend))
    })
}

fn check_factor(what: &str, short: &str, factor: f64) -> Result<()> {
    // NaN passes, and makes everything NaN.
    if factor > 0.0 && factor < 1.0 || factor.is_nan() {
        return Ok(());
    }
    let got = if factor.is_finite() {
        format!("{factor:.6}")
    } else {
        number::print_number(factor)
    };
    Err(Error::Execution(format!(
        "invalid {what}. Expected: 0 < {short} < 1, got: {got}"
    )))
}

/// Level after the last sample, smoothed together with its trend.
fn smoothed(v: &[f64], smoothing: f64, trend: f64) -> f64 {
    let [first, second, ..] = v else {
        return f64::NAN;
    };
    let (mut before, mut level) = (0.0, *first);
    let mut slope = second - first;
    for (at, y) in v.iter().enumerate().skip(1) {
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * y + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    level
}
