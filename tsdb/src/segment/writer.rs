//! Appends chunks to segments and begins the next file where Prometheus would.
//!
//! The unit of decision is one series. `n` is the position in the file before the series, `size = 10 + payload` counts five
//! bytes for every length field, and `batch` sums the sizes since the series or the last cut began:
//!
//! ```text
//! no cut yet in this series, n > 8:   cut before chunk i where batch + n > limit
//! otherwise:                          cut before chunk i where batch + 8 > limit and i is not the first
//! ```
//!
//! A chunk larger than the limit stands alone; a file exists only once something is in it. Records are drawn in [`super`].
//! Chunks that are already records are copied whole: [`SegmentWriter::add_run`] for one series,
//! [`SegmentWriter::add_whole`] for as many as certainly fit the file.

use super::reader::{Record, skip_record};
use super::{HEAD_SIZE, MAGIC, SIZE_DEFAULT, VERSION};
use crate::chunk::ChunkView;
use crate::codec::{Cursor, Output, Sink, crc};
use crate::error::{Error, Result};
use crate::id::ChunkRef;

/// Bytes of a record beside its payload, as the cutting rule counts them.
const OVERHEAD_BYTES: usize = 10;

/// Bytes gathered before they are handed on.
const BUFFER_BYTES: usize = 1 << 20;

/// Largest limit: offsets have 32 bits.
const LIMIT_MAX: u64 = u32::MAX as u64;

/// Where segments go.
pub trait SegmentFiles {
    /// One open file.
    type File: Output;

    /// Opens the file with this zero-based index.
    ///
    /// # Errors
    /// Where the disk or the store refuses.
    fn open(&mut self, segment: u32) -> Result<Self::File>;

    /// Takes back a file that is complete, before the next one is opened.
    ///
    /// # Errors
    /// Where the disk or the store refuses.
    fn close(&mut self, segment: u32, file: Self::File) -> Result<()>;
}

/// Segments in memory.
impl SegmentFiles for Vec<Vec<u8>> {
    type File = Vec<u8>;

    fn open(&mut self, _segment: u32) -> Result<Self::File> {
        Ok(Vec::new())
    }

    fn close(&mut self, _segment: u32, file: Self::File) -> Result<()> {
        self.push(file);
        Ok(())
    }
}

/// An open file and its position.
#[derive(Debug)]
struct Current<O> {
    file: O,
    buffer: Vec<u8>,
    flushed: u64,
}

impl<O: Output> Current<O> {
    fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file.append(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn put_record(&mut self, chunk: ChunkView<'_>) -> Result<()> {
        let payload = chunk.payload.len();
        if self.buffer.len() + payload + OVERHEAD_BYTES > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.put_uvarint(payload as u64);
        let start = self.buffer.len();
        self.buffer.put_u8(chunk.encoding.byte());
        self.buffer.put(chunk.payload);
        let checked = self.buffer.get(start..).unwrap_or_default();
        let checksum = crc::crc32c(checked);
        self.buffer.put_u32(checksum);
        Ok(())
    }

    /// Appends bytes; long ones are not copied into the buffer, which would cost as much as writing them.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let long = bytes.len() >= BUFFER_BYTES / 4;
        if long || self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if long {
            self.file.append(bytes)?;
            self.flushed += bytes.len() as u64;
        } else {
            self.buffer.put(bytes);
        }
        Ok(())
    }
}

/// Writes the segments of one block.
#[derive(Debug)]
pub struct SegmentWriter<F: SegmentFiles> {
    files: F,
    limit: u64,
    current: Option<Current<F::File>>,
    /// Files begun so far.
    count: u32,
    /// Given from file to file.
    spare: Vec<u8>,
}

/// The cutting rule for the chunks of one series.
struct Cuts {
    /// Position before the series, while that still counts.
    before: Option<u64>,
    batch: u64,
    limit: u64,
    first: bool,
}

impl Cuts {
    fn new(position: u64, limit: u64) -> Self {
        Self {
            before: (position > HEAD_SIZE).then_some(position),
            batch: 0,
            limit,
            first: true,
        }
    }

    /// Whether a new file begins before a chunk with this payload.
    fn cut_before(&mut self, payload: usize) -> bool {
        let size = (OVERHEAD_BYTES + payload) as u64;
        self.batch += size;
        let cut = match self.before {
            Some(before) => self.batch + before > self.limit,
            None => !self.first && self.batch + HEAD_SIZE > self.limit,
        };
        self.first = false;
        if cut {
            self.before = None;
            self.batch = size;
        }
        cut
    }
}

impl<F: SegmentFiles> SegmentWriter<F> {
    /// A writer that begins a new file at `limit` bytes, Prometheus' 512 MiB if nothing else is wanted.
    ///
    /// # Errors
    /// Where offsets under such a limit would not fit 32 bits.
    pub fn begin(files: F, limit: Option<u64>) -> Result<Self> {
        let limit = limit.unwrap_or(SIZE_DEFAULT);
        if limit > LIMIT_MAX {
            return Err(Error::Invalid(format!(
                "segments of {limit} bytes are not possible, the most is {LIMIT_MAX}"
            )));
        }
        Ok(Self {
            files,
            limit,
            current: None,
            count: 0,
            spare: Vec::new(),
        })
    }

