//! Which blocks this run works on; pure.
//!
//! ```text
//! loaded metas -> Thanos part, time, shard, age -> deletion marks are read -> hidden, replica labels, duplicates -> view
//! ```
//!
//! The split in the middle is where the bucket is asked for marks: [`eligible`] before, [`View::new`] after. Blocks that are taken
//! out are counted by reason and otherwise forgotten, so nothing acts on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tsdb::bucket::filter;
use tsdb::id::BlockId;
use tsdb::mark::UnixSeconds;
use tsdb::meta::BlockMeta;
use tsdb::time::Millis;

use crate::config::Config;
use crate::metrics::State;

/// How many blocks came to which state.
pub type States = BTreeMap<State, usize>;

/// Metas by name of block.
pub type Metas = BTreeMap<BlockId, Arc<BlockMeta>>;

/// The blocks of one look at the bucket.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// All blocks with a sound meta, as they are in the bucket.
    pub loaded: Metas,
    /// The blocks to work on, replica labels taken off.
    pub blocks: BTreeMap<BlockId, BlockMeta>,
    /// Deletion marks of eligible blocks.
    pub deletion_marks: BTreeMap<BlockId, UnixSeconds>,
    /// Blocks not to be compacted.
    pub no_compact: BTreeSet<BlockId>,
    /// Blocks that an earlier run found damaged; they are in `no_compact` too.
    pub damaged: BTreeSet<BlockId>,
    /// Blocks not to be downsampled.
    pub no_downsample: BTreeSet<BlockId>,
    /// Blocks of this run's shard that others cover, replica labels taken off.
    pub duplicates: BTreeMap<BlockId, BlockMeta>,
    /// Directories without a usable meta.
    pub partial: Vec<BlockId>,
    /// Blocks whose replica labels were taken off.
    pub relabelled: usize,
    /// What became of all.
    pub states: States,
}

/// Blocks that have external labels, and lie in this run's times, shard and age.
#[must_use]
pub fn eligible(loaded: &Metas, config: &Config, now: Millis, states: &mut States) -> Metas {
    let excluded = |meta: &BlockMeta| {
        if !has_labels(meta) {
            return Some(State::Failed);
        }
        if !filter::in_time_partition(meta, config.times) {
            return Some(State::TimeExcluded);
        }
        let labels = filter::shard_labels(meta, &config.replica_labels);
        if config
            .shard
            .apply(labels)
            .is_none_or(|labels| labels.is_empty())
        {
            return Some(State::LabelExcluded);
        }
        filter::is_too_fresh(meta, config.consistency_delay, now).then_some(State::TooFresh)
    };
    let mut eligible = Metas::new();
    for (&id, meta) in loaded {
        match excluded(meta) {
            Some(state) => *states.entry(state).or_default() += 1,
            None => {
                eligible.insert(id, Arc::clone(meta));
            }
        }
    }
    eligible
}

/// Whether the block has external labels, without which it belongs to nobody.
#[must_use]
pub fn has_labels(meta: &BlockMeta) -> bool {
    meta.thanos
        .as_ref()
        .is_some_and(|part| !part.labels.is_empty())
}

impl View {
    /// The blocks that downsampling looks at.
    pub fn downsampled(&self) -> impl Iterator<Item = &BlockMeta> {
        let open = |meta: &&BlockMeta| !self.no_downsample.contains(&meta.ulid);
        self.blocks.values().filter(open)
    }

