//! Symbol table: every distinct string of one index, once, in byte order.
//!
//! ```text
//! len u32 | count u32 | count x (len uvarint, bytes) | crc32c u32
//! ```
//!
//! The first `len` counts what lies between it and the checksum. From version 2 on series name strings by position, so the
//! order is part of the format and comparing positions is comparing strings; version 1 names the byte offset in the
//! file. Invariants: sorted, unique. Strings are bytes here, since nothing in the format makes them UTF-8.
//!
//! [`Sampled`] looks single strings up in a table that stays where it is; [`SymbolTable`] holds all of them;
//! [`super::symbol_reader`] walks over them. Built by [`super::writer`]; positions are used in [`super::series`].

use std::cmp::Ordering;
use std::ops::Range;

use crate::codec::{Cursor, Window, crc};
use crate::error::{Corruption, Error, Result};
use crate::id::SymbolRef;

use super::{Toc, Version};

/// Every how manieth symbol [`Sampled`] remembers; Prometheus' number.
pub const SAMPLING: usize = 32;

pub(super) const SECTION: &str = "symbols";

/// Bytes asked for at a time where a table is read through a window: large enough for few reads, small beside the table.
const PIECE_BYTES: usize = 256 << 10;

/// Takes the count and checks that so many strings fit.
fn take_count(cursor: &mut Cursor<'_>) -> Result<u32> {
    let start = cursor.clone();
    let count = cursor.u32()?;
    if count as usize > cursor.len() {
        return Err(start.corrupt(Corruption::Range {
            what: "symbol count",
            value: count.into(),
            limit: cursor.len() as u64 + 1,
        }));
    }
    Ok(count)
}

fn past_the_end(symbol: SymbolRef, count: u32, offset: u64) -> Error {
    Cursor::new(SECTION, &[], offset).corrupt(Corruption::Range {
        what: "symbol",
        value: symbol.0.into(),
        limit: count.into(),
    })
}

/// Positions of every 32nd string of a table whose content (count and strings) lies elsewhere.
///
/// All methods take that same content.
#[derive(Debug, Clone)]
pub struct Sampled {
    version: Version,
    origin: u64,
    count: u32,
    samples: Vec<u32>,
}

impl Sampled {
    /// Walks the content, which lies at `origin` of the original index.
    ///
    /// # Errors
    /// Where the content ends too early or is not strictly ascending.
    pub fn load(content: &[u8], origin: u64, version: Version) -> Result<Self> {
        let mut cursor = Cursor::new(SECTION, content, origin);
        let count = take_count(&mut cursor)?;
        let mut samples = Vec::with_capacity((count as usize).div_ceil(SAMPLING));
        let mut last: Option<&[u8]> = None;
        for at in 0..count as usize {
            let start = cursor.clone();
            if at.is_multiple_of(SAMPLING) {
                let position = u32::try_from(start.offset() - origin);
                samples.push(position.map_err(|_error| start.corrupt(Corruption::Overflow))?);
            }
            let symbol = cursor.uvarint_bytes()?;
            if last >= Some(symbol) {
                return Err(start.corrupt(Corruption::Order("symbols")));
            }
            last = Some(symbol);
        }
        Ok(Self {
            version,
            origin,
            count,
            samples,
        })
    }

    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<u32>()
    }

    /// The string with this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get<'a>(&self, content: &'a [u8], symbol: SymbolRef) -> Result<&'a [u8]> {
        if self.version == Version::One {
            return self.get_at_offset(content, symbol);
        }
        let position = symbol.0 as usize;
        let sample = self.samples.get(position / SAMPLING);
        let sample = sample.filter(|_| symbol.0 < self.count);
        let sample = *sample.ok_or_else(|| past_the_end(symbol, self.count, self.origin))?;
        let mut cursor = self.cursor(content, sample as usize);
        for _ in 0..position % SAMPLING {
            cursor.uvarint_bytes()?;
        }
        cursor.uvarint_bytes()
    }

    fn get_at_offset<'a>(&self, content: &'a [u8], symbol: SymbolRef) -> Result<&'a [u8]> {
        let position = u64::from(symbol.0).checked_sub(self.origin);
        let position = position.and_then(|position| usize::try_from(position).ok());
        let inside = position.filter(|position| (4..content.len()).contains(position));
        let position = inside.ok_or_else(|| past_the_end(symbol, self.count, self.origin))?;
        self.cursor(content, position).uvarint_bytes()
    }

    /// The name of a string, if it is in the table.
    ///
    /// # Errors
    /// Where the content is not the one that was loaded.
    pub fn find(&self, content: &[u8], wanted: &[u8]) -> Result<Option<SymbolRef>> {
        let (mut low, mut high) = (0, self.samples.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.sample(content, middle)? <= wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(block) = low.checked_sub(1) else {
            return Ok(None);
        };
        let first = block * SAMPLING;
        let end = self.len().min(first + SAMPLING);
        let start = self.samples.get(block).copied().unwrap_or_default();
        let mut cursor = self.cursor(content, start as usize);
        for position in first..end {
            let offset = cursor.offset();
            match cursor.uvarint_bytes()?.cmp(wanted) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(self.name(position, offset)),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    fn name(&self, position: usize, offset: u64) -> Option<SymbolRef> {
        let name = match self.version {
            Version::One => u32::try_from(offset),
            Version::Two | Version::Three => u32::try_from(position),
        };
        name.ok().map(SymbolRef)
    }

    fn sample<'a>(&self, content: &'a [u8], at: usize) -> Result<&'a [u8]> {
        let position = self.samples.get(at).copied().unwrap_or_default();
        self.cursor(content, position as usize).uvarint_bytes()
    }

    fn cursor<'a>(&self, content: &'a [u8], position: usize) -> Cursor<'a> {
        let rest = content.get(position..).unwrap_or_default();
        Cursor::new(SECTION, rest, self.origin + position as u64)
    }
}

