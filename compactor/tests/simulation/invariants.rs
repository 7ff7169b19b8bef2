//! What must hold whenever anybody looks, and what a run may change.
//!
//! 1. A visible block is whole and holds exactly the samples of its sources: none lost, none doubled.
//! 2. What was uploaded, or made at a coarser resolution, stays in a block that no mark names, until its retention ends.
//! 3. Of raw blocks that a reader would use, no two hold the same source.
//! 4. A run never changes an object that is there; it deletes a block only when a mark named it for the delay, an upload
//!    only when nobody touched it for two days, and marks a block as expired only when it is.
//! 5. Only what was damaged is called damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use compactor::Config;
use compactor::partial::ABANDONED_AFTER;
use tsdb::bucket::filter;
use tsdb::id::BlockId;
use tsdb::mark::{DeletionMark, Mark, NoCompactMark, Reading, read};
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

use crate::content::check_block;
use crate::fleet::Fleet;
use crate::store::Objects;

/// A bucket as it is at one moment.
pub(crate) struct Look {
    pub(crate) objects: Objects,
    pub(crate) metas: BTreeMap<BlockId, BlockMeta>,
    pub(crate) deletion_marks: BTreeMap<BlockId, DeletionMark>,
}

impl Look {
    pub(crate) fn new(objects: Objects) -> Self {
        let metas = objects
            .iter()
            .filter(|(name, _)| name.ends_with("/meta.json"));
        let metas = metas.map(|(_, bytes)| BlockMeta::from_json(bytes).unwrap());
        let metas = metas.map(|meta| (meta.ulid, meta)).collect();
        Self {
            deletion_marks: marks(&objects),
            metas,
            objects,
        }
    }

    /// Visible blocks that no mark names.
    pub(crate) fn staying(&self) -> impl Iterator<Item = &BlockMeta> {
        let blocks = self.metas.values();
        blocks.filter(|meta| !self.deletion_marks.contains_key(&meta.ulid))
    }
}

fn marks<M: Mark>(objects: &Objects) -> BTreeMap<BlockId, M> {
    let end = format!("/{}", M::KIND.file_name());
    let named = objects
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_suffix(&end)?, bytes)));
    let marks = named.filter_map(|(name, bytes)| {
        let id = BlockId::parse(name).unwrap();
        match read::<M>(id, Some(bytes)).unwrap() {
            Reading::Marked(mark) => Some((id, mark)),
            Reading::Unmarked | Reading::Unreadable(_) => None,
        }
    });
    marks.collect()
}

/// What is known beside the bucket.
#[derive(Default)]
pub(crate) struct Memory {
    /// Sources that were once in a staying block of each resolution.
    seen: BTreeMap<Resolution, BTreeSet<BlockId>>,
    /// Blocks that the simulation damaged.
    pub(crate) damaged: BTreeSet<BlockId>,
    /// Sources of which only a damaged block was left when it was damaged.
    pub(crate) rotten: BTreeSet<(Resolution, BlockId)>,
    /// Blocks whose content was checked; it cannot change without breaking another rule.
    checked: BTreeSet<BlockId>,
}

/// The rules of one moment.
pub(crate) struct Rules<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) config: &'a Config,
    /// The latest time that any run was told.
    pub(crate) latest: Millis,
}

