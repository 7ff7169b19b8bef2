//! What every step of a run needs: the bucket, the knobs, the clock, scratch space, and where to write down what happened.
//!
//! Also the three small effects that several steps share: writing a mark, taking a damaged block out of everything, and
//! asking whether a block in the bucket is whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tsdb::bucket::mark::Put;
use tsdb::bucket::{self, Bucket};
use tsdb::error::Error as BlockError;
use tsdb::id::BlockId;
use tsdb::mark::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark, Reason, UnixSeconds};
use tsdb::meta::BlockMeta;
use tsdb::time::{Clock, Millis};

use crate::config::Config;
use crate::downsample::ready::Ready;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::report::{Finding, Journal, Marked};
use crate::retry;
use crate::stop::Stop;
use crate::work_dir::{self, Reservation, WorkDir};

/// Reason, in marks, for a block that is damaged.
pub const DAMAGED: &str = "stratal-damaged";

/// What the outside world gives: time, names and room.
pub trait World: Clock {
    /// A name for a new block.
    fn block_id(&self) -> BlockId;

    /// What is left, in bytes, on the file system of `dir`.
    ///
    /// # Errors
    /// Where the system does not tell.
    fn free_bytes(&self, dir: &Path) -> tsdb::Result<u64> {
        work_dir::free_bytes(dir)
    }

    /// What the disk does to a new block between its writing and its reading: nothing, if it is honest.
    fn keep(&self, _block: &Path) {}
}

/// One run over one bucket.
pub struct Compactor {
    /// The bucket.
    pub bucket: Bucket,
    /// The knobs.
    pub config: Config,
    /// Time and names.
    pub world: Arc<dyn World>,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// The wish to stop.
    pub stop: Stop,
    /// Scratch space, if blocks go through a disk.
    pub(crate) scratch: Option<WorkDir>,
    /// Coarser blocks that wait for their turn.
    pub(crate) ready: Ready,
    /// What happened.
    pub(crate) journal: Journal,
    /// Blocks that this run does not compact although they carry no mark.
    pub(crate) not_compacted: Aside,
    /// Blocks that this run does not downsample although they carry no mark.
    pub(crate) not_downsampled: Aside,
    /// Jobs of this run as far as they are known: those done before the last look at the bucket and those due then.
    pub(crate) jobs_known: AtomicU64,
}

impl Compactor {
    /// Locks the scratch space, if there is any, in the name of `holder` and begins a run.
    ///
    /// # Errors
    /// Where the configuration cannot work, another process has the scratch space, or the disk refuses.
    pub fn begin(
        bucket: Bucket,
        config: Config,
        world: Arc<dyn World>,
        metrics: Metrics,
        holder: &str,
    ) -> Result<Self> {
        config.check()?;
        metrics
            .delete_delay_seconds
            .set(config.delete_delay.0 / 1000);
        metrics
            .consistency_delay_seconds
            .set(config.consistency_delay.0 / 1000);
        let scratch = config.scratch.as_deref();
        Ok(Self {
            scratch: scratch.map(|dir| WorkDir::open(dir, holder)).transpose()?,
            ready: Ready::default(),
            journal: Journal::begin(world.now()),
            bucket,
            config,
            world,
            metrics,
            stop: Stop::default(),
            not_compacted: Aside::default(),
            not_downsampled: Aside::default(),
            jobs_known: AtomicU64::new(0),
        })
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let done = self.journal.jobs();
        let known = self.jobs_known.load(Ordering::Relaxed);
        Progress {
            done,
            known: known.max(done),
        }
    }

    /// The present.
    pub(crate) fn now(&self) -> Millis {
        self.world.now()
    }

