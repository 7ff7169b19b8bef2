//! The chunks of a block, as its series name them: every record in its place, read once ([`super::content`]).
//!
//! Records lie one behind the other in the order of the series, from the head of the first segment to the end of the last.
//! The walk keeps where the next record must begin, so that it sees bytes that no series refers to as well as records out
//! of place. Places are looked at one after another; what lies there is read some thousand chunks at a time, on all cores.

use rayon::prelude::*;

use super::content::Content;
use super::{Counts, Files, Findings};
use crate::block::{CHUNKS, INDEX};
use crate::codec::Cursor;
use crate::id::SeriesRef;
use crate::index::{ChunkMeta, SeriesEntry};
use crate::merge::tally::{self, Key, Tally};
use crate::segment::reader::{Record, skip_record};
use crate::segment::{self, HEAD_SIZE};

/// Magic, version, padding.
const HEAD_BYTES: usize = 8;

/// Where the padding begins.
const PADDING: usize = 5;

/// Chunks whose places have been seen before they are read: a few milliseconds of work.
const ROUND_CHUNKS: usize = 8192;

/// Chunks that one thread reads in a row.
const PIECE_CHUNKS: usize = 256;

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
    /// Chunks whose records have not been read yet.
    round: Vec<ChunkMeta>,
    /// Their series: labels, and how many of the chunks.
    series: Vec<(Key, usize)>,
    /// What was read amounts to.
    pub(super) tally: Tally,
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
            round: Vec::new(),
            series: Vec::new(),
            tally: Tally::default(),
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
        let before = self.round.len();
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
        let count = self.round.len() - before;
        self.series.push((Key::of(&entry.labels), count));
        if self.round.len() >= ROUND_CHUNKS {
            self.read_round(findings);
        }
    }

    fn chunk(&mut self, meta: &ChunkMeta, findings: &mut Findings) {
        let at = meta.reference.segment() as usize;
        let offset = u64::from(meta.reference.offset());
        let Some((_, bytes)) = self.files.segments.get(at) else {
            if self.missing.replace(at) != Some(at) {
                let fact = format!("names segment {at}, counted from 0, which is not there");
                findings.damage(INDEX, None, fact);
            }
            self.unread = true;
            return;
        };
        self.check_place(at, offset, findings);
        let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let mut behind = Cursor::new("chunk", rest.unwrap_or_default(), offset);
        self.next = skip_record(&mut behind).ok().map(|_len| behind.offset());
        self.round.push(*meta);
    }

    /// Reads the records of the chunks seen so far, and keeps what was found in their order.
    fn read_round(&mut self, findings: &mut Findings) {
        let segments = self.files.segments;
        let pieces = self.round.par_chunks(PIECE_CHUNKS);
        let read: Vec<Content<'_>> = pieces.map(|metas| Content::read(segments, metas)).collect();
        let mut records = Vec::with_capacity(self.round.len());
        for content in read {
            self.counts.add(content.counts);
            self.unread |= content.unread;
            records.extend(content.records);
            findings.absorb(content.findings);
        }
        let mut chunks = self.round.drain(..).zip(records);
        for (key, count) in self.series.drain(..) {
            let mut content = tally::Content::default();
            for (chunk, (checksum, samples)) in chunks.by_ref().take(count) {
                content.add((chunk.min, chunk.max), checksum, samples);
            }
            self.tally.add(key, content);
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
        self.read_round(findings);
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
}