    fn position(&self) -> u64 {
        self.current.as_ref().map_or(0, Current::position)
    }

    fn cuts(&self) -> Cuts {
        Cuts::new(self.position(), self.limit)
    }

    /// Closes the open file and begins the next.
    fn cut(&mut self) -> Result<()> {
        self.close()?;
        let file = self.files.open(self.count)?;
        self.count += 1;
        let mut buffer = std::mem::take(&mut self.spare);
        buffer.put_u32(MAGIC);
        buffer.put(&[VERSION, 0, 0, 0]);
        self.current = Some(Current {
            file,
            buffer,
            flushed: 0,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        current.flush()?;
        self.spare = current.buffer;
        self.files.close(self.count - 1, current.file)
    }

    /// The open file, begun if there is none, and the reference of the next record.
    fn place(&mut self) -> Result<(ChunkRef, &mut Current<F::File>)> {
        if self.current.is_none() {
            self.cut()?;
        }
        let segment = self.count - 1;
        let current = self.current.as_mut().expect("cut() opens a file");
        let at = current.position();
        let offset = u32::try_from(at).map_err(|_error| Error::Limit {
            what: "bytes of a segment",
            need: at,
            limit: LIMIT_MAX,
        })?;
        Ok((ChunkRef::new(segment, offset), current))
    }

    /// Writes all chunks of one series and appends their references to `refs`.
    ///
    /// # Errors
    /// Where a chunk exceeds 4 GiB, or the output refuses.
    pub fn add(&mut self, chunks: &[ChunkView<'_>], refs: &mut Vec<ChunkRef>) -> Result<()> {
        let mut cuts = self.cuts();
        for chunk in chunks {
            if cuts.cut_before(chunk.payload.len()) {
                self.cut()?;
            }
            let (reference, current) = self.place()?;
            refs.push(reference);
            current.put_record(*chunk)?;
        }
        Ok(())
    }

    /// Copies all chunks of one series, given as records, and appends their references to `refs`.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn add_records(&mut self, records: &[Record<'_>], refs: &mut Vec<ChunkRef>) -> Result<()> {
        let mut cuts = self.cuts();
        for record in records {
            if cuts.cut_before(record.chunk.payload.len()) {
                self.cut()?;
            }
            let (reference, current) = self.place()?;
            refs.push(reference);
            current.put(record.bytes)?;
        }
        Ok(())
    }

    /// Copies all chunks of one series, given as records one behind the other, and appends their references to `refs`.
    /// Checksums are not looked at.
    ///
    /// # Errors
    /// Where the bytes are not whole records, or the output refuses.
    pub fn add_run(&mut self, run: &[u8], refs: &mut Vec<ChunkRef>) -> Result<()> {
        let mut cuts = self.cuts();
        let mut cursor = Cursor::new("chunk", run, 0);
        // What is not yet copied, and where it starts in the run.
        let (mut rest, mut copied) = (run, 0);
        let mut next = None;
        while !cursor.is_empty() {
            let start = run.len() - cursor.len();
            let payload = skip_record(&mut cursor)?;
            if cuts.cut_before(payload) {
                let (piece, after) = rest.split_at_checked(start - copied).unwrap_or((rest, &[]));
                self.put_piece(piece)?;
                (rest, copied) = (after, start);
                self.cut()?;
                next = None;
            }
            let base = match next {
                Some(base) => base,
                None => self.place()?.0,
            };
            next = Some(base);
            refs.push(offset_by(base, start - copied)?);
        }
        self.put_piece(rest)
    }

    fn put_piece(&mut self, piece: &[u8]) -> Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        self.place()?.1.put(piece)
    }

    /// Copies the records of any number of series if all of them certainly fit the open file, and returns the reference of the
    /// first; nothing is copied where a file might have to be cut, and the caller adds series by series.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn add_whole(&mut self, bytes: &[u8], records: usize) -> Result<Option<ChunkRef>> {
        // A length field has at least one byte and is counted as five.
        let counted = bytes.len() as u64 + 4 * records as u64;
        if counted + self.position().max(HEAD_SIZE) > self.limit || records == 0 {
            return Ok(None);
        }
        let (first, current) = self.place()?;
        current.put(bytes)?;
        Ok(Some(first))
    }

    /// Segments begun so far.
    #[must_use]
    pub fn segment_count(&self) -> u32 {
        self.count
    }

    /// Closes the last file.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn finish(mut self) -> Result<F> {
        self.close()?;
        Ok(self.files)
    }
}

/// The reference so many bytes further on in the same file.
fn offset_by(base: ChunkRef, distance: usize) -> Result<ChunkRef> {
    let need = u64::from(base.offset()) + distance as u64;
    let offset = u32::try_from(need).map_err(|_error| Error::Limit {
        what: "bytes of a segment",
        need,
        limit: LIMIT_MAX,
    })?;
    Ok(ChunkRef::new(base.segment(), offset))
}
