//! Native histograms as the evaluator computes with them: values in, values out, and what to tell about it.
//!
//! The arithmetic itself is that of `tsdb` and of [`crate::histogram`], which recorded answers check.

use std::sync::Arc;

use tsdb::histogram::ops::Combined;
use tsdb::histogram::sum::{HistogramMean, HistogramSum};
use tsdb::histogram::{FloatHistogram, ResetHint};

use super::data::DataSample;
use super::window::seconds;
use crate::annotation::{Annotation, HistogramOperation};
use crate::histogram::trim::{Keep, trim};
use crate::value::SampleValue;

/// A histogram as samples hold it.
pub(super) type Shared = Arc<FloatHistogram>;

/// Why two values cannot be computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// One is a float.
    Types,
    /// One has custom buckets, the other exponential ones.
    Schemas,
}

impl Mismatch {
    /// What to tell about a metric.
    pub(super) fn annotation(self, metric: &str) -> Annotation {
        match self {
            Self::Types => Annotation::MixedTypes(metric.to_owned()),
            Self::Schemas => Annotation::MixedSchemas(metric.to_owned()),
        }
    }
}

/// A sum or a difference.
pub(super) struct Outcome {
    pub(super) histogram: FloatHistogram,
    pub(super) combined: Combined,
}

/// What to tell of how histograms were combined.
pub(super) fn told(combined: Combined, operation: HistogramOperation) -> Vec<Annotation> {
    let conflict = combined
        .hints_conflict
        .then_some(Annotation::CounterResetCollision(operation));
    let reconciled = combined
        .bounds_reconciled
        .then_some(Annotation::CustomBucketsReconciled(operation));
    conflict.into_iter().chain(reconciled).collect()
}

/// `a + b`.
pub(super) fn sum(a: &FloatHistogram, b: &FloatHistogram) -> Result<Outcome, Mismatch> {
    let mut histogram = a.clone();
    match histogram.add(b) {
        Ok(combined) => Ok(Outcome {
            histogram,
            combined,
        }),
        Err(_) => Err(Mismatch::Schemas),
    }
}

/// `a - b`, as it stands: a caller that means a gauge says so.
pub(super) fn difference(a: &FloatHistogram, b: &FloatHistogram) -> Result<Outcome, Mismatch> {
    let mut histogram = a.clone();
    match histogram.sub(b) {
        Ok(combined) => Ok(Outcome {
            histogram,
            combined,
        }),
        Err(_) => Err(Mismatch::Schemas),
    }
}

/// The sum or the mean of several, or which one does not fit those before; and what to tell about it.
pub(super) fn folded(values: &[Shared], is_mean: bool) -> (Result<Shared, usize>, Vec<Annotation>) {
    let mut notes = Vec::new();
    let Some((first, rest)) = values.split_first() else {
        return (Err(0), notes);
    };
    let (mut sum, mut mean) = (HistogramSum::new(first), HistogramMean::new(first));
    for (at, value) in rest.iter().enumerate() {
        let combined = if is_mean {
            mean.add(value)
        } else {
            sum.add(value)
        };
        match combined {
            Ok(combined) => notes.extend(told(combined, HistogramOperation::Aggregation)),
            Err(_) => return (Err(at + 1), notes),
        }
    }
    let result = if is_mean { mean.finish() } else { sum.finish() };
    (Ok(Arc::new(result)), notes)
}

/// A histogram with everything multiplied; a negative factor makes a gauge.
pub(super) fn multiplied(histogram: &FloatHistogram, factor: f64) -> SampleValue {
    let mut product = histogram.clone();
    product.mul(factor);
    SampleValue::Histogram(Arc::new(product))
}

/// A histogram with everything divided.
pub(super) fn divided(histogram: &FloatHistogram, divisor: f64) -> SampleValue {
    let mut quotient = histogram.clone();
    quotient.div(divisor);
    SampleValue::Histogram(Arc::new(quotient))
}

/// What lies below a bound, or above it.
pub(super) fn trimmed(histogram: &FloatHistogram, bound: f64, is_upper: bool) -> SampleValue {
    let keep = if is_upper { Keep::Below } else { Keep::Above };
    SampleValue::Histogram(Arc::new(trim(histogram, keep, bound)))
}

/// A histogram without empty buckets.
pub(super) fn compacted(mut histogram: FloatHistogram) -> SampleValue {
    histogram.compact();
    SampleValue::Histogram(Arc::new(histogram))
}

/// A difference as a gauge, without empty buckets.
pub(super) fn gauge(mut histogram: FloatHistogram) -> Shared {
    histogram.hint = ResetHint::Gauge;
    histogram.compact();
    Arc::new(histogram)
}

/// Whether resets mean nothing to it.
pub(super) fn is_gauge(histogram: &FloatHistogram) -> bool {
    histogram.hint == ResetHint::Gauge
}

/// A value that says nothing about resets.
pub(super) fn without_hint(value: SampleValue) -> SampleValue {
    match value {
        SampleValue::Histogram(mut histogram)
            if matches!(histogram.hint, ResetHint::Reset | ResetHint::NotReset) =>
        {
            Arc::make_mut(&mut histogram).hint = ResetHint::Unknown;
            SampleValue::Histogram(histogram)
        }
        other => other,
    }
}

/// The value at a time on the line between two samples.
pub(super) fn between(
    left: &DataSample,
    right: &DataSample,
    at: i64,
) -> Result<SampleValue, Mismatch> {
    let share = seconds(at - left.t) / seconds(right.t - left.t);
    match (&left.value, &right.value) {
        (SampleValue::Float(left), SampleValue::Float(right)) => {
            Ok(SampleValue::Float(left + (right - left) * share))
        }
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => {
            on_line(left, right, share).map(SampleValue::Histogram)
        }
        _ => Err(Mismatch::Types),
    }
}

/// A histogram between two: some share of the way.
pub(super) fn on_line(
    left: &FloatHistogram,
    right: &FloatHistogram,
    share: f64,
) -> Result<Shared, Mismatch> {
    let mut way = difference(right, left)?.histogram;
    way.mul(share);
    let mut value = sum(left, &way)?.histogram;
    value.compact();
    value.hint = ResetHint::Unknown;
    Ok(Arc::new(value))
}

/// Some share of a histogram, as of a counter that began at nothing.
pub(super) fn risen(histogram: &FloatHistogram, share: f64) -> Shared {
    let mut value = histogram.clone();
    value.mul(share);
    value.hint = ResetHint::Unknown;
    Arc::new(value)
}

/// Leaves of a histogram what counts and sums need.
pub(super) fn forget_buckets(histogram: &mut FloatHistogram) {
    histogram.zero_count = 0.0;
    for spans in [&mut histogram.positive_spans, &mut histogram.negative_spans] {
        spans.clear();
    }
    for buckets in [
        &mut histogram.positive_buckets,
        &mut histogram.negative_buckets,
    ] {
        buckets.clear();
    }
}
