//! Table of contents: the last 52 bytes of an index.
//!
//! ```text
//! symbols u64 | series u64 | label indices u64 | label index table u64 | postings u64 | postings table u64 | crc32c u32
//! ```
//!
//! Each is the offset of a section, 0 where the section is absent; the order here is not the order in the file. Since
//! Prometheus 3.7 there are no label indices: their offset equals that of the postings (both are the end of the last
//! series entry, before padding), and that of their table equals that of the postings table. Series end where the
//! next section starts. Opened by [`super::reader`] and [`super::header`].

use std::ops::Range;

use crate::codec::{Cursor, Sink, crc};
use crate::error::{Corruption, Result};

/// Offsets of the sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toc {
    /// Symbol table.
    pub symbols: u64,
    /// First byte after the symbol table.
    pub series: u64,
    /// Label indices (legacy), or where they would be.
    pub label_indices: u64,
    /// Table of the label indices (legacy), or where it would be.
    pub label_indices_table: u64,
    /// Postings lists, before their padding.
    pub postings: u64,
    /// Postings offset table.
    pub postings_table: u64,
}

impl Toc {
    /// Size on disk.
    pub const SIZE: usize = 52;

    /// Reads the 52 bytes that lie at `offset` of their file.
    ///
    /// # Errors
    /// Where there are fewer, or the checksum differs.
    pub fn decode(bytes: &[u8], offset: u64) -> Result<Self> {
        let mut cursor = Cursor::new("toc", bytes, offset);
        let start = cursor.clone();
        let mut fields = Cursor::new("toc", cursor.bytes(Self::SIZE - 4)?, offset);
        crc::verify(&start, fields.rest(), cursor.u32()?)?;
        Ok(Self {
            symbols: fields.u64()?,
            series: fields.u64()?,
            label_indices: fields.u64()?,
            label_indices_table: fields.u64()?,
            postings: fields.u64()?,
            postings_table: fields.u64()?,
        })
    }

    /// Reads the end of a whole file and checks that the sections lie inside it.
    ///
    /// # Errors
    /// As [`Self::decode`] and [`Self::check`].
    pub fn decode_end(file: &[u8]) -> Result<Self> {
        let at = file.len().saturating_sub(Self::SIZE);
        let toc = Self::decode(file.get(at..).unwrap_or_default(), at as u64)?;
        toc.check(file.len() as u64)?;
        Ok(toc)
    }

    /// The bytes of this table.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE);
        for offset in self.offsets() {
            bytes.put_u64(offset);
        }
        let checksum = crc::crc32c(&bytes);
        bytes.put_u32(checksum);
        bytes
    }

    fn offsets(&self) -> [u64; 6] {
        [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_indices_table,
            self.postings,
            self.postings_table,
        ]
    }

    /// Checks that all sections lie before the table, and that those without which nothing can be read are there in order.
    ///
    /// # Errors
    /// Where one does not.
    pub fn check(&self, file_size: u64) -> Result<()> {
        let end = file_size.saturating_sub(Self::SIZE as u64);
        let here = Cursor::new("toc", &[], end);
        for value in self.offsets() {
            if value > end {
                return Err(here.corrupt(Corruption::Range {
                    what: "section offset",
                    value,
                    limit: end + 1,
                }));
            }
        }
        let ordered =
            0 < self.symbols && self.symbols < self.series && self.series <= self.postings_table;
        if !ordered {
            return Err(here.corrupt(Corruption::Order("sections")));
        }
        Ok(())
    }

    /// Where the series are, padding included.
    #[must_use]
    pub fn series_range(&self) -> Range<u64> {
        let end = [self.label_indices, self.label_indices_table, self.postings]
            .into_iter()
            .filter(|offset| *offset >= self.series)
            .fold(self.postings_table, u64::min);
        self.series..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Toc {
        Toc {
            symbols: 5,
            series: 0x29,
            label_indices: 0x70,
            label_indices_table: 0xdc,
            postings: 0x70,
            postings_table: 0xdc,
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = sample().encode();
        assert_eq!(bytes.len(), Toc::SIZE);
        assert_eq!(Toc::decode(&bytes, 0).unwrap(), sample());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Toc::decode(&damaged, 0).is_err(), "bit {bit}");
        }
        for len in 0..Toc::SIZE {
            assert!(Toc::decode(&bytes[..len], 0).is_err());
        }
    }

    #[test]
    fn sections_lie_inside_the_file() {
        fn check(change: impl Fn(&mut Toc), size: u64, sound: bool) {
            let mut toc = sample();
            change(&mut toc);
            assert_eq!(toc.check(size).is_ok(), sound, "{toc:?}");
        }
        check(|_| {}, 0xdc + 52, true);
        check(|_| {}, 0xdc + 51, false);
        check(|toc| toc.postings = u64::MAX, 344, false);
        check(|toc| toc.symbols = 0, 344, false);
        check(|toc| toc.series = 4, 344, false);
        check(|toc| toc.label_indices = 0, 344, true);
    }

    #[test]
    fn series_end_where_the_next_section_starts() {
        assert_eq!(sample().series_range(), 0x29..0x70);
        let absent = Toc {
            label_indices: 0,
            label_indices_table: 0,
            ..sample()
        };
        assert_eq!(absent.series_range(), 0x29..0x70);
    }
}
