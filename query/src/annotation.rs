//! Warnings and infos: what a query wants to tell besides its answer.
//!
//! Every text lives in this file, in Prometheus' words, because people grep for them. Of equal texts one is kept, whatever
//! the place; some carry numbers that are merged then (how many samples, the largest difference). The place in the query
//! is added when all are rendered, `(line:column)`. An API shows ten of each: [`shortened`].

use std::collections::BTreeMap;
use std::fmt;

use crate::error::position;
use crate::histogram::classic::Repair;
use crate::syntax::ast::Span;
use crate::syntax::{number, quote};

/// Most annotations of each level that an API shows.
pub const SHOWN_MAX: usize = 10;

/// How serious an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// The answer is probably not what was wanted.
    Warning,
    /// The answer deserves a look.
    Info,
}

/// What was being done with histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistogramOperation {
    /// `+`, `rate` and the like.
    Addition,
    /// `-`, `idelta` and the like.
    Subtraction,
    /// `sum`, `avg`, also over time.
    Aggregation,
}

impl HistogramOperation {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Buckets of classic histograms that had to be made ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Monotonicity {
    /// The metric, if its name is still known.
    pub metric: String,
    /// Lowest and highest bound of a bucket that was lifted, and by how much at most.
    pub repair: Repair,
    /// In how many samples, by the time of the step.
    pub samples: BTreeMap<i64, u64>,
    /// The last step of the evaluation.
    pub end: i64,
    /// Distance of the steps; 0 where there is one only.
    pub step: i64,
}

impl Monotonicity {
    /// One sample at a step of an evaluation.
    #[must_use]
    pub fn new(metric: String, repair: Repair, (t, step, end): (i64, i64, i64)) -> Self {
        Self {
            metric,
            repair,
            samples: BTreeMap::from([(t, 1)]),
            end,
            step,
        }
    }

    fn absorb(&mut self, earlier: &Self) {
        self.repair.from = self.repair.from.min(earlier.repair.from);
        self.repair.to = self.repair.to.max(earlier.repair.to);
        self.repair.difference = self.repair.difference.max(earlier.repair.difference);
        for (t, count) in &earlier.samples {
            *self.samples.entry(*t).or_default() += count;
        }
    }

