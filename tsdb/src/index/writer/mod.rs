//! Writes an index of version 2 front to back, byte for byte as Prometheus since 3.7 does.
//!
//! ```text
//! begin(out) -> IndexWriter  .symbols(table) -> SeriesStage  .add(…)*  .finish() -> out
//!   magic, version             symbols            series       postings, offset table, toc
//! ```
//!
//! The type of each stage permits only the next. Nothing is sought and nothing read back, so the output may be an upload: each
//! series' label pairs are recorded as it passes ([`super::pairs`]), and put aside where a budget has no room for them
//! ([`SeriesStage::bounded`]). Refused are series that are not greater than the
//! one before, chunk references that go back, and chunks of a series that overlap or touch.
//!
//! Threads that build ranges of series encode them with [`super::series::encode`]; the one that stitches them calls
//! [`SeriesStage::add_body`], which changes one number of each body.

mod lists;

use std::sync::Arc;

use super::pairs::PairLog;
use super::runs::Runs;
use super::series::{self, Body, Pair};
use super::symbols::SymbolTable;
use super::{ChunkMeta, MAGIC, SERIES_ALIGN, Toc, Version, align_up};
use crate::budget::{Memory, Reservation};
use crate::codec::{Output, Sink, crc, sink};
use crate::error::{Corruption, Error, Result};
use crate::id::{ChunkRef, SeriesRef};

/// Bytes gathered before they are handed on.
const BUFFER_BYTES: usize = 1 << 20;

/// Series between two looks at how much memory the log of pairs takes.
const SERIES_PER_LOOK: usize = 1024;

/// Memory that is asked for at a time.
const GROW_BYTES: u64 = 1 << 20;

/// Memory that the log of pairs may take however little there is, in bytes: less would be put aside in crumbs.
pub const LOG_BYTES_MIN: u64 = 4 << 20;

/// The part of the budget that the log of pairs leaves to all else.
const LOG_SHARE: u64 = 4;

/// Largest index: every series must have a 32-bit name.
const SIZE_MAX: u64 = 16 * u32::MAX as u64;

/// Lists and their table start at multiples of this.
const LIST_ALIGN: u64 = 4;

/// Gathers small writes and knows the position.
#[derive(Debug)]
struct Tail<O> {
    out: O,
    buffer: Vec<u8>,
    flushed: u64,
}

impl<O: Output> Tail<O> {
    fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn pad(&mut self, align: u64) {
        let zeros = align_up(self.position(), align) - self.position();
        for _ in 0..zeros {
            self.buffer.push(0);
        }
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.out.append(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        if self.flushed > SIZE_MAX {
            return Err(limit("bytes of an index", self.flushed, SIZE_MAX));
        }
        Ok(())
    }
}

#[cold]
fn limit(what: &'static str, need: u64, limit: u64) -> Error {
    Error::Limit { what, need, limit }
}

/// First stage: nothing but magic and version.
#[derive(Debug)]
pub struct IndexWriter<O> {
    tail: Tail<O>,
}

impl<O: Output> IndexWriter<O> {
    /// Starts an index at the beginning of `out`.
    #[must_use]
    pub fn begin(out: O) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 3));
        buffer.put_u32(MAGIC);
        buffer.put_u8(Version::Two.byte());
        Self {
            tail: Tail {
                out,
                buffer,
                flushed: 0,
            },
        }
    }

    /// Writes the symbol table. Positions in it name the strings of all series; it may hold strings that none uses.
    ///
    /// # Errors
    /// Where the section would exceed 4 GiB, or the output refuses.
    pub fn symbols(mut self, symbols: Arc<SymbolTable>) -> Result<SeriesStage<O>> {
        let start = self.tail.position();
        let strings = symbols
            .iter()
            .map(|symbol| varint_len(symbol.len() as u64) + symbol.len() as u64);
        let (len, count) = (4 + strings.sum::<u64>(), symbols.len() as u64);
        let max = u64::from(u32::MAX);
        let short = u32::try_from(len).map_err(|_error| limit("bytes of symbols", len, max))?;
        let mut frame = Frame::begin(&mut self.tail, short);
        let count = u32::try_from(count).expect("each symbol takes a byte of a 32-bit length");
        frame.put(|buffer| buffer.put_u32(count))?;
        for symbol in symbols.iter() {
            frame.put(|buffer| buffer.put_uvarint_bytes(symbol))?;
        }
        frame.finish();
        Ok(SeriesStage {
            toc: Toc {
                symbols: start,
                series: self.tail.position(),
                ..Toc::default()
            },
            log: PairLog::new(&symbols),
            tail: self.tail,
            symbols,
            scratch: Vec::new(),
            last_chunk: ChunkRef(0),
            spill: None,
        })
    }
}

fn varint_len(value: u64) -> u64 {
    sink::uvarint(value).1 as u64
}

/// A frame whose body is too large to be held: its length is known before, its checksum runs along.
struct Frame<'a, O> {
    tail: &'a mut Tail<O>,
    /// Start of what the checksum has not seen, in the buffer.
    unseen: usize,
    checksum: crc::Crc32c,
}

impl<'a, O: Output> Frame<'a, O> {
    fn begin(tail: &'a mut Tail<O>, len: u32) -> Self {
        tail.buffer.put_u32(len);
        Self {
            unseen: tail.buffer.len(),
            tail,
            checksum: crc::Crc32c::default(),
        }
    }

    fn put(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        encode(&mut self.tail.buffer);
        if self.tail.buffer.len() >= BUFFER_BYTES {
            self.see();
            self.tail.flush()?;
            self.unseen = 0;
        }
        Ok(())
    }

    fn see(&mut self) {
        let unseen = self.tail.buffer.get(self.unseen..).unwrap_or_default();
        self.checksum.update(unseen);
    }

