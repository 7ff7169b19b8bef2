//! `meta.json`: what a block says of itself, in Prometheus' part and in Thanos'.
//!
//! ```text
//! { ulid, minTime, maxTime,
//!   stats      { numSamples, numFloatSamples, numHistogramSamples, numSeries, numChunks, numTombstones },
//!   compaction { level, sources, deletable, parents [{ ulid, minTime, maxTime }], failed, hints },
//!   version 1,
//!   thanos     { version, labels, downsample { resolution }, source, segment_files,
//!                files [{ rel_path, size_bytes, hash { hashFunc, value } }], rewrites,
//!                index_stats { series_max_size, chunk_max_size }, extensions, upload_time } }
//! ```
//!
//! The order above is the order of the keys in the file. Keys that this program does not know follow the known ones of
//! their object and survive a round trip. The two directions are in [`json`], the text form (that of Go's encoder) in
//! [`go_json`]. A block is visible in a bucket by this file alone.

pub(crate) mod fields;
pub mod go_json;
pub mod json;
#[cfg(test)]
mod tests;

use crate::id::BlockId;
use crate::label::{self, Labels};
use crate::time::{Millis, TimeRange};

/// Keys that this program does not know, in order.
pub type Extra = serde_json::Map<String, serde_json::Value>;

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
    /// Unknown keys of `stats`.
    pub stats_extra: Extra,
    /// Where the block comes from.
    pub compaction: Compaction,
    /// Thanos' part; none in a block that never saw a bucket.
    pub thanos: Option<ThanosMeta>,
    /// Unknown keys of the outermost object.
    pub extra: Extra,
}

/// Counts of a block's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockStats {
    /// Samples of all chunks.
    pub num_samples: u64,
    /// Samples of float chunks; 0 in blocks written before the two kinds were told apart.
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
    /// Unknown keys.
    pub extra: Extra,
}

/// A direct input of a compacted block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its name.
    pub ulid: BlockId,
    /// Its first time.
    pub min_time: Millis,
    /// First time after it.
    pub max_time: Millis,
    /// Unknown keys.
    pub extra: Extra,
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
    /// Version of this part: 1, or 0 where the key is absent (which means 1).
    pub version: u32,
    /// External labels: who scraped.
    pub labels: Labels,
    /// Resolution of the samples.
    pub resolution: Resolution,
    /// Unknown keys of `downsample`.
    pub downsample_extra: Extra,
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
    /// Unknown keys of `index_stats`.
    pub index_stats_extra: Extra,
    /// Free-form data of other programs.
    pub extensions: Option<serde_json::Value>,
    /// When the block was uploaded: RFC 3339 with nanoseconds, trailing zeros trimmed.
    pub upload_time: Option<jiff::Timestamp>,
    /// Unknown keys.
    pub extra: Extra,
}

/// One file of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileMeta {
    /// Path relative to the block, with forward slashes.
    pub rel_path: String,
    /// Size; absent for `meta.json`.
    pub size_bytes: Option<u64>,
    /// Hash of the content, where hashing is on.
    pub hash: Option<FileHash>,
    /// Unknown keys.
    pub extra: Extra,
}

/// Hash of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileHash {
    /// `SHA256`, or empty where hashing was off.
    pub func: String,
    /// The hash in lower-case hex.
    pub value: String,
    /// Unknown keys.
    pub extra: Extra,
}

impl FileHash {
    /// Name of the one hash function in use.
    pub const SHA256: &'static str = "SHA256";

    /// A SHA-256 in lower-case hex.
    #[must_use]
    pub fn sha256(value: String) -> Self {
        Self {
            func: Self::SHA256.into(),
            value,
            extra: Extra::default(),
        }
    }
}

impl FileMeta {
    /// The SHA-256 of the file, where it is known.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.hash
            .as_ref()
            .filter(|hash| hash.func == FileHash::SHA256 && !hash.value.is_empty())
            .map(|hash| hash.value.as_str())
    }
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

    /// Name of the group that this block is compacted in.
    #[must_use]
    pub fn group_key(&self) -> String {
        let none = Labels::default();
        let labels = self.thanos.as_ref().map_or(&none, |thanos| &thanos.labels);
        group_key(self.resolution(), labels)
    }

    /// What the meta says of the file at `rel_path`.
    #[must_use]
    pub fn file(&self, rel_path: &str) -> Option<&FileMeta> {
        let files = self.thanos.as_ref().map(|thanos| &thanos.files)?;
        files.iter().find(|file| file.rel_path == rel_path)
    }
}

/// `"<resolution>@<hash of the labels>"`: blocks of equal key may be compacted together.
#[must_use]
pub fn group_key(resolution: Resolution, labels: &Labels) -> String {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    format!("{}@{}", resolution.0, label::hash_pairs(pairs))
}