    /// How many samples Prometheus says there were: from the second step on it adds what it has so far to itself.
    fn told(&self) -> u64 {
        let Some(mut t) = self.samples.keys().next().copied() else {
            return 0;
        };
        let mut told = self.samples[&t];
        while self.step > 0 && t < self.end {
            t += self.step;
            let new = self.samples.get(&t).copied().unwrap_or(0);
            told = told.saturating_add(new).saturating_mul(2);
        }
        told
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum Annotation {
    /// φ is outside 0 to 1.
    InvalidQuantile(f64),
    /// A ratio is outside -1 to 1.
    InvalidRatio {
        /// As given.
        ratio: f64,
        /// As used.
        capped: f64,
    },
    /// A classic bucket without a bound.
    BadBucketLabel {
        /// The value of `le`.
        value: String,
        /// The metric, if its name is still known.
        metric: String,
    },
    /// One window has floats and histograms.
    MixedTypes(String),
    /// One group has floats and histograms.
    MixedTypesInAggregation,
    /// One signature has classic and native histograms; the metric, if its name is still known.
    MixedClassicNative(String),
    /// One window has exponential and custom buckets.
    MixedSchemas(String),
    /// A rate over gauge histograms.
    NativeHistogramNotCounter(String),
    /// A delta over counter histograms.
    NativeHistogramNotGauge(String),
    /// An operator between exponential and custom buckets.
    IncompatibleBucketLayout(&'static str),
    /// One histogram follows a reset, the other does not.
    CounterResetCollision(HistogramOperation),
    /// A start time lies before the sample before; merged by counting.
    StartTimeOverlap {
        /// The metric.
        metric: String,
        /// How often.
        occurrences: u64,
    },
    /// `sort` in a range query.
    SortInRange,
    /// A rate over what is not named like a counter.
    PossibleNonCounter(String),
    /// A rate over what is not typed as a counter.
    PossibleNonCounterType {
        /// The metric.
        metric: String,
        /// Its `__type__`.
        kind: String,
    },
    /// Classic buckets had to be fixed; merged.
    ForcedMonotonicity(Monotonicity),
    /// A quantile that is NaN because of NaN observations; the metric, if its name is still known.
    NanQuantile(String),
    /// A quantile that is too high because of NaN observations; the metric, if its name is still known.
    SkewedQuantile(String),
    /// A fraction without the NaN observations; the metric, if its name is still known.
    NanFraction(String),
    /// An operator that knows no such pair of operands.
    IncompatibleTypes {
        /// As written.
        operator: &'static str,
        /// Whether the left is a histogram.
        lhs_histogram: bool,
        /// Whether the right is a histogram.
        rhs_histogram: bool,
    },
    /// An aggregation of floats only.
    HistogramIgnoredInAggregation(&'static str),
    /// A function of floats over a window with both.
    HistogramIgnoredInMixedRange(String),
    /// What was read stands for windows of samples, and the function needs the samples.
    Downsampled,
    /// Custom bounds differ and were reduced to those in common.
    CustomBucketsReconciled(HistogramOperation),
}

impl Annotation {
    /// How serious it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::InvalidQuantile(_)
            | Self::InvalidRatio { .. }
            | Self::BadBucketLabel { .. }
            | Self::MixedTypes(_)
            | Self::MixedTypesInAggregation
            | Self::MixedClassicNative(_)
            | Self::MixedSchemas(_)
            | Self::NativeHistogramNotCounter(_)
            | Self::NativeHistogramNotGauge(_)
            | Self::IncompatibleBucketLayout(_)
            | Self::CounterResetCollision(_)
            | Self::StartTimeOverlap { .. }
            | Self::SortInRange => Level::Warning,
            Self::PossibleNonCounter(_)
            | Self::PossibleNonCounterType { .. }
            | Self::ForcedMonotonicity(_)
            | Self::NanQuantile(_)
            | Self::SkewedQuantile(_)
            | Self::NanFraction(_)
            | Self::IncompatibleTypes { .. }
            | Self::HistogramIgnoredInAggregation(_)
            | Self::HistogramIgnoredInMixedRange(_)
            | Self::Downsampled
            | Self::CustomBucketsReconciled(_) => Level::Info,
        }
    }

    /// What makes two the same: the text without what is merged.
    fn key(&self) -> String {
        match self {
            Self::StartTimeOverlap { metric, .. } => format!("start time overlap {metric}"),
            Self::ForcedMonotonicity(fixed) => format!("monotonicity {}", fixed.metric),
            other => other.to_string(),
        }
    }

    /// Takes the numbers of an earlier one of the same key into this one.
    fn absorb(&mut self, earlier: &Self) {
        match (self, earlier) {
            (
                Self::StartTimeOverlap { occurrences, .. },
                Self::StartTimeOverlap {
                    occurrences: more, ..
                },
            ) => *occurrences += more,
            (Self::ForcedMonotonicity(fixed), Self::ForcedMonotonicity(more)) => {
                fixed.absorb(more);
            }
            _ => {}
        }
    }
}

/// ` for metric name "m"`, where a name is known.
fn for_metric(metric: &str) -> String {
    if metric.is_empty() {
        return String::new();
    }
    format!(" for metric name {}", quote::text(metric))
}

fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis.div_euclid(1000) * 1000)
        .map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}

fn operand(is_histogram: bool) -> &'static str {
    if is_histogram { "histogram" } else { "float" }
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level() {
            Level::Warning => write!(f, "PromQL warning: {}", self.warning()),
            Level::Info => write!(f, "PromQL info: {}", self.info()),
        }
    }
}

