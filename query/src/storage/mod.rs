//! The engine's door to series: batches in label order whose rows are decoded later, on the CPU pool.
//!
//! ```text
//! SeriesSource(s) ──► merge, dedup ──► StoredBatch (labels, packed samples) ──► queue ──► decode into Columns
//!            async, no sample is looked at                                          CPU pool, one row at a time
//! ```
//!
//! Promises of an implementation: series ascend by labels and label sets are unique; every sample of the asked interval is
//! there, samples outside of it may be; dropping the stream cancels what is behind it. Tests have one over data sets.

mod choice;
pub mod columns;
pub(crate) mod gather;
mod lane;
mod pieces;
mod replicas;
pub(crate) mod samples;
pub mod sources;

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tsdb::budget::Budget;
use tsdb::label::Labels;
use tsdb::matcher::Matcher;
use tsdb::source::Hints;
use tsdb::time::Interval;

pub use columns::{Columns, HistogramSample};

/// Something to evaluate expressions over.
pub trait Storage: Send + Sync {
    /// The series that `selection` names.
    fn select<'a>(
        &'a self,
        selection: &'a Selection,
        budget: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<StoredStream>>;
}

/// Batches in label order; an error ends them.
pub type StoredStream = BoxStream<'static, tsdb::Result<StoredBatch>>;

/// Which series, and what is going to be done with them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Samples outside are not looked at.
    pub times: Interval,
    /// What of downsampled series is wanted.
    pub reading: Reading,
    /// Coarsest resolution that will do, milliseconds; 0 for raw samples only.
    pub max_resolution: i64,
    /// Labels that tell replicas apart, where they are not the storage's own.
    pub replica_labels: Option<Vec<String>>,
    /// What the query will do; the answer is the same.
    pub hints: Hints,
}

/// As a selector with the name among the braces.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, matcher) in self.matchers.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{matcher}")?;
        }
        f.write_str("}")
    }
}

/// Which value stands for a window of a downsampled series. Raw samples are the same under each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reading {
    /// Its mean, weighing as many samples as it stands for.
    #[default]
    Average,
    /// The number of its samples, as weight.
    Count,
    /// Its sum.
    Sum,
    /// Its least sample.
    Min,
    /// Its greatest sample.
    Max,
    /// The running total, resets taken out.
    Counter,
}

/// Some series of a selection.
pub struct StoredBatch {
    /// The series.
    pub rows: Box<dyn StoredRows>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Series with packed samples.
pub trait StoredRows: Send + Sync {
    /// Number of series.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of a series of which `keep(name)` is true.
    fn labels(&self, row: usize, keep: &dyn Fn(&str) -> bool) -> Labels;

    /// Replaces `into` by the samples of a series.
    ///
    /// # Errors
    /// Where they are damaged; the text names the series.
    fn decode(&self, row: usize, into: &mut Columns) -> tsdb::Result<()>;
}
