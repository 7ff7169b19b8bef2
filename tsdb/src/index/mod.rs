//! The index file of a block: which series there are and where their chunks lie.
//!
//! ```text
//! magic BAAAD700 u32 | version u8
//! symbols                    every distinct string, sorted          [`symbols`]
//! series                     entries, each at a multiple of 16      [`series`], [`walk`]
//! (label indices             only before Prometheus 3.7             [`legacy`])
//! postings                   lists, each at a multiple of 4         [`postings`]
//! (label index table         only before Prometheus 3.7             [`legacy`])
//! postings offset table      (name, value) to the list's offset     [`offsets`]
//! table of contents          52 bytes                               [`toc`]
//! ```
//!
//! Version 2 is what everybody writes; 3 is read like it. Version 1 differs in three things: symbols and series are named
//! by their byte offset, series are not aligned, and the postings offset table is not sorted.
//!
//! [`reader`] opens an index over its bytes, [`walk`] reads the series front to back through a window, [`writer`] writes
//! version 2 front to back, [`header`] is the extract that a store keeps of each block.

#![deny(clippy::indexing_slicing)]

pub mod header;
pub mod legacy;
pub mod offsets;
pub mod pair_slots;
pub mod pairs;
pub mod postings;
pub mod reader;
pub mod runs;
pub mod series;
pub mod symbol_reader;
pub mod symbols;
pub mod toc;
pub mod walk;
pub mod writer;

pub use header::{HeaderPlan, HeaderReader};
pub use reader::IndexReader;
pub use series::SeriesEntry;
pub use symbol_reader::SymbolReader;
pub use symbols::SymbolTable;
pub use toc::Toc;
pub use walk::SeriesWalk;
pub use writer::{IndexWriter, SeriesStage};

use std::sync::OnceLock;

use crate::codec::Cursor;
use crate::error::{Corruption, Result};
use crate::id::{ChunkRef, SeriesRef};

/// First four bytes of an index.
pub const MAGIC: u32 = 0xBAAA_D700;

/// Magic and version.
pub const HEAD_SIZE: usize = 5;

/// Series entries start at multiples of this, from version 2 on.
pub const SERIES_ALIGN: u64 = 16;

/// Interval and place of one chunk, as a series entry lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChunkMeta {
    /// Time of the first sample, milliseconds.
    pub min: i64,
    /// Time of the last sample, milliseconds.
    pub max: i64,
    /// Place of the chunk's record.
    pub reference: ChunkRef,
}

/// Version of an index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Symbols and series are named by byte offset.
    One,
    /// What everybody writes.
    Two,
    /// Reserved; read like version 2.
    Three,
}

impl Version {
    /// The version with this number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            3 => Some(Self::Three),
            _ => None,
        }
    }

    /// The number of this version.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// Byte offset of a series in the file.
    #[must_use]
    pub fn series_offset(self, series: SeriesRef) -> u64 {
        match self {
            Self::One => u64::from(series.0),
            Self::Two | Self::Three => u64::from(series.0) * SERIES_ALIGN,
        }
    }

    /// The name of the series at a byte offset, if that can be named.
    #[must_use]
    pub fn series_ref(self, offset: u64) -> Option<SeriesRef> {
        let number = match self {
            Self::One => offset,
            Self::Two | Self::Three => offset / SERIES_ALIGN,
        };
        u32::try_from(number).ok().map(SeriesRef)
    }

    /// Reads magic and version from the first five bytes of a file.
    ///
    /// # Errors
    /// Where there are fewer, or they are not those of an index.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new("index", bytes, 0);
        let start = cursor.clone();
        let found = cursor.u32()?;
        if found != MAGIC {
            return Err(start.corrupt(Corruption::Magic { found, want: MAGIC }));
        }
        let start = cursor.clone();
        let byte = cursor.u8()?;
        Self::from_byte(byte).ok_or_else(|| start.corrupt(Corruption::Version(byte.into())))
    }
}

/// What a cell holds, loaded now if it holds nothing. Two threads may both load; what both would store is equal.
pub(crate) fn get_or_load<T>(cell: &OnceLock<T>, load: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(loaded) => Ok(loaded),
        None => {
            let loaded = load()?;
            Ok(cell.get_or_init(|| loaded))
        }
    }
}

/// The next multiple of `align`, a power of two.
pub(crate) fn align_up(offset: u64, align: u64) -> u64 {
    offset.next_multiple_of(align)
}
