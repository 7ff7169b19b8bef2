//! All counters and gauges of this crate, under Thanos' names.
//!
//! Built once, registered in the caller's registry, passed along. Counters get their `_total` when they are written out, so it is not
//! part of the names here. What Thanos has and a single run does not (halted, retries of the daemon's loop) comes
//! with the service.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tsdb::mark::{MarkKind, Reason};
use tsdb::meta::Resolution;

/// Label `resolution`, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByResolution {
    resolution: i64,
}

/// Labels of marks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByMark {
    marker: &'static str,
    reason: String,
}

/// Label `state` of synced blocks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByState {
    state: State,
}

/// Label `modified` of metas changed in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByChange {
    modified: &'static str,
}

/// What became of a block in a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Looked at.
    Loaded,
    /// Not JSON.
    CorruptedMeta,
    /// No `meta.json`.
    NoMeta,
    /// Not read, or not a meta that we understand.
    Failed,
    /// Of another shard.
    LabelExcluded,
    /// Of another time.
    TimeExcluded,
    /// Younger than the consistency delay.
    TooFresh,
    /// Covered by another block.
    Duplicate,
    /// Marked long enough.
    MarkedForDeletion,
    /// Kept out of compaction.
    MarkedForNoCompact,
    /// Kept out of downsampling.
    MarkedForNoDownsample,
}

impl State {
    /// All states, so that each is shown from the start.
    pub const ALL: [Self; 11] = [
        Self::Loaded,
        Self::CorruptedMeta,
        Self::NoMeta,
        Self::Failed,
        Self::LabelExcluded,
        Self::TimeExcluded,
        Self::TooFresh,
        Self::Duplicate,
        Self::MarkedForDeletion,
        Self::MarkedForNoCompact,
        Self::MarkedForNoDownsample,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::CorruptedMeta => "corrupted-meta-json",
            Self::NoMeta => "no-meta-json",
            Self::Failed => "failed",
            Self::LabelExcluded => "label-excluded",
            Self::TimeExcluded => "time-excluded",
            Self::TooFresh => "too-fresh",
            Self::Duplicate => "duplicate",
            Self::MarkedForDeletion => "marked-for-deletion",
            Self::MarkedForNoCompact => "marked-for-no-compact",
            Self::MarkedForNoDownsample => "marked-for-no-downsample",
        }
    }
}

impl EncodeLabelValue for State {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Syncs of metas.
    pub syncs: Counter,
    /// Syncs that failed.
    pub sync_failures: Counter,
    /// Blocks of the last sync by what became of them.
    pub synced: Family<ByState, Gauge>,
    /// Metas changed in memory in the last sync.
    pub modified: Family<ByChange, Gauge>,
    /// Iterations finished.
    pub iterations: Counter,
    /// Compactions that wrote a block.
    pub compactions: Family<ByResolution, Counter>,
    /// Of these, with overlapping inputs.
    pub vertical_compactions: Family<ByResolution, Counter>,
    /// Groups taken up.
    pub runs_started: Family<ByResolution, Counter>,
    /// Groups gone through without failure.
    pub runs_completed: Family<ByResolution, Counter>,
    /// Groups in which something failed.
    pub compaction_failures: Family<ByResolution, Counter>,
    /// Blocks downsampled, by resolution of the source.
    pub downsamplings: Family<ByResolution, Counter>,
    /// Downsamplings that failed.
    pub downsampling_failures: Family<ByResolution, Counter>,
    /// Marks written.
    pub marked: Family<ByMark, Counter>,
    /// Rounds of garbage collection.
    pub garbage_collections: Counter,
    /// Rounds that failed.
    pub garbage_collection_failures: Counter,
    /// Blocks marked because others cover them.
    pub garbage_collected: Counter,
    /// Blocks deleted after their mark's delay.
    pub blocks_cleaned: Counter,
    /// Deletions that failed.
    pub cleanup_failures: Counter,
    /// Partial uploads whose deletion was tried.
    pub partial_deletions: Counter,
    /// Rounds of cleaning.
    pub cleanup_loops: Counter,
    /// Compactions left to do.
    pub todo_compactions: Gauge,
    /// Blocks that they read.
    pub todo_compaction_blocks: Gauge,
    /// Blocks due for downsampling.
    pub todo_downsample_blocks: Gauge,
    /// Blocks past their retention.
    pub todo_deletion_blocks: Gauge,
    /// Configured delete delay.
    pub delete_delay_seconds: Gauge,
    /// Configured consistency delay.
    pub consistency_delay_seconds: Gauge,
}

