//! Time that jumps, and names that never repeat though time does.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use compactor::World;
use tsdb::id::BlockId;
use tsdb::time::{Clock, Millis};

/// A clock that ticks a millisecond per question.
#[derive(Debug)]
pub(crate) struct SimClock {
    now: AtomicI64,
    /// The latest time that anybody was told.
    latest: AtomicI64,
    names: AtomicU64,
}

impl SimClock {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            now: AtomicI64::new(now.0),
            latest: AtomicI64::new(now.0),
            names: AtomicU64::new(1),
        }
    }

    pub(crate) fn jump(&self, by: Millis) {
        self.now.fetch_add(by.0, Ordering::Relaxed);
    }

    pub(crate) fn latest(&self) -> Millis {
        Millis(self.latest.load(Ordering::Relaxed))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        let now = self.now.fetch_add(1, Ordering::Relaxed);
        self.latest.fetch_max(now, Ordering::Relaxed);
        Millis(now)
    }
}

impl World for SimClock {
    fn block_id(&self) -> BlockId {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        BlockId::new(self.now().0.unsigned_abs(), u128::from(number))
    }
}
