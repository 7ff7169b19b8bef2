//! What the evaluator reads: series as the storage would give them to it.

use std::sync::Arc;

use tsdb::float::is_stale;
use tsdb::label::Labels;
use tsdb::matcher::Matcher;

use crate::value::SampleValue;

/// A sample of a stored series.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSample {
    /// When, in milliseconds.
    pub t: i64,
    /// Since when a counter counts, if that is known.
    pub start: Option<i64>,
    /// What; the stale marker is among the values.
    pub value: SampleValue,
}

impl DataSample {
    /// Whether it marks the series as gone.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        is_stale(match &self.value {
            SampleValue::Float(value) => *value,
            SampleValue::Histogram(histogram) => histogram.sum,
        })
    }
}

/// A stored series.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSeries {
    /// Its labels, the name among them.
    pub labels: Arc<Labels>,
    /// Ascending in time.
    pub samples: Vec<DataSample>,
}

/// A storage for tests.
pub trait Data {
    /// The series that all matchers select, in label order, each with all its samples.
    fn select(&self, matchers: &[Matcher]) -> Vec<Arc<DataSeries>>;
}
