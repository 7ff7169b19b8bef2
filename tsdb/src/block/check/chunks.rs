//! The chunks of a block, as its series name them: every record is read once, decoded and compared with the index.
//!
//! Records lie one behind the other in the order of the series, from the head of the first segment to the end of the last.
//! The walk keeps where the next record must begin, so that it sees bytes that no series refers to as well as records out
//! of place.

use super::{Counts, Files, Findings};
use crate::block::{CHUNKS, INDEX};
use crate::chunk::aggregate::{Aggregate, AggregateView};
use crate::chunk::{self, ChunkView, Encoding, sample_count};
use crate::codec::Cursor;
use crate::error::{Error, Result};
use crate::id::SeriesRef;
use crate::index::{ChunkMeta, SeriesEntry};
use crate::sample::Sample;
use crate::segment::reader::{Record, skip_record};
use crate::segment::{self, HEAD_SIZE};

/// Magic, version, padding.
const HEAD_BYTES: usize = 8;

/// Where the padding begins.
const PADDING: usize = 5;

/// Where the walk is, and what it has counted.
pub(super) struct Walk<'a> {
    files: Files<'a>,
    pub(super) counts: Counts,
    /// Whether some chunk could not be read, so that the samples are not all counted.
    pub(super) unread: bool,
    segment: usize,
    /// The segment last found missing.
    missing: Option<usize>,
    /// Where the next record must begin; unknown behind a damaged one.
    next: Option<u64>,
    ts: Vec<i64>,
    vs: Vec<f64>,
    samples: Vec<Sample>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(files: Files<'a>) -> Self {
        Self {
            files,
            counts: Counts::default(),
            unread: false,
            segment: 0,
            missing: None,
            next: Some(HEAD_SIZE),
            ts: Vec::new(),
            vs: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Takes the next series of the index.
    pub(super) fn series(
        &mut self,
        series: SeriesRef,
        entry: &SeriesEntry,
        findings: &mut Findings,
    ) {
        self.counts.series += 1;
        let mut last: Option<&ChunkMeta> = None;
        for meta in &entry.chunks {
            self.counts.chunks += 1;
            if meta.min > meta.max || last.is_some_and(|last| meta.min <= last.max) {
                let fact = format!("chunks of series {} overlap or are out of order", series.0);
                findings.damage(INDEX, None, fact);
            }
            last = Some(meta);
            self.chunk(meta, findings);
        }
        if entry.chunks.is_empty() {
            findings.unusual(INDEX, None, format!("series {} has no chunks", series.0));
        }
    }

    fn chunk(&mut self, meta: &ChunkMeta, findings: &mut Findings) {
        let at = meta.reference.segment() as usize;
        let offset = u64::from(meta.reference.offset());
        let Some((name, bytes)) = self.files.segments.get(at) else {
            if self.missing.replace(at) != Some(at) {
                let fact = format!("names segment {at}, counted from 0, which is not there");
                findings.damage(INDEX, None, fact);
            }
            self.unread = true;
            return;
        };
        let file = format!("{CHUNKS}/{name}");
        self.check_place(at, offset, findings);
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let mut cursor = Cursor::new("chunk", rest.unwrap_or_default(), offset);
        let mut behind = cursor.clone();
        self.next = skip_record(&mut behind).ok().map(|_len| behind.offset());
        let record = match Record::decode(&mut cursor) {
            Ok(record) => record,
            Err(error) => {
                self.unread = true;
                return findings.error(&file, &error);
            }
        };
        match self.decode(record.chunk, meta) {
            Ok(None) => {}
            Ok(Some(fact)) => findings.damage(&file, offset, fact),
            Err(error) => {
                self.unread = true;
                findings.damage(&file, offset, error.chain());
            }
        }
        if let Encoding::Unknown(encoding) = record.chunk.encoding {
            findings.unusual(&file, offset, format!("encoding {encoding} is unknown"));
        }
    }

    /// Checks that a record begins where the one before ended, and goes there.
    fn check_place(&mut self, segment: usize, offset: u64, findings: &mut Findings) {
        if segment == self.segment {
            if let Some(next) = self.next.filter(|next| *next != offset) {
                let fact = format!(
                    "the record before ends at {next:#x}, the next named by a series begins here"
                );
                findings.damage(&self.name(segment), offset, fact);
            }
            return;
        }
        if segment != self.segment + 1 {
            let fact = format!("segment {segment} is named after segment {}", self.segment);
            findings.damage(INDEX, None, fact);
        } else {
            self.check_end(self.segment, self.next, findings);
        }
        if offset != HEAD_SIZE {
            findings.damage(
                &self.name(segment),
                HEAD_SIZE,
                "bytes that no series refers to",
            );
        }
        self.segment = segment;
    }

    fn check_end(&self, segment: usize, next: Option<u64>, findings: &mut Findings) {
        let Some((_, bytes)) = self.files.segments.get(segment) else {
            return;
        };
        if let Some(next) = next.filter(|next| *next < bytes.len() as u64) {
            findings.damage(&self.name(segment), next, "bytes after the last record");
        }
    }

    fn name(&self, segment: usize) -> String {
        let name = self
            .files
            .segments
            .get(segment)
            .map_or("?", |(name, _)| name);
        format!("{CHUNKS}/{name}")
    }

    /// Checks what lies behind the last chunk.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        self.check_heads(findings);
        self.check_end(self.segment, self.next, findings);
        for segment in self.segment + 1..self.files.segments.len() {
            findings.damage(
                &self.name(segment),
                None,
                "no series refers to this segment",
            );
        }
    }

    /// Without an index: walks all records of all segments as they lie there.
    pub(super) fn all_records(&mut self, findings: &mut Findings) {
        self.check_heads(findings);
        for (name, bytes) in self.files.segments {
            let file = format!("{CHUNKS}/{name}");
            let records = bytes.get(HEAD_BYTES..).unwrap_or_default();
            let mut cursor = Cursor::new("chunk", records, HEAD_SIZE);
            while !cursor.is_empty() {
                if let Err(error) = Record::decode(&mut cursor) {
                    findings.error(&file, &error);
                    break;
                }
            }
        }
    }

    fn check_heads(&self, findings: &mut Findings) {
        for (at, (name, bytes)) in self.files.segments.iter().enumerate() {
            let file = format!("{CHUNKS}/{name}");
            if let Err(error) = segment::check_head(bytes) {
                findings.error(&file, &error);
            } else if let Some(place) = bytes[PADDING..HEAD_BYTES]
                .iter()
                .position(|byte| *byte != 0)
            {
                findings.damage(&file, (PADDING + place) as u64, "padding is not zero");
            }
            let want = u32::try_from(at).map(segment::file_name);
            if want.as_ref() != Ok(name) {
                findings.damage(
                    &file,
                    None,
                    format!("is in the place of {}", want.unwrap_or_default()),
                );
            }
        }
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
