//! `rate`, `increase`, `delta` with extrapolation to the edges of the window; `irate`, `idelta` of the last two samples.
//!
//! ```text
//! start   first                         last    end
//! |-------x------x------x------x---------x------|
//!   lead           sampled                 tail
//! ```
//!
//! The difference of last and first, with what was lost in resets, is stretched over lead and tail. Each is cut to half
//! the average distance of samples where it is longer than 1.1 of that; a counter never reaches below zero. Where start
//! timestamps count, a first sample that began inside the window needs no lead: it counts from zero at its start.

use super::super::data::DataSample;
use super::super::mean::last_as_float;
use super::super::native::{self, Shared};
use super::super::window::{Window, seconds};
use super::range::Context;
use crate::annotation::{Annotation, HistogramOperation};
use crate::value::SampleValue;

/// The difference over a window, per second for `rate`.
pub(super) fn rate(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let samples = window.inside();
    let floats: Vec<(&DataSample, f64)> = samples
        .iter()
        .filter_map(|sample| Some((sample, sample.value.float()?)))
        .collect();
    let histograms: Vec<(&DataSample, Shared)> = samples
        .iter()
        .filter_map(|sample| Some((sample, Shared::clone(sample.value.histogram()?))))
        .collect();
    if !floats.is_empty() && !histograms.is_empty() {
        context.note_metric(Annotation::MixedTypes);
        return None;
    }
    let first = samples.first()?;
    let since = first_start(window, first, context);
    if is_counter(context) {
        note_overlap(samples, context);
    }
    if samples.len() < 2 && since.is_none() {
        return None;
    }
    if histograms.is_empty() {
        let difference = float_difference(&floats, since.is_some(), context);
        let level = (floats[0].1, difference);
        let factor = stretch(window, since, level, context);
        return Some(SampleValue::Float(difference * factor));
    }
    let difference = histogram_difference(&histograms, since.is_some(), context)?;
    let level = (histograms[0].1.count, difference.count);
    let factor = stretch(window, since, level, context);
    Some(native::multiplied(&difference, factor))
}

fn is_counter(context: &Context<'_>) -> bool {
    !matches!(context.name, "delta" | "idelta" | "xdelta")
}

/// When the first sample began to count, where that is inside the window.
fn first_start(window: Window<'_>, first: &DataSample, context: &Context<'_>) -> Option<i64> {
    if !context.features.start_timestamps || !is_counter(context) {
        return None;
    }
    first
        .start
        .filter(|start| *start > window.bounds.start && *start < first.t)
}

/// Whether a sample began to count after the one before it.
pub(super) fn began_again(before: &DataSample, now: &DataSample, context: &Context<'_>) -> bool {
    if !context.features.start_timestamps {
        return false;
    }
    now.start
        .is_some_and(|start| before.start != Some(start) && before.t <= start && start < now.t)
}

/// Warns where a start time lies before the sample before.
fn note_overlap(samples: &[DataSample], context: &mut Context<'_>) {
    let overlaps = |pair: &[DataSample]| {
        let (before, now) = (&pair[0], &pair[1]);
        now.start.is_some_and(|start| {
            before.start.is_some_and(|other| other != start) && start < before.t
        })
    };
    if context.features.start_timestamps && samples.windows(2).any(overlaps) {
        let metric = context.metric.to_owned();
        context.note(Annotation::StartTimeOverlap {
            metric,
            occurrences: 1,
        });
    }
}

fn float_difference(floats: &[(&DataSample, f64)], from_zero: bool, context: &Context<'_>) -> f64 {
    let (first, last) = (floats[0].1, floats[floats.len() - 1].1);
    let mut difference = if from_zero { last } else { last - first };
    if is_counter(context) {
        for pair in floats.windows(2) {
            let ((before, lost), (now, value)) = (pair[0], pair[1]);
            if value < lost || began_again(before, now, context) {
                difference += lost;
            }
        }
    }
    difference
}

/// What to multiply a difference with: it is stretched to the edges and, for `rate`, divided by the range.
fn stretch(
    window: Window<'_>,
    since: Option<i64>,
    (first, difference): (f64, f64),
    context: &Context<'_>,
) -> f64 {
    let samples = window.inside();
    let (from, to) = (samples[0].t, samples[samples.len() - 1].t);
    let sampled = seconds(to - since.unwrap_or(from));
    let count = last_as_float(samples.len() - 1) + if since.is_some() { 1.0 } else { 0.0 };
    let average = sampled / count;
    let limited = |gap: f64| {
        if gap >= average * 1.1 {
            average / 2.0
        } else {
            gap
        }
    };
    let mut lead = 0.0;
    if since.is_none() {
        lead = limited(seconds(from - window.bounds.start));
        if is_counter(context) && difference > 0.0 && first >= 0.0 {
            lead = lead.min(sampled * (first / difference));
        }
    }
    let tail = limited(seconds(window.bounds.end - to));
    let factor = (sampled + lead + tail) / sampled;
    if matches!(context.name, "rate" | "xrate") {
        factor / window.bounds.seconds()
    } else {
        factor
    }
}