impl Annotation {
    fn warning(&self) -> String {
        match self {
            Self::InvalidQuantile(quantile) => {
                let got = number::print_general(*quantile);
                format!("quantile value should be between 0 and 1, got {got}")
            }
            Self::InvalidRatio { ratio, capped } => {
                let [got, capped] = [ratio, capped].map(|ratio| number::print_general(*ratio));
                format!("ratio value should be between -1 and 1, got {got}, capping to {capped}")
            }
            Self::BadBucketLabel { value, metric } => {
                let (value, metric) = (quote::text(value), for_metric(metric));
                format!(
                    "bucket label \"le\" is missing or has a malformed value of {value}{metric}"
                )
            }
            Self::StartTimeOverlap {
                metric,
                occurrences,
            } => {
                let metric = quote::text(metric);
                let times = match occurrences {
                    0 | 1 => String::new(),
                    _ => format!(" ({occurrences} occurrences)"),
                };
                format!(
                    "sample has start time that overlaps with previous sample timestamp for metric {metric}{times}"
                )
            }
            Self::SortInRange => {
                "sort is ineffective for range queries since results are always ordered by labels"
                    .to_owned()
            }
            other => other.histogram_warning(),
        }
    }

    fn histogram_warning(&self) -> String {
        match self {
            Self::MixedTypes(metric) => format!(
                "encountered a mix of histograms and floats for metric name {}",
                quote::text(metric)
            ),
            Self::MixedTypesInAggregation => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Self::MixedClassicNative(metric) => format!(
                "vector contains a mix of classic and native histograms{}",
                for_metric(metric)
            ),
            Self::MixedSchemas(metric) => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quote::text(metric)
            ),
            Self::NativeHistogramNotCounter(metric) => format!(
                "this native histogram metric is not a counter: {}",
                quote::text(metric)
            ),
            Self::NativeHistogramNotGauge(metric) => format!(
                "this native histogram metric is not a gauge: {}",
                quote::text(metric)
            ),
            Self::IncompatibleBucketLayout(operator) => {
                format!("incompatible bucket layout encountered for binary operator {operator}")
            }
            Self::CounterResetCollision(operation) => format!(
                "conflicting counter resets during histogram {}",
                operation.name()
            ),
            _ => String::new(),
        }
    }

    fn info(&self) -> String {
        match self {
            Self::PossibleNonCounter(metric) => format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quote::text(metric)
            ),
            Self::PossibleNonCounterType { metric, kind } => format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quote::text(kind),
                quote::text(metric)
            ),
            Self::IncompatibleTypes {
                operator,
                lhs_histogram,
                rhs_histogram,
            } => {
                let (lhs, rhs) = (operand(*lhs_histogram), operand(*rhs_histogram));
                format!(
                    "incompatible sample types encountered for binary operator \"{operator}\": {lhs} {operator} {rhs}"
                )
            }
            Self::HistogramIgnoredInAggregation(aggregation) => {
                format!("ignored histogram in {aggregation} aggregation")
            }
            Self::HistogramIgnoredInMixedRange(metric) => format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quote::text(metric)
            ),
            Self::Downsampled => {
                "downsampled samples were read, the result is an approximation".to_owned()
            }
            Self::CustomBucketsReconciled(operation) => format!(
                "mismatched custom buckets were reconciled during {}",
                operation.name()
            ),
            other => other.quantile_info(),
        }
    }

    fn quantile_info(&self) -> String {
        match self {
            Self::ForcedMonotonicity(fixed) => fixed.to_string(),
            Self::NanQuantile(metric) => format!(
                "input to histogram_quantile has NaN observations, result is NaN{}",
                for_metric(metric)
            ),
            Self::SkewedQuantile(metric) => format!(
                "input to histogram_quantile has NaN observations, result is skewed higher{}",
                for_metric(metric)
            ),
            Self::NanFraction(metric) => format!(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
                for_metric(metric)
            ),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Monotonicity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = [self.repair.from, self.repair.to].map(number::print_general);
        let times = [self.samples.keys().next(), self.samples.keys().next_back()];
        let [first, last] = times.map(|time| rfc3339(time.copied().unwrap_or_default()));
        write!(
            f,
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}, from buckets {low} to {high}, with a max diff of {}, over {} samples from {} to {}",
            for_metric(&self.metric),
            number::print_two_digits(self.repair.difference),
            self.told(),
            first,
            last,
        )
    }
}