/// Where the strings of a table lie that is read through a window.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) count: u32,
    /// From the first string to the checksum.
    pub(super) strings: Range<u64>,
}

impl Section {
    /// Reads length and count.
    pub(super) fn read<W: Window>(window: &mut W, toc: &Toc) -> Result<Self> {
        let head = window.fill(toc.symbols, 8)?;
        let mut head = Cursor::new(SECTION, head, toc.symbols);
        let len = head.u32()?;
        let count = head.u32()?;
        let begin = toc.symbols + 4;
        let end = begin + u64::from(len);
        if len < 4 || end + 4 > toc.series || u64::from(count) > u64::from(len) - 4 {
            let here = Cursor::new(SECTION, &[], toc.symbols);
            return Err(here.corrupt(Corruption::Other(format!(
                "{count} symbols in {len} bytes do not fit"
            ))));
        }
        Ok(Self {
            count,
            strings: begin + 4..end,
        })
    }

    /// Reads what lies behind the last string, and compares the checksum.
    pub(super) fn check_end<W: Window>(
        &self,
        window: &mut W,
        behind: u64,
        checksum: &mut crc::Crc32c,
    ) -> Result<()> {
        read_rest(window, behind..self.strings.end, checksum)?;
        let end = self.strings.end;
        let stored = Cursor::new(SECTION, window.fill(end, 4)?, end).u32()?;
        let computed = checksum.finish();
        if stored == computed {
            return Ok(());
        }
        let here = Cursor::new(SECTION, &[], self.strings.start - 8);
        Err(here.corrupt(Corruption::Checksum { stored, computed }))
    }
}

/// All strings of a table in one buffer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SymbolTable {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Byte offset of each string in its file; only in version 1, which names them so.
    offsets: Option<Vec<u32>>,
}

impl SymbolTable {
    /// A table without strings, to [`Self::push`] to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads all strings through a window over the whole index, and checks the checksum.
    ///
    /// # Errors
    /// Where the section is damaged or not strictly ascending.
    pub fn read<W: Window>(window: &mut W, toc: &Toc, version: Version) -> Result<Self> {
        let section = Section::read(window, toc)?;
        let bytes = section.strings.end - section.strings.start - u64::from(section.count);
        let mut table = Self {
            bytes: Vec::with_capacity(usize::try_from(bytes).unwrap_or_default()),
            ends: Vec::with_capacity(section.count as usize),
            offsets: (version == Version::One).then(Vec::new),
        };
        let mut checksum = crc::Crc32c::default();
        checksum.update(&section.count.to_be_bytes());
        let strings = section.strings.clone();
        let rest = table.read_strings(window, strings, &mut checksum, section.count)?;
        section.check_end(window, rest.start, &mut checksum)?;
        Ok(table)
    }

    /// Reads `count` strings and returns the range behind them.
    fn read_strings<W: Window>(
        &mut self,
        window: &mut W,
        mut range: Range<u64>,
        checksum: &mut crc::Crc32c,
        count: u32,
    ) -> Result<Range<u64>> {
        let mut need = 0;
        while self.ends.len() < count as usize {
            let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let piece = if need == 0 {
                window.fill_some(range.start, left.min(PIECE_BYTES))?
            } else {
                window.fill(range.start, need)?
            };
            let mut cursor = Cursor::new(SECTION, piece, range.start);
            self.take(&mut cursor, count, piece.len() == left)?;
            let taken = piece.len() - cursor.len();
            // A string longer than the piece: ask for twice as much, up to all that there is.
            need = if taken == 0 {
                left.min(2 * piece.len())
            } else {
                0
            };
            checksum.update(piece.get(..taken).unwrap_or_default());
            range.start += taken as u64;
        }
        Ok(range)
    }

