//! Index-header: the small file that a store keeps of each block's index, byte for byte as Thanos makes it.
//!
//! ```text
//! magic BAAAD792 u32 | 1 u8 | version of the index u8 | end of the last postings list u64
//! symbols                        [TOC.symbols, TOC.series) of the index
//! postings offset table, toc     [TOC.postings table, end) of the index
//! symbols' offset u64 (14) | table's offset u64 | crc32c(both) u32
//! ```
//!
//! Offsets in the copied parts still mean the index. [`HeaderPlan`] says which ranges of an index to fetch and what to put around
//! them; it knows nothing of where the index is. [`HeaderReader`] answers which bytes of the index hold a postings list.
//! A header is a cache: one that does not read is made again.

use std::ops::Range;
use std::sync::OnceLock;

use super::offsets::{Found, NameValues, OffsetTable};
use super::symbols::{self, Sampled};
use super::{HEAD_SIZE, Toc, Version, get_or_load};
use crate::codec::{Cursor, Sink, crc};
use crate::error::{Corruption, Result};
use crate::id::SymbolRef;

/// First four bytes of a header.
pub const MAGIC: u32 = 0xBAAA_D792;

/// The only version of a header.
pub const VERSION: u8 = 1;

/// Bytes before the symbols.
const BEGIN_SIZE: usize = 14;

/// Bytes behind the copied table of contents.
const END_SIZE: usize = 20;

const SECTION: &str = "index-header";

/// Which parts of an index make its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPlan {
    version: Version,
    toc: Toc,
    size: u64,
}

impl HeaderPlan {
    /// The first ranges to fetch of an index of this size: its head and its table of contents.
    ///
    /// # Errors
    /// Where an index cannot be so small.
    pub fn first_ranges(size: u64) -> Result<[Range<u64>; 2]> {
        let need = (HEAD_SIZE + Toc::SIZE) as u64;
        if size < need {
            let here = Cursor::new("index", &[], 0);
            return Err(here.corrupt(Corruption::Truncated { need, have: size }));
        }
        Ok([0..HEAD_SIZE as u64, size - Toc::SIZE as u64..size])
    }

    /// Understands the bytes of [`Self::first_ranges`].
    ///
    /// # Errors
    /// Where they are not those of an index of version 1 or 2; Thanos reads no others.
    pub fn new(size: u64, head: &[u8], toc: &[u8]) -> Result<Self> {
        let [_, end] = Self::first_ranges(size)?;
        let version = Version::decode(head)?;
        if version == Version::Three {
            let here = Cursor::new("index", head, 0);
            return Err(here.corrupt(Corruption::Version(version.byte().into())));
        }
        let toc = Toc::decode(toc, end.start)?;
        toc.check(size)?;
        Ok(Self { version, toc, size })
    }

    /// The ranges of the index that are copied, in order.
    #[must_use]
    pub fn ranges(&self) -> [Range<u64>; 2] {
        [
            self.toc.symbols..self.toc.series,
            self.toc.postings_table..self.size,
        ]
    }

    /// What comes before the ranges.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BEGIN_SIZE);
        bytes.put_u32(MAGIC);
        bytes.put_u8(VERSION);
        bytes.put_u8(self.version.byte());
        bytes.put_u64(self.toc.postings_table);
        bytes
    }

    /// What comes behind them.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        let [symbols, _] = self.ranges();
        let mut bytes = Vec::with_capacity(END_SIZE);
        bytes.put_u64(BEGIN_SIZE as u64);
        bytes.put_u64(BEGIN_SIZE as u64 + symbols.end - symbols.start);
        let checksum = crc::crc32c(&bytes);
        bytes.put_u32(checksum);
        bytes
    }

    /// Size of the header.
    #[must_use]
    pub fn size(&self) -> u64 {
        let copied = self.ranges().map(|range| range.end - range.start);
        (BEGIN_SIZE + END_SIZE) as u64 + copied.iter().sum::<u64>()
    }
}

