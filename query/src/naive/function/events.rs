//! `resets` and `changes`: how often something happens between two samples of a window.
//!
//! A change of the kind of sample is a reset and a change. Anchored windows begin with the value before them.

use super::super::data::DataSample;
use super::super::window::Window;
use super::range::Context;
use super::rate;
use crate::value::SampleValue;

/// How often.
pub(super) fn count(window: Window<'_>, context: &Context<'_>) -> Option<SampleValue> {
    let samples = window.extended(context.extension);
    if samples.is_empty() {
        return None;
    }
    let mut count = 0.0;
    for pair in samples.windows(2) {
        let happened = if context.name == "resets" {
            is_reset(&pair[0], &pair[1], context)
        } else {
            is_change(&pair[0], &pair[1])
        };
        if happened {
            count += 1.0;
        }
    }
    Some(SampleValue::Float(count))
}

fn is_reset(before: &DataSample, now: &DataSample, context: &Context<'_>) -> bool {
    match (&before.value, &now.value) {
        (SampleValue::Float(a), SampleValue::Float(b)) => {
            b < a || rate::began_again(before, now, context)
        }
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => {
            b.detect_reset(a) || rate::began_again(before, now, context)
        }
        _ => true,
    }
}

fn is_change(before: &DataSample, now: &DataSample) -> bool {
    match (&before.value, &now.value) {
        (SampleValue::Float(a), SampleValue::Float(b)) => {
            a.partial_cmp(b) != Some(std::cmp::Ordering::Equal) && !(a.is_nan() && b.is_nan())
        }
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => !a.equals(b),
        _ => true,
    }
}
