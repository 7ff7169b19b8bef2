//! The `_over_time` functions: aggregations of a window.
//!
//! Those of counts and places take any sample, sums and means only one kind, the rest only floats: they tell of the
//! histograms that they pass over.

use super::super::mean::{Mean, Sum, last_as_float, quantile};
use super::super::native;
use super::super::window::{Window, seconds};
use super::range::Context;
use crate::annotation::Annotation;
use crate::value::SampleValue;

/// The sample that a window gives.
pub(super) fn over_time(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let samples = window.inside();
    let float = |value| Some(SampleValue::Float(value));
    match context.name {
        "count_over_time" => float(last_as_float(samples.len())),
        "present_over_time" => float(1.0),
        "first_over_time" => samples.first().map(|sample| sample.value.clone()),
        "last_over_time" => samples.last().map(|sample| sample.value.clone()),
        "ts_of_first_over_time" => float(seconds(samples.first()?.t)),
        "ts_of_last_over_time" => float(seconds(samples.last()?.t)),
        "sum_over_time" | "avg_over_time" => sum_or_mean(window, context),
        _ => of_floats(window, context).map(SampleValue::Float),
    }
}

fn sum_or_mean(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let (floats, histograms) = (window.floats(), window.histograms());
    if !floats.is_empty() && !histograms.is_empty() {
        context.note_metric(Annotation::MixedTypes);
        return None;
    }
    let is_mean = context.name == "avg_over_time";
    let Some(((_, first), rest)) = floats.split_first() else {
        let values: Vec<_> = histograms.into_iter().map(|(_, value)| value).collect();
        let (result, notes) = native::folded(&values, is_mean);
        for note in notes {
            context.note(note);
        }
        return match result {
            Ok(histogram) => Some(SampleValue::Histogram(histogram)),
            Err(_) => {
                context.note_metric(Annotation::MixedSchemas);
                None
            }
        };
    };
    let rest = rest.iter().map(|(_, value)| *value);
    Some(SampleValue::Float(if is_mean {
        rest.fold(Mean::of(*first), Mean::plus).value()
    } else {
        let sum = rest.fold(Sum::of(*first), Sum::plus);
        if sum.total.is_infinite() {
            sum.total
        } else {
            sum.value()
        }
    }))
}

fn of_floats(window: Window<'_>, context: &mut Context<'_>) -> Option<f64> {
    let floats = window.floats();
    if floats.is_empty() {
        return None;
    }
    if !window.histograms().is_empty() {
        let ignored = Annotation::HistogramIgnoredInMixedRange(context.metric.to_owned());
        // Said of the first argument, whichever that is.
        let span = match context.name {
            "quantile_over_time" => context.param_span,
            _ => context.span,
        };
        context.notes.add(ignored, span);
    }
    let mut values: Vec<f64> = floats.iter().map(|(_, value)| *value).collect();
    Some(match context.name {
        "min_over_time" => extreme(&floats, |new, old| new < old).1,
        "max_over_time" => extreme(&floats, |new, old| new > old).1,
        "ts_of_min_over_time" => seconds(extreme(&floats, |new, old| new <= old).0),
        "ts_of_max_over_time" => seconds(extreme(&floats, |new, old| new >= old).0),
        "stdvar_over_time" => variance(&values),
        "stddev_over_time" => variance(&values).sqrt(),
        "mad_over_time" => {
            let median = quantile(0.5, &mut values);
            let mut distances: Vec<f64> =
                values.iter().map(|value| (value - median).abs()).collect();
            quantile(0.5, &mut distances)
        }
        _ => {
            let at = context.params.first().copied().unwrap_or(f64::NAN);
            if !(0.0..=1.0).contains(&at) {
                let warning = Annotation::InvalidQuantile(at);
                context.notes.add(warning, context.param_span);
            }
            quantile(at, &mut values)
        }
    })
}

/// The sample that beats those before it; anything beats NaN.
fn extreme(floats: &[(i64, f64)], beats: fn(f64, f64) -> bool) -> (i64, f64) {
    let mut best = floats[0];
    for sample in floats {
        if beats(sample.1, best.1) || best.1.is_nan() {
            best = *sample;
        }
    }
    best
}

/// Welford's, with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut spread, mut count) = (Sum::default(), Sum::default(), 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean.value();
        mean = mean.plus(delta / count);
        spread = spread.plus(delta * (value - mean.value()));
    }
    spread.value() / count
}
