//! What the text of a flag means: durations, sizes and times as Prometheus and Thanos write them.
//!
//! ```text
//! duration   15s  1h30m  2w  1y (365 days)  1.5h  0   units y w d h m s ms, each with a number before it
//! size       250MB  2GB  64GiB  512               units of 1024, as Thanos has them
//! time       2024-01-18T08:00:00Z  1705564800  -2w RFC 3339, Unix seconds, or relative to now
//! ```

use std::num::IntErrorKind;
use std::time::Duration;

use tsdb::time::Millis;

const SECOND: f64 = 1e9;
/// Longest first, so that `ms` is not taken for `m`.
const UNITS: [(&str, f64); 10] = [
    ("ms", 1e6),
    ("us", 1e3),
    ("µs", 1e3),
    ("ns", 1.0),
    ("y", 365.0 * 86_400.0 * SECOND),
    ("w", 7.0 * 86_400.0 * SECOND),
    ("d", 86_400.0 * SECOND),
    ("h", 3_600.0 * SECOND),
    ("m", 60.0 * SECOND),
    ("s", SECOND),
];

/// A duration of Prometheus or of Go: `1h30m`, `2w`, `1.5h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("not a duration: {text:?} (write 15s, 1h30m, 2w)");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanos = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let number: f64 = rest[..end].parse().map_err(|_error| bad())?;
        rest = &rest[end..];
        let (unit, factor) = UNITS
            .iter()
            .find(|(unit, _)| rest.starts_with(unit))
            .ok_or_else(bad)?;
        rest = &rest[unit.len()..];
        nanos += number * factor;
    }
    if text.is_empty() {
        return Err(bad());
    }
    Duration::try_from_secs_f64(nanos / SECOND).map_err(|_error| bad())
}

/// The same in milliseconds.
pub(crate) fn millis(text: &str) -> Result<Millis, String> {
    let duration = duration(text)?;
    i64::try_from(duration.as_millis())
        .map(Millis)
        .map_err(|_error| format!("{text} is too long"))
}

/// The same, and longer than nothing.
pub(crate) fn positive_millis(text: &str) -> Result<Millis, String> {
    let length = millis(text)?;
    let is_positive = length.0 > 0;
    is_positive.then_some(length).ok_or_else(more_than_zero)
}

/// A number of bytes that is not zero.
pub(crate) fn positive_bytes(text: &str) -> Result<u64, String> {
    let size = bytes(text)?;
    (size > 0).then_some(size).ok_or_else(more_than_zero)
}

fn more_than_zero() -> String {
    "must be more than 0".to_owned()
}

/// A number of bytes; `KB`, `MB`, `GB`, `TB` are powers of 1024 like `KiB` and so on.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let bad = || format!("not a size: {text:?} (write 250MB, 2GB)");
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().map_err(|_error| bad())?;
    let shift = match &text[end..] {
        "" | "B" => 0,
        "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        _ => return Err(bad()),
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("{text} is more than any file"))
}

/// A point in time as a flag says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Fixed.
    At(Millis),
    /// So long after now; before, where negative.
    FromNow(Millis),
}

impl Moment {
    /// The time it means at `now`.
    pub(crate) fn resolve(self, now: Millis) -> Millis {
        match self {
            Self::At(time) => time,
            Self::FromNow(offset) => now.saturating_add(offset),
        }
    }
}

/// RFC 3339, Unix seconds (decimals allowed), or a duration from now, which `-` puts into the past.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(time) = rfc3339(text) {
        return Ok(Moment::At(time));
    }
    if let Some(time) = unix_seconds(text) {
        return Ok(Moment::At(time));
    }
    let (past, length) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let length = millis(length).map_err(|_error| {
        format!("not a time: {text:?} (write 2024-01-18T08:00:00Z, Unix seconds, or -2w)")
    })?;
    Ok(Moment::FromNow(Millis(if past {
        -length.0
    } else {
        length.0
    })))
}

