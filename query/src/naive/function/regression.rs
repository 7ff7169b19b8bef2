//! `deriv`, `predict_linear`, `double_exponential_smoothing`: lines and trends through the floats of a window.

use std::cmp::Ordering;

use super::super::mean::Sum;
use super::super::window::{Window, seconds};
use super::range::Context;
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::value::SampleValue;

/// The floats of a window, at least two; tells of histograms passed over.
fn floats(window: Window<'_>, context: &mut Context<'_>) -> Option<Vec<(i64, f64)>> {
    let floats = window.floats();
    if !floats.is_empty() && !window.histograms().is_empty() {
        context.note_metric(Annotation::HistogramIgnoredInMixedRange);
    }
    (floats.len() >= 2).then_some(floats)
}

/// The slope of the least-squares line, or its value some seconds from now.
pub(super) fn line(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let floats = floats(window, context)?;
    let ahead = context.params.first();
    // Times count from where the line is looked at, which keeps them small.
    let origin = ahead.map_or(floats[0].0, |_| window.bounds.t);
    let (slope, at_origin) = least_squares(&floats, origin);
    Some(SampleValue::Float(match ahead {
        Some(ahead) => slope * ahead + at_origin,
        None => slope,
    }))
}

/// Slope per second and value at `origin`.
fn least_squares(floats: &[(i64, f64)], origin: i64) -> (f64, f64) {
    let constant = floats[0].1;
    let is_constant = floats
        .iter()
        .all(|(_, y)| y.partial_cmp(&constant) == Some(Ordering::Equal));
    if is_constant {
        return if constant.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, constant)
        };
    }
    let mut count = 0.0;
    let [mut x_sum, mut y_sum, mut xy_sum, mut x2_sum] = [Sum::default(); 4];
    for (t, y) in floats {
        let x = seconds(t - origin);
        count += 1.0;
        x_sum = x_sum.plus(x);
        y_sum = y_sum.plus(*y);
        xy_sum = xy_sum.plus(x * y);
        x2_sum = x2_sum.plus(x * x);
    }
    let [x, y, xy, x2] = [x_sum, y_sum, xy_sum, x2_sum].map(Sum::value);
    let slope = (xy - x * y / count) / (x2 - x * x / count);
    (slope, y / count - slope * x / count)
}

/// The last level of Holt's linear trend.
pub(super) fn smoothing(
    window: Window<'_>,
    context: &mut Context<'_>,
) -> Result<Option<SampleValue>> {
    let (smoothing, trend) = (context.params[0], context.params[1]);
    for (name, short, factor) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
        if factor <= 0.0 || factor >= 1.0 {
            return Err(Error::Execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {}",
                fixed(factor)
            )));
        }
    }
    let Some(floats) = floats(window, context) else {
        return Ok(None);
    };
    let (mut before, mut level) = (0.0, floats[0].1);
    let mut slope = floats[1].1 - floats[0].1;
    for (index, (_, value)) in floats.iter().enumerate().skip(1) {
        if index > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Ok(Some(SampleValue::Float(level)))
}

/// Six digits behind the point.
fn fixed(value: f64) -> String {
    if value.is_infinite() {
        return crate::syntax::number::print_number(value);
    }
    format!("{value:.6}")
}
