//! A timestamp with a float or a native histogram; the stale marker.

use crate::histogram::{FloatHistogram, Histogram};

/// Bits of the NaN that marks a series as gone. Compare bits, never values.
pub const STALE_NAN_BITS: u64 = 0x7FF0_0000_0000_0002;

/// Bits of a NaN born in arithmetic, whatever CPU or optimiser would yield.
pub const ARITHMETIC_NAN_BITS: u64 = 0xFFF8_0000_0000_0000;

/// Whether `value` is the stale marker.
#[inline]
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

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
