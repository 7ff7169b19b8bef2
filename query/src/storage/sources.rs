//! Many sources as one storage: series gathered in label order, replicas deduplicated by penalty.
//!
//! ```text
//! without replica labels   sources ─► gather ─► batches, as they come
//! with replica labels      sources ─► gather ─► sorted again without them ─► batches of rows, a lane per replica
//! ```
//!
//! Chunks that overlap inside one replica are merged first, one sample per time; then the replicas are folded. Only raw
//! samples are read: chunks of aggregates are passed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use tsdb::budget::{Budget, Reservation};
use tsdb::label::Labels;
use tsdb::merge::dedup;
use tsdb::sample::{Sample, Value};
use tsdb::source::{Select, SeriesChunk, SeriesSource};
use tsdb::time::Interval;

use super::columns::{Columns, HistogramSample};
use super::gather::Gather;
use super::{Selection, Storage, StoredBatch, StoredRows, StoredStream, samples};

/// Series in a batch.
const BATCH_SERIES: usize = 256;

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
            let mut select = Select::new(selection.matchers.clone(), selection.times);
            select.hints = selection.hints.clone();
            let sources = self.sources.current();
            let gather = Gather::start(&sources, &select, budget).await?;
            let replica_labels = selection.replica_labels.as_ref();
            let replica_labels = replica_labels.unwrap_or(&self.replica_labels);
            if replica_labels.is_empty() {
                return Ok(as_they_come(gather, selection.times, budget.clone()));
            }
            let rows = by_replica(gather, replica_labels, budget).await?;
            Ok(sorted(rows, selection.times))
        }
        .boxed()
    }
}

/// The chunks of one series, by replica.
struct Row {
    labels: Labels,
    replicas: Vec<Vec<SeriesChunk>>,
}

struct Rows {
    rows: Vec<Row>,
    times: Interval,
    /// Memory of the chunks, counted until the batch is dropped.
    _held: Vec<Reservation>,
}

fn as_they_come(gather: Gather, times: Interval, budget: Budget) -> StoredStream {
    let state = (gather, budget);
    stream::try_unfold(state, move |(mut gather, budget)| async move {
        let mut rows = Vec::with_capacity(BATCH_SERIES);
        let mut held = Vec::new();
        while rows.len() < BATCH_SERIES {
            let Some(series) = gather.next().await? else {
                break;
            };
            held.push(budget.reserve(size_bytes(&series.chunks))?);
            rows.push(Row {
                labels: series.labels,
                replicas: vec![series.chunks],
            });
        }
        let warnings = std::mem::take(&mut gather.warnings);
        if rows.is_empty() && warnings.is_empty() {
            return Ok(None);
        }
        let rows = Rows {
            rows,
            times,
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

/// Series without their replica labels, each with the replicas that there are.
struct Replicated {
    series: BTreeMap<Labels, BTreeMap<Labels, Vec<SeriesChunk>>>,
    held: Vec<Reservation>,
    warnings: Vec<String>,
}

async fn by_replica(
    mut gather: Gather,
    replica_labels: &[String],
    budget: &Budget,
) -> tsdb::Result<Replicated> {
    let mut found = Replicated {
        series: BTreeMap::new(),
        held: Vec::new(),
        warnings: Vec::new(),
    };
    while let Some(series) = gather.next().await? {
        found.held.push(budget.reserve(size_bytes(&series.chunks))?);
        let mut replica = series.labels.clone();
        replica.retain(|name, _| replica_labels.iter().any(|label| label == name));
        let labels = series.labels.without(replica_labels);
        let lanes = found.series.entry(labels).or_default();
        lanes.entry(replica).or_default().extend(series.chunks);
    }
    found.warnings = gather.warnings;
    Ok(found)
}

fn sorted(found: Replicated, times: Interval) -> StoredStream {
    let Replicated {
        series,
        held,
        warnings,
    } = found;
    let rows = series.into_iter().map(|(labels, replicas)| Row {
        labels,
        replicas: replicas.into_values().collect(),
    });
    let rows = Rows {
        rows: rows.collect(),
        times,
        _held: held,
    };
    let batch = StoredBatch {
        rows: Box::new(rows),
        warnings,
    };
    stream::iter([Ok(batch)]).boxed()
}

fn size_bytes(chunks: &[SeriesChunk]) -> u64 {
    let sizes = chunks
        .iter()
        .map(|chunk| chunk.payload.len() + size_of::<SeriesChunk>());
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
        let replicas = row
            .replicas
            .iter()
            .map(|chunks| samples::within(chunks, self.times));
        let replicas: Vec<Vec<Sample>> = replicas
            .collect::<tsdb::Result<_>>()
            .map_err(|error| error.at(format!("series {}", row.labels)))?;
        match <[Vec<Sample>; 1]>::try_from(replicas) {
            Ok([samples]) => samples.into_iter().for_each(|sample| push(into, sample)),
            Err(replicas) => fold(&replicas, into),
        }
        Ok(())
    }
}

/// Follows one replica at a time.
fn fold(replicas: &[Vec<Sample>], into: &mut Columns) {
    let times = replicas
        .iter()
        .map(|samples| samples.iter().map(|sample| sample.t).collect());
    let times: Vec<Vec<i64>> = times.collect();
    let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
    let mut picks = Vec::new();
    dedup::penalty(&times, &mut picks);
    for pick in picks {
        push(into, replicas[pick.input][pick.sample].clone());
    }
}

fn push(into: &mut Columns, sample: Sample) {
    let t = sample.t;
    let histogram = match sample.value {
        Value::Float(value) => {
            into.t.push(t);
            into.v.push(value);
            return;
        }
        Value::Histogram(histogram) => histogram.to_float(),
        Value::FloatHistogram(histogram) => *histogram,
    };
    into.histograms.push(HistogramSample {
        t,
        start: 0,
        h: Arc::new(histogram),
    });
}
