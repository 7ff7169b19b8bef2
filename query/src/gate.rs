//! The gate: so many queries at one time, so many more may wait, and each for so long.
//!
//! ```text
//! arrive ──► wait, at most [`WAITING_MAX`] ──► run, at most `width` ──► leave
//!               └─ too many, or too long: an answer that says so
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};
use crate::metrics::EngineMetrics;

/// Queries that may wait: each holds a connection, and the last of a longer queue would time out anyway.
pub const WAITING_MAX: usize = 1_000;

/// Lets queries in.
#[derive(Debug)]
pub struct Gate {
    permits: Semaphore,
    waiting: AtomicUsize,
    running: Gauge,
}

/// The right to run; given back when it is dropped.
#[derive(Debug)]
pub struct Pass<'g> {
    _permit: SemaphorePermit<'g>,
    running: Gauge,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.running.dec();
    }
}

/// One who waits.
struct Waiting<'g>(&'g AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// A gate for `width` queries, at least one.
    #[must_use]
    pub fn new(width: usize, metrics: &EngineMetrics) -> Self {
        Self {
            permits: Semaphore::new(width.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            running: metrics.running.clone(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many wait already, [`Error::Timeout`] where it takes longer than `patience`.
    pub async fn enter(&self, patience: Duration) -> Result<Pass<'_>> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(Error::Busy(WAITING_MAX));
        }
        let turn = tokio::time::timeout(patience, self.permits.acquire()).await;
        drop(waiting);
        let permit = turn.map_err(|_late| Error::Timeout("query queue"))?;
        self.running.inc();
        Ok(Pass {
            _permit: permit.expect("the gate is never closed"),
            running: self.running.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const NOT_AT_ALL: Duration = Duration::ZERO;

    #[tokio::test]
    async fn who_leaves_lets_another_in() {
        let metrics = EngineMetrics::new(1);
        let gate = Gate::new(1, &metrics);
        let first = gate.enter(LONG).await.unwrap();
        assert_eq!(metrics.running.get(), 1);
        let late = gate.enter(NOT_AT_ALL).await.unwrap_err();
        assert_eq!(late.to_string(), "query timed out in query queue");
        drop(first);
        assert_eq!(metrics.running.get(), 0);
        gate.enter(LONG).await.unwrap();
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let gate = Gate::new(1, &EngineMetrics::new(1));
        let _first = gate.enter(LONG).await.unwrap();
        let mut queue: Vec<_> = (0..WAITING_MAX)
            .map(|_| Box::pin(gate.enter(LONG)))
            .collect();
        for one in &mut queue {
            assert!(futures::poll!(one).is_pending());
        }
        let turned_away = gate.enter(LONG).await.unwrap_err();
        assert!(
            matches!(turned_away, Error::Busy(WAITING_MAX)),
            "{turned_away}"
        );
        drop(queue);
        assert!(futures::poll!(Box::pin(gate.enter(LONG))).is_pending());
    }
}
