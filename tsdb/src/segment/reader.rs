//! Reads the records of one segment, by offset: from its bytes, or through a window.
//!
//! The drawing is in [`super`]. A record's checksum is checked before its payload is given out. To copy chunks undecoded,
//! [`Record::bytes`] has the whole record, and [`run`] the records of one series in one piece.

use super::{HEAD_SIZE, check_head};
use crate::chunk::{ChunkView, Encoding};
use crate::codec::{Cursor, Window, crc};
use crate::error::{Corruption, Result};
use crate::id::ChunkRef;

const SECTION: &str = "chunk";

/// Bytes of a record beside its length field and payload: encoding and checksum.
const FRAME_SIZE: usize = 5;

/// Longest length field.
const LENGTH_SIZE_MAX: usize = 5;

/// Bytes looked at before a record's length is known: most chunks are shorter.
const GLANCE_BYTES: usize = 2048;

/// One record, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Length, encoding, payload, checksum, as they lie in the file.
    pub bytes: &'a [u8],
    /// Encoding and payload.
    pub chunk: ChunkView<'a>,
}

impl<'a> Record<'a> {
    /// The stored checksum.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let stored = self.bytes.last_chunk().copied().unwrap_or_default();
        u32::from_be_bytes(stored)
    }

    /// Takes the next record without looking at its checksum: for bytes that were just written.
    ///
    /// # Errors
    /// Where the bytes end before the record does.
    #[inline]
    pub fn peek(cursor: &mut Cursor<'a>) -> Result<Self> {
        let start = cursor.clone();
        let len = take_len(cursor)?;
        let encoding = Encoding::from_byte(cursor.u8()?);
        let payload = cursor.bytes(len)?;
        cursor.u32()?;
        let size = start.len() - cursor.len();
        Ok(Self {
            bytes: start.rest().get(..size).unwrap_or_default(),
            chunk: ChunkView { encoding, payload },
        })
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// Where the length is empty, longer than five bytes or than the file, or the checksum differs.
    pub fn decode(cursor: &mut Cursor<'a>) -> Result<Self> {
        let start = cursor.clone();
        let len = take_len(cursor)?;
        Self::take_behind_length(&start, cursor, len)
    }

    /// Takes what lies behind the length field of the record that begins at `start`.
    #[inline]
    fn take_behind_length(start: &Cursor<'a>, cursor: &mut Cursor<'a>, len: usize) -> Result<Self> {
        let checked = cursor.bytes(len + 1)?;
        crc::verify(start, checked, cursor.u32()?)?;
        let Some((encoding, payload)) = checked.split_first() else {
            return Err(start.corrupt(Corruption::Truncated { need: 1, have: 0 }));
        };
        let size = start.len() - cursor.len();
        Ok(Self {
            bytes: start.rest().get(..size).unwrap_or_default(),
            chunk: ChunkView {
                encoding: Encoding::from_byte(*encoding),
                payload,
            },
        })
    }
}

/// Takes a payload length.
fn take_len(cursor: &mut Cursor<'_>) -> Result<usize> {
    let start = cursor.clone();
    let len = cursor.uvarint32()? as usize;
    if start.len() - cursor.len() > LENGTH_SIZE_MAX {
        return Err(start.corrupt(Corruption::Overflow));
    }
    Ok(len)
}

/// Takes one record without looking at its checksum; returns its payload's length.
///
/// # Errors
/// Where the bytes end before the record does.
#[inline]
pub fn skip_record(cursor: &mut Cursor<'_>) -> Result<usize> {
    let len = take_len(cursor)?;
    cursor.bytes(len + FRAME_SIZE)?;
    Ok(len)
}

/// A segment over its bytes, mapped or held.
#[derive(Debug, Clone)]
pub struct SegmentReader<B> {
    bytes: B,
}

