//! Floats as Prometheus means them: the marker of a series that is gone, and NaNs with the same bits everywhere.
//!
//! What bits a NaN born in arithmetic has is left to the processor and the optimiser. In files it must be one pattern, so
//! sums that end in a file go through [`add`] and [`sub`]. Sums that end in an answer go through [`add_compensated`].

use std::fmt;

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

/// Adds `value` to a sum whose rounding error so far is kept beside it; gives both anew. The sum proper is their sum,
/// but where it is infinite: then the error says nothing and is 0. A NaN's bits are not fixed.
#[inline]
#[must_use]
pub fn add_compensated(sum: f64, error: f64, value: f64) -> (f64, f64) {
    let total = sum + value;
    if total.is_infinite() {
        return (total, 0.0);
    }
    // What of the smaller operand did not fit into the total.
    let lost = if sum.abs() >= value.abs() {
        (sum - total) + value
    } else {
        (value - total) + sum
    };
    (total, error + lost)
}

/// Shows a float in the shortest digits that read back, as Go's `%g` does: below 1e-4 and from 1e6 on with an exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shortest(pub f64);

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// From here on numbers have no exponent; the shortest digits of a lesser number are less, too.
        const PLAIN_FROM: f64 = 1e-4;
        /// From here on they have one again.
        const PLAIN_BELOW: f64 = 1e6;
        let value = self.0;
        let magnitude = value.abs();
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        // Whole numbers are most of what there is, and take a third of the time.
        if (1.0..PLAIN_BELOW).contains(&magnitude) && value.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number below a million"
            )]
            let whole = value as i32;
            return whole.fmt(f);
        }
        if magnitude == 0.0 || (PLAIN_FROM..PLAIN_BELOW).contains(&magnitude) {
            return value.fmt(f);
        }
        let scientific = format!("{value:e}");
        let parts = scientific.split_once('e');
        let (digits, exponent) = parts.expect("scientific notation has an exponent");
        let exponent: i32 = exponent.parse().expect("an exponent is a number");
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{digits}e{sign}{:02}", exponent.abs())
    }
}

/// The first NaN among the operands, made quiet; without one, the NaN was born here.
#[cold]
fn arithmetic_nan(a: f64, b: f64) -> f64 {
    const QUIET: u64 = 0x0008_0000_0000_0000;
    let operand = [a, b].into_iter().find(|operand| operand.is_nan());
    f64::from_bits(operand.map_or(ARITHMETIC_NAN_BITS, |nan| nan.to_bits() | QUIET))
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "where the arithmetic is exact, so is the comparison"
)]
mod tests {
    use super::*;

    #[test]
    fn a_compensated_sum_keeps_what_large_values_swallow() {
        let sum = |values: &[f64]| {
            let (sum, error) = values.iter().fold((0.0, 0.0), |(sum, error), value| {
                add_compensated(sum, error, *value)
            });
            sum + error
        };
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn floats_are_shown_as_go_shows_them() {
        fn check(value: f64, want: &str) {
            assert_eq!(Shortest(value).to_string(), want);
        }
        check(0.0, "0");
        check(-0.0, "-0");
        check(0.0001, "0.0001");
        check(0.000_01, "1e-05");
        check(
            f64::from_bits(1e-4_f64.to_bits() - 1),
            "9.999999999999999e-05",
        );
        check(-12.0, "-12");
        check(999_999.0, "999999");
        check(999_999.5, "999999.5");
        check(f64::from_bits(1e6_f64.to_bits() - 1), "999999.9999999999");
        check(1.25e-7, "1.25e-07");
        check(1_000_000.0, "1e+06");
        check(-1.5e300, "-1.5e+300");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Inf");
    }

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
