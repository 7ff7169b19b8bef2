//! One block's series within one label range, in order, as merging wants them.
//!
//! A lane walks its piece of the block's list of all series. Labels are remapped to the merged symbol table, chunks that
//! cannot have a sample in the result are gone, series without chunks are skipped. Chunk records are read through one
//! window per segment, front to back, and their checksums are verified: nothing unsound is copied.

use std::ops::Range;

use super::input::{Input, Source};
use super::trim;
use crate::chunk::{self, Encoding};
use crate::error::{Error, Result, ResultExt};
use crate::id::{ChunkRef, SymbolRef};
use crate::index::ChunkMeta;
use crate::index::series::SeriesEntry;
use crate::segment;
use crate::time::Interval;

/// Checksum that ends a record.
const CHECKSUM_BYTES: usize = 4;

/// Where one chunk's record lies in a buffer of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// How the payload is packed.
    pub encoding: Encoding,
    /// Where the record (its length field) starts.
    pub start: usize,
    /// Where the payload starts.
    pub payload: usize,
    /// Length of the payload.
    pub len: usize,
    /// Checksum of the record.
    pub checksum: u32,
    /// Samples of the chunk.
    pub samples: u64,
}

/// One block's position in a label range.
pub struct Lane<'a, I: Input> {
    source: &'a Source<'a, I>,
    range: Interval,
    left: Range<usize>,
    index: Option<I::Window>,
    segment: Option<(u32, I::Window)>,
    entry: SeriesEntry,
    /// Whether chunks had to be sorted, or copies dropped.
    disordered: bool,
    /// Chunks of all series so far, and those of them that were read.
    found: u64,
    read: u64,
}

impl<'a, I: Input> Lane<'a, I> {
    /// Starts before the first of the block's series at `positions`.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn new(
        source: &'a Source<'a, I>,
        positions: Range<usize>,
        range: Interval,
    ) -> Result<Self> {
        Ok(Self {
            index: Some(source.index_window()?),
            source,
            range,
            left: positions,
            segment: None,
            entry: SeriesEntry::default(),
            disordered: false,
            found: 0,
            read: 0,
        })
    }

    /// Labels of the current series, as positions in the merged symbol table.
    #[must_use]
    pub fn labels(&self) -> &[(SymbolRef, SymbolRef)] {
        &self.entry.labels
    }

    /// Chunks of the current series that may have samples in the result.
    #[must_use]
    pub fn chunks(&self) -> &[ChunkMeta] {
        &self.entry.chunks
    }

    /// Deleted intervals of the current series.
    #[must_use]
    pub fn deleted(&self) -> &'a [Interval] {
        let at = self.left.start - 1;
        self.source.deleted(self.source.series[at])
    }

    /// Whether the current series' chunks were out of order in the block.
    #[must_use]
    pub fn is_disordered(&self) -> bool {
        self.disordered
    }

    /// The block's position among the inputs.
    #[must_use]
    pub fn source(&self) -> &'a Source<'a, I> {
        self.source
    }

    /// Moves to the next series that has chunks.
    ///
    /// # Errors
    /// Where the index is damaged or cannot be read.
    pub fn advance(&mut self) -> Result<bool> {
        while let Some(at) = self.left.next() {
            let index = self.index.as_mut().expect("only dropping takes the window");
            self.source.read_series(index, at, &mut self.entry)?;
            self.source
                .input
                .pass(&self.entry.labels, &self.entry.chunks);
            let deleted = self.source.deleted(self.source.series[at]);
            trim::drop_outside(&mut self.entry.chunks, self.range, deleted);
            if !self.entry.chunks.is_empty() {
                self.found += self.entry.chunks.len() as u64;
                self.sort_chunks();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the lane stands, for errors.
    #[must_use]
    pub fn place(&self) -> String {
        let (at, of) = (self.left.start, self.source.series.len());
        format!("{}: series {at} of {of}", self.source.input.name())
    }

    /// Makes sure that every chunk of every series was read.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where something was left out.
    pub fn check_read(&self) -> Result<()> {
        if self.left.is_empty() && self.found == self.read {
            return Ok(());
        }
        let (read, found, left) = (self.read, self.found, self.left.len());
        let what = format!("{read} of {found} chunks were taken, {left} series were not reached");
        Err(Error::Mismatch(what).at(self.place()))
    }

    fn sort_chunks(&mut self) {
        let chunks = &mut self.entry.chunks;
        self.disordered = chunks.windows(2).any(|pair| pair[1].min <= pair[0].max);
        if self.disordered {
            chunks.sort_by_key(|chunk| (chunk.min, chunk.max));
        }
    }

    /// Appends the records of the current series' chunks to `buffer`, one entry of `records` each.
    ///
    /// # Errors
    /// Where a record lies outside its segment, is damaged, or cannot be read.
    pub fn read_records(&mut self, buffer: &mut Vec<u8>, records: &mut Vec<Placed>) -> Result<()> {
        for at in 0..self.entry.chunks.len() {
            let reference = self.entry.chunks[at].reference;
            self.read_record(reference, buffer, records)
                .at(|| self.source.chunk_place(reference))?;
        }
        self.read += self.entry.chunks.len() as u64;
        Ok(())
    }

    fn read_record(
        &mut self,
        at: ChunkRef,
        buffer: &mut Vec<u8>,
        records: &mut Vec<Placed>,
    ) -> Result<()> {
        let window = match &mut self.segment {
            Some((segment, window)) if *segment == at.segment() => window,
            other => {
                &mut other
                    .insert((at.segment(), self.source.segment_window(at.segment())?))
                    .1
            }
        };
        let record = segment::reader::read_record(window, at.offset())?;
        let (start, len) = (buffer.len(), record.chunk.payload.len());
        let samples = chunk::sample_count(record.chunk)? as u64;
        buffer.extend_from_slice(record.bytes);
        let payload = buffer.len() - CHECKSUM_BYTES - len;
        records.push(Placed {
            encoding: record.chunk.encoding,
            start,
            payload,
            len,
            checksum: record.checksum(),
            samples,
        });
        Ok(())
    }
}

impl<I: Input> Drop for Lane<'_, I> {
    fn drop(&mut self) {
        self.source
            .give_back(self.index.take(), self.segment.take());
    }
}

impl<I: Input> std::fmt::Debug for Lane<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("left", &self.left)
            .field("entry", &self.entry)
            .finish()
    }
}
