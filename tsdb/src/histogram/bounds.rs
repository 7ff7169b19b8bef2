//! Where a bucket lies: the exact bounds of exponential and custom buckets.
//!
//! ```text
//! schema s < 0    upper(i) = 2^(i << -s)
//! schema s >= 0   upper(i) = fraction(i mod 2^s, s) * 2^((i >> s) + 1)      both with floor semantics
//!                 fraction(j, s) = 0.5 * product, from the top bit of j down, of r(level) where the bit is set
//!                 r(level) = 2^(2^-level), the square root taken `level` times
//! custom          upper(i) = bounds[i], infinity behind the last
//! ```
//!
//! A bound can become a zero threshold and then lands in a file, so each must have the very bits that Prometheus
//! computes: neither `exp2` nor `powf` gives them. The bound at 2^1024 is the largest finite number, the next infinity.

use super::CUSTOM_BUCKETS_SCHEMA;

/// Upper bound of a bucket of the positive side; the negative side mirrors it. `custom` counts with custom buckets only.
#[must_use]
pub fn upper(schema: i32, index: i32, custom: &[f64]) -> f64 {
    bound(schema, i64::from(index), custom)
}

/// Lower bound of a bucket of the positive side: the upper bound of the one before.
#[must_use]
pub fn lower(schema: i32, index: i32, custom: &[f64]) -> f64 {
    bound(schema, i64::from(index) - 1, custom)
}

fn bound(schema: i32, index: i64, custom: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS_SCHEMA {
        return usize::try_from(index).map_or(f64::NEG_INFINITY, |index| {
            custom.get(index).copied().unwrap_or(f64::INFINITY)
        });
    }
    let shift = schema.unsigned_abs().min(52);
    let (fraction, exponent) = if schema < 0 {
        (0.5, (index << shift.min(31)) + 1)
    } else {
        (
            fraction(index & ((1 << shift) - 1), shift),
            (index >> shift) + 1,
        )
    };
    if exponent == 1025 && fraction.to_bits() == 0.5_f64.to_bits() {
        return f64::MAX;
    }
    scale(fraction, exponent)
}

/// The bound within an octave: 0.5 for position 0, then up to below 1.
fn fraction(position: i64, schema: u32) -> f64 {
    /// One below the double nearest to the square root of one half: what Prometheus has in its table.
    const HALF_OCTAVE: f64 = f64::from_bits(0x3FE6_A09E_667F_3BCC);
    let mut fraction = 0.5;
    let mut root = 2.0_f64;
    for level in 1..=schema {
        root = root.sqrt();
        if position >> (schema - level) & 1 == 1 {
            fraction = if level == 1 {
                HALF_OCTAVE
            } else {
                fraction * root
            };
        }
    }
    fraction
}

/// `fraction * 2^exponent`, rounded once; `fraction` is in 0.5..1.
#[expect(
    clippy::cast_sign_loss,
    reason = "the exponent is checked to be positive"
)]
fn scale(fraction: f64, exponent: i64) -> f64 {
    /// Exponent of the smallest normal number, seen from a fraction in 0.5..1.
    const NORMAL: i64 = -1021;
    /// Bits by which subnormal numbers are lifted to be rounded by one multiplication.
    const LIFT: i64 = 64;
    if exponent > 1024 {
        return f64::INFINITY;
    }
    if exponent < NORMAL - LIFT + 1 {
        return 0.0;
    }
    if exponent >= NORMAL {
        // A fraction in 0.5..1 has the biased exponent 1022.
        let mantissa = fraction.to_bits() & ((1 << 52) - 1);
        return f64::from_bits(mantissa | ((exponent + 1022) as u64) << 52);
    }
    scale(fraction, exponent + LIFT) * scale(0.5, 1 - LIFT)
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "the arithmetic is exact, and so is the comparison"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_octaves_are_powers_of_two() {
        for schema in 0..=20 {
            for octave in [-1022, -100, -1, 0, 1, 7, 1023] {
                let got = upper(schema, octave << schema, &[]);
                assert_eq!(
                    got.to_bits(),
                    2.0_f64.powi(octave).to_bits(),
                    "{schema} {octave}"
                );
            }
        }
        for schema in 1..=9 {
            let got = upper(-schema, -1, &[]);
            assert_eq!(
                got.to_bits(),
                2.0_f64.powi(-1 << schema).to_bits(),
                "-{schema}"
            );
        }
    }

    #[test]
    fn the_bounds_end_at_the_largest_number_then_infinity() {
        fn check(schema: i32, index: i32, want: f64) {
            let got = upper(schema, index, &[]);
            assert_eq!(got.to_bits(), want.to_bits(), "{schema} {index} {got}");
        }
        check(0, 1024, f64::MAX);
        check(0, 1025, f64::INFINITY);
        check(0, -1074, f64::from_bits(1));
        check(0, -1075, 0.0);
        check(0, -1023, f64::from_bits(1 << 51));
        check(-4, 64, f64::MAX);
        check(-4, 65, f64::INFINITY);
        check(-9, i32::MAX, f64::INFINITY);
        check(-9, i32::MIN, 0.0);
        check(3, 1024 * 8, f64::MAX);
        check(1, 1, f64::from_bits(0x3FF6_A09E_667F_3BCC));
        check(1, -1, f64::from_bits(0x3FE6_A09E_667F_3BCC));
        check(52, i32::MAX, upper(52, i32::MAX, &[]));
        assert_eq!(lower(0, i32::MIN, &[]).to_bits(), 0);
    }

    #[test]
    fn custom_bounds_are_taken_as_they_are() {
        let bounds = [0.5, 2.0];
        assert_eq!(lower(CUSTOM_BUCKETS_SCHEMA, 0, &bounds), f64::NEG_INFINITY);
        assert_eq!(upper(CUSTOM_BUCKETS_SCHEMA, 0, &bounds), 0.5);
        assert_eq!(lower(CUSTOM_BUCKETS_SCHEMA, 2, &bounds), 2.0);
        assert_eq!(upper(CUSTOM_BUCKETS_SCHEMA, 2, &bounds), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn bounds_ascend_and_are_near_the_true_value(schema in -4..=8_i32, index in -16_000..16_000_i32) {
            let got = upper(schema, index, &[]);
            let exact = f64::from(index) * 2.0_f64.powi(-schema);
            if exact.abs() < 1000.0 {
                prop_assert!((got.log2() - exact).abs() < 1e-12, "{} {}", got.log2(), exact);
                prop_assert!(lower(schema, index, &[]) < got);
            }
        }
    }
}
