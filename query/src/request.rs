//! What is asked of an evaluator, and what it answers.
//!
//! Times and lengths are milliseconds. Both evaluators take a [`Request`] and give an [`Answer`]; what they read from is
//! given apart.

use tsdb::meta::Resolution;

use crate::syntax;
use crate::value::Value;

/// When a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At one time.
    Instant(i64),
    /// At `start`, `start + step`, … up to `end`.
    Range {
        /// First time.
        start: i64,
        /// No time after it.
        end: i64,
        /// Distance of the times, above zero.
        step: i64,
    },
}

impl When {
    /// The first time.
    #[must_use]
    pub fn start(self) -> i64 {
        match self {
            Self::Instant(t) => t,
            Self::Range { start, .. } => start,
        }
    }

    /// The bound of all times.
    #[must_use]
    pub fn end(self) -> i64 {
        match self {
            Self::Instant(t) => t,
            Self::Range { end, .. } => end,
        }
    }

    /// What `step()` means: zero in an instant query.
    #[must_use]
    pub fn step(self) -> i64 {
        match self {
            Self::Instant(_) => 0,
            Self::Range { step, .. } => step,
        }
    }

    /// Whether it is one time.
    #[must_use]
    pub fn is_instant(self) -> bool {
        matches!(self, Self::Instant(_))
    }

    /// All times, ascending.
    pub fn times(self) -> impl Iterator<Item = i64> {
        let (end, step) = (self.end(), self.step());
        std::iter::successors(Some(self.start()), move |t| {
            t.checked_add(step).filter(|_| step > 0)
        })
        .take_while(move |t| *t <= end)
    }
}

/// Prometheus' feature flags about PromQL, and Thanos' x-functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Features {
    /// `promql-experimental-functions`.
    pub experimental_functions: bool,
    /// `promql-extended-range-selectors`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`.
    pub fill_modifiers: bool,
    /// `promql-delayed-name-removal`: names are dropped at the end of the query, not by each operator.
    pub delayed_name_removal: bool,
    /// `use-start-timestamps`: rates know when a counter began.
    pub start_timestamps: bool,
    /// `promql-per-step-stats`.
    pub per_step_stats: bool,
    /// `type-and-unit-labels`: whether a metric is a counter is told by `__type__`, not by its name.
    pub type_and_unit_labels: bool,
    /// Thanos' `--query.enable-x-functions`.
    pub x_functions: bool,
}

impl Features {
    /// Turns on what a feature flag names; false where it names nothing about PromQL.
    pub fn enable(&mut self, feature: &str) -> bool {
        match feature {
            "promql-experimental-functions" => self.experimental_functions = true,
            "promql-extended-range-selectors" => self.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => self.fill_modifiers = true,
            "promql-delayed-name-removal" => self.delayed_name_removal = true,
            "use-start-timestamps" => self.start_timestamps = true,
            "promql-per-step-stats" => self.per_step_stats = true,
            "type-and-unit-labels" => self.type_and_unit_labels = true,
            _ => return false,
        }
        true
    }

    /// What the parser must know.
    #[must_use]
    pub fn syntax(self) -> syntax::Options {
        syntax::Options {
            experimental_functions: self.experimental_functions,
            extended_range_selectors: self.extended_range_selectors,
            fill_modifiers: self.fill_modifiers,
            x_functions: self.x_functions,
        }
    }
}

/// A query with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The expression.
    pub text: String,
    /// When to evaluate it.
    pub when: When,
    /// How far back an instant selector looks.
    pub lookback: i64,
    /// The step of subqueries that name none.
    pub default_step: i64,
    /// Which parts of the language are on.
    pub features: Features,
    /// Most samples in memory at one time.
    pub max_samples: u64,
    /// Labels that tell replicas apart, where they are not those of the storage; queries do not see them.
    pub replica_labels: Option<Vec<String>>,
    /// Coarsest resolution that will do, milliseconds; 0 for raw samples only.
    pub max_resolution: i64,
}

/// Five minutes.
pub const DEFAULT_LOOKBACK: i64 = 300_000;
/// One minute.
pub const DEFAULT_STEP: i64 = 60_000;
/// `--query.max-samples`.
pub const DEFAULT_MAX_SAMPLES: u64 = 50_000_000;

impl Request {
    /// A query with Prometheus' own defaults.
    pub fn new(text: impl Into<String>, when: When) -> Self {
        Self {
            text: text.into(),
            when,
            lookback: DEFAULT_LOOKBACK,
            default_step: DEFAULT_STEP,
            features: Features::default(),
            max_samples: DEFAULT_MAX_SAMPLES,
            replica_labels: None,
            max_resolution: 0,
        }
    }
}

/// How far an instant selector looks back where samples may be that far apart, if `lookback` will do for raw ones.
#[must_use]
pub fn lookback_for(lookback: i64, max_resolution: i64) -> i64 {
    let [five_minutes, hour] = [Resolution::FIVE_MINUTES.0, Resolution::ONE_HOUR.0];
    if max_resolution > lookback.max(five_minutes) {
        lookback.max(hour)
    } else if max_resolution > lookback {
        lookback.max(five_minutes)
    } else {
        lookback
    }
}

/// The outcome of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value: a matrix after a range query.
    pub value: Value,
    /// All warnings: those of the storage, then those of the expression, sorted.
    pub warnings: Vec<String>,
    /// All infos, sorted.
    pub infos: Vec<String>,
    /// Whether the order of a vector was asked for.
    pub is_ordered: bool,
}

impl Answer {
    /// The same with its vector in label order, unless the query decided the order.
    #[must_use]
    pub fn ordered(mut self, is_ordered: bool) -> Self {
        self.is_ordered = is_ordered;
        if let Value::Vector(samples) = &mut self.value
            && !is_ordered
        {
            samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_looks_as_far_back_as_samples_may_be_apart() {
        fn check(lookback: i64, max_resolution: i64, want: i64) {
            let got = lookback_for(lookback, max_resolution);
            assert_eq!(got, want, "{lookback} {max_resolution}");
        }
        check(300_000, 0, 300_000);
        check(300_000, 300_000, 300_000);
        check(300_000, 300_001, 3_600_000);
        check(60_000, 300_000, 300_000);
        check(60_000, 3_600_000, 3_600_000);
        check(7_200_000, 3_600_000, 7_200_000);
    }

    #[test]
    fn times_go_from_the_start_as_far_as_the_end() {
        fn check(when: When, want: &[i64]) {
            assert_eq!(when.times().collect::<Vec<_>>(), want, "{when:?}");
        }
        let range = |start, end, step| When::Range { start, end, step };
        check(When::Instant(-7), &[-7]);
        check(range(0, 10, 5), &[0, 5, 10]);
        check(range(0, 9, 5), &[0, 5]);
        check(range(1, 0, 5), &[]);
        check(range(i64::MAX - 1, i64::MAX, 2), &[i64::MAX - 1]);
    }
}