impl Metrics {
    /// Registers everything, labelled series with fixed labels at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.register_sync(registry);
        metrics.register_work(registry);
        metrics.register_todo(registry);
        metrics.register_cleaning(registry);
        for state in State::ALL {
            metrics.state(state).set(0);
        }
        metrics.replica_labels_removed().set(0);
        metrics
    }

    fn register_sync(&self, registry: &mut Registry) {
        let mut add = Adder(registry);
        add.counter(
            "thanos_blocks_meta_syncs",
            "syncs of block metas",
            &self.syncs,
        );
        add.counter(
            "thanos_blocks_meta_sync_failures",
            "failed syncs of block metas",
            &self.sync_failures,
        );
        add.0.register(
            "thanos_blocks_meta_synced",
            "blocks of the last sync by state",
            self.synced.clone(),
        );
        add.0.register(
            "thanos_blocks_meta_modified",
            "metas changed in the last sync",
            self.modified.clone(),
        );
        add.gauge(
            "thanos_delete_delay_seconds",
            "configured delete delay",
            &self.delete_delay_seconds,
        );
        add.gauge(
            "thanos_consistency_delay_seconds",
            "configured consistency delay",
            &self.consistency_delay_seconds,
        );
    }

    fn register_work(&self, registry: &mut Registry) {
        let mut add = Adder(registry);
        add.counter(
            "thanos_compact_iterations",
            "iterations finished",
            &self.iterations,
        );
        add.family(
            "thanos_compact_group_compactions",
            "compactions that wrote a block",
            &self.compactions,
        );
        add.family(
            "thanos_compact_group_vertical_compactions",
            "compactions of overlapping blocks",
            &self.vertical_compactions,
        );
        add.family(
            "thanos_compact_group_compaction_runs_started",
            "groups taken up",
            &self.runs_started,
        );
        add.family(
            "thanos_compact_group_compaction_runs_completed",
            "groups gone through",
            &self.runs_completed,
        );
        add.family(
            "thanos_compact_group_compactions_failures",
            "groups that failed",
            &self.compaction_failures,
        );
        add.family(
            "thanos_compact_downsample",
            "blocks downsampled",
            &self.downsamplings,
        );
        add.family(
            "thanos_compact_downsample_failures",
            "failed downsamplings",
            &self.downsampling_failures,
        );
    }

    fn register_todo(&self, registry: &mut Registry) {
        let mut add = Adder(registry);
        add.gauge(
            "thanos_compact_todo_compactions",
            "compactions left to do",
            &self.todo_compactions,
        );
        add.gauge(
            "thanos_compact_todo_compaction_blocks",
            "blocks that they read",
            &self.todo_compaction_blocks,
        );
        add.gauge(
            "thanos_compact_todo_downsample_blocks",
            "blocks to downsample",
            &self.todo_downsample_blocks,
        );
        add.gauge(
            "thanos_compact_todo_deletion_blocks",
            "blocks past their retention",
            &self.todo_deletion_blocks,
        );
    }

    fn register_cleaning(&self, registry: &mut Registry) {
        let mut add = Adder(registry);
        add.0.register(
            "thanos_compact_blocks_marked",
            "marks written",
            self.marked.clone(),
        );
        add.counter(
            "thanos_compact_garbage_collection",
            "garbage collections",
            &self.garbage_collections,
        );
        add.counter(
            "thanos_compact_garbage_collection_failures",
            "failed garbage collections",
            &self.garbage_collection_failures,
        );
        add.counter(
            "thanos_compact_garbage_collected_blocks",
            "blocks that others cover",
            &self.garbage_collected,
        );
        add.counter(
            "thanos_compact_blocks_cleaned",
            "blocks deleted",
            &self.blocks_cleaned,
        );
        add.counter(
            "thanos_compact_block_cleanup_failures",
            "failed deletions",
            &self.cleanup_failures,
        );
        add.counter(
            "thanos_compact_block_cleanup_loops",
            "rounds of cleaning",
            &self.cleanup_loops,
        );
        add.counter(
            "thanos_compact_aborted_partial_uploads_deletion_attempts",
            "deletions of partial uploads tried",
            &self.partial_deletions,
        );
    }

    /// The gauge of one state.
    #[must_use]
    pub fn state(&self, state: State) -> Gauge {
        self.synced.get_or_create_owned(&ByState { state })
    }

    /// The gauge of blocks whose replica labels were taken off.
    #[must_use]
    pub fn replica_labels_removed(&self) -> Gauge {
        self.modified.get_or_create_owned(&ByChange {
            modified: "replica-label-removed",
        })
    }

    /// Counts a mark.
    pub fn count_mark(&self, kind: MarkKind, reason: Option<&Reason>) {
        let labels = ByMark {
            marker: kind.file_name(),
            reason: reason
                .map(|reason| reason.as_str().to_owned())
                .unwrap_or_default(),
        };
        self.marked.get_or_create(&labels).inc();
    }
}

/// Counts one more at this resolution.
pub fn count(family: &Family<ByResolution, Counter>, resolution: Resolution) {
    family
        .get_or_create(&ByResolution {
            resolution: resolution.0,
        })
        .inc();
}

/// Registering with less noise.
struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.0.register(name, help, counter.clone());
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.0.register(name, help, gauge.clone());
    }

    fn family(&mut self, name: &str, help: &str, family: &Family<ByResolution, Counter>) {
        self.0.register(name, help, family.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_thanos() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.count_mark(MarkKind::Deletion, None);
        count(&metrics.compactions, Resolution::RAW);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "thanos_compact_iterations_total 0",
            "thanos_blocks_meta_synced{state=\"too-fresh\"} 0",
            "thanos_compact_blocks_marked_total{marker=\"deletion-mark.json\",reason=\"\"} 1",
            "thanos_compact_group_compactions_total{resolution=\"0\"} 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }
}
