//! Native histograms as values: schema, spans, buckets, the hint about counter resets.
//!
//! Buckets lie in spans: the first span's `offset` is the index of its first bucket, each later one's the number of empty
//! buckets since the end of the span before. Exponential schema `s` (-9..=52) has bucket `i` cover `(base^(i-1), base^i]`
//! with `base = 2^(2^-s)`; schema -53 has custom bounds, no negative side and no zero bucket. Integer histograms keep
//! bucket *differences* (first absolute), float histograms absolute counts. A stale histogram is one whose sum is the
//! stale marker. Values come from anywhere: spans need not ascend, and sums of counts wrap.
//!
//! [`buckets`] walks and rebuilds spans, [`order`] walks both sides in the order of values, [`bounds`] and [`custom`] know
//! where a bucket lies, [`ops`] adds and subtracts exactly as stored histograms are, [`sum`] adds many without losing
//! small ones beside large ones, [`equal`] compares, [`reset`] tells whether a counter started again, [`zero`] widens the
//! zero bucket, [`text`] shows.

pub mod bounds;
pub mod buckets;
pub mod custom;
pub mod equal;
pub mod ops;
pub mod order;
pub mod reset;
pub mod sum;
pub mod text;
pub mod zero;

use crate::float::is_stale;

/// Schema of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What is known about a counter reset between a histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResetHint {
    /// Nothing: compare.
    #[default]
    Unknown,
    /// This is the first after a reset.
    Reset,
    /// No reset in between.
    NotReset,
    /// A gauge: resets have no meaning.
    Gauge,
}

/// A run of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Index of the first bucket (first span), or empty buckets since the span before.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// A histogram; `C` is the type of counts, `B` that of a stored bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramOf<C, B> {
    /// What is known about a reset before this one.
    pub hint: ResetHint,
    /// Resolution: -9..=52, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Upper bound of the absolute values that the zero bucket takes.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: C,
    /// All observations.
    pub count: C,
    /// Sum of all observations; the stale marker marks the series as gone.
    pub sum: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// One entry per bucket of the positive spans.
    pub positive_buckets: Vec<B>,
    /// One entry per bucket of the negative spans.
    pub negative_buckets: Vec<B>,
    /// Upper bounds, only with custom buckets; one bucket more than bounds.
    pub custom_bounds: Vec<f64>,
}

/// Integer counts; buckets are differences to the bucket before.
pub type Histogram = HistogramOf<u64, i64>;

/// Float counts; buckets are absolute.
pub type FloatHistogram = HistogramOf<f64, f64>;

impl<C, B> HistogramOf<C, B> {
    /// Whether this marks the series as gone.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// Whether the buckets have custom bounds.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }
}
