//! The index file. To be drawn.

use crate::id::ChunkRef;

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
