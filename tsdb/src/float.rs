//! Floats as Prometheus means them: the marker of a series that is gone, and NaNs with the same bits everywhere.
//!
//! What bits a NaN born in arithmetic has is left to the processor and the optimiser. In files it must be one pattern, so
//! sums that end in a file go through [`add`] and [`sub`].

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
