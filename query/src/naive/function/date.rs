//! Fields of a date in UTC.
//!
//! Seconds count modulo 2^64 from the first day that Prometheus' calendar knows, so any 64-bit number is some date.

/// A day of the proleptic Gregorian calendar.
struct Date {
    year: i128,
    /// From one.
    month: i128,
    /// From one.
    day: i128,
    /// Since 1970.
    days: i128,
}

/// Seconds from the first day of year -292277022399 to 1970.
const CALENDAR_START: u64 = 9_223_371_966_579_724_800;
const SECONDS_PER_DAY: u64 = 86_400;

fn since_start(seconds: i64) -> u64 {
    seconds.cast_unsigned().wrapping_add(CALENDAR_START)
}

fn date(seconds: i64) -> Date {
    let days = i128::from(since_start(seconds) / SECONDS_PER_DAY)
        - i128::from(CALENDAR_START / SECONDS_PER_DAY);
    // Years begin in March here, so the leap day is the last of a year; 400 years always have 146,097 days.
    let from_march = days + 719_468;
    let era = from_march.div_euclid(146_097);
    let day_of_era = from_march.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    Date {
        year: era * 400 + year_of_era + i128::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted + 2) / 5 + 1,
        days,
    }
}

fn is_leap(year: i128) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_days(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The function of a name, from seconds since 1970.
pub(in crate::naive) fn field(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "minute" => |seconds| float(i128::from(since_start(seconds) % 3600 / 60)),
        "hour" => |seconds| float(i128::from(since_start(seconds) % SECONDS_PER_DAY / 3600)),
        "day_of_week" => |seconds| float((date(seconds).days + 4).rem_euclid(7)),
        "day_of_month" => |seconds| float(date(seconds).day),
        "day_of_year" => |seconds| {
            let Date {
                year, month, day, ..
            } = date(seconds);
            let before: i128 = (1..month).map(|month| month_days(year, month)).sum();
            float(before + day)
        },
        "days_in_month" => |seconds| {
            let date = date(seconds);
            float(month_days(date.year, date.month))
        },
        "month" => |seconds| float(date(seconds).month),
        "year" => |seconds| float(date(seconds).year),
        _ => return None,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a year of the calendar is below 2^53"
)]
fn float(value: i128) -> f64 {
    value as f64
}

/// A float as whole seconds; what fits no 64 bits is the smallest number, as on the processors Prometheus runs on.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what does not fit was sorted out before"
)]
pub(in crate::naive) fn whole(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if value.is_nan() || value.abs() >= LIMIT {
        return i64::MIN;
    }
    value as i64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "fields are whole numbers")]
mod tests {
    use super::field;

    #[test]
    fn fields_are_those_of_the_calendar() {
        fn check(seconds: i64, want: [f64; 8]) {
            let names = [
                "year",
                "month",
                "day_of_month",
                "day_of_week",
                "day_of_year",
                "days_in_month",
                "hour",
                "minute",
            ];
            assert_eq!(
                names.map(|name| field(name).unwrap()(seconds)),
                want,
                "{seconds}"
            );
        }
        check(0, [1970.0, 1.0, 1.0, 4.0, 1.0, 31.0, 0.0, 0.0]);
        check(-60, [1969.0, 12.0, 31.0, 3.0, 365.0, 31.0, 23.0, 59.0]);
        check(
            1_709_164_800,
            [2024.0, 2.0, 29.0, 4.0, 60.0, 29.0, 0.0, 0.0],
        );
        check(951_868_800, [2000.0, 3.0, 1.0, 3.0, 61.0, 31.0, 0.0, 0.0]);
    }
}
