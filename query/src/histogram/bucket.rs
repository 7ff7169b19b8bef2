//! One bucket with its bounds, and where in it observations are taken to lie.
//!
//! ```text
//! zero bucket, custom buckets   evenly
//! exponential buckets           evenly in the logarithm
//! custom, up to a bound <= 0    all at that bound         custom, above the last bound   all at that bound
//! ```
//!
//! A first custom bucket with a bound above 0 begins at 0. The zero bucket of a histogram with one side only has that side
//! only.

use tsdb::histogram::FloatHistogram;
use tsdb::histogram::bounds::{lower, upper};
use tsdb::histogram::order::Place;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) count: f64,
    /// A first custom bucket: everything below its bound, wherever it is taken to begin.
    pub(super) is_bottomless: bool,
    is_linear: bool,
}

impl Bucket {
    pub(super) fn new(histogram: &FloatHistogram, place: Place, count: f64) -> Self {
        let (schema, custom) = (histogram.schema, histogram.custom_bounds.as_slice());
        let (low, high) = match place {
            Place::Zero => zero_bounds(histogram),
            Place::Positive(at) => (lower(schema, at, custom), upper(schema, at, custom)),
            Place::Negative(at) => (-upper(schema, at, custom), -lower(schema, at, custom)),
        };
        let is_bottomless = low == f64::NEG_INFINITY;
        Self {
            lower: if is_bottomless && high > 0.0 {
                0.0
            } else {
                low
            },
            upper: high,
            count,
            is_bottomless,
            // An exponential bucket that reaches 0 has left the range of floats.
            is_linear: histogram.is_custom() || low <= 0.0 && high >= 0.0,
        }
    }

    /// The value that `share` of the observations, counted from the lower bound, do not exceed.
    pub(super) fn value_at(&self, share: f64) -> f64 {
        let (lower, upper) = (self.lower, self.upper);
        if lower == f64::NEG_INFINITY {
            upper
        } else if upper == f64::INFINITY && !self.is_bottomless {
            lower
        } else if self.is_linear {
            lower + (upper - lower) * share
        } else {
            let (from, to) = (lower.abs().log2(), upper.abs().log2());
            (from + (to - from) * share).exp2().copysign(lower)
        }
    }

    /// Share of the observations at or below `value`.
    pub(super) fn share_below(&self, value: f64) -> f64 {
        let (lower, upper) = (self.lower, self.upper);
        if value >= upper {
            1.0
        } else if value <= lower || upper == f64::INFINITY {
            0.0
        } else if lower == f64::NEG_INFINITY {
            1.0
        } else if self.is_linear {
            (value - lower) / (upper - lower)
        } else {
            let [from, at, to] = [lower, value, upper].map(|bound| bound.abs().log2());
            (at - from) / (to - from)
        }
    }

    /// The value that stands for all observations between two values of this bucket.
    pub(super) fn center(&self, from: f64, to: f64) -> f64 {
        if from == f64::NEG_INFINITY {
            to
        } else if to == f64::INFINITY {
            from
        } else if self.is_linear {
            f64::midpoint(from, to)
        } else {
            (from * to).sqrt().copysign(from)
        }
    }
}

fn zero_bounds(histogram: &FloatHistogram) -> (f64, f64) {
    let bound = histogram.zero_threshold;
    let has_negative = !histogram.negative_buckets.is_empty();
    let has_positive = !histogram.positive_buckets.is_empty();
    match (has_negative, has_positive) {
        (false, true) => (0.0, bound),
        (true, false) => (-bound, 0.0),
        _ => (-bound, bound),
    }
}
