//! A source whose series are in memory, raw or in windows.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use query::config::Config;
use query::engine::Engine;
use query::request::{Answer, Request};
use query::storage::sources::SourceStorage;
use tsdb::budget::Budget;
use tsdb::chunk::aggregate::Aggregate;
use tsdb::chunk::{Encoding, xor};
use tsdb::label::Labels;
use tsdb::meta::Resolution;
use tsdb::source::{
    LabelNames, LabelValues, Names, Select, SeriesBatch, SeriesChunk, SeriesSource, SeriesStream,
    SourceInfo,
};
use tsdb::time::{Interval, Millis};

/// Series with the external labels among their own.
pub(crate) struct Memory {
    pub(crate) info: SourceInfo,
    pub(crate) series: Vec<(Labels, Vec<SeriesChunk>)>,
}

impl Memory {
    /// A block with one label outside.
    pub(crate) fn new(times: (i64, i64), external: (&str, &str)) -> Self {
        Self {
            info: SourceInfo {
                name: "memory".to_owned(),
                external: vec![Labels::from_pairs([external])],
                times: Interval::new(Millis(times.0), Millis(times.1)),
                resolution: Resolution::RAW,
            },
            series: Vec::new(),
        }
    }

    /// Adds a series, which gets the external label.
    pub(crate) fn add(&mut self, labels: &[(&str, &str)], chunks: Vec<SeriesChunk>) {
        let external = self.info.external[0].clone();
        let labels = labels.iter().copied().chain(external.iter());
        self.series.push((Labels::from_pairs(labels), chunks));
    }

    fn selected(&self, request: &Select) -> Vec<(Labels, Vec<SeriesChunk>)> {
        let mut found = Vec::new();
        if self.info.resolution > request.max_resolution {
            return found;
        }
        for (labels, chunks) in &self.series {
            if !request.matchers.iter().all(|m| m.matches_labels(labels)) {
                continue;
            }
            let wanted = |chunk: &&SeriesChunk| {
                let interval = Interval::new(Millis(chunk.min), Millis(chunk.max));
                let aggregates = &request.aggregates;
                interval.overlaps(request.times)
                    && chunk.aggregate.is_none_or(|a| aggregates.contains(&a))
            };
            let chunks: Vec<SeriesChunk> = chunks.iter().filter(wanted).cloned().collect();
            if !chunks.is_empty() {
                found.push((labels.without(&request.without_labels), chunks));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }
}

impl SeriesSource for Memory {
    fn info(&self) -> SourceInfo {
        self.info.clone()
    }

    fn select<'a>(
        &'a self,
        request: &'a Select,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<SeriesStream>> {
        let batches = self.selected(request).into_iter().map(|(labels, chunks)| {
            let mut batch = SeriesBatch::default();
            batch.push(&labels, chunks);
            Ok(batch)
        });
        let batches: Vec<_> = batches.collect();
        async move { Ok(stream::iter(batches).boxed()) }.boxed()
    }

    fn label_names<'a>(
        &'a self,
        _: &'a LabelNames,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<Names>> {
        async { Ok(Names::default()) }.boxed()
    }

    fn label_values<'a>(
        &'a self,
        _: &'a LabelValues,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<Names>> {
        async { Ok(Names::default()) }.boxed()
    }
}

/// Raw samples, packed.
pub(crate) fn raw(samples: &[(i64, f64)]) -> SeriesChunk {
    packed(samples, None)
}

fn packed(samples: &[(i64, f64)], aggregate: Option<Aggregate>) -> SeriesChunk {
    let (ts, vs): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
    SeriesChunk {
        min: ts[0],
        max: ts[ts.len() - 1],
        aggregate,
        encoding: Encoding::Xor,
        payload: xor::encode(&ts, &vs).into(),
    }
}

/// The aggregates of samples over windows, as downsampling makes them.
pub(crate) fn windows(samples: &[(i64, f64)], size: i64) -> Vec<SeriesChunk> {
    let mut columns: [Vec<(i64, f64)>; 5] = Default::default();
    let (mut total, mut before) = (samples[0].1, samples[0].1);
    columns[4].push(samples[0]);
    let last = samples[samples.len() - 1];
    for window in samples.chunk_by(|a, b| a.0 / size == b.0 / size) {
        let t = (window[0].0 / size * size + size - 1).min(last.0);
        let values = || window.iter().map(|(_, v)| *v);
        for v in values() {
            total += if v >= before { v - before } else { v };
            before = v;
        }
        let row = [
            values().map(|_| 1.0).sum(),
            values().sum(),
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
            total,
        ];
        for (column, value) in columns.iter_mut().zip(row) {
            column.push((t, value));
        }
    }
    columns[4].push(last);
    let parts = Aggregate::ALL.iter().zip(&columns);
    let parts = parts.map(|(aggregate, column)| SeriesChunk {
        min: samples[0].0,
        max: last.0,
        ..packed(column, Some(*aggregate))
    });
    parts.collect()
}

pub(crate) fn engine(sources: Vec<Memory>, replica_labels: &[&str], config: Config) -> Engine {
    let sources = sources.into_iter();
    let sources: Vec<Arc<dyn SeriesSource>> = sources
        .map(|source| Arc::new(source) as Arc<dyn SeriesSource>)
        .collect();
    let storage = SourceStorage {
        sources: Arc::new(sources),
        replica_labels: replica_labels.iter().map(|l| (*l).to_owned()).collect(),
    };
    Engine::new(config, Arc::new(storage)).unwrap()
}

pub(crate) async fn answer(engine: &Engine, request: Request) -> Answer {
    let text = request.text.clone();
    let outcome = engine.run(request).await;
    outcome.unwrap_or_else(|error| panic!("{text}: {error}"))
}
