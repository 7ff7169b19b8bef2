//! The system clock: the one place that reads time.
//!
//! Everything else takes `now` as an argument, so that a test can say what day it is. Blocks know signed milliseconds
//! since the Unix epoch. Names of new blocks begin with the time, so they are made here too.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tsdb::id::BlockId;
use tsdb::time::Millis;

/// Wall time.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where time enters the program"
)]
pub(crate) fn now() -> Millis {
    let now = SystemTime::now();
    let millis = now.duration_since(UNIX_EPOCH).map_or_else(
        |before| i64::try_from(before.duration().as_millis()).map(|ms| -ms),
        |after| i64::try_from(after.as_millis()),
    );
    Millis(millis.unwrap_or(i64::MAX))
}

/// A moment on the clock that only moves forward, for measuring how long something takes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where time enters the program"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Nanoseconds since the first call, for the cost of queries.
pub(crate) fn ticks() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let first = FIRST.get_or_init(instant);
    u64::try_from(instant().duration_since(*first).as_nanos()).unwrap_or(u64::MAX)
}

/// A name for a new block: wall clock and 80 random bits.
///
/// The bits come from the keys that the standard library draws from the operating system for its hash maps, mixed with a
/// counter, so that two names of one millisecond differ.
pub(crate) fn fresh_id() -> BlockId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let state = RandomState::new();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let (high, low) = (state.hash_one((count, 0)), state.hash_one((count, 1)));
    let time_ms = u64::try_from(now().0).unwrap_or(0);
    BlockId::new(time_ms, u128::from(high) << 64 | u128::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_names_differ() {
        let mut names: Vec<BlockId> = (0..1000).map(|_| fresh_id()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 1000);
    }
}
