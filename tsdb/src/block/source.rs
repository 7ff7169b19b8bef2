//! A local block as a source of series.
//!
//! ```text
//! matchers ─ external ones decided here ─► postings ─► references ─ sorted again where labels change ─► batches
//! ```
//!
//! Index and segments are mapped; payloads are slices of the maps. Chunks that a tombstone touches are decoded and packed
//! again without what was deleted. External labels override those of a series, and adding or dropping labels can change
//! the order, so then all selected label sets are sorted first. All reading runs on blocking threads.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};

use super::mmap::Mapped;
use super::reader::Block;
use crate::budget::{Budget, Reservation};
use crate::chunk::aggregate::{Aggregate, AggregateView};
use crate::chunk::{self, Encoding};
use crate::error::{Error, Result, ResultExt as _};
use crate::id::SeriesRef;
use crate::index::ChunkMeta;
use crate::index::reader::IndexReader;
use crate::label::Labels;
use crate::matcher::Matcher;
use crate::merge::input::Input;
use crate::meta::Resolution;
use crate::postings::names;
use crate::postings::select::select;
use crate::segment::SegmentReader;
use crate::source::batch::BATCH_SERIES_MAX;
use crate::source::{
    LabelNames, LabelValues, Names, Select, SeriesBatch, SeriesChunk, SeriesSource, SeriesStream,
    SourceInfo,
};
use crate::time::{Interval, Millis};
use crate::tombstone::Tombstones;

/// A block on a local disk that answers selects. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct BlockSource(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    info: SourceInfo,
    external: Labels,
    resolution: Resolution,
    index: IndexReader<Mapped>,
    /// Each map, and the reader over it.
    segments: Vec<(Bytes, SegmentReader<Bytes>)>,
    tombstones: Tombstones,
}

impl BlockSource {
    /// Maps the files of a block.
    ///
    /// # Errors
    /// Where a file cannot be mapped or is no index or segment.
    pub fn open(block: &Block) -> Result<Self> {
        let meta = block.meta();
        let external = meta.thanos.as_ref().map(|thanos| thanos.labels.clone());
        let external = external.unwrap_or_default();
        let segments = block.map_segments()?.into_iter();
        let segments = segments.map(|map| {
            let bytes = Bytes::from_owner(map);
            Ok((bytes.clone(), SegmentReader::open(bytes)?))
        });
        Ok(Self(Arc::new(Opened {
            info: SourceInfo {
                name: block.name(),
                external: vec![external.clone()],
                times: meta.range().interval(),
                resolution: meta.resolution(),
            },
            external,
            resolution: meta.resolution(),
            index: block.index_reader()?,
            segments: segments.collect::<Result<_>>()?,
            tombstones: block.tombstones().clone(),
        })))
    }
}

impl SeriesSource for BlockSource {
    fn info(&self) -> SourceInfo {
        self.0.info.clone()
    }

    fn select<'a>(
        &'a self,
        request: &'a Select,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<SeriesStream>> {
        let (opened, request) = (Arc::clone(&self.0), request.clone());
        let budget = budget.clone();
        async move {
            let name = self.0.info.name.clone();
            let start = move || Selection::start(opened, request, budget).at(|| name);
            let selection = on_blocking_thread(start).await?;
            let batches = stream::try_unfold(selection, |mut selection| async move {
                on_blocking_thread(move || {
                    let batch = selection.next_batch();
                    let batch = batch.at(|| selection.opened.info.name.clone())?;
                    Ok(batch.map(|batch| (batch, selection)))
                })
                .await
            });
            Ok(batches.boxed())
        }
        .boxed()
    }

    fn label_names<'a>(
        &'a self,
        request: &'a LabelNames,
        _budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Names>> {
        let (opened, request) = (Arc::clone(&self.0), request.clone());
        on_blocking_thread(move || opened.label_names(&request).at(|| opened.info.name.clone()))
            .boxed()
    }

    fn label_values<'a>(
        &'a self,
        request: &'a LabelValues,
        _budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Names>> {
        let (opened, request) = (Arc::clone(&self.0), request.clone());
        on_blocking_thread(move || {
            opened
                .label_values(&request)
                .at(|| opened.info.name.clone())
        })
        .boxed()
    }
}

