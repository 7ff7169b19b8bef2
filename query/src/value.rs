//! What an expression gives: a scalar, a string, an instant vector or a range matrix.
//!
//! Times are milliseconds since 1970 everywhere. A vector has one sample per series, a matrix rows of them; within a row
//! floats and histograms are apart, each in time order, no time in both. Label sets of one value are unique. Results of
//! queries are sorted by labels unless a function like `sort` decided the order.

use std::sync::Arc;

use tsdb::histogram::FloatHistogram;
use tsdb::label::Labels;

/// A float at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatPoint {
    /// When.
    pub t: i64,
    /// What.
    pub v: f64,
}

/// A native histogram at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    /// When.
    pub t: i64,
    /// What; shared, because steps between two scrapes show the same one.
    pub h: Arc<FloatHistogram>,
}

/// A row of a matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Which series.
    pub labels: Labels,
    /// Its floats.
    pub floats: Vec<FloatPoint>,
    /// Its histograms.
    pub histograms: Vec<HistogramPoint>,
}

impl Series {
    /// Whether it has no sample at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Appends one sample, later than all there are of its kind.
    pub fn push(&mut self, t: i64, value: SampleValue) {
        match value {
            SampleValue::Float(v) => self.floats.push(FloatPoint { t, v }),
            SampleValue::Histogram(h) => self.histograms.push(HistogramPoint { t, h }),
        }
    }
}

/// A float or a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

impl SampleValue {
    /// The float, if it is one.
    #[must_use]
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }

    /// The histogram, if it is one.
    #[must_use]
    pub fn histogram(&self) -> Option<&Arc<FloatHistogram>> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(histogram) => Some(histogram),
        }
    }
}

/// An element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which series.
    pub labels: Labels,
    /// When.
    pub t: i64,
    /// What.
    pub value: SampleValue,
}

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One float.
    Scalar(FloatPoint),
    /// One string.
    String {
        /// The evaluation time.
        t: i64,
        /// The string.
        text: String,
    },
    /// One sample per series.
    Vector(Vec<Sample>),
    /// Samples over time.
    Matrix(Vec<Series>),
}

impl Value {
    /// As the API calls its type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            Self::String { .. } => "string",
            Self::Vector(_) => "vector",
            Self::Matrix(_) => "matrix",
        }
    }
}
