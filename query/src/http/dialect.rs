//! Where Prometheus and Thanos answer the same call differently, as a value that handlers ask and never compare.
//!
//! | | Prometheus | Thanos |
//! |---|---|---|
//! | errors of parameters | `invalid parameter "time": …` | the bare text, or `'time' parameter: …` |
//! | errors, warnings | cacheable | `Cache-Control: no-store` |
//! | origins | echoed, with `Vary: Origin` | `*`, always |
//! | missing step | an error | range / 250, at least the default step |
//! | infos | a list of their own, with positions | among the warnings, without positions |
//! | client gone | 499 | 503 |
//! | `data.analysis` without `analyze` | absent | `{}` |
//! | `samplesRead` | told | not told |
//! | no alerts | `[]` | `null` |
//! | probes | a sentence | `OK` |

use super::problem::Problem;
use crate::error::ErrorKind;

/// Whose answers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Those of Prometheus 3.
    #[default]
    Prometheus,
    /// Those of a Thanos querier.
    Thanos,
}

/// What the first parameter error of a kind says around its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// A parameter that was read and makes no sense: `query`, `start`.
    Parameter(&'static str),
    /// One whose name Thanos puts before the cause as well.
    Named(&'static str),
    /// A moment with a default, which both name in the cause.
    Moment(&'static str),
    /// The matchers of `/series`, named by Prometheus only.
    Match,
    /// `lookback_delta`.
    Lookback,
    /// Nothing around it.
    Bare,
}

impl Dialect {
    /// The text of a parameter error.
    #[must_use]
    pub fn blame(self, blame: Blame, cause: &str) -> String {
        match (self, blame) {
            (_, Blame::Bare) | (Self::Thanos, Blame::Parameter(_) | Blame::Match) => {
                cause.to_owned()
            }
            (Self::Prometheus, Blame::Parameter(name) | Blame::Named(name)) => {
                format!("invalid parameter \"{name}\": {cause}")
            }
            (Self::Prometheus, Blame::Match) => format!("invalid parameter \"match[]\": {cause}"),
            (Self::Prometheus, Blame::Moment(name)) => {
                format!("invalid parameter \"{name}\": invalid time value for '{name}': {cause}")
            }
            (Self::Prometheus, Blame::Lookback) => {
                format!("error parsing lookback delta duration: {cause}")
            }
            (Self::Thanos, Blame::Named(name)) => format!("'{name}' parameter: {cause}"),
            (Self::Thanos, Blame::Moment(name)) => {
                format!("Invalid time value for '{name}': {cause}")
            }
            (Self::Thanos, Blame::Lookback) => format!("'lookback_delta' parameter: {cause}"),
        }
    }

    /// The text of an error about the time range of series, labels and values.
    #[must_use]
    pub fn blame_range(self, text: String) -> String {
        match self {
            Self::Prometheus => text,
            Self::Thanos => format!("bad_data: {text}"),
        }
    }

    /// Whether series, labels and values refuse a range that ends before it starts; else it is merely empty.
    #[must_use]
    pub fn refuses_empty_range(self) -> bool {
        self == Self::Thanos
    }

    /// What a limit that is no number is called.
    #[must_use]
    pub fn limit_error(self, text: &str, cause: &str) -> String {
        match self {
            Self::Prometheus => cause.to_owned(),
            Self::Thanos => format!("cannot parse \"{text}\" to a valid limit"),
        }
    }

    /// What `/metadata` says of a limit that is no number.
    #[must_use]
    pub fn metadata_limit_error(self, name: &str) -> String {
        match self {
            Self::Prometheus => format!("{name} must be a number"),
            Self::Thanos => "invalid metric metadata limit='0'".to_owned(),
        }
    }

    /// What `/rules` says of a wrong `type`.
    #[must_use]
    pub fn rule_type_error(self, given: &str) -> String {
        match self {
            Self::Prometheus => {
                format!("invalid parameter \"type\": not supported value {given:?}")
            }
            Self::Thanos => format!("invalid rules parameter type='{given}'"),
        }
    }

    /// An expression that `/query_exemplars` cannot read.
    #[must_use]
    pub fn exemplar_problem(self, cause: &str) -> Problem {
        match self {
            Self::Prometheus => Problem::bad_data(cause),
            Self::Thanos => Problem {
                kind: ErrorKind::Internal,
                message: format!("retrieving exemplars: proxy Exemplars: {cause}"),
            },
        }
    }

    /// Whether an expression without selectors has no exemplars to speak of, rather than an empty list.
    #[must_use]
    pub fn says_nothing_of_constants(self) -> bool {
        self == Self::Prometheus
    }

    /// Judges a state of targets that there is none of.
    ///
    /// # Errors
    /// With Thanos, as a bad parameter; to Prometheus it is a state that no target has.
    pub fn check_target_state(self, given: &str) -> Result<(), Problem> {
        match self {
            Self::Prometheus => Ok(()),
            Self::Thanos => Err(Problem::bad_data(format!(
                "invalid targets parameter state='{given}'"
            ))),
        }
    }

    /// Whether `/targets` counts those dropped.
    #[must_use]
    pub fn counts_dropped_targets(self) -> bool {
        self == Self::Prometheus
    }

    /// What a limit of zero means to `/status/tsdb`.
    ///
    /// # Errors
    /// With Prometheus.
    pub fn unbounded_contributors(self, most: usize) -> Result<usize, Problem> {
        match self {
            Self::Prometheus => Err(self.contributor_problem("0")),
            Self::Thanos => Ok(most),
        }
    }

    /// A limit that `/status/tsdb` cannot use.
    #[must_use]
    pub fn contributor_problem(self, given: &str) -> Problem {
        match self {
            Self::Prometheus => Problem::bad_data("limit must be a positive number"),
            Self::Thanos => Problem::bad_data(self.limit_error(given, "")),
        }
    }

    /// The step of a range query that names none, in seconds of text; none where that is an error.
    #[must_use]
    pub fn missing_step_millis(self, range_millis: i64, default_millis: i64) -> Option<i64> {
        /// As many points as Thanos thinks a graph needs.
        const POINTS: i64 = 250;
        match self {
            Self::Prometheus => None,
            Self::Thanos => Some((range_millis / 1000 / POINTS * 1000).max(default_millis)),
        }
    }

    /// The status of a query whose client is gone.
    #[must_use]
    pub fn canceled_status(self) -> u16 {
        match self {
            Self::Prometheus => 499,
            Self::Thanos => 503,
        }
    }

    /// Infos and warnings as they are sent: (warnings, infos).
    #[must_use]
    pub fn notices(self, warnings: Vec<String>, infos: Vec<String>) -> (Vec<String>, Vec<String>) {
        match self {
            Self::Prometheus => (warnings, infos),
            Self::Thanos => {
                let all = warnings.into_iter().chain(infos);
                (all.map(without_position).collect(), Vec::new())
            }
        }
    }

    /// What stands in the data of a query after its result.
    #[must_use]
    pub fn after_result(self) -> &'static str {
        match self {
            Self::Prometheus => "",
            Self::Thanos => ",\"analysis\":{}",
        }
    }

    /// Whether statistics tell how many samples were read, beside how many windows held.
    #[must_use]
    pub fn tells_samples_read(self) -> bool {
        self == Self::Prometheus
    }

    /// The list of alerts where there is none.
    #[must_use]
    pub fn no_alerts(self) -> &'static str {
        match self {
            Self::Prometheus => "[]",
            Self::Thanos => "null",
        }
    }

    /// Whether caches must not keep errors and partial answers.
    #[must_use]
    pub fn forbids_caching(self) -> bool {
        self == Self::Thanos
    }

    /// Whether `stats` of an unknown kind deserve a warning.
    #[must_use]
    pub fn warns_of_odd_stats(self) -> bool {
        self == Self::Prometheus
    }

    /// Where a path with a slash too many is sent, given the path without it; Prometheus forgets that it is under `api`.
    #[must_use]
    pub fn redirected<'p>(self, path: &'p str, api: &str) -> &'p str {
        match self {
            Self::Prometheus => path.strip_prefix(api).unwrap_or(path),
            Self::Thanos => path,
        }
    }

    /// What a probe says.
    #[must_use]
    pub fn probe_text(self, state: &str) -> String {
        match self {
            Self::Prometheus => format!("Prometheus Server is {state}.\n"),
            Self::Thanos => "OK".to_owned(),
        }
    }

    /// The values of `Vary` of an API answer.
    #[must_use]
    pub fn vary(self) -> &'static str {
        match self {
            Self::Prometheus => "Accept-Encoding, Origin",
            Self::Thanos => "Accept-Encoding",
        }
    }

    /// The headers that a page of another origin may send.
    #[must_use]
    pub fn allowed_headers(self) -> &'static str {
        match self {
            Self::Prometheus => "Accept, Authorization, Content-Type, Origin",
            Self::Thanos => "Accept, Accept-Encoding, Authorization, Content-Type, Origin",
        }
    }

    /// The origin to allow, given the one that asks.
    #[must_use]
    pub fn allowed_origin(self, origin: Option<&str>) -> Option<String> {
        match self {
            Self::Prometheus => origin.map(str::to_owned),
            Self::Thanos => Some("*".to_owned()),
        }
    }
}

/// The notice without the `(line:column)` at its end.
fn without_position(text: String) -> String {
    let cut = text.strip_suffix(')').and_then(|rest| {
        let (head, position) = rest.rsplit_once(" (")?;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (line, column) = position.split_once(':')?;
        (is_number(line) && is_number(column)).then(|| head.to_owned())
    });
    cut.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_loses_only_its_position() {
        fn check(text: &str, want: &str) {
            assert_eq!(without_position(text.to_owned()), want);
        }
        check("got 2 (1:10)", "got 2");
        check("truncated (by limit)", "truncated (by limit)");
        check("plain", "plain");
    }
}
