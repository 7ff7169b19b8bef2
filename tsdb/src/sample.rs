//! A timestamp with a float or a native histogram.
//!
//! What chunks decode to and are encoded from where the kind of value is not known beforehand; where it is, columns of
//! times and floats are used instead. The stale marker lives in [`crate::float`].

pub use crate::float::{ARITHMETIC_NAN_BITS, STALE_NAN_BITS, add, is_stale, sub};
use crate::histogram::{FloatHistogram, Histogram};

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A float.
    Float(f64),
    /// A native histogram with integer counts.
    Histogram(Box<Histogram>),
    /// A native histogram with float counts.
    FloatHistogram(Box<FloatHistogram>),
}

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub t: i64,
    /// What was measured.
    pub value: Value,
}

impl Sample {
    /// A float sample.
    #[must_use]
    pub fn float(t: i64, value: f64) -> Self {
        Self {
            t,
            value: Value::Float(value),
        }
    }

    /// Whether this marks the series as gone: the float, or the histogram's sum, is the stale marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        is_stale(match &self.value {
            Value::Float(value) => *value,
            Value::Histogram(histogram) => histogram.sum,
            Value::FloatHistogram(histogram) => histogram.sum,
        })
    }
}
