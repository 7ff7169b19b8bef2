//! A world whose clock ticks a millisecond per question, and whose names follow it.
//!
//! So a run over the same bucket makes the same blocks, named alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use compactor::World;
use tsdb::id::BlockId;
use tsdb::time::{Clock, Millis};

pub(crate) struct TestWorld(AtomicI64);

impl TestWorld {
    pub(crate) fn at(now: Millis) -> Arc<dyn World> {
        Arc::new(Self(AtomicI64::new(now.0)))
    }
}

impl Clock for TestWorld {
    fn now(&self) -> Millis {
        Millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl World for TestWorld {
    fn block_id(&self) -> BlockId {
        let now = self.now().0;
        BlockId::new(now.unsigned_abs(), u128::from(now.unsigned_abs()) * 77)
    }
}
