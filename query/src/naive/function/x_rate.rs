//! Thanos' `xrate`, `xincrease`, `xdelta`: differences that start at the last sample before the window.
//!
//! That sample may be an hour older than the window. One sample is enough. An increase of a series that came into being
//! inside the window starts at zero; rates and deltas drop a first sample that is too far away, and are stretched to the
//! range where neither edge is far from a sample.

use std::cmp::Ordering;

use super::super::mean::last_as_float;
use super::super::window::{Window, seconds};
use super::range::Context;
use super::rate;
use crate::value::SampleValue;

/// How much older than its window the first sample may be.
const LOOKBACK: i64 = 3_600_000;

/// The difference over a window, per second for `xrate`.
pub(super) fn rate(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let (start, end) = (window.bounds.start, window.bounds.end);
    let before = window
        .samples
        .partition_point(|sample| sample.t <= start)
        .checked_sub(1)
        .filter(|index| window.samples[*index].t > start.saturating_sub(LOOKBACK));
    let from = before.map_or(start, |index| window.samples[index].t - 1);
    let mut wider = window;
    wider.bounds.start = from;
    if wider
        .inside()
        .iter()
        .any(|sample| sample.value.histogram().is_some())
    {
        return rate::rate(window, context);
    }
    let floats = wider.floats();
    let appeared = window.samples.first()?.t;
    difference(&floats, (start, end), appeared, context).map(SampleValue::Float)
}

fn difference(
    floats: &[(i64, f64)],
    (start, end): (i64, i64),
    appeared: i64,
    context: &Context<'_>,
) -> Option<f64> {
    let mut floats = floats;
    let is_increase = context.name == "xincrease";
    let range = end - start;
    let first = *floats.first()?;
    let last = *floats.last()?;
    let is_flat = floats
        .iter()
        .all(|(_, value)| value.partial_cmp(&first.1) == Some(Ordering::Equal));
    if is_increase && is_flat && end <= range.saturating_add(appeared) {
        return Some(first.1);
    }
    let interval = |floats: &[(i64, f64)]| {
        let gaps = last_as_float(floats.len().saturating_sub(1));
        seconds(last.0 - floats[0].0) / gaps
    };
    if !is_increase && seconds(start - first.0) > interval(floats) {
        if floats.len() < 3 {
            return Some(0.0);
        }
        floats = &floats[1..];
    }
    let first = floats[0];
    let mut value = last.1 - first.1;
    if context.name != "xdelta" {
        let pairs = floats.windows(2);
        value += pairs
            .filter(|pair| pair[1].1 < pair[0].1)
            .map(|pair| pair[0].1)
            .sum::<f64>();
    }
    let whole_range = seconds(range / 1000 * 1000);
    if !is_increase && first.0 <= start && seconds(end - last.0) < interval(floats) {
        value *= whole_range / seconds(last.0 - first.0);
    }
    Some(if context.name == "xrate" {
        value / whole_range
    } else {
        value
    })
}
