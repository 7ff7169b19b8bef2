//! Parts of the date: each value is a time in seconds since 1970, in UTC.
//!
//! Days are counted from the first of March of year 0, so that the leap day is the last of its year and no table of
//! months is needed. Values past what fits are NaN-free nonsense in Prometheus; here they saturate.

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
        "minute" => part!(|t: i64| t.rem_euclid(3_600) / 60),
        "hour" => part!(|t: i64| t.rem_euclid(86_400) / 3_600),
        "day_of_week" => part!(|t: i64| (t.div_euclid(86_400) + 4).rem_euclid(7)),
        "day_of_month" => part!(|t| day(t).day),
        "day_of_year" => part!(day_of_year),
        "days_in_month" => part!(days_in_month),
        "month" => part!(|t| day(t).month),
        "year" => part!(|t| day(t).year),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "times past the range of i64 saturate"
)]
fn seconds(value: f64) -> i64 {
    // Room for the arithmetic below.
    (value as i64).clamp(i64::MIN / 4, i64::MAX / 4)
}

#[expect(clippy::cast_precision_loss, reason = "parts of dates are small")]
fn as_float(part: i64) -> f64 {
    part as f64
}

fn day(t: i64) -> Day {
    let days = t.div_euclid(86_400) + 719_468;
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
    }
}
