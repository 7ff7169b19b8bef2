//! Parts of the date: each value is a time in seconds since 1970, in UTC.
//!
//! Days are counted from the first of March of year 0, so that the leap day is the last of its year and no table of
//! months is needed. Seconds count modulo 2^64, so that any number is some date, infinities and NaN as well: the same as
//! in Prometheus.

use super::{Args, Entry, map_floats, rows};
use crate::annotation::Annotations;
use crate::error::Result;
use crate::exec::batch::Batch;

/// A day of the calendar.
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    macro_rules! part {
        ($part:expr) => {
            rows(
                |batch: &mut Batch, _: &Args<'_>, _: &mut Annotations| -> Result<()> {
                    map_floats(batch, |_, value| as_float($part(seconds(value))));
                    Ok(())
                },
            )
        };
    }
    match name {
        "minute" => part!(|t| of_day(t) % 3_600 / 60),
        "hour" => part!(|t| of_day(t) / 3_600),
        "day_of_week" => part!(|t| (days(t) + 4).rem_euclid(7)),
        "day_of_month" => part!(|t| day(t).day),
        "day_of_year" => part!(day_of_year),
        "days_in_month" => part!(days_in_month),
        "month" => part!(|t| day(t).month),
        "year" => part!(|t| day(t).year),
        _ => None,
    }
}

/// Seconds from the first day of the year -292277022399, where Prometheus' calendar begins, to 1970.
const CALENDAR_START: u64 = 9_223_371_966_579_724_800;
const DAY: u64 = 86_400;

/// Whole seconds; what fits no 64 bits is the least number, as on the processors Prometheus runs on.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what does not fit was sorted out before"
)]
fn seconds(value: f64) -> i64 {
    if value.abs() < 2_f64.powi(63) {
        value as i64
    } else {
        i64::MIN
    }
}

/// Seconds since the calendar began, modulo 2^64.
fn since_start(t: i64) -> u64 {
    t.cast_unsigned().wrapping_add(CALENDAR_START)
}

/// Days since 1970.
fn days(t: i64) -> i64 {
    let signed = |days: u64| i64::try_from(days).expect("2^64 seconds are fewer than 2^63 days");
    signed(since_start(t) / DAY) - signed(CALENDAR_START / DAY)
}

/// Second of its day.
fn of_day(t: i64) -> i64 {
    i64::try_from(since_start(t) % DAY).expect("a day is short")
}

#[expect(clippy::cast_precision_loss, reason = "parts of dates are small")]
fn as_float(part: i64) -> f64 {
    part as f64
}

fn day(t: i64) -> Day {
    let days = days(t) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    Day {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: of_year - (153 * march_month + 2) / 5 + 1,
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_in_month(t: i64) -> i64 {
    let day = day(t);
    month_days(day.year, day.month)
}

fn day_of_year(t: i64) -> i64 {
    let day = day(t);
    let before: i64 = (1..day.month)
        .map(|month| month_days(day.year, month))
        .sum();
    before + day.day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        fn check(t: i64, want: (i64, i64, i64, i64)) {
            let got = day(t);
            assert_eq!((got.year, got.month, got.day, day_of_year(t)), want, "{t}");
        }
        check(0, (1970, 1, 1, 1));
        check(-1, (1969, 12, 31, 365));
        check(951_782_400, (2000, 2, 29, 60));
        check(4_107_542_400, (2100, 3, 1, 60));
        check(seconds(f64::NAN), (292_277_026_596, 12, 4, 339));
    }
}