/// The header of an index that is at hand.
///
/// # Errors
/// Where its head or its table of contents is damaged.
pub fn encode(index: &[u8]) -> Result<Vec<u8>> {
    let size = index.len() as u64;
    let slice = |range: Range<u64>| {
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        index.get(start..end).unwrap_or_default()
    };
    let [head, toc] = HeaderPlan::first_ranges(size)?;
    let plan = HeaderPlan::new(size, slice(head), slice(toc))?;
    let mut bytes = plan.begin();
    for range in plan.ranges() {
        bytes.put(slice(range));
    }
    bytes.put(&plan.end());
    Ok(bytes)
}

/// An open header.
#[derive(Debug)]
pub struct HeaderReader<B> {
    bytes: B,
    version: Version,
    lists_end: u64,
    /// Table of contents of the index.
    toc: Toc,
    table: u64,
    sampling: usize,
    symbols: OnceLock<(Range<usize>, Sampled)>,
    offsets: OnceLock<(Range<usize>, OffsetTable)>,
}

impl<B: AsRef<[u8]>> HeaderReader<B> {
    /// Reads what does not grow with the index. Symbols and offsets are checked and sampled when they are first needed:
    /// one value in `sampling` is remembered.
    ///
    /// # Errors
    /// Where this is no header, or not one of version 1 of an index of version 1 or 2.
    pub fn open(bytes: B, sampling: usize) -> Result<Self> {
        let file = bytes.as_ref();
        let (version, lists_end) = decode_begin(file)?;
        let table = decode_end(file)?;
        let toc_at = file.len() - END_SIZE - Toc::SIZE;
        let toc = Toc::decode(file.get(toc_at..).unwrap_or_default(), toc_at as u64)?;
        let symbols = toc
            .series
            .checked_sub(toc.symbols)
            .and_then(|size| size.checked_add(BEGIN_SIZE as u64));
        if symbols != Some(table) || toc.postings_table != lists_end || table >= toc_at as u64 {
            let here = Cursor::new(SECTION, &[], toc_at as u64);
            return Err(here.corrupt(Corruption::Order("sections")));
        }
        Ok(Self {
            version,
            lists_end,
            toc,
            table,
            sampling,
            bytes,
            symbols: OnceLock::new(),
            offsets: OnceLock::new(),
        })
    }

    /// Reads all that is otherwise read when needed.
    ///
    /// # Errors
    /// Where symbols or offsets are damaged.
    pub fn check(&self) -> Result<()> {
        self.symbol_section()?;
        self.offset_section()?;
        Ok(())
    }

