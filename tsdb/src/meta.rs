//! `meta.json`: what a block says of itself, in Prometheus' part and in Thanos'.
//!
//! To be completed.

use crate::id::BlockId;
use crate::label::Labels;
use crate::time::{Millis, TimeRange};

/// All of one `meta.json`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockMeta {
    /// Name of the block.
    pub ulid: BlockId,
    /// First time of the block.
    pub min_time: Millis,
    /// First time after the block.
    pub max_time: Millis,
    /// Counts.
    pub stats: BlockStats,
    /// Where the block comes from.
    pub compaction: Compaction,
    /// Thanos' part; none in a block that never saw a bucket.
    pub thanos: Option<ThanosMeta>,
    /// Keys that this program does not know, in order.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Counts of a block's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockStats {
    /// Samples of all chunks.
    pub num_samples: u64,
    /// Samples of float chunks.
    pub num_float_samples: u64,
    /// Samples of histogram chunks.
    pub num_histogram_samples: u64,
    /// Series in the index.
    pub num_series: u64,
    /// Chunks in the index.
    pub num_chunks: u64,
    /// Tombstones added to the block.
    pub num_tombstones: u64,
}

/// Where a block comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compaction {
    /// 1 for a block cut from a head, else one more than the highest of its inputs.
    pub level: u32,
    /// Level-1 ancestors, ascending.
    pub sources: Vec<BlockId>,
    /// Compacted to nothing: can be removed.
    pub deletable: bool,
    /// Direct inputs, in the order given to the compactor.
    pub parents: Vec<Parent>,
    /// An earlier compaction of this block failed.
    pub failed: bool,
    /// `from-out-of-order` and its like, ascending.
    pub hints: Vec<String>,
}

/// A direct input of a compacted block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its name.
    pub ulid: BlockId,
    /// Its first time.
    pub min_time: Millis,
    /// First time after it.
    pub max_time: Millis,
}

/// Resolution of a block's samples, in milliseconds: 0 raw, 300 000, 3 600 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Resolution(pub i64);

impl Resolution {
    /// As scraped.
    pub const RAW: Self = Self(0);
    /// Five minutes.
    pub const FIVE_MINUTES: Self = Self(300_000);
    /// One hour.
    pub const ONE_HOUR: Self = Self(3_600_000);
}

/// Thanos' part of a block's meta.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThanosMeta {
    /// External labels: who scraped.
    pub labels: Labels,
    /// Resolution of the samples.
    pub resolution: Resolution,
    /// Who wrote the block: `sidecar`, `compactor`, …
    pub source: String,
    /// Names of the chunk files; an older form of `files`.
    pub segment_files: Vec<String>,
    /// All files of the block.
    pub files: Vec<FileMeta>,
    /// What `bucket rewrite` did, kept as it is.
    pub rewrites: Vec<serde_json::Value>,
    /// Size of the largest series entry in the index, 0 unknown.
    pub series_max_size: i64,
    /// Size of the largest chunk, 0 unknown.
    pub chunk_max_size: i64,
    /// Free-form data of other programs.
    pub extensions: Option<serde_json::Value>,
    /// When the block was uploaded: RFC 3339 with nanoseconds, trailing zeros trimmed.
    pub upload_time: Option<jiff::Timestamp>,
    /// Keys that this program does not know, in order.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// One file of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileMeta {
    /// Path relative to the block, with forward slashes.
    pub rel_path: String,
    /// Size; absent for `meta.json`.
    pub size_bytes: Option<u64>,
    /// SHA-256 in lower-case hex, where hashing is on.
    pub sha256: Option<String>,
}

impl BlockMeta {
    /// The block's half-open time range.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        TimeRange::new(self.min_time, self.max_time)
    }

    /// Resolution of the samples; raw where there is no Thanos part.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.thanos
            .as_ref()
            .map_or(Resolution::RAW, |thanos| thanos.resolution)
    }
}
