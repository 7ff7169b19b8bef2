//! Native histograms as the bodies compute with them: values in, values out, and what there is to tell.
//!
//! The arithmetic is that of `tsdb::histogram`; here is what queries do with it: results are gauges, hints are forgotten
//! where neighbours change, sums of many keep what large ones would swallow.

use std::sync::Arc;

use tsdb::histogram::ops::Combined;
use tsdb::histogram::sum::{HistogramMean, HistogramSum};
use tsdb::histogram::{FloatHistogram, ResetHint};

use crate::annotation::{Annotation, HistogramOperation};

/// A histogram as rows hold it.
pub type Shared = Arc<FloatHistogram>;

/// What to tell of how histograms were combined.
pub fn told(combined: Combined, operation: HistogramOperation) -> impl Iterator<Item = Annotation> {
    let conflict = combined
        .hints_conflict
        .then_some(Annotation::CounterResetCollision(operation));
    let reconciled = combined
        .bounds_reconciled
        .then_some(Annotation::CustomBucketsReconciled(operation));
    conflict.into_iter().chain(reconciled)
}

/// A difference: a gauge without empty buckets.
#[must_use]
pub fn gauge(mut histogram: FloatHistogram) -> FloatHistogram {
    histogram.hint = ResetHint::Gauge;
    histogram.compact();
    histogram
}

/// Everything multiplied; a negative factor makes a gauge.
#[must_use]
pub fn multiplied(histogram: &FloatHistogram, factor: f64) -> Shared {
    let mut product = histogram.clone();
    product.mul(factor);
    product.into()
}

/// A histogram whose neighbour in time is another than the one its hint is about.
#[must_use]
pub fn unhinted(histogram: &Shared) -> Shared {
    match histogram.hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
        ResetHint::Reset | ResetHint::NotReset => without_hint((**histogram).clone()),
    }
}

fn without_hint(mut histogram: FloatHistogram) -> Shared {
    histogram.hint = ResetHint::Unknown;
    histogram.into()
}

/// A share of the way from one histogram to another; none between custom and exponential buckets.
#[must_use]
pub fn on_line(left: &FloatHistogram, right: &FloatHistogram, share: f64) -> Option<Shared> {
    let mut way = right.clone();
    way.sub(left).ok()?;
    way.mul(share);
    let mut value = left.clone();
    value.add(&way).ok()?;
    value.compact();
    Some(without_hint(value))
}

/// A share of a histogram, as of a counter that began at nothing.
#[must_use]
pub fn risen(histogram: &FloatHistogram, share: f64) -> Shared {
    let mut value = histogram.clone();
    value.mul(share);
    without_hint(value)
}

/// Many histograms on their way into one.
#[derive(Debug, Clone)]
pub enum Total {
    /// Their sum.
    Sum(HistogramSum),
    /// Their mean.
    Mean(HistogramMean),
}

impl Total {
    /// That of one.
    #[must_use]
    pub fn new(first: &FloatHistogram, is_mean: bool) -> Self {
        if is_mean {
            Self::Mean(HistogramMean::new(first))
        } else {
            Self::Sum(HistogramSum::new(first))
        }
    }

    /// Takes one more; none where custom and exponential buckets meet.
    pub fn add(&mut self, more: &FloatHistogram) -> Option<Combined> {
        let combined = match self {
            Self::Sum(sum) => sum.add(more),
            Self::Mean(mean) => mean.add(more),
        };
        combined.ok()
    }

    /// Takes those of a later one of the same kind, likewise.
    pub fn merge(&mut self, later: &Self) -> Option<Combined> {
        match (self, later) {
            (Self::Sum(sum), Self::Sum(later)) => sum.merge(later).ok(),
            (Self::Mean(mean), Self::Mean(later)) => mean.merge(later).ok(),
            (Self::Sum(_), Self::Mean(_)) | (Self::Mean(_), Self::Sum(_)) => None,
        }
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Shared {
        Arc::new(match self {
            Self::Sum(sum) => sum.finish(),
            Self::Mean(mean) => mean.finish(),
        })
    }
}
