//! `rate`, `increase`, `delta` over `anchored` and `smoothed` windows: no extrapolation, the edges are known.
//!
//! The edges come from [`Window::reach`]. On a smoothed edge that lies in a reset, a counter is taken to rise from zero
//! before the start, and on from its old value at the end. Resets inside are made up for as in a plain rate.

use super::super::data::DataSample;
use super::super::native::{self, Shared};
use super::super::window::{Extension, Window, seconds};
use super::range::Context;
use super::rate;
use crate::annotation::Annotation;
use crate::value::SampleValue;

/// The difference between the edges, per second for `rate`.
pub(super) fn rate(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let near = window.near(context.extension);
    let reach = window.reach(context.extension);
    let first = reach.first()?;
    if first.t > window.bounds.end {
        return None;
    }
    let is_float = first.value.float().is_some();
    if near
        .iter()
        .any(|sample| sample.value.float().is_some() != is_float)
    {
        context.note_metric(Annotation::MixedTypes);
        return None;
    }
    let is_counter = context.name != "delta";
    let factor = if context.name == "rate" {
        1.0 / window.bounds.seconds()
    } else {
        1.0
    };
    if !is_float {
        let difference = histogram_difference(window, reach, is_counter, context)?;
        return Some(native::multiplied(&difference, factor));
    }
    let floats: Vec<(i64, f64)> = reach
        .iter()
        .filter_map(|sample: &DataSample| Some((sample.t, sample.value.float()?)))
        .collect();
    let difference = float_difference(window, &floats, context.extension, is_counter);
    Some(SampleValue::Float(if context.name == "rate" {
        difference / window.bounds.seconds()
    } else {
        difference
    }))
}

fn float_difference(
    window: Window<'_>,
    floats: &[(i64, f64)],
    extension: Extension,
    is_counter: bool,
) -> f64 {
    let (start, end) = (window.bounds.start, window.bounds.end);
    let (first, last) = (floats[0], floats[floats.len() - 1]);
    let is_smoothed = extension == Extension::Smoothed && floats.len() > 1;
    let mut left = first.1;
    let mut right = last.1;
    if is_smoothed && first.0 < start {
        let next = floats[1];
        let from = if is_counter && next.1 < first.1 {
            0.0
        } else {
            first.1
        };
        left = on_line((first.0, from), next, start);
    }
    if is_smoothed && last.0 > end {
        let before = floats[floats.len() - 2];
        let is_reset = is_counter && last.1 < before.1;
        right = if !is_reset {
            on_line(before, last, end)
        } else if floats.len() == 2 && before.0 < start {
            // The reset came before the window, as it did for the left edge.
            on_line((before.0, 0.0), last, end)
        } else {
            on_line(before, (last.0, last.1 + before.1), end)
        };
    }
    let mut difference = right - left;
    if is_counter {
        let within = floats.iter().filter(|(t, _)| start < *t && *t < end);
        let mut before = left;
        // A right edge between two samples has made up for the reset between them.
        let edge = (!is_smoothed || last.0 <= end).then_some(right);
        for value in within.map(|(_, value)| *value).chain(edge) {
            if value < before {
                difference += before;
            }
            before = value;
        }
    }
    difference
}

/// The value at a time on the line through two points.
fn on_line(left: (i64, f64), right: (i64, f64), at: i64) -> f64 {
    left.1 + (right.1 - left.1) * seconds(at - left.0) / seconds(right.0 - left.0)
}

/// As for floats, in histograms; without the kinds of schemas mixed.
fn histogram_difference(
    window: Window<'_>,
    reach: &[DataSample],
    is_counter: bool,
    context: &mut Context<'_>,
) -> Option<Shared> {
    let points: Vec<(i64, Shared)> = reach
        .iter()
        .filter_map(|sample| Some((sample.t, Shared::clone(sample.value.histogram()?))))
        .collect();
    let values: Vec<Shared> = points
        .iter()
        .map(|(_, value)| Shared::clone(value))
        .collect();
    rate::note_kinds(&values, context);
    if values
        .iter()
        .any(|value| value.is_custom() != values[0].is_custom())
    {
        context.note_metric(Annotation::MixedSchemas);
        return None;
    }
    let (start, end) = (window.bounds.start, window.bounds.end);
    let last = points.len() - 1;
    let (left, right) = histogram_edges(window, &points, is_counter, context)?;
    let mut total = native::difference(&right, &left).ok()?.histogram;
    if is_counter {
        let within = points[..last]
            .iter()
            .filter(|(t, _)| start < *t && *t < end);
        let mut before = left;
        let inner = within.map(|(_, value)| Shared::clone(value));
        for value in inner.chain([right]) {
            if value.detect_reset(&before) {
                total = native::sum(&total, &before).ok()?.histogram;
            }
            before = value;
        }
    }
    Some(native::gauge(total))
}

/// The values at both edges.
fn histogram_edges(
    window: Window<'_>,
    points: &[(i64, Shared)],
    is_counter: bool,
    context: &Context<'_>,
) -> Option<(Shared, Shared)> {
    let (start, end) = (window.bounds.start, window.bounds.end);
    let last = points.len() - 1;
    let is_smoothed = context.extension == Extension::Smoothed && last > 0;
    let share = |at: usize, t: i64| {
        let (from, to) = (points[at].0, points[at + 1].0);
        seconds(t - from) / seconds(to - from)
    };
    let mut left = Shared::clone(&points[0].1);
    let mut right = Shared::clone(&points[last].1);
    if is_smoothed && points[0].0 < start {
        let (first, next) = (&points[0].1, &points[1].1);
        left = if is_counter && next.detect_reset(first) {
            native::risen(next, share(0, start))
        } else {
            native::on_line(first, next, share(0, start)).ok()?
        };
    }
    if is_smoothed && points[last].0 > end {
        let (before, after) = (&points[last - 1].1, &points[last].1);
        let share = share(last - 1, end);
        right = if !is_counter || !after.detect_reset(before) {
            native::on_line(before, after, share).ok()?
        } else if last == 1 && points[0].0 < start {
            // The reset came before the window, as it did for the left edge.
            native::risen(after, share)
        } else {
            let more = native::risen(after, share);
            Shared::new(native::sum(before, &more).ok()?.histogram)
        };
    }
    Some((left, right))
}
