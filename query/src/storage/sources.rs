//! Many sources as one storage: series gathered in label order, replicas deduplicated, windows of downsampled blocks read.
//!
//! ```text
//! sources ─choose─► those that answer for which times ─gather─► chunks of equal labels ─► batches
//!                                    on the pool: pieces ─► lanes ─► columns
//! ```
//!
//! With replica labels the sources leave these labels out and sort without them, so replicas of a series arrive together
//! and a batch at a time is in memory. Copies of a chunk are dropped before anything is decoded; what still overlaps are
//! replicas, folded by penalty. Without replica labels overlapping chunks are merged, one sample per time.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use tsdb::budget::{Budget, Reservation};
use tsdb::label::Labels;
use tsdb::meta::Resolution;
use tsdb::source::{Select, SeriesChunk, SeriesSource};
use tsdb::time::Interval;

use super::choice::choose;
use super::columns::Columns;
use super::gather::Gather;
use super::lane::{Lane, raw_floats};
use super::pieces::{lanes, pieces};
use super::{Reading, Selection, Storage, StoredBatch, StoredRows, StoredStream, replicas};

/// Series in a batch at most.
const BATCH_SERIES: usize = 256;
/// Bytes of chunks in a batch, unless one series has more: what a core decodes in a few milliseconds.
const BATCH_BYTES: u64 = 1 << 20;

/// The sources at this moment; blocks come and go.
pub trait Sources: Send + Sync {
    /// All of them.
    fn current(&self) -> Vec<Arc<dyn SeriesSource>>;
}

/// A set of sources that never changes.
impl Sources for Vec<Arc<dyn SeriesSource>> {
    fn current(&self) -> Vec<Arc<dyn SeriesSource>> {
        self.clone()
    }
}

/// A storage over sources.
pub struct SourceStorage {
    /// What holds the series.
    pub sources: Arc<dyn Sources>,
    /// Labels that tell replicas apart, unless a query names others; queries do not see them.
    pub replica_labels: Vec<String>,
}

impl Storage for SourceStorage {
    fn select<'a>(
        &'a self,
        selection: &'a Selection,
        budget: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<StoredStream>> {
        async move {
            let coarsest = Resolution(selection.max_resolution);
            let mut select = Select::new(selection.matchers.clone(), selection.times);
            select.max_resolution = coarsest;
            select.aggregates = selection.reading.aggregates().to_vec();
            let replica_labels = selection.replica_labels.as_ref();
            select.without_labels = replica_labels.unwrap_or(&self.replica_labels).clone();
            select.hints = selection.hints.clone();
            let sources = self.sources.current();
            let infos: Vec<_> = sources.iter().map(|source| source.info()).collect();
            let parts = choose(&infos, selection.times, coarsest).into_iter();
            let parts = parts.map(|(at, times)| (Arc::clone(&sources[at]), times));
            let gather = Gather::parts(parts.collect(), &select, budget).await?;
            let reader = Reader {
                reading: selection.reading,
                has_replicas: !select.without_labels.is_empty(),
            };
            Ok(batches(gather, reader, budget.clone()))
        }
        .boxed()
    }
}

/// How chunks become columns.
#[derive(Debug, Clone, Copy)]
struct Reader {
    reading: Reading,
    has_replicas: bool,
}

/// The chunks of one series.
struct Row {
    labels: Labels,
    /// Each with the times for which its source answers.
    chunks: Vec<(SeriesChunk, Interval)>,
}

struct Rows {
    rows: Vec<Row>,
    reader: Reader,
    /// Memory of the chunks, counted until the batch is dropped.
    _held: Reservation,
}

fn batches(gather: Gather, reader: Reader, budget: Budget) -> StoredStream {
    let state = (gather, budget);
    stream::try_unfold(state, move |(mut gather, budget)| async move {
        let mut rows = Vec::with_capacity(BATCH_SERIES);
        let mut held = budget.reserve(0)?;
        while rows.len() < BATCH_SERIES && held.bytes() < BATCH_BYTES {
            let Some(series) = gather.next().await? else {
                break;
            };
            held.grow(size_bytes(&series.chunks))?;
            rows.push(Row {
                labels: series.labels,
                chunks: series.chunks.into_iter().zip(series.within).collect(),
            });
        }
        let warnings = std::mem::take(&mut gather.warnings);
        if rows.is_empty() && warnings.is_empty() {
            return Ok(None);
        }
        let rows = Rows {
            rows,
            reader,
            _held: held,
        };
        let batch = StoredBatch {
            rows: Box::new(rows),
            warnings,
        };
        Ok(Some((batch, (gather, budget))))
    })
    .boxed()
}

fn size_bytes(chunks: &[SeriesChunk]) -> u64 {
    let sizes = chunks
        .iter()
        .map(|chunk| chunk.payload.len() + size_of::<(SeriesChunk, Interval)>());
    sizes.sum::<usize>() as u64
}

impl StoredRows for Rows {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn labels(&self, row: usize, keep: &dyn Fn(&str) -> bool) -> Labels {
        let mut labels = self.rows[row].labels.clone();
        labels.retain(|name, _| keep(name));
        labels
    }

    fn decode(&self, row: usize, into: &mut Columns) -> tsdb::Result<()> {
        into.clear();
        let row = &self.rows[row];
        let decoded = self.reader.read(&row.chunks, into);
        decoded.map_err(|error| error.at(format!("series {}", row.labels)))
    }
}

impl Reader {
    fn read(self, chunks: &[(SeriesChunk, Interval)], into: &mut Columns) -> tsdb::Result<()> {
        let pieces = pieces(chunks, self.reading)?;
        if raw_floats(&pieces, into)? {
            return Ok(());
        }
        let replicas = if self.has_replicas {
            lanes(pieces)
        } else {
            vec![pieces]
        };
        let lanes = replicas.iter().map(|lane| Lane::decode(lane, self.reading));
        let lanes: Vec<Lane> = lanes.collect::<tsdb::Result<_>>()?;
        into.is_downsampled = lanes.iter().any(|lane| lane.is_downsampled);
        replicas::fold(&lanes, self.reading, into);
        Ok(())
    }
}