    /// The view over eligible blocks with these deletion marks.
    #[must_use]
    pub fn new(
        eligible: &Metas,
        deletion_marks: BTreeMap<BlockId, UnixSeconds>,
        config: &Config,
        now: Millis,
    ) -> Self {
        let mut view = Self {
            deletion_marks,
            ..Self::default()
        };
        // A block stays in view for half the delay, so that nothing is compacted around a hole before readers let go of it.
        let hide_after = Millis(config.delete_delay.0 / 2);
        let mut blocks = BTreeMap::new();
        for (&id, meta) in eligible {
            let mark = view.deletion_marks.get(&id);
            if mark.is_some_and(|mark| filter::is_mark_due(mark.0, hide_after, now)) {
                view.count(State::MarkedForDeletion);
                continue;
            }
            let mut meta = BlockMeta::clone(meta);
            if filter::remove_replica_labels(&mut meta, &config.replica_labels) {
                view.relabelled += 1;
            }
            blocks.insert(id, meta);
        }
        for id in filter::duplicates(&blocks.values().collect::<Vec<_>>()) {
            view.count(State::Duplicate);
            view.duplicates.extend(blocks.remove_entry(&id));
        }
        view.states.insert(State::Loaded, blocks.len());
        view.blocks = blocks;
        view
    }

    fn count(&mut self, state: State) {
        *self.states.entry(state).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use tsdb::label::Labels;
    use tsdb::meta::ThanosMeta;
    use tsdb::testing::metas;

    use super::*;

    const HOUR: i64 = Millis::HOUR.0;

    fn block(id: u128, labels: &[(&str, &str)], sources: &[u128]) -> (BlockId, Arc<BlockMeta>) {
        let meta = BlockMeta {
            max_time: Millis(HOUR),
            thanos: Some(ThanosMeta {
                labels: Labels::from_pairs(labels.iter().copied()),
                ..ThanosMeta::default()
            }),
            ..metas::block(id, sources)
        };
        (meta.ulid, Arc::new(meta))
    }

    fn numbers<'a>(ids: impl IntoIterator<Item = &'a BlockId>) -> Vec<u128> {
        ids.into_iter().map(|id| id.0.random()).collect()
    }

    #[test]
    fn blocks_without_labels_or_outside_the_times_are_not_eligible() {
        let loaded: Metas = [block(1, &[], &[1]), block(2, &[("a", "1")], &[2])].into();
        let mut config = Config::new("data".into());
        let mut states = States::new();
        let now = Millis(HOUR);
        let got = eligible(&loaded, &config, now, &mut states);
        assert_eq!(numbers(got.keys()), [2]);
        config.times.min = Millis(HOUR + 1);
        assert!(eligible(&loaded, &config, now, &mut states).is_empty());
        config.times.min = Millis::MIN;
        config.consistency_delay = Millis(HOUR + 1);
        assert!(eligible(&loaded, &config, now, &mut states).is_empty());
        let want = [
            (State::Failed, 3),
            (State::TimeExcluded, 1),
            (State::TooFresh, 1),
        ];
        assert_eq!(states, want.into());
    }

    #[test]
    fn replicas_are_told_apart_until_their_label_is_taken_off() {
        let blocks: Metas = [
            block(1, &[("a", "1"), ("r", "0")], &[1, 2]),
            block(2, &[("a", "1"), ("r", "1")], &[2]),
        ]
        .into();
        let mut config = Config::new("data".into());
        let view = View::new(&blocks, BTreeMap::new(), &config, Millis(0));
        assert_eq!(numbers(view.blocks.keys()), [1, 2]);
        config.replica_labels = vec!["r".into()];
        let view = View::new(&blocks, BTreeMap::new(), &config, Millis(0));
        assert_eq!(
            (numbers(view.blocks.keys()), numbers(view.duplicates.keys())),
            (vec![1], vec![2])
        );
        assert_eq!(view.relabelled, 2);
    }

    #[test]
    fn marked_block_is_hidden_after_half_the_delay() {
        let blocks: Metas = [block(1, &[("a", "1")], &[1])].into();
        let config = Config::new("data".into());
        let check = |age_hours: i64, want: usize| {
            let marks = BTreeMap::from([(BlockId::new(0, 1), UnixSeconds(0))]);
            let view = View::new(&blocks, marks, &config, Millis(age_hours * HOUR));
            assert_eq!(view.blocks.len(), want, "{age_hours} h");
        };
        check(24, 1);
        check(25, 0);
    }
}
