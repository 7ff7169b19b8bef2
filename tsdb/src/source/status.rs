//! How much the newest data of a storage is, and where it comes from. A companion of [`super::SeriesSource`].

use futures::future::BoxFuture;

use super::nothing::Nothing;
use crate::error::Result;

/// Sizes of what is in memory, and the largest contributors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageStatus {
    /// Series.
    pub series: u64,
    /// Different pairs of label name and value.
    pub label_pairs: u64,
    /// Chunks.
    pub chunks: u64,
    /// Time of the oldest sample, milliseconds.
    pub min_time: i64,
    /// Time of the newest sample, milliseconds.
    pub max_time: i64,
    /// Series by metric name.
    pub series_by_metric: Vec<Count>,
    /// Values by label name.
    pub values_by_label: Vec<Count>,
    /// Bytes of values by label name.
    pub bytes_by_label: Vec<Count>,
    /// Series by pair, `name=value`.
    pub series_by_pair: Vec<Count>,
}

/// So many of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// How many.
    pub value: u64,
}

/// Knows the size of its newest data.
pub trait StatusSource: Send + Sync {
    /// The sizes, with the `limit` largest contributors of each kind, largest first.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn status(&self, limit: usize) -> BoxFuture<'_, Result<StorageStatus>>;
}

impl StatusSource for Nothing {
    fn status(&self, _limit: usize) -> BoxFuture<'_, Result<StorageStatus>> {
        Box::pin(async { Ok(StorageStatus::default()) })
    }
}
