//! Floats and times as the Prometheus API writes them; the shortest digits that read back, in three forms.
//!
//! ```text
//! sample      1e-07  0.000001  123456789012345680000  1e+21     exponent below 1e-6 and from 1e21 on
//! plain       0.0000001  1000000000000000000000                 never an exponent
//! exponent    1e+00                                             always one
//!
//! timestamp          60  -1.005  1435781451.500                 milliseconds as three digits, or none
//! scalar_timestamp   60  -1.005  1435781451.5                   the float of the seconds
//! ```
//!
//! Exponents have a sign and two digits at least. All append to a buffer, because a matrix has millions of these.

use std::io::Write as _;

use crate::syntax::number::round_to_even;

/// Sample values, bucket bounds, counts.
pub fn sample(out: &mut Vec<u8>, value: f64) {
    // Most counters are whole numbers, and integers print three times faster than floats.
    if let Some(whole) = small_whole(value) {
        return integer(out, whole);
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        return exponent(out, value);
    }
    plain(out, value);
}

/// Scalars, and numbers inside labels and expressions.
pub fn plain(out: &mut Vec<u8>, value: f64) {
    if special(out, value) {
        return;
    }
    let start = out.len();
    display(out, format_args!("{value}"));
    let point = out[start..].iter().position(|byte| *byte == b'.');
    let decimals = point.map_or(0, |point| out.len() - start - point - 1);
    if let Some(last) = out.last_mut() {
        *last = round_to_even(*last, value, decimals);
    }
}

/// Values of alerts.
pub fn exponent(out: &mut Vec<u8>, value: f64) {
    if special(out, value) {
        return;
    }
    let scientific = format!("{value:e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    out.extend_from_slice(digits.as_bytes());
    let power: i32 = power.parse().unwrap_or(0);
    let decimals = digits.len() - digits.find('.').map_or(digits.len(), |point| point + 1);
    let decimals = usize::try_from(-power).map(|below| decimals + below);
    if let (Some(last), Ok(decimals)) = (out.last_mut(), decimals) {
        *last = round_to_even(*last, value, decimals);
    }
    let sign = if power < 0 { '-' } else { '+' };
    display(out, format_args!("e{sign}{:02}", power.abs()));
}

/// Times of samples.
pub fn timestamp(out: &mut Vec<u8>, millis: i64) {
    if millis < 0 {
        out.push(b'-');
    }
    let size = millis.unsigned_abs();
    unsigned(out, size / 1000);
    let rest = size % 1000;
    if rest != 0 {
        display(out, format_args!(".{rest:03}"));
    }
}

/// Times of scalars and strings.
pub fn scalar_timestamp(out: &mut Vec<u8>, millis: i64) {
    sample(out, seconds(millis));
}

/// Milliseconds as seconds, rounded to a float.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 ms the API rounds, too"
)]
pub fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// A whole number.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

/// A whole number without a sign.
pub fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The value as an integer, if it is one whose digits are all significant; -0 is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "exact below 2^53, and the comparison is what tests it"
)]
fn small_whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = value as i64;
    let fits =
        value.abs() < EXACT && whole as f64 == value && (whole != 0 || value.is_sign_positive());
    fits.then_some(whole)
}

fn special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"+Inf"
    } else if value == f64::NEG_INFINITY {
        b"-Inf"
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

fn display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn of_two_shortest_forms_the_even_one_is_taken() {
        fn check(value: f64, want: &str) {
            assert_eq!(text(|out| plain(out, value)), want);
        }
        fn check_exponent(value: f64, want: &str) {
            assert_eq!(text(|out| exponent(out, value)), want);
        }
        check(154_237_218_403_788.0 + 0.125, "154237218403788.12");
        check(154_237_218_403_788.0 + 0.375, "154237218403788.38");
        check(-154_237_218_403_788.0 - 0.125, "-154237218403788.12");
        check(0.125, "0.125");
        check_exponent(2.0_f64.powi(-25), "2.9802322387695312e-08");
        check(154_237_218_403_788.0 + 0.25, "154237218403788.25");
    }

    #[test]
    fn alerts_always_have_an_exponent() {
        fn check(value: f64, want: &str) {
            assert_eq!(text(|out| exponent(out, value)), want);
        }
        check(1.0, "1e+00");
        check(-0.5, "-5e-01");
        check(1e100, "1e+100");
        check(f64::NAN, "NaN");
    }
}