    /// Takes whole strings; what is cut off is an error only where nothing follows.
    fn take(&mut self, cursor: &mut Cursor<'_>, count: u32, all: bool) -> Result<()> {
        while self.ends.len() < count as usize {
            let start = cursor.clone();
            let symbol = match cursor.uvarint_bytes() {
                Ok(symbol) => symbol,
                Err(_) if !all => {
                    *cursor = start;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            if let Some(offsets) = &mut self.offsets {
                let offset = u32::try_from(start.offset());
                offsets.push(offset.map_err(|_error| start.corrupt(Corruption::Overflow))?);
            }
            self.push_at(symbol, &start)?;
        }
        Ok(())
    }

    fn push_at(&mut self, symbol: &[u8], here: &Cursor<'_>) -> Result<()> {
        if self.last() >= Some(symbol) {
            return Err(here.corrupt(Corruption::Order("symbols")));
        }
        self.bytes.extend_from_slice(symbol);
        let end = u32::try_from(self.bytes.len());
        self.ends
            .push(end.map_err(|_error| here.corrupt(Corruption::Overflow))?);
        Ok(())
    }

    /// Appends a string and returns its position.
    ///
    /// # Errors
    /// Where it is not greater than the one before, or all strings together exceed 4 GiB.
    pub fn push(&mut self, symbol: &[u8]) -> Result<SymbolRef> {
        let here = Cursor::new(SECTION, &[], self.bytes.len() as u64);
        self.push_at(symbol, &here)?;
        let position = u32::try_from(self.ends.len() - 1);
        position
            .map(SymbolRef)
            .map_err(|_error| here.corrupt(Corruption::Overflow))
    }

    fn last(&self) -> Option<&[u8]> {
        let last = self.ends.len().checked_sub(1)?;
        self.string(last)
    }

    #[inline]
    fn string(&self, position: usize) -> Option<&[u8]> {
        let end = *self.ends.get(position)?;
        let start = match position.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start as usize..end as usize)
    }

    /// The string at this position. In a table of version 1 take the position from [`Self::position`].
    #[must_use]
    #[inline]
    pub fn get(&self, position: SymbolRef) -> Option<&[u8]> {
        self.string(position.0 as usize)
    }

    /// The string at this position as text.
    ///
    /// # Errors
    /// Where there is none, or it is not UTF-8.
    pub fn text(&self, position: SymbolRef) -> Result<&str> {
        let count = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        let bytes = self
            .get(position)
            .ok_or_else(|| past_the_end(position, count, 0))?;
        text(bytes)
    }

    /// The position of a symbol as series entries of this index name it: itself from version 2 on, by byte offset in
    /// version 1.
    ///
    /// # Errors
    /// Where there is no such symbol.
    #[inline]
    pub fn position(&self, symbol: SymbolRef) -> Result<SymbolRef> {
        let position = match &self.offsets {
            None => (symbol.0 as usize) < self.ends.len(),
            Some(offsets) => match offsets.binary_search(&symbol.0) {
                Ok(position) => return Ok(SymbolRef(u32::try_from(position).unwrap_or(u32::MAX))),
                Err(_) => false,
            },
        };
        if position {
            return Ok(symbol);
        }
        let count = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        Err(past_the_end(symbol, count, 0))
    }

    /// The position of a string, if it is in the table.
    #[must_use]
    pub fn find(&self, wanted: &[u8]) -> Option<SymbolRef> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.string(middle)?.cmp(wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return u32::try_from(middle).ok().map(SymbolRef),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.ends.len())
            .map(|position| self.string(position).expect("positions end at the count"))
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let offsets = self.offsets.as_ref().map_or(0, Vec::capacity);
        self.bytes.capacity() + (self.ends.capacity() + offsets) * size_of::<u32>()
    }
}

/// Runs the checksum over bytes that nothing is made of.
fn read_rest<W: Window>(
    window: &mut W,
    mut range: Range<u64>,
    checksum: &mut crc::Crc32c,
) -> Result<()> {
    while range.start < range.end {
        let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let piece = window.fill_some(range.start, left.min(PIECE_BYTES))?;
        checksum.update(piece);
        range.start += piece.len() as u64;
    }
    Ok(())
}

/// A symbol as text.
///
/// # Errors
/// Where it is not UTF-8.
pub fn text(symbol: &[u8]) -> Result<&str> {
    std::str::from_utf8(symbol)
        .map_err(|error| Error::corrupt(SECTION, 0, format!("string is not UTF-8: {error}")))
}
