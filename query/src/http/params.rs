//! Parameters: times, durations, limits, selectors, each with the texts of its errors.
//!
//! ```text
//! time      seconds with a fraction, rounded to milliseconds, or RFC 3339, cut to milliseconds
//! duration  seconds with a fraction, or 1h30m
//! limit     a whole number, 0 for none
//! ```
//!
//! What stands around a cause is the dialect's business: [`Blame`].

use tsdb::matcher::Matcher;
use tsdb::time::{Interval, Millis};

use super::dialect::{Blame, Dialect};
use super::form::Form;
use super::problem::Problem;
use crate::syntax::number::parse_duration;
use crate::syntax::{parse_selector, quote};

/// What Prometheus calls the earliest and the latest time.
const MOST: [(&str, i64); 2] = [
    (
        "-292273086-05-16T16:47:06Z",
        (i64::MIN / 1000 + 62_135_596_801) * 1000,
    ),
    (
        "292277025-08-18T07:12:54.999999999Z",
        (i64::MAX / 1000 - 62_135_596_801) * 1000 + 999,
    ),
];
/// Most steps of a range query.
pub const POINTS_MAX: i64 = 11_000;
/// What an answer says that was cut.
pub const TRUNCATED: &str = "results truncated due to limit";

/// The parameters of one request, and the words for what is wrong with them.
#[derive(Debug, Clone, Copy)]
pub struct Params<'r> {
    /// What was sent.
    pub form: &'r Form,
    /// Whose words.
    pub dialect: Dialect,
}

impl Params<'_> {
    pub(super) fn bad(self, blame: Blame, cause: &str) -> Problem {
        Problem::bad_data(self.dialect.blame(blame, cause))
    }

    /// A time that must be given.
    ///
    /// # Errors
    /// Where it is none.
    pub fn required_time(self, name: &'static str) -> Result<i64, Problem> {
        parse_time(self.form.get(name)).map_err(|cause| self.bad(Blame::Parameter(name), &cause))
    }

    /// A time, if one is given.
    ///
    /// # Errors
    /// Where it is none.
    pub fn time(self, name: &'static str) -> Result<Option<i64>, Problem> {
        let text = self.form.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let time = parse_time(text).map_err(|cause| self.bad(Blame::Moment(name), &cause))?;
        Ok(Some(time))
    }

    /// The times between `start` and `end`, all of time by default.
    ///
    /// # Errors
    /// Where one is no time.
    pub fn interval(self) -> Result<Interval, Problem> {
        let named = |name| self.time(name).map_err(|problem| self.of_range(problem));
        let start = named("start")?.map_or(Millis::MIN, Millis);
        let end = named("end")?.map_or(Millis::MAX, Millis);
        if start > end && self.dialect.refuses_empty_range() {
            let text = "end timestamp must not be before start time";
            return Err(self.of_range(Problem::bad_data(text)));
        }
        Ok(Interval {
            min: start,
            max: end,
        })
    }

    fn of_range(self, problem: Problem) -> Problem {
        Problem::bad_data(self.dialect.blame_range(problem.message))
    }

    /// The bound on what is returned, if there is one.
    ///
    /// # Errors
    /// Where it is no whole number, or negative.
    pub fn limit(self) -> Result<Option<usize>, Problem> {
        let text = self.form.get("limit");
        if text.is_empty() {
            return Ok(None);
        }
        let limit = parse_whole(text).map_err(|cause| {
            let cause = self.dialect.limit_error(text, &cause);
            self.bad(Blame::Parameter("limit"), &cause)
        })?;
        let limit = usize::try_from(limit)
            .map_err(|_error| self.bad(Blame::Parameter("limit"), "limit must be non-negative"))?;
        Ok(Some(limit).filter(|limit| *limit > 0))
    }

    /// The time that a query may take, in nanoseconds, if one is given.
    ///
    /// # Errors
    /// Where it is no duration.
    pub fn timeout_nanos(self) -> Result<Option<i64>, Problem> {
        self.nanos("timeout", Blame::Parameter("timeout"))
    }

    /// How far back an instant selector looks, in milliseconds, if that is given and positive.
    ///
    /// # Errors
    /// Where it is no duration.
    pub fn lookback_millis(self) -> Result<Option<i64>, Problem> {
        let nanos = self.nanos("lookback_delta", Blame::Lookback)?;
        Ok(nanos.map(millis).filter(|millis| *millis > 0))
    }

    fn nanos(self, name: &'static str, blame: Blame) -> Result<Option<i64>, Problem> {
        let text = self.form.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let nanos = parse_nanos(text).map_err(|cause| self.bad(blame, &cause))?;
        Ok(Some(nanos))
    }

    /// `start`, `end` and `step` of a range query, milliseconds.
    ///
    /// # Errors
    /// Where one is missing or wrong, or the steps are too many.
    pub fn range(self, default_step: i64) -> Result<(i64, i64, i64), Problem> {
        let start = self.required_time("start")?;
        let end = self.required_time("end")?;
        if end < start {
            let cause = "end timestamp must not be before start time";
            return Err(self.bad(Blame::Parameter("end"), cause));
        }
        let range = end.saturating_sub(start);
        let text = self.form.get("step");
        let missing = self.dialect.missing_step_millis(range, default_step);
        let step = match missing.filter(|_| text.is_empty()) {
            Some(step) => step.saturating_mul(NANOS_PER_MILLI),
            None => parse_nanos(text).map_err(|cause| self.bad(Blame::Named("step"), &cause))?,
        };
        if step <= 0 {
            let cause = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(self.bad(Blame::Parameter("step"), cause));
        }
        if i128::from(range) * i128::from(NANOS_PER_MILLI) / i128::from(step)
            > i128::from(POINTS_MAX)
        {
            return Err(Problem::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ));
        }
        Ok((start, end, millis(step).max(1)))
    }

    /// The selectors of `match[]`, each a list of matchers of which one at least asks for something.
    ///
    /// # Errors
    /// Where one is no selector.
    pub fn selectors(self, blame: Blame) -> Result<Vec<Vec<Matcher>>, Problem> {
        let all = self.form.all("match[]");
        all.map(|text| self.selector(text, blame)).collect()
    }

    fn selector(self, text: &str, blame: Blame) -> Result<Vec<Matcher>, Problem> {
        let matchers =
            parse_selector(text).map_err(|errors| self.bad(blame, &errors.to_string()))?;
        if matchers.iter().all(Matcher::matches_empty) {
            let cause = "match[] must contain at least one non-empty matcher";
            return Err(self.bad(blame, cause));
        }
        Ok(matchers)
    }
}