impl<B: AsRef<[u8]>> SegmentReader<B> {
    /// Checks the head.
    ///
    /// # Errors
    /// Where it is not that of a segment.
    pub fn open(bytes: B) -> Result<Self> {
        check_head(bytes.as_ref())?;
        Ok(Self { bytes })
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// A position at this offset.
    ///
    /// # Errors
    /// Where it is in the head or past the end.
    pub fn cursor(&self, offset: u32) -> Result<Cursor<'_>> {
        let rest = self.bytes().get(offset as usize..).unwrap_or_default();
        let cursor = Cursor::new(SECTION, rest, offset.into());
        if u64::from(offset) < HEAD_SIZE || rest.is_empty() {
            return Err(cursor.corrupt(Corruption::Range {
                what: "chunk offset",
                value: offset.into(),
                limit: self.bytes().len() as u64,
            }));
        }
        Ok(cursor)
    }

    /// The record at this offset.
    ///
    /// # Errors
    /// Where no sound record lies there.
    pub fn record(&self, offset: u32) -> Result<Record<'_>> {
        Record::decode(&mut self.cursor(offset)?)
    }

    /// The chunk at this offset.
    ///
    /// # Errors
    /// Where no sound record lies there.
    pub fn chunk(&self, offset: u32) -> Result<ChunkView<'_>> {
        Ok(self.record(offset)?.chunk)
    }
}

/// Length field and payload of the record at `offset`, in bytes, by that field alone.
#[inline]
fn record_size<W: Window>(window: &mut W, offset: u32) -> Result<(usize, usize)> {
    let at = u64::from(offset);
    let left = usize::try_from(window.size().saturating_sub(at)).unwrap_or(usize::MAX);
    let mut glance = window.fill_some(at, left.min(GLANCE_BYTES))?;
    if glance.len() < left.min(LENGTH_SIZE_MAX) {
        glance = window.fill(at, left.min(LENGTH_SIZE_MAX))?;
    }
    let mut cursor = Cursor::new(SECTION, glance, at);
    let payload = take_len(&mut cursor)?;
    Ok((glance.len() - cursor.len(), payload))
}

/// Reads the record at `offset` through a window over one segment.
///
/// # Errors
/// Where no sound record lies there, or reading fails.
#[inline]
pub fn read_record<W: Window>(window: &mut W, offset: u32) -> Result<Record<'_>> {
    let (length, payload) = record_size(window, offset)?;
    // A look into the same bytes, but for the longest records.
    let bytes = window.fill(offset.into(), length + payload + FRAME_SIZE)?;
    let mut cursor = Cursor::new(SECTION, bytes, offset.into());
    let start = cursor.clone();
    cursor.bytes(length)?;
    Record::take_behind_length(&start, &mut cursor, payload)
}

/// The records of a series in one piece, with every checksum checked, if they lie in one file, in order and without gaps.
///
/// Returns nothing where they do not: then they are copied one by one.
///
/// # Errors
/// Where a record is damaged, or reading fails.
pub fn run<W: Window>(
    window: &mut W,
    refs: impl DoubleEndedIterator<Item = ChunkRef> + Clone,
) -> Result<Option<&[u8]>> {
    let (Some(first), Some(last)) = (refs.clone().next(), refs.clone().next_back()) else {
        return Ok(Some(&[]));
    };
    if last.segment() != first.segment() || last < first {
        return Ok(None);
    }
    let (length, payload) = record_size(window, last.offset())?;
    let last_size = length + payload + FRAME_SIZE;
    let before = (last.offset() - first.offset()) as usize;
    let bytes = window.fill(first.offset().into(), before + last_size)?;
    Ok(is_run(bytes, refs)?.then_some(bytes))
}

/// Whether `bytes`, which lie at the first of `refs`, are exactly the records that `refs` name.
///
/// # Errors
/// Where a record is damaged.
pub fn is_run(bytes: &[u8], mut refs: impl Iterator<Item = ChunkRef>) -> Result<bool> {
    let Some(first) = refs.next() else {
        return Ok(bytes.is_empty());
    };
    let mut cursor = Cursor::new(SECTION, bytes, first.offset().into());
    Record::decode(&mut cursor)?;
    for reference in refs {
        let next = cursor.offset() == u64::from(reference.offset());
        if !next || reference.segment() != first.segment() {
            return Ok(false);
        }
        Record::decode(&mut cursor)?;
    }
    Ok(cursor.is_empty())
}
