//! What chunks hold: checksum, encoding, samples in order, first and last as the index says.
//!
//! A piece of a round of [`super::chunks`], read by one thread; nothing here depends on what lies beside a record.

use super::{Counts, Findings};
use crate::block::CHUNKS;
use crate::chunk::aggregate::{Aggregate, AggregateView};
use crate::chunk::{self, ChunkView, Encoding, sample_count};
use crate::codec::Cursor;
use crate::error::{Error, Result};
use crate::index::ChunkMeta;
use crate::sample::Sample;
use crate::segment::reader::Record;

/// What was counted and found in some chunks, and what is used again from one to the next.
pub(super) struct Content<'a> {
    segments: &'a [(String, &'a [u8])],
    pub(super) counts: Counts,
    pub(super) findings: Findings,
    /// Whether some chunk could not be read, so that the samples are not all counted.
    pub(super) unread: bool,
    /// Checksum and samples of each chunk; zero where it could not be read.
    pub(super) records: Vec<(u32, u64)>,
    ts: Vec<i64>,
    vs: Vec<f64>,
    samples: Vec<Sample>,
}

impl<'a> Content<'a> {
    /// Reads the chunks in order.
    pub(super) fn read(segments: &'a [(String, &'a [u8])], metas: &[ChunkMeta]) -> Self {
        let mut content = Self {
            segments,
            counts: Counts::default(),
            findings: Findings::default(),
            unread: false,
            records: Vec::with_capacity(metas.len()),
            ts: Vec::new(),
            vs: Vec::new(),
            samples: Vec::new(),
        };
        for meta in metas {
            let record = content.chunk(meta);
            content.records.push(record.unwrap_or_default());
        }
        content
    }

    fn chunk(&mut self, meta: &ChunkMeta) -> Option<(u32, u64)> {
        let segment = self.segments.get(meta.reference.segment() as usize);
        let Some((name, bytes)) = segment else {
            self.unread = true;
            return None;
        };
        // Made where something is found: for short chunks it would cost a tenth of reading them.
        let file = || format!("{CHUNKS}/{name}");
        let offset = u64::from(meta.reference.offset());
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let mut cursor = Cursor::new("chunk", rest.unwrap_or_default(), offset);
        let record = match Record::decode(&mut cursor) {
            Ok(record) => record,
            Err(error) => {
                self.unread = true;
                self.findings.error(&file(), &error);
                return None;
            }
        };
        match self.decode(record.chunk, meta) {
            Ok(None) => {}
            Ok(Some(fact)) => self.findings.damage(&file(), offset, fact),
            Err(error) => {
                self.unread = true;
                self.findings.damage(&file(), offset, error.chain());
            }
        }
        if let Encoding::Unknown(encoding) = record.chunk.encoding {
            let fact = format!("encoding {encoding} is unknown");
            self.findings.unusual(&file(), offset, fact);
        }
        let samples = sample_count(record.chunk).ok()?;
        Some((record.checksum(), samples as u64))
    }

    /// Decodes a chunk and says what does not fit the index.
    fn decode(&mut self, chunk: ChunkView<'_>, meta: &ChunkMeta) -> Result<Option<String>> {
        let samples = sample_count(chunk)? as u64;
        self.counts.samples += samples;
        let first = self.counts.min.get_or_insert(meta.min);
        *first = meta.min.min(*first);
        let last = self.counts.max.get_or_insert(meta.max);
        *last = meta.max.max(*last);
        match chunk.encoding {
            Encoding::Unknown(_) => return Ok(None),
            Encoding::Aggregate => return self.aggregates(chunk, meta),
            Encoding::Xor | Encoding::Xor2 => self.counts.float_samples += samples,
            _ => self.counts.histogram_samples += samples,
        }
        self.times(chunk)?;
        if let Some(fact) = out_of_order(&self.ts, false) {
            return Ok(Some(fact));
        }
        let found = self.ts.first().zip(self.ts.last());
        if found == Some((&meta.min, &meta.max)) {
            return Ok(None);
        }
        let fact = match found {
            Some((first, last)) => format!(
                "samples from {first} to {last}, the index says {} to {}",
                meta.min, meta.max
            ),
            None => "a chunk without samples".to_owned(),
        };
        Ok(Some(fact))
    }

    fn aggregates(&mut self, chunk: ChunkView<'_>, meta: &ChunkMeta) -> Result<Option<String>> {
        let view = AggregateView::parse(chunk.payload)?;
        for aggregate in Aggregate::ALL {
            let Some(part) = view.get(aggregate) else {
                continue;
            };
            self.times(part)?;
            // A counter begins with the first raw sample, before the first window ends, and ends with the last raw value, at
            // the time of the last window.
            let counter = aggregate == Aggregate::Counter;
            let fact = out_of_order(&self.ts, counter);
            let outside = (self.ts.first().zip(self.ts.last()))
                .filter(|(first, last)| (**first < meta.min && !counter) || **last > meta.max)
                .map(|(first, last)| {
                    let index = format!("the index says {} to {}", meta.min, meta.max);
                    format!("samples from {first} to {last}, {index}")
                });
            if let Some(fact) = fact.or(outside) {
                return Ok(Some(format!("aggregate {aggregate:?}: {fact}")));
            }
        }
        Ok(None)
    }

    /// Decodes all samples of a chunk, and keeps their times.
    fn times(&mut self, chunk: ChunkView<'_>) -> Result<(), Error> {
        self.ts.clear();
        self.vs.clear();
        if chunk.encoding == Encoding::Xor {
            return chunk::xor::decode(chunk.payload, &mut self.ts, &mut self.vs);
        }
        self.samples.clear();
        chunk::decode(chunk, &mut self.samples)?;
        self.ts.extend(self.samples.iter().map(|sample| sample.t));
        Ok(())
    }
}

/// Where times do not ascend, in words; where they may come `twice`, the same time is fine.
fn out_of_order(ts: &[i64], twice: bool) -> Option<String> {
    let place =
        (1..ts.len()).find(|&at| ts[at - 1] > ts[at] || (ts[at - 1] == ts[at] && !twice))?;
    let (before, t) = (ts[place - 1], ts[place]);
    Some(format!("sample {place} at {t} follows one at {before}"))
}
