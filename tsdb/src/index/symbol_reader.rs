//! The strings of a symbol table one after the other, through a window: for merging tables that memory need not hold.
//!
//! The section is drawn in [`super::symbols`]. Order and checksum are checked on the way, the checksum at the end; whoever
//! stops early has not checked it.

use super::symbols::{SECTION, Section};
use super::{Toc, Version};
use crate::codec::{Cursor, Window, crc};
use crate::error::{Corruption, Result};

/// Bytes asked for first for each string; few are longer.
const GUESS_BYTES: usize = 256;

/// A position in one table.
#[derive(Debug)]
pub struct SymbolReader<W> {
    window: W,
    section: Section,
    at: u64,
    left: u32,
    checksum: crc::Crc32c,
    head: Option<Vec<u8>>,
    /// Byte offset of each string so far; only in version 1, which names them so.
    offsets: Option<Vec<u32>>,
}

impl<W: Window> SymbolReader<W> {
    /// Starts at the first string of a table.
    ///
    /// # Errors
    /// Where the section is damaged.
    pub fn open(mut window: W, toc: &Toc, version: Version) -> Result<Self> {
        let section = Section::read(&mut window, toc)?;
        let mut checksum = crc::Crc32c::default();
        checksum.update(&section.count.to_be_bytes());
        let mut reader = Self {
            window,
            at: section.strings.start,
            left: section.count,
            section,
            checksum,
            head: Some(Vec::new()),
            offsets: (version == Version::One).then(Vec::new),
        };
        reader.read()?;
        Ok(reader)
    }

    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.section.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.section.count == 0
    }

    /// The string at the position; none at the end.
    #[must_use]
    #[inline]
    pub fn head(&self) -> Option<&[u8]> {
        self.head.as_deref()
    }

    /// Goes to the next string.
    ///
    /// # Errors
    /// Where the section is damaged or not strictly ascending.
    pub fn advance(&mut self) -> Result<()> {
        self.read()
    }

    /// Byte offsets of all strings, where series name them so.
    #[must_use]
    pub fn into_offsets(self) -> Option<Vec<u32>> {
        self.offsets
    }

    fn read(&mut self) -> Result<()> {
        if self.left == 0 {
            return match self.head.take() {
                Some(_) => self
                    .section
                    .check_end(&mut self.window, self.at, &mut self.checksum),
                None => Ok(()),
            };
        }
        let is_first = self.left == self.section.count;
        let left = usize::try_from(self.section.strings.end - self.at).unwrap_or(usize::MAX);
        let glance = self.window.fill(self.at, left.min(GUESS_BYTES))?;
        let mut cursor = Cursor::new(SECTION, glance, self.at);
        let len = usize::try_from(cursor.uvarint()?).unwrap_or(usize::MAX);
        let whole = (glance.len() - cursor.len()).saturating_add(len);
        let bytes = if whole <= glance.len() {
            glance.get(..whole).unwrap_or_default()
        } else {
            self.window.fill(self.at, whole.min(left))?
        };
        let here = Cursor::new(SECTION, bytes, self.at);
        let symbol = here.clone().uvarint_bytes()?;
        let last = self.head.get_or_insert_default();
        if !is_first && last.as_slice() >= symbol {
            return Err(here.corrupt(Corruption::Order("symbols")));
        }
        last.clear();
        last.extend_from_slice(symbol);
        self.checksum.update(bytes);
        if let Some(offsets) = &mut self.offsets {
            let offset = u32::try_from(self.at);
            offsets.push(offset.map_err(|_error| here.corrupt(Corruption::Overflow))?);
        }
        self.at += bytes.len() as u64;
        self.left -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::index::{IndexWriter, SymbolTable};

    fn index(strings: &[&str]) -> Vec<u8> {
        let mut table = SymbolTable::new();
        for text in strings {
            table.push(text.as_bytes()).unwrap();
        }
        let stage = IndexWriter::begin(Vec::new()).symbols(Arc::new(table));
        stage.unwrap().finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let at = bytes.len() - Toc::SIZE;
        let toc = Toc::decode(&bytes[at..], at as u64)?;
        let mut reader = SymbolReader::open(bytes, &toc, Version::Two)?;
        let mut got = Vec::new();
        while let Some(symbol) = reader.head() {
            got.push(String::from_utf8(symbol.to_vec()).unwrap());
            reader.advance()?;
        }
        Ok(got)
    }

    #[test]
    fn strings_come_in_order_however_long_they_are() {
        fn check(strings: &[&str]) {
            assert_eq!(read(&index(strings)).unwrap(), strings);
        }
        check(&[]);
        check(&[""]);
        check(&[
            "",
            "a",
            &"b".repeat(GUESS_BYTES),
            &"b".repeat(10 * GUESS_BYTES),
            "c",
        ]);
    }

    #[test]
    fn a_damaged_byte_anywhere_in_the_section_is_found() {
        let bytes = index(&["a", "bc", "def"]);
        let section = 4 + 4 + 2 + 3 + 4 + 4;
        for at in 5..5 + section {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(read(&damaged).is_err(), "byte {at}");
        }
    }
}
