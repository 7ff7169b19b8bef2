//! A few hundred series on their way to whoever asked.
//!
//! ```text
//! text:    http_requests_totaljobapi…        one buffer for all labels of the batch
//! labels:  (name range, value range) …       series: (labels range, chunks range) …      chunks: …
//! ```
//!
//! Chunk payloads are slices of what was fetched or mapped, so nothing is copied per chunk. A batch counts what it holds
//! against the budget of the request for as long as it lives.

use std::ops::Range;

use bytes::Bytes;

use crate::budget::{Budget, Reservation};
use crate::chunk::aggregate::Aggregate;
use crate::chunk::{ChunkView, Encoding};
use crate::error::Result;
use crate::label::Labels;

/// Series in one batch at most; a reader needs few batches in flight, a server one message each.
pub const BATCH_SERIES_MAX: usize = 256;

/// One chunk of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesChunk {
    /// Time of the first sample.
    pub min: i64,
    /// Time of the last sample.
    pub max: i64,
    /// Which aggregate of a downsampled series this is; none for raw samples.
    pub aggregate: Option<Aggregate>,
    /// How the payload is packed.
    pub encoding: Encoding,
    /// Without length, encoding byte and checksum.
    pub payload: Bytes,
}

impl SeriesChunk {
    /// The bytes, borrowed.
    #[must_use]
    pub fn view(&self) -> ChunkView<'_> {
        ChunkView {
            encoding: self.encoding,
            payload: &self.payload,
        }
    }
}

/// Series in label order, and warnings.
#[derive(Debug, Default)]
pub struct SeriesBatch {
    text: String,
    labels: Vec<(Range<usize>, Range<usize>)>,
    series: Vec<(Range<usize>, Range<usize>)>,
    chunks: Vec<SeriesChunk>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
    held: Option<Reservation>,
}

impl SeriesBatch {
    /// Appends a series.
    pub fn push(&mut self, labels: &Labels, chunks: impl IntoIterator<Item = SeriesChunk>) {
        let first_label = self.labels.len();
        let first_chunk = self.chunks.len();
        for (name, value) in labels.iter() {
            let pair = (self.append(name), self.append(value));
            self.labels.push(pair);
        }
        self.chunks.extend(chunks);
        let labels = first_label..self.labels.len();
        self.series.push((labels, first_chunk..self.chunks.len()));
    }

    fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Counts what the batch holds, until it is dropped.
    ///
    /// # Errors
    /// Where `budget` is spent.
    pub fn hold(&mut self, budget: &Budget) -> Result<()> {
        self.held = None;
        self.held = Some(budget.reserve(self.size_bytes())?);
        Ok(())
    }

    /// Memory that the batch holds, payloads included.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let payloads: usize = self.chunks.iter().map(|chunk| chunk.payload.len()).sum();
        let pairs = self.labels.len() + self.series.len();
        let lists = pairs * size_of::<(Range<usize>, Range<usize>)>();
        let chunks = self.chunks.len() * size_of::<SeriesChunk>();
        (self.text.len() + lists + chunks + payloads) as u64
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series at a place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<SeriesView<'_>> {
        self.series.get(at).map(|series| self.view(series))
    }

    /// The series in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SeriesView<'_>> {
        self.series.iter().map(|series| self.view(series))
    }

    fn view(&self, (labels, chunks): &(Range<usize>, Range<usize>)) -> SeriesView<'_> {
        SeriesView {
            text: &self.text,
            labels: &self.labels[labels.clone()],
            chunks: &self.chunks[chunks.clone()],
        }
    }
}

/// One series of a batch.
#[derive(Debug, Clone, Copy)]
pub struct SeriesView<'b> {
    text: &'b str,
    labels: &'b [(Range<usize>, Range<usize>)],
    /// Its chunks, by time; of one chunk's aggregates in their order on disk.
    pub chunks: &'b [SeriesChunk],
}

impl<'b> SeriesView<'b> {
    /// Name and value of each label, sorted by name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&'b str, &'b str)> + use<'b> {
        let text = self.text;
        self.labels
            .iter()
            .map(move |(name, value)| (&text[name.clone()], &text[value.clone()]))
    }

    /// The labels, owned.
    #[must_use]
    pub fn to_labels(&self) -> Labels {
        Labels::from_pairs(self.labels())
    }
}
