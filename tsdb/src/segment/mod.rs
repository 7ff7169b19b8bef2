//! Chunk segments: the files under `chunks/` that hold the samples of a block.
//!
//! ```text
//! head:    magic 85BD40DD u32 | version 1 u8 | 3 x 0
//! record:  len uvarint | encoding u8 | payload (len bytes) | crc32c(encoding, payload) u32
//! ```
//!
//! Records follow each other without padding. A [`ChunkRef`](crate::id::ChunkRef) names the zero-based file in its high half
//! and the record's offset in its low half; files are `000001`, `000002`, …. A crash may leave zeros behind the last
//! record, so nobody scans: records are found through the index. [`reader`] reads single records or copies runs of them,
//! [`writer`] appends them and rolls over to the next file.

#![deny(clippy::indexing_slicing)]

pub mod reader;
pub mod writer;

pub use reader::{Record, SegmentReader};
pub use writer::{SegmentFiles, SegmentWriter};

use crate::codec::Cursor;
use crate::error::{Corruption, Error, Result};

/// First four bytes of a segment.
pub const MAGIC: u32 = 0x85BD_40DD;

/// The only version.
pub const VERSION: u8 = 1;

/// Magic, version, padding.
pub const HEAD_SIZE: u64 = 8;

/// Size at which Prometheus and Thanos begin a new file.
pub const SIZE_DEFAULT: u64 = 512 << 20;

/// Checks the first bytes of a segment. The padding may hold anything.
///
/// # Errors
/// Where there are fewer than eight, or they are not those of a segment.
pub fn check_head(bytes: &[u8]) -> Result<()> {
    let mut cursor = Cursor::new("segment", bytes, 0);
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
    cursor.bytes(3)?;
    Ok(())
}

/// What is wrong with a chunk reference into a segment beyond the `count` that there are.
#[must_use]
pub fn missing(segment: u32, count: usize) -> Error {
    let what = format!("chunk reference names segment {segment}, there are {count}");
    Error::corrupt("series", 0, what)
}

/// Name of the file with this zero-based index.
#[must_use]
pub fn file_name(segment: u32) -> String {
    format!("{:06}", u64::from(segment) + 1)
}

#[cfg(test)]
mod tests;
