//! What metrics mean: type, help and unit, as scrapes told them. A companion of [`super::SeriesSource`].

use futures::future::BoxFuture;

use super::nothing::Nothing;
use crate::error::Result;

/// What one metric family says of itself; a family may say several things, one per target that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// Name of the family.
    pub metric: String,
    /// `counter`, `gauge`, `histogram`, …; `unknown` where nothing was said.
    pub kind: String,
    /// What it is for, in a sentence.
    pub help: String,
    /// What its values are in; often empty.
    pub unit: String,
}

/// Knows what metrics mean.
pub trait MetadataSource: Send + Sync {
    /// Everything said about `metric`, or about all metrics; each different saying once, in any order.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn metadata<'a>(&'a self, metric: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Metadata>>>;
}

impl MetadataSource for Nothing {
    fn metadata<'a>(&'a self, _metric: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Metadata>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
