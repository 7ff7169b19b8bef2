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

/// `a + b`; a NaN has the bits that Prometheus writes on any CPU, with any optimiser.
#[inline]
#[must_use]
pub fn add(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum.is_nan() {
        return arithmetic_nan(a, b);
    }
    sum
}

/// `a - b`; a NaN has the bits that Prometheus writes on any CPU, with any optimiser.
#[inline]
#[must_use]
pub fn sub(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.is_nan() {
        return arithmetic_nan(a, b);
    }
    difference
}

/// The first NaN among the operands, made quiet; without one, the NaN was born here.
#[cold]
fn arithmetic_nan(a: f64, b: f64) -> f64 {
    const QUIET: u64 = 0x0008_0000_0000_0000;
    let operand = [a, b].into_iter().find(|operand| operand.is_nan());
    f64::from_bits(operand.map_or(ARITHMETIC_NAN_BITS, |nan| nan.to_bits() | QUIET))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_born_in_arithmetic_has_fixed_bits() {
        fn check(got: f64, want: u64) {
            assert_eq!(got.to_bits(), want, "{:016x}", got.to_bits());
        }
        let inf = f64::INFINITY;
        let nan = f64::from_bits(0x7FF8_0000_0000_0001);
        check(add(inf, -inf), ARITHMETIC_NAN_BITS);
        check(add(-inf, inf), ARITHMETIC_NAN_BITS);
        check(sub(inf, inf), ARITHMETIC_NAN_BITS);
        check(sub(-inf, -inf), ARITHMETIC_NAN_BITS);
        check(add(nan, 1.0), nan.to_bits());
        check(sub(1.0, nan), nan.to_bits());
        check(
            add(f64::from_bits(STALE_NAN_BITS), nan),
            0x7FF8_0000_0000_0002,
        );
        check(add(1.5, 2.0), 3.5_f64.to_bits());
        check(sub(0.0, 0.0), 0);
    }
}