    fn finish(mut self) {
        self.see();
        self.tail.buffer.put_u32(self.checksum.finish());
    }
}

/// Second stage: takes series in order of their labels.
#[derive(Debug)]
pub struct SeriesStage<O> {
    tail: Tail<O>,
    toc: Toc,
    symbols: Arc<SymbolTable>,
    log: PairLog,
    scratch: Vec<u8>,
    last_chunk: ChunkRef,
    spill: Option<Spill>,
}

/// How the log of pairs keeps within a budget.
#[derive(Debug)]
struct Spill {
    memory: Memory,
    held: Reservation,
    runs: Option<Runs>,
}

impl Spill {
    /// Counts what the log takes by now; where there is no room for it, puts its pairs aside.
    fn look(&mut self, log: &mut PairLog) -> Result<()> {
        let log_bytes = log.log_bytes();
        let most = (self.memory.budget.limit_bytes() / LOG_SHARE).max(LOG_BYTES_MIN);
        let fits = log_bytes <= most && self.hold(log.fixed_bytes() + log_bytes).is_ok();
        if fits || log_bytes < LOG_BYTES_MIN {
            return self.hold(log.fixed_bytes() + LOG_BYTES_MIN);
        }
        self.put_aside(log)?;
        self.hold(log.fixed_bytes() + LOG_BYTES_MIN)
    }

    fn hold(&mut self, bytes: u64) -> Result<()> {
        match bytes.checked_sub(self.held.bytes()) {
            None | Some(0) => Ok(()),
            Some(more) => self.held.grow(more.next_multiple_of(GROW_BYTES)),
        }
    }

    fn put_aside(&mut self, log: &mut PairLog) -> Result<()> {
        let runs = match &mut self.runs {
            Some(runs) => runs,
            none => none.insert(Runs::new(self.memory.scratch()?)),
        };
        runs.put(&log.sort())?;
        log.restart();
        Ok(())
    }
}

impl<O: Output> SeriesStage<O> {
    /// Keeps what is recorded for the postings within a budget, of which `held` is reserved already.
    ///
    /// # Errors
    /// Where the budget has no room for what cannot be put aside.
    pub fn bounded(mut self, memory: Memory, held: Reservation) -> Result<Self> {
        let mut spill = Spill {
            memory,
            held,
            runs: None,
        };
        spill.look(&mut self.log)?;
        self.spill = Some(spill);
        Ok(self)
    }

    /// Writes one series.
    ///
    /// # Errors
    /// Where it is not greater than the one before, its label names or chunks do not ascend, a symbol is not in the table,
    /// or the output refuses.
    pub fn add(&mut self, labels: &[Pair], chunks: &[ChunkMeta]) -> Result<SeriesRef> {
        series::check(labels, chunks).map_err(|what| self.refuse(what))?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let encoded = series::encode(labels, chunks, &mut scratch);
        let first = chunks.first().copied().unwrap_or_default().reference;
        let added = self.add_body(labels, Body::new(&scratch, encoded, chunks), first);
        self.scratch = scratch;
        added
    }

    /// Writes one series that [`series::check`] accepted and [`series::encode`] encoded, with its chunks starting at `first`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_body(
        &mut self,
        labels: &[Pair],
        body: Body<'_>,
        first: ChunkRef,
    ) -> Result<SeriesRef> {
        if labels <= self.log.last_labels() {
            return Err(self.refuse(Corruption::Order("series")));
        }
        if body.chunks > 0 {
            if first < self.last_chunk {
                return Err(self.refuse(Corruption::Order("chunk references")));
            }
            self.last_chunk = ChunkRef(first.0.saturating_add(body.span));
        }
        self.tail.pad(SERIES_ALIGN);
        let at = self.tail.position();
        let series = Version::Two
            .series_ref(at)
            .ok_or_else(|| limit("bytes of an index", at, SIZE_MAX))?;
        let recorded = self.log.add(labels, series);
        recorded.map_err(|what| self.refuse(what))?;
        let buffer = &mut self.tail.buffer;
        buffer.put_uvarint(body.len(first));
        let start = buffer.len();
        body.put(first, buffer);
        let checksum = crc::crc32c(buffer.get(start..).unwrap_or_default());
        buffer.put_u32(checksum);
        self.tail.flush_if_full()?;
        match &mut self.spill {
            Some(spill) if self.log.series_count().is_multiple_of(SERIES_PER_LOOK) => {
                spill.look(&mut self.log)?;
            }
            _ => {}
        }
        Ok(series)
    }

    #[cold]
    fn refuse(&self, what: Corruption) -> Error {
        Error::Corrupt {
            section: "series",
            offset: self.tail.position(),
            what,
        }
    }

    /// Number of series so far.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.log.series_count()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.tail.position()
    }

    /// Writes postings, offset table and table of contents, and gives the output back.
    ///
    /// # Errors
    /// Where a section would exceed its bound, or the output refuses.
    pub fn finish(self) -> Result<O> {
        let Self {
            mut tail,
            mut toc,
            symbols,
            mut log,
            spill,
            ..
        } = self;
        match spill {
            Some(Spill {
                memory,
                held,
                runs: Some(mut runs),
            }) => {
                runs.put(&log.sort())?;
                log.restart();
                let all = (log.series(), runs.merge()?);
                lists::put_merged(&mut tail, &mut toc, all, &symbols, memory.scratch()?)?;
                drop(held);
            }
            spill => {
                let all = (log.series(), &log.sort());
                lists::put_sorted(&mut tail, &mut toc, all, &symbols)?;
                drop(spill);
            }
        }
        tail.buffer.put(&toc.encode());
        tail.flush()?;
        Ok(tail.out)
    }
}

#[cfg(test)]
mod tests;
