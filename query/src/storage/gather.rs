//! Series of several sources as one stream in label order, equal label sets joined.
//!
//! ```text
//! source 0:  a  c  d ┐
//! source 1:  a  b  d ┴─►  a(0,1)  b(1)  c(0)  d(0,1)
//! ```
//!
//! One batch per source is in memory. What is read of the chunks, and which of equal samples counts, is the reader's
//! business; here they only come together, those of the first source first.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::try_join_all;
use tsdb::budget::Budget;
use tsdb::error::Result;
use tsdb::label::Labels;
use tsdb::source::{Select, SeriesBatch, SeriesChunk, SeriesSource, SeriesStream};
use tsdb::time::Interval;

/// A series and the chunks that all sources have of it.
pub(crate) struct Gathered {
    /// Its labels.
    pub(crate) labels: Labels,
    /// By source, then by time.
    pub(crate) chunks: Vec<SeriesChunk>,
    /// Of each chunk, for which times its source answers.
    pub(crate) within: Vec<Interval>,
}

/// Series in label order.
pub(crate) struct Gather {
    lanes: Vec<Lane>,
    /// What was left out, and why.
    pub(crate) warnings: Vec<String>,
}

struct Lane {
    within: Interval,
    stream: SeriesStream,
    batch: SeriesBatch,
    at: usize,
    /// The series at `at`; none at the end.
    head: Option<Labels>,
}

impl Gather {
    /// Asks every source.
    ///
    /// # Errors
    /// Where a source is damaged or out of reach, or `budget` is spent.
    pub(crate) async fn start(
        sources: &[Arc<dyn SeriesSource>],
        select: &Select,
        budget: &Budget,
    ) -> Result<Self> {
        let relevant = sources
            .iter()
            .filter(|source| source.info().times.overlaps(select.times));
        let parts = relevant.map(|source| (Arc::clone(source), Interval::ALL));
        Self::parts(parts.collect(), select, budget).await
    }

    /// Asks sources, each for some times.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) async fn parts(
        parts: Vec<(Arc<dyn SeriesSource>, Interval)>,
        select: &Select,
        budget: &Budget,
    ) -> Result<Self> {
        let streams = parts.iter().map(|(source, within)| async move {
            let times = Interval::new(
                select.times.min.max(within.min),
                select.times.max.min(within.max),
            );
            let select = Select {
                times,
                ..select.clone()
            };
            Ok::<_, tsdb::Error>((source.select(&select, budget).await?, *within))
        });
        let streams = try_join_all(streams).await?;
        let mut gather = Self {
            lanes: Vec::new(),
            warnings: Vec::new(),
        };
        for (stream, within) in streams {
            let mut lane = Lane {
                within,
                stream,
                batch: SeriesBatch::default(),
                at: 0,
                head: None,
            };
            lane.settle(&mut gather.warnings).await?;
            gather.lanes.push(lane);
        }
        Ok(gather)
    }

    /// The next series.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) async fn next(&mut self) -> Result<Option<Gathered>> {
        let Some(labels) = self
            .lanes
            .iter()
            .filter_map(|lane| lane.head.as_ref())
            .min()
            .cloned()
        else {
            return Ok(None);
        };
        let (mut chunks, mut within) = (Vec::new(), Vec::new());
        for lane in &mut self.lanes {
            while lane.head.as_ref().map(|head| head.cmp(&labels)) == Some(Ordering::Equal) {
                lane.take(&mut chunks);
                within.resize(chunks.len(), lane.within);
                lane.settle(&mut self.warnings).await?;
            }
        }
        Ok(Some(Gathered {
            labels,
            chunks,
            within,
        }))
    }
}

impl Lane {
    /// Moves the chunks of the series at hand out, and goes on.
    fn take(&mut self, chunks: &mut Vec<SeriesChunk>) {
        if let Some(series) = self.batch.get(self.at) {
            chunks.extend_from_slice(series.chunks);
        }
        self.at += 1;
    }

    /// Stands on a series again, if there is one left.
    async fn settle(&mut self, warnings: &mut Vec<String>) -> Result<()> {
        while self.at >= self.batch.len() {
            let Some(batch) = self.stream.next().await else {
                self.head = None;
                return Ok(());
            };
            self.batch = batch?;
            warnings.append(&mut self.batch.warnings);
            self.at = 0;
        }
        let series = self.batch.get(self.at);
        self.head = series.map(|series| series.to_labels());
        Ok(())
    }
}
