//! The names that things have: blocks, series, chunks, symbols.
//!
//! Each is a number with a meaning, so each is a type.

use std::fmt;
use std::str::FromStr;

use ulid::Ulid;

use crate::error::{Error, Result};

/// Name of a block: a ULID, 48 bits of wall clock in milliseconds and 80 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlockId(pub Ulid);

impl BlockId {
    /// A name from wall-clock milliseconds and random bits, of which the low 80 are used.
    #[must_use]
    pub fn new(time_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(time_ms, random))
    }

    /// When the block was made, in milliseconds.
    #[must_use]
    pub fn time_ms(self) -> u64 {
        self.0.timestamp_ms()
    }

    /// Reads the strict form: 26 characters of Crockford's alphabet, upper case, not past the largest.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the text is not such a name.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = || Error::Invalid(format!("{text:?} is not a ULID"));
        // The ulid crate wraps silently where the first character is above 7.
        if text.len() != 26 || !text.starts_with(|first: char| ('0'..='7').contains(&first)) {
            return Err(refuse());
        }
        let id = Self(Ulid::from_string(text).map_err(|_error| refuse())?);
        // It also reads lower case; but a block is found by its directory, whose name must come back the same.
        if id.to_string() != text {
            return Err(refuse());
        }
        Ok(id)
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl FromStr for BlockId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl serde::Serialize for BlockId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for BlockId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Place of a series in an index: file offset divided by 16 (version 1: the offset itself).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeriesRef(pub u32);

/// Place of a chunk in a block: segment file in the high half, offset of its record in the low half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChunkRef(pub u64);

impl ChunkRef {
    /// The record at `offset` of the segment file with this zero-based index.
    #[must_use]
    pub fn new(segment: u32, offset: u32) -> Self {
        Self(u64::from(segment) << 32 | u64::from(offset))
    }

    /// Zero-based index of the segment file; file `000001` has index 0.
    #[must_use]
    pub fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Offset of the record's length field in its file.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is what is wanted"
    )]
    pub fn offset(self) -> u32 {
        self.0 as u32
    }
}

/// Position of a string in a symbol table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SymbolRef(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ids_are_strict() {
        assert!(BlockId::parse("01KYD4MZF8XNC7NH16TSFAC001").is_ok());
        for bad in [
            "",
            "01KYD4MZF8XNC7NH16TSFAC00",
            "81KYD4MZF8XNC7NH16TSFAC001",
            "01KYD4MZF8XNC7NH16TSFAC00U",
            "01kyd4mzf8xnc7nh16tsfac001",
        ] {
            assert!(BlockId::parse(bad).is_err(), "{bad}");
        }
        let text = "01KYD4MZF8XNC7NH16TSFAC001";
        assert_eq!(BlockId::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn chunk_refs_split_into_segment_and_offset() {
        let reference = ChunkRef::new(3, 8);
        assert_eq!((reference.segment(), reference.offset()), (3, 8));
    }
}
