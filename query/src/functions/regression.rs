//! Straight lines and smoothing through the floats of a window.

use super::over_time::Compensated;
use super::rate::seconds;
use super::{Entry, window};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::exec::window::{Series, Window};

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

/// Tells of a window that is cut short by histograms.
fn note_mix(series: &mut Series<'_, '_>, window: &Window<'_>) {
    if window.is_mixed() {
        let metric = series.metric.to_owned();
        series.note(Annotation::HistogramIgnoredInMixedRange(metric));
    }
}

fn deriv(series: &mut Series<'_, '_>) -> Result<()> {
    series.windows(|series, window| {
        note_mix(series, &window);
        if window.v.len() >= 2 {
            let (slope, _) = line(&window, window.t[0]);
            series.out.set(window.step, slope);
        }
        Ok(())
    })
}

fn predict(series: &mut Series<'_, '_>) -> Result<()> {
    let (grid, ahead) = (series.grid(), series.args.scalars[0]);
    series.windows(|series, window| {
        note_mix(series, &window);
        if window.v.len() >= 2 {
            let (slope, height) = line(&window, grid.time(window.step));
            let value = slope * ahead[window.step] + height;
            series.out.set(window.step, value);
        }
        Ok(())
    })
}

fn smooth(series: &mut Series<'_, '_>) -> Result<()> {
    let (smoothing, trend) = (series.args.scalars[0], series.args.scalars[1]);
    series.windows(|series, window| {
        let (smoothing, trend) = (smoothing[window.step], trend[window.step]);
        check_factor("smoothing factor", "sf", smoothing)?;
        check_factor("trend factor", "tf", trend)?;
        if window.v.len() >= 2 {
            note_mix(series, &window);
            let value = smoothed(window.v, smoothing, trend);
            series.out.set(window.step, value);
        }
        Ok(())
    })
}

fn check_factor(what: &str, short: &str, factor: f64) -> Result<()> {
    if factor > 0.0 && factor < 1.0 {
        return Ok(());
    }
    let got = if factor.is_finite() {
        format!("{factor:.6}")
    } else if factor.is_nan() {
        "NaN".to_owned()
    } else {
        format!("{}Inf", if factor > 0.0 { '+' } else { '-' })
    };
    Err(Error::Execution(format!(
        "invalid {what}. Expected: 0 < {short} < 1, got: {got}"
    )))
}

/// Level after the last sample, smoothed together with its trend.
fn smoothed(v: &[f64], smoothing: f64, trend: f64) -> f64 {
    let (mut before, mut level) = (0.0, v[0]);
    let mut slope = v[1] - v[0];
    for (at, y) in v.iter().enumerate().skip(1) {
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * y + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    level
}