    /// Sets scratch space aside for a job, until the result is dropped. Where it is short, blocks that wait for their turn go.
    pub(crate) fn reserve<'a>(
        &self,
        work_dir: &'a WorkDir,
        need_bytes: u64,
    ) -> Result<Reservation<'a>> {
        match self.reserve_if_free(work_dir, need_bytes) {
            Err(Error::NoSpace { .. }) if self.ready.clear()? => {
                self.reserve_if_free(work_dir, need_bytes)
            }
            space => space,
        }
    }

    /// The same, without taking anything away.
    pub(crate) fn reserve_if_free<'a>(
        &self,
        work_dir: &'a WorkDir,
        need_bytes: u64,
    ) -> Result<Reservation<'a>> {
        let free_bytes = self.world.free_bytes(work_dir.root())?;
        work_dir.reserve(need_bytes, free_bytes)
    }

    /// Marks a block for deletion.
    pub(crate) async fn mark_for_deletion(&self, block: BlockId, details: &str) -> Result<()> {
        let mark = DeletionMark {
            id: block,
            details: details.into(),
            time: UnixSeconds::from(self.now()),
        };
        self.put(&mark, details, None).await
    }

    /// Takes a block out of compaction.
    pub(crate) async fn mark_no_compact(
        &self,
        block: BlockId,
        reason: Reason,
        details: &str,
    ) -> Result<()> {
        let mark = NoCompactMark {
            id: block,
            details: details.into(),
            time: UnixSeconds::from(self.now()),
            reason: reason.clone(),
        };
        self.put(&mark, details, Some(&reason)).await
    }

    /// Takes a damaged block out of everything. `fact` names file, offset and what is wrong there.
    pub(crate) async fn fence(&self, block: BlockId, fact: &str) -> Result<()> {
        tracing::error!(%block, fact, "block is damaged and taken out of compaction and downsampling");
        // Also where the marks cannot be written, so that this run goes on without the block.
        self.not_compacted.add(block);
        self.not_downsampled.add(block);
        self.journal.write(|report| {
            report.fenced.push(Finding {
                block: Some(block),
                what: fact.into(),
            });
        });
        let reason = Reason::from(DAMAGED.to_owned());
        self.mark_no_compact(block, reason.clone(), fact).await?;
        let mark = NoDownsampleMark {
            id: block,
            details: fact.into(),
            time: UnixSeconds::from(self.now()),
            reason: reason.clone(),
        };
        self.put(&mark, fact, Some(&reason)).await
    }

    /// Writes down that a job failed. A result that is not what was read waits for a person, everything else for the next run.
    pub(crate) fn note_failure(&self, block: Option<BlockId>, error: &Error, what: String) {
        let is_mismatch = |error: &BlockError| matches!(error.root(), BlockError::Mismatch(_));
        match error {
            Error::Block(error) if is_mismatch(error) => self.journal.attention(block, what),
            _ => self.journal.failure(block, what),
        }
    }

    async fn put<M: Mark>(&self, mark: &M, details: &str, reason: Option<&Reason>) -> Result<()> {
        let put = || bucket::mark::put(&self.bucket, mark);
        if retry::transient("writing a mark", put).await? == Put::AlreadyThere {
            return Ok(());
        }
        let (block, kind) = (mark.block(), M::KIND);
        tracing::info!(%block, mark = kind.file_name(), details, "block marked");
        self.metrics.count_mark(kind, reason);
        self.journal.write(|report| {
            let details = details.into();
            report.marked.push(Marked {
                block,
                mark: kind.file_name(),
                details,
            });
        });
        Ok(())
    }

    /// Bytes of all objects of a block.
    pub(crate) async fn size_bytes(&self, meta: &BlockMeta) -> Result<u64> {
        let objects = || self.bucket.objects(meta.ulid);
        let objects = retry::transient("listing a block", objects).await?;
        Ok(objects
            .iter()
            .fold(0, |sum, object| sum.saturating_add(object.size)))
    }

    /// What is missing of a block in the bucket, by the list of files in its meta; none where all is there.
    pub(crate) async fn missing(&self, meta: &BlockMeta) -> Result<Option<String>> {
        let objects = || self.bucket.objects(meta.ulid);
        let objects = retry::transient("listing a block", objects).await?;
        let size_of = |rel_path: &str| {
            let location = self.bucket.object(meta.ulid, rel_path);
            objects
                .iter()
                .find(|object| object.location == location)
                .map(|object| object.size)
        };
        let files = meta.thanos.iter().flat_map(|part| &part.files);
        for file in files.filter(|file| file.rel_path != bucket::META_FILE) {
            let size = size_of(&file.rel_path);
            let is_whole = size.is_some() && (file.size_bytes.is_none() || file.size_bytes == size);
            if !is_whole {
                return Ok(Some(format!(
                    "{} is missing or has another size",
                    file.rel_path
                )));
            }
        }
        Ok(size_of(bucket::INDEX_FILE)
            .is_none()
            .then(|| "index is missing".into()))
    }
}

/// Blocks that are left alone for the rest of a run.
#[derive(Debug, Default)]
pub(crate) struct Aside(Mutex<BTreeSet<BlockId>>);

impl Aside {
    /// Leaves one more alone.
    pub(crate) fn add(&self, block: BlockId) {
        self.lock().insert(block);
    }

    /// The blocks to leave alone.
    pub(crate) fn all(&self) -> BTreeSet<BlockId> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<BlockId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of `blocks` a failure is about, and what it says of it, in one line without scratch directories.
#[must_use]
pub fn culprit(error: &BlockError, blocks: &[BlockId]) -> Option<(BlockId, String)> {
    let chain = error.chain();
    let (at, block) = blocks
        .iter()
        .filter_map(|&block| Some((chain.find(&block.to_string())?, block)))
        .min()?;
    let fact = chain[at + block.to_string().len()..].trim_start_matches(['/', ':', ' ']);
    Some((block, fact.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn culprit_is_the_outermost_block_named_in_a_failure() {
        let [a, b] = [1, 2].map(|id| BlockId::new(0, id));
        let error = BlockError::corrupt("series", 0x30, "no labels")
            .at(format!("/data/compact/0@1/{b}/index"));
        assert_eq!(
            culprit(&error, &[a, b]),
            Some((b, "index: series at 0x30: no labels".into()))
        );
        assert_eq!(culprit(&error, &[a]), None);
    }
}