/// RFC 3339 or a whole number of milliseconds, as the block commands take them.
pub(crate) fn millis_or_rfc3339(text: &str) -> Result<Millis, String> {
    let bad = || format!("not a time: {text:?} (write milliseconds or 2024-01-18T08:00:00Z)");
    match text.parse::<i64>() {
        Ok(time) => Ok(Millis(time)),
        Err(error) if matches!(error.kind(), IntErrorKind::InvalidDigit) => {
            rfc3339(text).ok_or_else(bad)
        }
        Err(_) => Err(bad()),
    }
}

fn unix_seconds(text: &str) -> Option<Millis> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let negative = seconds.starts_with('-');
    let whole = seconds.trim_start_matches('-');
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let millis = whole
        .parse::<i64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(fraction)?;
    Some(Millis(if negative { -millis } else { millis }))
}

/// The years 0000 to 9999, both of which are defaults of flags and past what calendars usually hold.
fn rfc3339(text: &str) -> Option<Millis> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let marked = marks
        .iter()
        .all(|(at, mark)| text.get(*at..=*at) == Some(mark));
    if !marked || !matches!(text.get(10..11), Some("T" | "t" | " ")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = rest.strip_prefix('.').map_or(("0", rest), |rest| {
        rest.split_at(
            rest.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len()),
        )
    });
    let fraction: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let days = days_before(year, month, day);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(Millis(seconds * 1000 + fraction))
}

/// Seconds east of Greenwich: `Z`, `+02:00`, `-0330` is not RFC 3339.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let two = |part: &str| -> Option<i64> {
        let fine = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        fine.then(|| part.parse().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the date; the year counted from March, so that the leap day is its last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_prometheus_and_go_read_them() {
        fn check(text: &str, want: Option<u64>) {
            let got = duration(text).ok();
            assert_eq!(got, want.map(Duration::from_millis), "{text}");
        }
        check("15s", Some(15_000));
        check("1h30m", Some(5_400_000));
        check("1.5h", Some(5_400_000));
        check("2w", Some(1_209_600_000));
        check("1y", Some(31_536_000_000));
        check("0d", Some(0));
        check("0", Some(0));
        check("250ms", Some(250));
        check("", None);
        check("zz", None);
        check("5", None);
        check("h", None);
        check("-5m", None);
        check("1M", None);
        check("1 h", None);
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        fn check(text: &str, want: Option<u64>) {
            assert_eq!(bytes(text).ok(), want, "{text}");
        }
        check("64GB", Some(64 << 30));
        check("250MB", Some(250 << 20));
        check("2GiB", Some(2 << 30));
        check("512", Some(512));
        check("99999999999TB", None);
        check("GB", None);
        check("1XB", None);
    }

    #[test]
    fn times_are_fixed_or_relative() {
        fn check(text: &str, want: Option<Moment>) {
            assert_eq!(moment(text).ok(), want, "{text}");
        }
        let at = |millis| Some(Moment::At(Millis(millis)));
        check("1970-01-01T00:00:00Z", at(0));
        check("2024-02-29T12:00:00.250Z", at(1_709_208_000_250));
        check("2024-01-18T10:00:00+02:00", at(1_705_564_800_000));
        check("0000-01-01T00:00:00Z", at(-62_167_219_200_000));
        check("9999-12-31T23:59:59Z", at(253_402_300_799_000));
        check("1705564800", at(1_705_564_800_000));
        check("1705564800.5", at(1_705_564_800_500));
        check("-2w", Some(Moment::FromNow(Millis(-1_209_600_000))));
        check("1h", Some(Moment::FromNow(Millis(3_600_000))));
        check("2023-02-29T00:00:00Z", None);
        check("2024-01-18", None);
        check("tomorrow", None);
    }

    #[test]
    fn block_commands_take_milliseconds() {
        assert_eq!(millis_or_rfc3339("-5"), Ok(Millis(-5)));
        assert_eq!(millis_or_rfc3339("1970-01-01T00:00:01Z"), Ok(Millis(1000)));
        assert!(millis_or_rfc3339("99999999999999999999").is_err());
    }
}