async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(Error::Invalid(format!("reading a block stopped: {error}"))))
}

impl Opened {
    /// The matchers that the index must answer; none where the external labels already say no.
    fn inner_matchers(&self, matchers: &[Matcher]) -> Option<Vec<Matcher>> {
        let mut inner = Vec::new();
        for matcher in matchers {
            let value = self.external.get(matcher.name());
            if value.is_empty() {
                inner.push(matcher.clone());
            } else if !matcher.matches(value) {
                return None;
            }
        }
        Some(inner)
    }

    fn labels(
        &self,
        entry: &crate::index::series::SeriesEntry,
        without: &[String],
    ) -> Result<Labels> {
        let mut labels = self.index.labels(entry)?;
        for (name, value) in self.external.iter() {
            labels.set(name, value);
        }
        if without.is_empty() {
            return Ok(labels);
        }
        Ok(labels.without(without))
    }

    fn label_names(&self, request: &LabelNames) -> Result<Names> {
        let Some(matchers) = self.answering(request.times, &request.matchers) else {
            return Ok(Names::default());
        };
        let mut names = names::label_names(&self.index, &matchers)?;
        if !names.is_empty() {
            names.extend(self.external.iter().map(|(name, _)| name.to_owned()));
            names.sort_unstable();
            names.dedup();
        }
        names.retain(|name| !request.without_labels.contains(name));
        Ok(limited(names, request.limit))
    }

    fn label_values(&self, request: &LabelValues) -> Result<Names> {
        let Some(matchers) = self.answering(request.times, &request.matchers) else {
            return Ok(Names::default());
        };
        let external = self.external.get(&request.name);
        if external.is_empty() {
            let values = names::label_values(&self.index, &request.name, &matchers)?;
            return Ok(limited(values, request.limit));
        }
        let occurs = !select(&self.index, &matchers)?.is_empty();
        let value = occurs.then(|| external.to_owned());
        Ok(limited(value.into_iter().collect(), request.limit))
    }

    fn answering(&self, times: Interval, matchers: &[Matcher]) -> Option<Vec<Matcher>> {
        let inner = self.inner_matchers(matchers)?;
        times.overlaps(self.info.times).then_some(inner)
    }

    /// The chunks of a series that `request` asks for.
    fn chunks(
        &self,
        series: SeriesRef,
        metas: &[ChunkMeta],
        request: &Select,
    ) -> Result<Vec<SeriesChunk>> {
        let mut chunks = Vec::new();
        for meta in metas {
            let before = chunks.len();
            self.append_chunks(meta, request, &mut chunks)?;
            let interval = Interval::new(Millis(meta.min), Millis(meta.max));
            let deleted = self.tombstones.get(series);
            if let Some(deleted) = deleted.filter(|deleted| deleted.overlaps(interval)) {
                let whole = chunks.split_off(before);
                for chunk in whole {
                    chunks.extend(without_deleted(&chunk, deleted)?);
                }
            }
        }
        Ok(chunks)
    }

    fn append_chunks(
        &self,
        meta: &ChunkMeta,
        request: &Select,
        chunks: &mut Vec<SeriesChunk>,
    ) -> Result<()> {
        let segment = self.segments.get(meta.reference.segment() as usize);
        let (map, segment) = segment.ok_or_else(|| {
            let why = format!("chunk reference names segment {}", meta.reference.segment());
            Error::corrupt("series", 0, why)
        })?;
        let view = segment.chunk(meta.reference.offset())?;
        let mut push = |aggregate, encoding, payload| {
            chunks.push(SeriesChunk {
                min: meta.min,
                max: meta.max,
                aggregate,
                encoding,
                // The payload lies in the map: shared, not copied.
                payload: map.slice_ref(payload),
            });
        };
        if view.encoding != Encoding::Aggregate {
            push(None, view.encoding, view.payload);
            return Ok(());
        }
        let parts = AggregateView::parse(view.payload)?;
        for aggregate in Aggregate::ALL {
            let wanted = request.aggregates.is_empty() || request.aggregates.contains(&aggregate);
            if let Some(part) = parts.get(aggregate).filter(|_| wanted) {
                push(Some(aggregate), part.encoding, part.payload);
            }
        }
        Ok(())
    }
}