/// A set of annotations, each with the place it is about.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    entries: BTreeMap<String, (Annotation, Span)>,
}

impl Annotations {
    /// Adds one; of the same ones the last place is kept.
    pub fn add(&mut self, mut annotation: Annotation, span: Span) {
        let key = annotation.key();
        if let Some((earlier, _)) = self.entries.get(&key) {
            annotation.absorb(earlier);
        }
        self.entries.insert(key, (annotation, span));
    }

    /// Adds all of a later set.
    pub fn merge(&mut self, later: Self) {
        for (annotation, span) in later.entries.into_values() {
            self.add(annotation, span);
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All warnings and all infos with their place in the query, sorted.
    #[must_use]
    pub fn render(&self, text: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for (annotation, span) in self.entries.values() {
            let line = format!("{annotation} ({})", position(text, span.start));
            match annotation.level() {
                Level::Warning => warnings.push(line),
                Level::Info => infos.push(line),
            }
        }
        warnings.sort_unstable();
        infos.sort_unstable();
        (warnings, infos)
    }
}

/// The annotations that an API shows: all that the storage said, [`SHOWN_MAX`] about the expression, and how many more.
#[must_use]
pub fn shortened(lines: Vec<String>, level: Level) -> Vec<String> {
    let (mut about, mut shown): (Vec<String>, Vec<String>) = lines
        .into_iter()
        .partition(|line| line.starts_with("PromQL "));
    let omitted = about.len().saturating_sub(SHOWN_MAX);
    about.truncate(SHOWN_MAX);
    shown.append(&mut about);
    if omitted > 0 {
        let level = match level {
            Level::Warning => "warning",
            Level::Info => "info",
        };
        shown.push(format!("{omitted} more {level} annotations omitted"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_same_annotation_are_merged() {
        fn check(steps: &[i64], end: i64, want: &str) {
            let mut annotations = Annotations::default();
            for at in steps {
                let bound = if *at == 0 { f64::INFINITY } else { 1.0 };
                let repair = Repair {
                    from: bound,
                    to: bound,
                    difference: if *at == 0 { 0.033 } else { 16.0 },
                };
                let fixed = Monotonicity::new(String::new(), repair, (*at, 60_000, end));
                annotations.add(Annotation::ForcedMonotonicity(fixed), Span::default());
            }
            let (_, infos) = annotations.render("x");
            assert!(infos[0].ends_with(want), "{infos:?}");
            assert_eq!(infos.len(), 1);
        }
        check(
            &[60_000, 0],
            60_000,
            "from buckets 1 to +Inf, with a max diff of 16, over 4 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:1)",
        );
        check(
            &[60_000],
            180_000,
            "over 4 samples from 1970-01-01T00:01:00Z to 1970-01-01T00:01:00Z (1:1)",
        );
    }

    #[test]
    fn ten_of_a_level_are_shown_and_all_of_the_storage() {
        let lines = (0..12).map(|at| format!("PromQL info: {at}"));
        let got = shortened(
            lines.chain(["store a is gone".to_owned()]).collect(),
            Level::Info,
        );
        assert_eq!(got.len(), 12);
        assert_eq!(got[0], "store a is gone");
        assert_eq!(got[11], "2 more info annotations omitted");
    }
}