const NANOS_PER_MILLI: i64 = 1_000_000;

fn millis(nanos: i64) -> i64 {
    nanos / NANOS_PER_MILLI
}

/// A moment, in milliseconds.
///
/// # Errors
/// With Prometheus' text.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_float(text) {
        return Ok(saturating((seconds * 1000.0).round()));
    }
    let most = MOST
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, time)| *time);
    most.or_else(|| rfc3339(text))
        .ok_or_else(|| format!("cannot parse {} to a valid timestamp", quote::text(text)))
}

/// Exactly the form of RFC 3339; the calendar's parser takes more than that.
fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let is_shaped = bytes.get(10) == Some(&b'T')
        && bytes.get(4) == Some(&b'-')
        && bytes.get(13) == Some(&b':')
        && bytes.get(16) == Some(&b':')
        && matches!(bytes.get(19), Some(b'.' | b'Z' | b'+' | b'-'))
        && (text.ends_with('Z') || bytes.get(bytes.len() - 3) == Some(&b':'));
    let time: jiff::Timestamp = is_shaped.then(|| text.parse().ok()).flatten()?;
    Some(
        time.as_nanosecond()
            .div_euclid(1_000_000)
            .try_into()
            .unwrap_or(i64::MAX),
    )
}

/// A length of time, in nanoseconds.
///
/// # Errors
/// With Prometheus' text.
pub fn parse_nanos(text: &str) -> Result<i64, String> {
    let bad = || format!("cannot parse {} to a valid duration", quote::text(text));
    let Some(seconds) = parse_float(text) else {
        return parse_duration(text).map_err(|_cause| bad());
    };
    let nanos = seconds * 1e9;
    // 2^63 as a float; a number is cut at it only where it is none.
    if nanos.abs() > 9_223_372_036_854_775_807.0 {
        return Err(format!("{}. It overflows int64", bad()));
    }
    Ok(saturating(nanos))
}

/// A float as Go reads it: no spaces, underscores between digits, infinities and NaN in any case.
fn parse_float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = ["inf", "infinity", "nan"]
        .iter()
        .any(|word| digits.eq_ignore_ascii_case(word));
    let is_number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".eE+-_".contains(&byte));
    if !(is_word || is_number) || has_stray_underscore(text) {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    (is_word || value.is_finite()).then_some(value)
}

fn has_stray_underscore(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    (0..bytes.len())
        .any(|at| bytes[at] == b'_' && !(is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))))
}

/// A whole number.
///
/// # Errors
/// With Go's text.
pub fn parse_whole(text: &str) -> Result<i64, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse::<i64>().map_err(|error| {
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {why}", quote::text(text))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and NaN is 0: a time out of all range finds nothing either way"
)]
fn saturating(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        fn check(text: &str, want: Option<i64>) {
            assert_eq!(parse_time(text).ok(), want, "{text}");
        }
        check("1700001200", Some(1_700_001_200_000));
        check("1700001200.1239", Some(1_700_001_200_124));
        check("1700001200.0004", Some(1_700_001_200_000));
        check("1_700_001_200", Some(1_700_001_200_000));
        check("-0.5", Some(-500));
        check("1e300", Some(i64::MAX));
        check("2023-11-14T22:33:20Z", Some(1_700_001_200_000));
        check("2023-11-14T23:33:20+01:00", Some(1_700_001_200_000));
        check("2023-11-14T22:33:20.123999999Z", Some(1_700_001_200_123));
        check("2023-11-14 22:33:20Z", None);
        check("2023-11-14T22:33:20", None);
        check("20231114T223320Z", None);
        check("0x10", None);
        check("1__0", None);
        check(" 1", None);
        check("", None);
        check("é023-11-14T22:33:20Z", None);
    }

    #[test]
    fn durations_are_seconds_or_units() {
        fn check(text: &str, want: Option<i64>) {
            assert_eq!(parse_nanos(text).ok(), want, "{text}");
        }
        check("15", Some(15_000_000_000));
        check("0.5", Some(500_000_000));
        check("1m30s", Some(90_000_000_000));
        check("-1", Some(-1_000_000_000));
        check("-5m", None);
        check("5m5m", None);
        check("1e30", None);
        check("Inf", None);
        check("", None);
    }
}