    /// Version of the index.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Table of contents of the index.
    #[must_use]
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// Memory held beside the bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let symbols = self
            .symbols
            .get()
            .map_or(0, |(_, sampled)| sampled.memory_bytes());
        symbols
            + self
                .offsets
                .get()
                .map_or(0, |(_, table)| table.memory_bytes())
    }

    fn frame(&self, section: &'static str, range: Range<u64>) -> Result<Range<usize>> {
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        let bytes = self.bytes.as_ref().get(start..end).unwrap_or_default();
        let len = crc::take_frame(&mut Cursor::new(section, bytes, range.start))?.len();
        Ok(start + 4..start + 4 + len)
    }

    fn content(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.as_ref().get(range.clone()).unwrap_or_default()
    }

    fn symbol_section(&self) -> Result<(&[u8], &Sampled)> {
        let (range, sampled) = get_or_load(&self.symbols, || {
            let range = self.frame("symbols", BEGIN_SIZE as u64..self.table)?;
            // Version 1 names symbols by their offset in the index.
            let origin = self.toc.symbols.saturating_add(4);
            let sampled = Sampled::load(self.content(&range), origin, self.version)?;
            Ok((range, sampled))
        })?;
        Ok((self.content(range), sampled))
    }

    fn offset_section(&self) -> Result<(&[u8], &OffsetTable)> {
        let (range, table) = get_or_load(&self.offsets, || {
            let end = self.bytes.as_ref().len() - END_SIZE - Toc::SIZE;
            let range = self.frame("postings offset table", self.table..end as u64)?;
            let origin = range.start as u64;
            let content = self.content(&range);
            let table =
                OffsetTable::load(content, origin, self.version, self.lists_end, self.sampling)?;
            Ok((range, table))
        })?;
        Ok((self.content(range), table))
    }

    /// The string with this name.
    ///
    /// # Errors
    /// Where there is none, or the section is damaged.
    pub fn symbol(&self, symbol: SymbolRef) -> Result<&[u8]> {
        let (content, sampled) = self.symbol_section()?;
        sampled.get(content, symbol)
    }

    /// The name of a string, if it is in the table.
    ///
    /// # Errors
    /// Where the section is damaged.
    pub fn find_symbol(&self, text: &[u8]) -> Result<Option<SymbolRef>> {
        let (content, sampled) = self.symbol_section()?;
        sampled.find(content, text)
    }

    /// All label names in order.
    ///
    /// # Errors
    /// Where the table is damaged or a name not UTF-8.
    pub fn label_names(&self) -> Result<Vec<&str>> {
        let (content, table) = self.offset_section()?;
        table
            .names(content)
            .map(|name| symbols::text(name?))
            .collect()
    }

    /// The values of a label name with the offsets of their lists in the index; nothing where no series has the label.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn label_values(&self, name: &str) -> Result<Option<NameValues<'_>>> {
        let (content, table) = self.offset_section()?;
        table.name(content, name.as_bytes())
    }

    /// The bytes of the index that hold the list of a label pair, from its count on and without its checksum; nothing where no
    /// series has the pair. To be read by [`super::postings::PostingsList::decode_range`].
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn postings_range(&self, name: &str, value: &str) -> Result<Option<Range<u64>>> {
        let (content, table) = self.offset_section()?;
        let found = table.find(content, name.as_bytes(), value.as_bytes())?;
        found.map(|found| self.list_range(found)).transpose()
    }

    /// The same for several values of one name: one answer for each, or none at all where no series has the label.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn postings_ranges(&self, name: &str, values: &[&str]) -> Result<Vec<Option<Range<u64>>>> {
        let Some(known) = self.label_values(name)? else {
            return Ok(Vec::new());
        };
        let range = |value: &&str| {
            let found = known.find(value.as_bytes())?;
            found.map(|found| self.list_range(found)).transpose()
        };
        values.iter().map(range).collect()
    }

    fn list_range(&self, found: Found) -> Result<Range<u64>> {
        let start = found.list.saturating_add(4);
        let end = found.next.saturating_sub(4);
        if end < start || end > self.lists_end {
            let here = Cursor::new("postings offset table", &[], self.table);
            return Err(here.corrupt(Corruption::Order("lists")));
        }
        Ok(start..end)
    }
}

/// Reads the version of the index and the end of its lists.
fn decode_begin(file: &[u8]) -> Result<(Version, u64)> {
    let mut cursor = Cursor::new(SECTION, file, 0);
    let start = cursor.clone();
    let found = cursor.u32()?;
    if found != MAGIC {
        return Err(start.corrupt(Corruption::Magic { found, want: MAGIC }));
    }
    let here = cursor.clone();
    let version = cursor.u8()?;
    if version != VERSION {
        return Err(here.corrupt(Corruption::Version(version.into())));
    }
    let here = cursor.clone();
    let byte = cursor.u8()?;
    let version = Version::from_byte(byte).filter(|version| *version != Version::Three);
    let version = version.ok_or_else(|| here.corrupt(Corruption::Version(byte.into())))?;
    Ok((version, cursor.u64()?))
}

/// Reads the offset of the postings offset table.
fn decode_end(file: &[u8]) -> Result<u64> {
    let need = BEGIN_SIZE + Toc::SIZE + END_SIZE;
    let start = Cursor::new(SECTION, file, 0);
    if file.len() < need {
        return Err(start.corrupt(Corruption::Truncated {
            need: need as u64,
            have: file.len() as u64,
        }));
    }
    let at = file.len() - END_SIZE;
    let mut cursor = Cursor::new(SECTION, file.get(at..).unwrap_or_default(), at as u64);
    let here = cursor.clone();
    let checked = cursor.bytes(END_SIZE - 4)?;
    crc::verify(&here, checked, cursor.u32()?)?;
    let mut fields = Cursor::new(SECTION, checked, at as u64);
    let symbols = fields.u64()?;
    if symbols != BEGIN_SIZE as u64 {
        return Err(here.corrupt(Corruption::Order("sections")));
    }
    fields.u64()
}

#[cfg(test)]
mod tests;
