//! An index over its bytes, mapped or held: look-ups in any order.
//!
//! [`IndexReader::open`] reads magic, version and table of contents, whatever the size of the index. The symbol table and the
//! postings offset table are checked and sampled when they are first needed; entries and lists are checked each time
//! they are read. Nothing is allocated per series: [`IndexReader::series_into`] fills an entry again and again.
//! To read all series front to back, use [`super::walk`].

use std::ops::Range;
use std::sync::OnceLock;

use super::offsets::{self, NameValues, OffsetTable};
use super::postings::PostingsList;
use super::series::{self, SeriesEntry};
use super::symbols::{self, Sampled, SymbolTable};
use super::{Toc, Version, get_or_load};
use crate::codec::{Cursor, crc};
use crate::error::{Corruption, Result};
use crate::id::{SeriesRef, SymbolRef};
use crate::label::Labels;

/// An open index.
#[derive(Debug)]
pub struct IndexReader<B> {
    bytes: B,
    version: Version,
    toc: Toc,
    symbols: OnceLock<(Range<usize>, Sampled)>,
    offsets: OnceLock<(Range<usize>, OffsetTable)>,
}

impl<B: AsRef<[u8]>> IndexReader<B> {
    /// Reads magic, version and table of contents.
    ///
    /// # Errors
    /// Where they are not those of a sound index.
    pub fn open(bytes: B) -> Result<Self> {
        let file = bytes.as_ref();
        let version = Version::decode(file)?;
        let toc = Toc::decode_end(file)?;
        Ok(Self {
            version,
            toc,
            bytes,
            symbols: OnceLock::new(),
            offsets: OnceLock::new(),
        })
    }

    /// Version of the file.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Offsets of the sections.
    #[must_use]
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    fn cursor(&self, section: &'static str, at: u64) -> Cursor<'_> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let end = self.bytes().len() - Toc::SIZE;
        Cursor::new(
            section,
            self.bytes().get(start..end).unwrap_or_default(),
            at,
        )
    }

    /// The body of the frame at an offset, as a range of the file, with the checksum checked.
    fn frame(&self, section: &'static str, at: u64) -> Result<Range<usize>> {
        let mut cursor = self.cursor(section, at);
        let len = crc::take_frame(&mut cursor)?.len();
        let start = usize::try_from(at).unwrap_or(usize::MAX).saturating_add(4);
        Ok(start..start + len)
    }

    fn symbol_section(&self) -> Result<(&[u8], &Sampled)> {
        let (range, sampled) = get_or_load(&self.symbols, || {
            let range = self.frame("symbols", self.toc.symbols)?;
            let origin = range.start as u64;
            let sampled = Sampled::load(self.content(&range), origin, self.version)?;
            Ok((range, sampled))
        })?;
        Ok((self.content(range), sampled))
    }

    fn offset_section(&self) -> Result<(&[u8], &OffsetTable)> {
        let (range, table) = get_or_load(&self.offsets, || {
            let at = self.toc.postings_table;
            let range = self.frame("postings offset table", at)?;
            let origin = range.start as u64;
            let content = self.content(&range);
            let table = OffsetTable::load(content, origin, self.version, at, offsets::SAMPLING)?;
            Ok((range, table))
        })?;
        Ok((self.content(range), table))
    }

    fn content(&self, range: &Range<usize>) -> &[u8] {
        self.bytes().get(range.clone()).unwrap_or_default()
    }

    /// All symbols, copied into one buffer.
    ///
    /// # Errors
    /// Where the section is damaged.
    pub fn symbols(&self) -> Result<SymbolTable> {
        SymbolTable::read(&mut self.bytes(), &self.toc, self.version)
    }

    /// Number of symbols.
    ///
    /// # Errors
    /// Where the section is damaged.
    pub fn symbol_count(&self) -> Result<usize> {
        Ok(self.symbol_section()?.1.len())
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

    /// Fills `entry` with a series.
    ///
    /// # Errors
    /// Where no sound entry lies there.
    pub fn series_into(&self, series: SeriesRef, entry: &mut SeriesEntry) -> Result<()> {
        let at = self.version.series_offset(series);
        let mut cursor = self.cursor("series", at);
        if !self.toc.series_range().contains(&at) {
            let Range { start, end } = self.toc.series_range();
            return Err(cursor.corrupt(Corruption::Other(format!(
                "outside the series from {start:#x} to {end:#x}"
            ))));
        }
        let (body, offset) = series::take_body(&mut cursor)?;
        entry.decode(body, offset)
    }

    /// A series. Where many are read, [`Self::series_into`] saves the allocations.
    ///
    /// # Errors
    /// As [`Self::series_into`].
    pub fn series(&self, series: SeriesRef) -> Result<SeriesEntry> {
        let mut entry = SeriesEntry::default();
        self.series_into(series, &mut entry)?;
        Ok(entry)
    }

    /// All series in order, as the list of all series names them.
    ///
    /// # Errors
    /// Where that list is damaged; each item fails on its own.
    pub fn all_series(
        &self,
    ) -> Result<impl Iterator<Item = Result<(SeriesRef, SeriesEntry)>> + '_> {
        let all = self.all_postings()?;
        Ok(all.iter().map(|series| Ok((series, self.series(series)?))))
    }

    /// The labels of an entry as text.
    ///
    /// # Errors
    /// Where a symbol is not in the table or not UTF-8.
    pub fn labels(&self, entry: &SeriesEntry) -> Result<Labels> {
        let mut pairs = Vec::with_capacity(entry.labels.len());
        for (name, value) in &entry.labels {
            let name = symbols::text(self.symbol(*name)?)?;
            pairs.push((name, symbols::text(self.symbol(*value)?)?));
        }
        Ok(Labels::from_pairs(pairs))
    }

    /// The series with a label pair; nothing where no series has it.
    ///
    /// # Errors
    /// Where the table or the list is damaged.
    pub fn postings(&self, name: &str, value: &str) -> Result<Option<PostingsList<'_>>> {
        let (content, table) = self.offset_section()?;
        let found = table.find(content, name.as_bytes(), value.as_bytes())?;
        found.map(|found| self.postings_at(found.list)).transpose()
    }

    /// The list at an offset that [`Self::label_values`] gave.
    ///
    /// # Errors
    /// Where no sound list lies there.
    pub fn postings_at(&self, list: u64) -> Result<PostingsList<'_>> {
        PostingsList::decode(&mut self.cursor("postings", list))
    }

    /// All series.
    ///
    /// # Errors
    /// Where the table or the list is damaged, or there is no such list.
    pub fn all_postings(&self) -> Result<PostingsList<'_>> {
        let here = self.cursor("postings offset table", self.toc.postings_table);
        let missing = || here.corrupt(Corruption::Other("no list of all series".into()));
        self.postings("", "")?.ok_or_else(missing)
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

    /// The values of a label name with the offsets of their lists; nothing where no series has the label.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn label_values(&self, name: &str) -> Result<Option<NameValues<'_>>> {
        let (content, table) = self.offset_section()?;
        table.name(content, name.as_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests;
