//! One series as lines: its labels, then each sample's value and time.
//!
//! Chunks outside the wanted times are not read. What a piece of series needs in memory is its text and one chunk's samples; who
//! gathers pieces and writes them is [`super`].

use std::io::Write;

use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{self, ChunkView, Encoding};
use tsdb::error::ResultExt;
use tsdb::float::Shortest;
use tsdb::id::SeriesRef;
use tsdb::index::{ChunkMeta, SeriesEntry};
use tsdb::label::Labels;
use tsdb::merge::input::Input as _;
use tsdb::sample::Sample;
use tsdb::time::{Interval, Millis};
use tsdb::tombstone::Intervals;

use super::{AGGREGATE, Source, value};
use crate::error::{Error, Result};

/// The text of some series, and what is used again from one to the next.
pub(super) struct Printer<'a> {
    source: &'a Source<'a>,
    text: &'a mut Vec<u8>,
    ts: Vec<i64>,
    vs: Vec<f64>,
    samples: Vec<Sample>,
}

impl<'a> Printer<'a> {
    /// Appends to `text`.
    pub(super) fn new(source: &'a Source<'a>, text: &'a mut Vec<u8>) -> Self {
        Self {
            source,
            text,
            ts: Vec::new(),
            vs: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Appends the lines of one series: aggregate by aggregate where it has them.
    pub(super) fn series(&mut self, series: SeriesRef, entry: &SeriesEntry) -> Result<()> {
        let place = || {
            let dir = self.source.block.dir().display();
            format!("{dir}: series {}", series.0)
        };
        let labels = self.source.index.labels(entry).at(place)?;
        let mut chunks = Vec::with_capacity(entry.chunks.len());
        for meta in &entry.chunks {
            if self.source.times.overlaps(interval(meta)) {
                chunks.push(self.chunk(meta, &place)?);
            }
        }
        let (aggregates, plain): (Vec<ChunkView<'_>>, Vec<_>) =
            (chunks.into_iter()).partition(|chunk| chunk.encoding == Encoding::Aggregate);
        self.lines(series, &labels, plain).at(place)?;
        if aggregates.is_empty() {
            return Ok(());
        }
        let views = aggregates.iter();
        let views = views.map(|chunk| AggregateView::parse(chunk.payload));
        let views: Vec<AggregateView<'_>> = views.collect::<tsdb::Result<_>>().at(place)?;
        for aggregate in Aggregate::ALL {
            let parts = views.iter().filter_map(|view| view.get(aggregate));
            let mut labels = labels.clone();
            labels.set(AGGREGATE, name(aggregate));
            self.lines(series, &labels, parts).at(place)?;
        }
        Ok(())
    }

    fn chunk(&self, meta: &ChunkMeta, place: &impl Fn() -> String) -> Result<ChunkView<'a>> {
        let segment = meta.reference.segment() as usize;
        let reader = self.source.segments.get(segment);
        let missing = || Error::Invalid(format!("{}: no segment {segment}", place()));
        let reader = reader.ok_or_else(missing)?;
        Ok(reader.chunk(meta.reference.offset()).at(place)?)
    }

    /// Appends a line for each sample that is wanted and not deleted.
    fn lines<'c>(
        &mut self,
        series: SeriesRef,
        labels: &Labels,
        chunks: impl IntoIterator<Item = ChunkView<'c>>,
    ) -> tsdb::Result<()> {
        let labels = format!("{labels} ");
        let wanted = Wanted {
            times: self.source.times,
            deleted: self.source.block.tombstones().get(series),
        };
        for chunk in chunks {
            match chunk.encoding {
                Encoding::Xor => self.floats(chunk, &labels, &wanted)?,
                _ => self.samples(chunk, &labels, &wanted)?,
            }
        }
        Ok(())
    }

    /// The lines of an XOR chunk, as most chunks are, without a sample in memory for each.
    fn floats(
        &mut self,
        chunk: ChunkView<'_>,
        labels: &str,
        wanted: &Wanted<'_>,
    ) -> tsdb::Result<()> {
        self.ts.clear();
        self.vs.clear();
        chunk::xor::decode(chunk.payload, &mut self.ts, &mut self.vs)?;
        let samples = self.ts.iter().zip(&self.vs);
        for (t, v) in samples.filter(|(t, _)| wanted.takes(**t)) {
            self.text.extend_from_slice(labels.as_bytes());
            writeln!(self.text, "{} {t}", Shortest(*v)).expect("a vector takes all");
        }
        Ok(())
    }

    fn samples(
        &mut self,
        chunk: ChunkView<'_>,
        labels: &str,
        wanted: &Wanted<'_>,
    ) -> tsdb::Result<()> {
        self.samples.clear();
        chunk::decode(chunk, &mut self.samples)?;
        for sample in self.samples.iter().filter(|sample| wanted.takes(sample.t)) {
            self.text.extend_from_slice(labels.as_bytes());
            value::put(self.text, &sample.value);
            writeln!(self.text, " {}", sample.t).expect("a vector takes all");
        }
        Ok(())
    }
}

/// Which times are printed.
struct Wanted<'a> {
    times: Interval,
    deleted: Option<&'a Intervals>,
}

impl Wanted<'_> {
    fn takes(&self, t: i64) -> bool {
        let t = Millis(t);
        let is_deleted = self.deleted.is_some_and(|deleted| deleted.contains(t));
        self.times.contains(t) && !is_deleted
    }
}

fn interval(meta: &ChunkMeta) -> Interval {
    Interval::new(Millis(meta.min), Millis(meta.max))
}

/// The value of [`AGGREGATE`].
fn name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Counter => "counter",
    }
}
