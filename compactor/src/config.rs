//! Everything an operator sets, with its default and the reason for it.
//!
//! Names and defaults are those of `thanos compact`; the command line maps flags to these fields one to one.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use tsdb::budget::Budget;
use tsdb::merge::MergeFunc;
use tsdb::relabel::Relabel;
use tsdb::time::{Interval, Millis};

use crate::error::{Error, Result};
use crate::retention::Retention;

/// What to compact, how, and what to keep.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Config {
    /// Scratch space; everything in it may be lost between runs. None: blocks are read and written where they lie in the bucket,
    /// and nothing is written to a disk.
    pub scratch: Option<PathBuf>,
    /// Only blocks that reach into these times are looked at.
    pub times: Interval,
    /// Only blocks whose external labels these rules keep are looked at.
    pub shard: Relabel,
    /// Blocks younger than this are not looked at: parts of them may not be visible everywhere. 30 m.
    pub consistency_delay: Millis,
    /// Marked blocks stay this long, so that queries that run on them can end. 48 h.
    pub delete_delay: Millis,
    /// External labels that tell replicas apart. Giving one merges overlapping blocks.
    pub replica_labels: Vec<String>,
    /// Who wins where replicas overlap.
    pub merge: MergeFunc,
    /// Merge overlapping blocks also without replica labels. Off: overlaps are left alone and reported.
    pub vertical: bool,
    /// The highest level to compact to. 4: two weeks.
    pub level_max: usize,
    /// Largest index to be expected of a compaction, in bytes. 64 GiB.
    pub index_limit_bytes: u64,
    /// Mark blocks with chunks out of order instead of sorting them.
    pub skip_out_of_order: bool,
    /// Compact blocks also if their index breaks rules that reading does not need.
    pub accept_malformed_index: bool,
    /// Groups worked on at the same time. 1.
    pub groups: NonZeroUsize,
    /// Blocks of one group fetched at the same time. 1.
    pub fetches: NonZeroUsize,
    /// Files of one block moved at the same time. 1.
    pub files: NonZeroUsize,
    /// Metas read at the same time. 32.
    pub metas: NonZeroUsize,
    /// Blocks downsampled at the same time. 1.
    pub downsamplings: NonZeroUsize,
    /// Threads that one merge uses; by default the machine's.
    pub threads: NonZeroUsize,
    /// Memory that all jobs together may hold. Unlimited.
    pub budget: Budget,
    /// Make five-minute and one-hour blocks.
    pub downsample: bool,
    /// How long to keep blocks. For ever.
    pub retention: Retention,
    /// Write SHA-256 of each file into `meta.json`.
    pub hash_files: bool,
    /// Find blocks by one listing of everything rather than by one question per block.
    pub list_recursively: bool,
}

impl Config {
    /// The defaults, with this scratch space.
    #[must_use]
    pub fn new(scratch: PathBuf) -> Self {
        Self {
            scratch: Some(scratch),
            times: Interval::ALL,
            shard: Relabel::default(),
            consistency_delay: Millis(30 * 60 * 1000),
            delete_delay: Millis(48 * Millis::HOUR.0),
            replica_labels: Vec::new(),
            merge: MergeFunc::OneToOne,
            vertical: false,
            level_max: 4,
            index_limit_bytes: 64 << 30,
            skip_out_of_order: false,
            accept_malformed_index: false,
            groups: NonZeroUsize::MIN,
            fetches: NonZeroUsize::MIN,
            files: NonZeroUsize::MIN,
            metas: NonZeroUsize::new(32).unwrap_or(NonZeroUsize::MIN),
            downsamplings: NonZeroUsize::MIN,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            budget: Budget::unlimited("process"),
            downsample: true,
            retention: Retention::default(),
            hash_files: false,
            list_recursively: false,
        }
    }

    /// Whether overlapping blocks are merged.
    #[must_use]
    pub fn merges_overlaps(&self) -> bool {
        self.vertical || !self.replica_labels.is_empty()
    }

    /// Refuses what can never work.
    ///
    /// # Errors
    /// [`Error::Config`] with the sentence for the operator.
    pub fn check(&self) -> Result<()> {
        if self.merge == MergeFunc::Penalty && self.replica_labels.is_empty() {
            return Err(Error::Config(
                "penalty deduplication needs at least one replica label to tell replicas apart"
                    .into(),
            ));
        }
        if self.downsample {
            self.retention
                .check_with_downsampling()
                .map_err(Error::Config)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn penalty_without_replica_labels_is_refused() {
        let mut config = Config::new("data".into());
        assert!(config.check().is_ok());
        config.merge = MergeFunc::Penalty;
        assert!(config.check().is_err());
        config.replica_labels = vec!["replica".into()];
        assert!(config.check().is_ok() && config.merges_overlaps());
    }

    #[test]
    fn retention_is_checked_only_where_blocks_are_downsampled() {
        let mut config = Config::new("data".into());
        config.retention.raw = Duration::from_hours(1);
        assert!(config.check().is_err());
        config.downsample = false;
        assert!(config.check().is_ok());
    }
}