impl Rules<'_> {
    /// Rules 1 to 3 and 5.
    pub(crate) fn check(&self, look: &Look, memory: &mut Memory) {
        for meta in look.metas.values() {
            if !memory.damaged.contains(&meta.ulid) {
                check_whole(meta, &look.objects);
                if memory.checked.insert(meta.ulid) {
                    let truth = self.fleet.truth(&meta.compaction.sources);
                    check_block(meta, &look.objects, &truth);
                }
            }
        }
        self.check_coverage(look, memory);
        check_once(look);
        let fenced = marks::<NoCompactMark>(&look.objects);
        for (id, mark) in fenced {
            let is_named = mark.reason.as_str() == compactor::compactor::DAMAGED;
            assert!(
                !is_named || memory.damaged.contains(&id),
                "{id} is sound and was fenced: {}",
                mark.details
            );
        }
    }

    fn check_coverage(&self, look: &Look, memory: &mut Memory) {
        let mut covered = BTreeSet::new();
        for meta in look.staying() {
            let resolution = meta.resolution();
            let is_damaged = memory.damaged.contains(&meta.ulid);
            for &source in &meta.compaction.sources {
                if !is_damaged || memory.rotten.contains(&(resolution, source)) {
                    covered.insert((resolution, source));
                }
                if !is_damaged {
                    memory.seen.entry(resolution).or_default().insert(source);
                }
            }
        }
        for (&resolution, sources) in &memory.seen {
            for &source in sources {
                let kept = covered.contains(&(resolution, source));
                assert!(
                    kept || self.may_expire(source, resolution),
                    "source {source} is in no staying block of resolution {}",
                    resolution.0
                );
            }
        }
    }

    fn may_expire(&self, source: BlockId, resolution: Resolution) -> bool {
        self.is_expired(Millis(self.fleet.sources[&source].times.end), resolution)
    }

    fn is_expired(&self, max_time: Millis, resolution: Resolution) -> bool {
        let keep = self.config.retention.of(resolution);
        !keep.is_zero() && self.latest > max_time.saturating_add(millis(keep))
    }

    /// Rule 4, of a run between two looks. `youngest` is the date of the youngest object of each directory before the run.
    pub(crate) fn check_changes(
        &self,
        before: &Look,
        after: &Look,
        youngest: &BTreeMap<BlockId, Millis>,
    ) {
        for (name, bytes) in &before.objects {
            match after.objects.get(name) {
                Some(left) => assert_eq!(left, bytes, "{name} was written again"),
                None => self.check_deletion(name, before, youngest),
            }
        }
        for (id, mark) in &after.deletion_marks {
            let is_new = !before.deletion_marks.contains_key(id);
            if is_new && mark.details.contains("retention") {
                let meta = &after.metas[id];
                let expired = self.is_expired(meta.max_time, meta.resolution());
                assert!(expired, "{id} was marked before its retention ended");
            }
        }
    }

    fn check_deletion(&self, name: &str, before: &Look, youngest: &BTreeMap<BlockId, Millis>) {
        let id = name
            .split('/')
            .next()
            .and_then(|dir| BlockId::parse(dir).ok());
        let id = id.unwrap_or_else(|| panic!("{name} is nobody's and was deleted"));
        if let Some(mark) = before.deletion_marks.get(&id) {
            let due = Millis(mark.time.0 * 1000).saturating_add(self.config.delete_delay);
            assert!(self.latest > due, "{name} was deleted before its delay");
        } else if before.metas.contains_key(&id) {
            let at_once = self.config.delete_delay == Millis(0);
            assert!(at_once, "{name} was deleted without a mark");
        } else {
            let due = youngest[&id].saturating_add(millis(ABANDONED_AFTER));
            assert!(self.latest > due, "{name} was given up too early");
        }
    }

    /// What holds once nothing is left to do.
    pub(crate) fn check_rest(&self, look: &Look, memory: &Memory) {
        if !memory.damaged.is_empty() {
            return;
        }
        let mut holders: BTreeMap<(Resolution, BlockId), u32> = BTreeMap::new();
        for meta in look.staying() {
            for &source in &meta.compaction.sources {
                *holders.entry((meta.resolution(), source)).or_default() += 1;
            }
        }
        for ((resolution, source), count) in holders {
            let raw = resolution == Resolution::RAW;
            assert!(!raw || count == 1, "{count} staying blocks hold {source}");
        }
        let blocks: Vec<_> = look.staying().collect();
        if self.config.downsample {
            let due = compactor::downsample_due::due(&blocks);
            assert!(due.is_empty(), "still to be downsampled: {due:?}");
        }
    }
}

fn millis(duration: Duration) -> Millis {
    Millis(i64::try_from(duration.as_millis()).unwrap())
}

fn check_whole(meta: &BlockMeta, objects: &Objects) {
    for file in &meta.thanos.as_ref().unwrap().files {
        let name = format!("{}/{}", meta.ulid, file.rel_path);
        let have = objects.get(&name).map(|bytes| bytes.len() as u64);
        let whole = have.is_some() && (file.size_bytes.is_none() || file.size_bytes == have);
        assert!(whole, "{name} of a visible block is not whole");
    }
}

/// Of the raw blocks that are left when superseded ones are taken out, no two hold one source.
fn check_once(look: &Look) {
    let raw: Vec<_> = look
        .staying()
        .filter(|meta| meta.resolution() == Resolution::RAW)
        .cloned()
        .map(|mut meta| {
            // A reader merges replicas, so which of them a block is of does not matter.
            filter::remove_replica_labels(&mut meta, &["replica".into()]);
            meta
        })
        .collect();
    let gone = filter::duplicates(&raw.iter().collect::<Vec<_>>());
    let mut held = BTreeMap::new();
    for meta in raw.iter().filter(|meta| !gone.contains(&meta.ulid)) {
        for source in &meta.compaction.sources {
            let other = held.insert(*source, meta.ulid);
            assert_eq!(other, None, "{source} is twice: in {} too", meta.ulid);
        }
    }
}
