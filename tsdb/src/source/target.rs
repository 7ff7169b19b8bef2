//! What is scraped, and what its metrics mean. A companion of [`super::SeriesSource`].

use futures::future::BoxFuture;

use super::metadata::Metadata;
use super::nothing::Nothing;
use crate::error::Result;
use crate::label::Labels;
use crate::time::Millis;

/// Targets by whether they are scraped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Targets {
    /// Those that are.
    pub active: Vec<ActiveTarget>,
    /// Those that relabelling dropped.
    pub dropped: Vec<DroppedTarget>,
}

/// Something that is scraped.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveTarget {
    /// As found, before relabelling.
    pub discovered: Labels,
    /// Those of its series.
    pub labels: Labels,
    /// Name of the job.
    pub pool: String,
    /// Address, as it is scraped.
    pub url: String,
    /// Address, as seen from elsewhere.
    pub global_url: String,
    /// Why the last scrape failed; empty where it did not.
    pub last_error: String,
    /// When that was.
    pub last_scrape: Option<Millis>,
    /// How long it took.
    pub last_scrape_seconds: f64,
    /// `up`, `down`, `unknown`.
    pub health: String,
    /// Time between scrapes, as configured.
    pub interval: String,
    /// Time for one, as configured.
    pub timeout: String,
}

/// Something that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedTarget {
    /// As found.
    pub discovered: Labels,
    /// Name of the job.
    pub pool: String,
}

/// What a target says of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetMetadata {
    /// Labels of the target.
    pub target: Labels,
    /// What it says.
    pub metadata: Metadata,
}

/// Knows what is scraped.
pub trait TargetSource: Send + Sync {
    /// All targets.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn targets(&self) -> BoxFuture<'_, Result<Targets>>;

    /// What the active targets say of `metric`, or of all metrics.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn target_metadata<'a>(
        &'a self,
        metric: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<TargetMetadata>>>;
}

impl TargetSource for Nothing {
    fn targets(&self) -> BoxFuture<'_, Result<Targets>> {
        Box::pin(async { Ok(Targets::default()) })
    }

    fn target_metadata<'a>(
        &'a self,
        _metric: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<TargetMetadata>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
