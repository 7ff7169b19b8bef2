//! Numbers and durations as text: read with Go's rules and error texts, written in the forms of the language.
//!
//! ```text
//! duration = { n unit }   units y w d h m s ms, each once, descending; printed in years or weeks only where even
//! ```
//!
//! Durations are held in nanoseconds, about 292 years at most on either side, as in Prometheus.

use super::quote;

/// Units, largest first, with their milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A number: decimal, hexadecimal, octal with a leading zero, `Inf`, `NaN`.
///
/// # Errors
/// With the text Prometheus has for it.
pub fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(whole) = integer(text) {
        return Ok(whole);
    }
    let invalid = |why| {
        format!(
            "error parsing number: strconv.ParseFloat: parsing {}: {why}",
            quote::text(text)
        )
    };
    let lower = text.to_ascii_lowercase();
    let digits = lower.replace('_', "");
    if lower == "inf" || lower == "+inf" {
        return Ok(f64::INFINITY);
    }
    if lower == "nan" {
        return Ok(f64::NAN);
    }
    let plausible = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte));
    match digits.parse::<f64>() {
        Ok(value) if !plausible || !underscores_fit(text) => Err(invalid(if value.is_finite() {
            "invalid syntax"
        } else {
            "value out of range"
        })),
        Ok(value) if value.is_infinite() => Err(invalid("value out of range")),
        Ok(value) => Ok(value),
        Err(_) => Err(invalid("invalid syntax")),
    }
}

/// An integer that fits 64 bits, in the base its prefix names.
fn integer(text: &str) -> Option<f64> {
    if !underscores_fit(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase().replace('_', "");
    let value = if let Some(hexadecimal) = lower.strip_prefix("0x") {
        i64::from_str_radix(hexadecimal, 16)
    } else if lower.len() > 1 && lower.starts_with('0') {
        i64::from_str_radix(&lower[1..], 8)
    } else {
        lower.parse()
    };
    let value = value.ok().filter(|_| !text.contains(['+', '-']))?;
    Some(float(value))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rounding to the nearest float is what a number literal means"
)]
fn float(value: i64) -> f64 {
    value as f64
}

/// Underscores stand between digits only; the prefix counts as one.
fn underscores_fit(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hexadecimal = text.len() > 1 && bytes[0] == b'0' && bytes[1].eq_ignore_ascii_case(&b'x');
    let is_digit = |at: usize| {
        let byte = bytes.get(at).copied().unwrap_or(b' ');
        byte.is_ascii_digit() || hexadecimal && (byte.is_ascii_hexdigit() || at == 1)
    };
    (0..bytes.len()).all(|at| bytes[at] != b'_' || at > 0 && is_digit(at - 1) && is_digit(at + 1))
}

/// A duration such as `1h30m`, in nanoseconds.
///
/// # Errors
/// With the text Prometheus has for it.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let invalid = || format!("not a valid duration string: {}", quote::text(text));
    let out_of_range = || "duration out of range".to_owned();
    let (mut rest, mut units_left, mut total) = (text, &UNITS[..], 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().ok().ok_or_else(invalid)?;
        rest = &rest[digits..];
        let unit = &rest[..rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len())];
        rest = &rest[unit.len()..];
        if unit.is_empty() {
            return Err(invalid());
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            let unit = quote::text(unit);
            return Err(format!(
                "unknown unit {unit} in duration {}",
                quote::text(text)
            ));
        }
        let place = units_left
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(invalid)?;
        let nanos = units_left[place].1.unsigned_abs() * NANOS_PER_MILLI;
        units_left = &units_left[place + 1..];
        total = count
            .checked_mul(nanos)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(out_of_range)?;
        if total > i64::MAX.unsigned_abs() {
            return Err(out_of_range());
        }
    }
    i64::try_from(total).ok().ok_or_else(out_of_range)
}

/// Seconds to nanoseconds, rounded, kept within 64 bits.
#[must_use]
pub fn nanos(seconds: f64) -> i64 {
    saturating(round_half_away(seconds * 1e9))
}

fn round_half_away(value: f64) -> f64 {
    value.round()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "float to integer saturates, which is wanted; NaN is 0"
)]
pub(super) fn saturating(value: f64) -> i64 {
    value as i64
}

/// Nanoseconds as seconds.
#[must_use]
pub fn seconds(nanos: i64) -> f64 {
    let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    float(whole) + float(part) / 1e9
}

