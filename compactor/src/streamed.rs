//! A block of the bucket that is read where it lies, and looked at on the way.
//!
//! Where blocks come to the disk first, their indexes are looked at before anything is made of them ([`crate::fetch`]). Here that
//! would fetch the series twice, so each series is judged as it passes. Only where one is odd, or the merge fails, is
//! the index read once more from front to back, for the same verdict in the same words.

use std::sync::atomic::{AtomicBool, Ordering};

use tsdb::block::file::WINDOW_BYTES;
use tsdb::bucket::stream::block::BucketBlock;
use tsdb::bucket::stream::read::ObjectWindow;
use tsdb::error::{ErrorKind, Result as BlockResult, ResultExt as _};
use tsdb::index::ChunkMeta;
use tsdb::index::series::Pair;
use tsdb::merge::input::Input;
use tsdb::meta::BlockMeta;
use tsdb::tombstone::Tombstones;

use crate::build;
use crate::compactor::Compactor;
use crate::error::Result;
use crate::fetch::fact;
use crate::health::{self, Health};
use crate::retry;

/// A block, and whether a series of it was odd.
#[derive(Debug)]
pub struct Streamed {
    block: BucketBlock,
    is_odd: AtomicBool,
}

/// A block, as it was found.
#[derive(Debug)]
pub enum Opened {
    /// It can be read.
    Sound(Box<Streamed>),
    /// It is broken: object, offset, fact.
    Damaged(String),
}

impl Streamed {
    /// Opens a block.
    ///
    /// # Errors
    /// Where the bucket refuses.
    pub async fn open(compactor: &Compactor, meta: &BlockMeta) -> Result<Opened> {
        let threads = compactor.config.threads.get();
        let open = || BucketBlock::open(&compactor.bucket, meta.clone(), threads);
        match retry::transient("opening a block", open).await {
            Ok(block) => Ok(Opened::Sound(Box::new(Self {
                block,
                is_odd: AtomicBool::new(false),
            }))),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Ok(Opened::Damaged(fact(meta.ulid, &error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The block as if it had no tombstones.
    #[must_use]
    pub fn without_tombstones(self) -> Self {
        Self {
            block: self.block.without_tombstones(),
            is_odd: self.is_odd,
        }
    }

    /// What the block says of itself.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        self.block.meta()
    }

    /// Whether a series that passed was odd.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.is_odd.load(Ordering::Relaxed)
    }

    /// Reads the index again, for a verdict on all of it.
    ///
    /// # Errors
    /// Where it is damaged, or the bucket refuses.
    pub fn health(&self) -> BlockResult<Health> {
        let window = self.block.index_object().window(WINDOW_BYTES);
        let health = build::index_health(window, self.meta().range());
        health.at(|| format!("{}: index", self.block.name()))
    }
}

impl Input for Streamed {
    type Window = ObjectWindow;

    fn name(&self) -> String {
        self.block.name()
    }

    fn index(&self) -> BlockResult<ObjectWindow> {
        self.block.index()
    }

    fn index_probe(&self) -> BlockResult<ObjectWindow> {
        self.block.index_probe()
    }

    fn segment(&self, segment: u32) -> BlockResult<ObjectWindow> {
        self.block.segment(segment)
    }

    fn window_bytes(&self) -> u64 {
        self.block.window_bytes()
    }

    fn size_bytes(&self) -> u64 {
        self.block.size_bytes()
    }

    fn tombstones(&self) -> &Tombstones {
        self.block.tombstones()
    }

    fn pass(&self, labels: &[Pair], chunks: &[ChunkMeta]) {
        if health::is_odd(self.meta().range(), labels, chunks) {
            self.is_odd.store(true, Ordering::Relaxed);
        }
    }
}