/// The difference of histograms; where the second follows a reset the first counts for nothing.
fn histogram_difference(
    histograms: &[(&DataSample, Shared)],
    from_zero: bool,
    context: &mut Context<'_>,
) -> Option<Shared> {
    let values: Vec<Shared> = histograms
        .iter()
        .map(|(_, value)| Shared::clone(value))
        .collect();
    note_kinds(&values, context);
    let mut resets = vec![false];
    for pair in histograms.windows(2) {
        let ((before, old), (now, new)) = (&pair[0], &pair[1]);
        resets.push(
            is_counter(context) && (new.detect_reset(old) || began_again(before, now, context)),
        );
    }
    let skips_first = from_zero || resets.get(1) == Some(&true);
    let relevant = if skips_first && !from_zero {
        &values[1..]
    } else {
        &values[..]
    };
    let looked_at: &[Shared] = if is_counter(context) {
        relevant
    } else {
        &[
            Shared::clone(&values[0]),
            Shared::clone(&values[values.len() - 1]),
        ]
    };
    if looked_at
        .iter()
        .any(|value| value.is_custom() != looked_at[0].is_custom())
    {
        context.note_metric(Annotation::MixedSchemas);
        return None;
    }
    let coarsest = looked_at.iter().map(|value| value.schema).min()?;
    let mut total = values[values.len() - 1].copy_to_schema(coarsest);
    if !skips_first {
        subtract(&mut total, &values[0], context);
    }
    for at in 1..values.len() {
        // A first sample that counts for nothing is not lost in the reset after it either.
        if resets[at] && (at > 1 || !skips_first || from_zero) {
            add(&mut total, &values[at - 1], context);
        }
    }
    Some(native::gauge(total))
}

pub(super) fn note_kinds(values: &[Shared], context: &mut Context<'_>) {
    if is_counter(context) {
        if values.iter().any(|value| native::is_gauge(value)) {
            context.note_metric(Annotation::NativeHistogramNotCounter);
        }
    } else if !native::is_gauge(&values[0]) || !native::is_gauge(&values[values.len() - 1]) {
        context.note_metric(Annotation::NativeHistogramNotGauge);
    }
}

fn add(total: &mut tsdb::histogram::FloatHistogram, more: &Shared, context: &mut Context<'_>) {
    if let Ok(outcome) = native::sum(total, more) {
        if outcome.combined.bounds_reconciled {
            context.note(Annotation::CustomBucketsReconciled(
                HistogramOperation::Addition,
            ));
        }
        *total = outcome.histogram;
    }
}

fn subtract(total: &mut tsdb::histogram::FloatHistogram, less: &Shared, context: &mut Context<'_>) {
    if let Ok(outcome) = native::difference(total, less) {
        if outcome.combined.bounds_reconciled {
            context.note(Annotation::CustomBucketsReconciled(
                HistogramOperation::Subtraction,
            ));
        }
        *total = outcome.histogram;
    }
}

/// The difference of the last two samples, per second for `irate`.
pub(super) fn instant(window: Window<'_>, context: &mut Context<'_>) -> Option<SampleValue> {
    let samples = window.inside();
    let [before, last] = samples.last_chunk::<2>()?;
    let distance = seconds(last.t - before.t);
    if last.t == before.t {
        return None;
    }
    let is_rate = context.name == "irate";
    match (&before.value, &last.value) {
        (SampleValue::Float(a), SampleValue::Float(b)) => {
            let is_reset = is_rate && (b < a || began_again(before, last, context));
            let difference = if is_reset { *b } else { b - a };
            Some(SampleValue::Float(if is_rate {
                difference / distance
            } else {
                difference
            }))
        }
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => {
            note_kinds(&[Shared::clone(a), Shared::clone(b)], context);
            let is_reset = is_rate && (b.detect_reset(a) || began_again(before, last, context));
            let mut difference = tsdb::histogram::FloatHistogram::clone(b);
            if !is_reset && a.is_custom() != b.is_custom() {
                context.note_metric(Annotation::MixedSchemas);
                return None;
            }
            if !is_reset {
                subtract(&mut difference, a, context);
            }
            let difference = native::gauge(difference);
            Some(if is_rate {
                native::divided(&difference, distance)
            } else {
                SampleValue::Histogram(difference)
            })
        }
        _ => {
            context.note_metric(Annotation::MixedTypes);
            None
        }
    }
}