/// Milliseconds as a duration; negative ones with a sign, zero as `0s`.
#[must_use]
pub fn print_duration(millis: i64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut out = if millis < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    let mut left = millis.unsigned_abs();
    for (place, (name, size)) in UNITS.iter().enumerate() {
        let size = size.unsigned_abs();
        // Years and weeks only where nothing is left: 90d is easier to read than 12w6d.
        if left / size > 0 && (place > 1 || left.is_multiple_of(size)) {
            out.push_str(&format!("{}{name}", left / size));
            left %= size;
        }
    }
    out
}

/// A float without exponent, the shortest that reads back.
#[must_use]
pub fn print_number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        let digits = format!("{value}");
        let decimals = decimals(&digits);
        evened(digits, value, decimals)
    }
}

fn decimals(digits: &str) -> usize {
    digits.find('.').map_or(0, |point| digits.len() - point - 1)
}

fn evened(mut digits: String, value: f64, decimals: usize) -> String {
    if let Some(last) = digits.pop() {
        digits.push(char::from(round_to_even(last as u8, value, decimals)));
    }
    digits
}

/// The last of a number's shortest digits, which has `decimals` of them behind the point. Where two shortest forms are
/// equally near, Go takes the even one, Rust the larger.
pub(crate) fn round_to_even(last: u8, value: f64, decimals: usize) -> u8 {
    // A float with so many bits behind the point has as many decimals, and the last of them is a 5.
    let exponent = (value.to_bits() >> 52 & 0x7FF).max(1).cast_signed() - 1075;
    let mantissa = value.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let bits = -exponent - i64::from(mantissa.trailing_zeros());
    let is_halfway = decimals > 0 && usize::try_from(bits) == Ok(decimals + 1);
    let is_odd = last.is_ascii_digit() && (last - b'0') % 2 == 1;
    if is_halfway && is_odd { last - 1 } else { last }
}

/// The shortest float that reads back, with an exponent from a million on and below a ten thousandth.
#[must_use]
pub fn print_general(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return print_number(value);
    };
    let behind = decimals(digits).saturating_add_signed(-exponent.parse::<isize>().unwrap_or(0));
    let digits = evened(digits.to_owned(), value, behind);
    general(&format!("{digits}e{exponent}"), 6)
}

/// A float of two digits, with an exponent from a hundred on and below a ten thousandth.
#[must_use]
pub fn print_two_digits(value: f64) -> String {
    general(&format!("{value:.1e}"), 2)
}

/// What Go calls `%g`, of what Rust calls `{:e}`.
fn general(scientific: &str, exponent_end: i32) -> String {
    let value: f64 = scientific.parse().expect("Rust reads what it writes");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return print_number(value);
    };
    let exponent: i32 = exponent.parse().expect("Rust writes an integer exponent");
    if (-4..exponent_end).contains(&exponent) {
        return print_number(value);
    }
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        fn check(text: &str, want: Result<f64, &str>) {
            let why = |why| {
                format!("error parsing number: strconv.ParseFloat: parsing \"{text}\": {why}")
            };
            assert_eq!(parse_number(text), want.map_err(why), "{text}");
        }
        check("0755", Ok(493.0));
        check("089", Ok(89.0));
        check("0x1F", Ok(31.0));
        check("1_000", Ok(1000.0));
        check("1_000.5", Ok(1000.5));
        check("5.", Ok(5.0));
        check("iNf", Ok(f64::INFINITY));
        check("1e400", Err("value out of range"));
        check("0x", Err("invalid syntax"));
        check("1_", Err("invalid syntax"));
    }

    #[test]
    fn numbers_in_messages_have_exponents_as_in_go() {
        fn check(value: f64, general: &str, two_digits: &str) {
            assert_eq!(print_general(value), general);
            assert_eq!(print_two_digits(value), two_digits);
        }
        check(0.0, "0", "0");
        check(-0.033, "-0.033", "-0.033");
        check(16.0, "16", "16");
        check(99.9, "99.9", "1e+02");
        check(123_456.5, "123456.5", "1.2e+05");
        check(1e6, "1e+06", "1e+06");
        check(0.0001, "0.0001", "0.0001");
        check(0.000_012_34, "1.234e-05", "1.2e-05");
        check(154_237_218_403_788.13, "1.5423721840378812e+14", "1.5e+14");
        check(f64::INFINITY, "+Inf", "+Inf");
        check(f64::NAN, "NaN", "NaN");
    }

    #[test]
    fn durations_end_where_nanoseconds_do() {
        assert_eq!(
            parse_duration("292y"),
            Ok(292 * 365 * 86_400_000 * 1_000_000)
        );
        assert_eq!(
            parse_duration("293y"),
            Err("duration out of range".to_owned())
        );
    }
}