fn without_deleted(
    chunk: &SeriesChunk,
    deleted: &crate::tombstone::Intervals,
) -> Result<Vec<SeriesChunk>> {
    let mut samples = Vec::new();
    chunk::decode(chunk.view(), &mut samples)?;
    samples.retain(|sample| !deleted.contains(Millis(sample.t)));
    if samples.is_empty() {
        return Ok(Vec::new());
    }
    let packed = chunk::reencode_one(&samples, chunk.encoding)?.into_iter();
    let packed = packed.map(|packed| SeriesChunk {
        min: packed.min,
        max: packed.max,
        aggregate: chunk.aggregate,
        encoding: packed.encoding,
        payload: packed.payload.into(),
    });
    Ok(packed.collect())
}

fn limited(mut names: Vec<String>, limit: Option<usize>) -> Names {
    if let Some(limit) = limit {
        names.truncate(limit);
    }
    Names {
        names,
        warnings: Vec::new(),
    }
}

/// A select under way.
struct Selection {
    opened: Arc<Opened>,
    request: Select,
    budget: Budget,
    series: std::vec::IntoIter<SeriesRef>,
    left: usize,
    _held: Reservation,
}

impl Selection {
    fn start(opened: Arc<Opened>, request: Select, budget: Budget) -> Result<Self> {
        let answers = opened.resolution <= request.max_resolution;
        let matchers = opened.answering(request.times, &request.matchers);
        let mut series = match matchers.filter(|_| answers) {
            Some(matchers) => select(&opened.index, &matchers)?,
            None => Vec::new(),
        };
        let held = budget.reserve((series.len() * size_of::<SeriesRef>()) as u64)?;
        if !opened.external.is_empty() || !request.without_labels.is_empty() {
            series = sorted_as_returned(&opened, &request, &budget, &series)?;
        }
        Ok(Self {
            left: request.limit.unwrap_or(usize::MAX),
            series: series.into_iter(),
            opened,
            request,
            budget,
            _held: held,
        })
    }

    fn next_batch(&mut self) -> Result<Option<SeriesBatch>> {
        let mut batch = SeriesBatch::default();
        let mut entry = crate::index::series::SeriesEntry::default();
        while batch.len() < BATCH_SERIES_MAX && self.left > 0 {
            let Some(series) = self.series.next() else {
                break;
            };
            self.opened.index.series_into(series, &mut entry)?;
            let deleted = self.opened.tombstones.get(series);
            entry.chunks.retain(|meta| {
                let interval = Interval::new(Millis(meta.min), Millis(meta.max));
                let gone = deleted.is_some_and(|deleted| deleted.covers(interval));
                interval.overlaps(self.request.times) && !gone
            });
            if entry.chunks.is_empty() {
                continue;
            }
            let labels = self.opened.labels(&entry, &self.request.without_labels)?;
            let shard = self.request.shard.as_ref();
            if shard.is_some_and(|shard| !shard.takes(&labels)) {
                continue;
            }
            let mut chunks = Vec::new();
            if self.request.with_chunks {
                let found = self.opened.chunks(series, &entry.chunks, &self.request);
                chunks = found.at(|| format!("series {labels}"))?;
            }
            batch.push(&labels, chunks);
            self.left -= 1;
        }
        if batch.is_empty() {
            return Ok(None);
        }
        batch.hold(&self.budget)?;
        Ok(Some(batch))
    }
}

/// The series in the order of the labels that they are returned with.
fn sorted_as_returned(
    opened: &Opened,
    request: &Select,
    budget: &Budget,
    series: &[SeriesRef],
) -> Result<Vec<SeriesRef>> {
    let mut held = budget.reserve(0)?;
    let mut keyed = Vec::with_capacity(series.len());
    for reference in series {
        let entry = opened.index.series(*reference)?;
        let labels = opened.labels(&entry, &request.without_labels)?;
        let text: usize = labels
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        held.grow((text + labels.len() * size_of::<crate::label::Label>()) as u64)?;
        keyed.push((labels, *reference));
    }
    keyed.sort();
    Ok(keyed.into_iter().map(|(_, series)| series).collect())
}
