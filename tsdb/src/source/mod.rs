//! The joint between storage and queries: whoever can answer with series implements [`SeriesSource`].
//!
//! ```text
//! local block   bucket block   remote endpoint   fan-out over many
//!      └─────────────┴──────┬────────┴──────────────────┘
//!                     SeriesSource ──► batches of series in label order ──► PromQL, StoreAPI, tools
//! ```
//!
//! Promises, held by the conformance suite (module `conformance`, feature `testing`): series come in the order of their labels
//! *as returned*, external labels and all; equal label sets are neighbours and not merged; every sample of the asked interval is there; hints
//! change nothing; what is held is counted in the caller's [`Budget`] and given back when the stream is dropped. Batches
//! are in [`batch`].
//!
//! Beside it stand traits for what is no series, each in its file: [`exemplar`], [`metadata`], [`rule`], [`target`],
//! [`status`]. A storage implements those that it can; [`nothing::Nothing`] stands in for the others.

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::budget::Budget;
use crate::chunk::aggregate::Aggregate;
use crate::error::Result;
use crate::label::{Labels, hash_pairs};
use crate::matcher::Matcher;
use crate::meta::Resolution;
use crate::time::Interval;

pub mod batch;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod exemplar;
pub mod metadata;
pub mod nothing;
pub mod rule;
pub mod status;
pub mod target;

pub use batch::{SeriesBatch, SeriesChunk, SeriesView};

/// Batches in label order; an error ends them, dropping cancels what is behind them.
pub type SeriesStream = BoxStream<'static, Result<SeriesBatch>>;

/// Something that holds series.
pub trait SeriesSource: Send + Sync {
    /// What it holds and can do. Cheap: nothing is fetched for it.
    fn info(&self) -> SourceInfo;

    /// The series that `request` selects.
    ///
    /// # Errors
    /// Where the source is damaged or out of reach, or `budget` is spent.
    fn select<'a>(
        &'a self,
        request: &'a Select,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<SeriesStream>>;

    /// The label names of the series that `request` selects.
    ///
    /// # Errors
    /// As [`Self::select`].
    fn label_names<'a>(
        &'a self,
        request: &'a LabelNames,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Names>>;

    /// The values that a label has among the series that `request` selects.
    ///
    /// # Errors
    /// As [`Self::select`].
    fn label_values<'a>(
        &'a self,
        request: &'a LabelValues,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Names>>;
}

/// What a source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// For logs and warnings: a block's name, an address.
    pub name: String,
    /// Label sets of which each series carries one; an empty list means none.
    pub external: Vec<Labels>,
    /// Outside of it there is no sample.
    pub times: Interval,
    /// Distance of its samples: raw unless it is a downsampled block, also where the source chooses by itself.
    pub resolution: Resolution,
}

/// Which series, and how much of them.
#[derive(Debug, Clone)]
pub struct Select {
    /// All must match; external labels count as labels.
    pub matchers: Vec<Matcher>,
    /// Series need a chunk here, and only such chunks are returned. They may reach outside.
    pub times: Interval,
    /// Coarsest samples that will do.
    pub max_resolution: Resolution,
    /// Of downsampled series; others are not affected. Empty asks for all.
    pub aggregates: Vec<Aggregate>,
    /// Whether chunks are returned, or labels only.
    pub with_chunks: bool,
    /// Most series to return.
    pub limit: Option<usize>,
    /// Only series of this shard.
    pub shard: Option<Shard>,
    /// Labels to drop, for deduplication; series are ordered without them.
    pub without_labels: Vec<String>,
    /// What the query will do; the answer is the same.
    pub hints: Hints,
}

impl Select {
    /// Everything that `matchers` select in `times`.
    #[must_use]
    pub fn new(matchers: Vec<Matcher>, times: Interval) -> Self {
        Self {
            matchers,
            times,
            max_resolution: Resolution::RAW,
            aggregates: Vec::new(),
            with_chunks: true,
            limit: None,
            shard: None,
            without_labels: Vec::new(),
            hints: Hints::default(),
        }
    }
}

/// What a query will do with the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Distance of evaluations, milliseconds.
    pub step: i64,
    /// Range of the selector, milliseconds; 0 for an instant one.
    pub range: i64,
    /// Function around the selector; empty for none.
    pub function: String,
    /// Labels of the aggregation around it.
    pub grouping: Vec<String>,
    /// Whether `grouping` names what is kept.
    pub by: bool,
}

/// One of several equal parts of all series, as Thanos' queriers shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// This part, from 0.
    pub index: u64,
    /// Number of parts, above 0.
    pub count: u64,
    /// Labels that decide.
    pub labels: Vec<String>,
    /// Whether `labels` are those that count, else all others do.
    pub by: bool,
}

impl Shard {
    /// Whether a series belongs to this part.
    #[must_use]
    pub fn takes(&self, labels: &Labels) -> bool {
        let counts = |name: &str| self.labels.iter().any(|known| known == name) == self.by;
        let pairs = labels.iter().filter(|(name, _)| counts(name));
        let hash = hash_pairs(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        hash.checked_rem(self.count) == Some(self.index)
    }
}

/// Asks for label names.
#[derive(Debug, Clone)]
pub struct LabelNames {
    /// Of series that all of these select.
    pub matchers: Vec<Matcher>,
    /// A source wholly outside answers nothing.
    pub times: Interval,
    /// Most names to return.
    pub limit: Option<usize>,
    /// Labels that are not to be returned.
    pub without_labels: Vec<String>,
}

/// Asks for the values of one label.
#[derive(Debug, Clone)]
pub struct LabelValues {
    /// The label.
    pub name: String,
    /// Of series that all of these select.
    pub matchers: Vec<Matcher>,
    /// A source wholly outside answers nothing.
    pub times: Interval,
    /// Most values to return.
    pub limit: Option<usize>,
}

/// Names or values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Ascending, unique.
    pub names: Vec<String>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}
