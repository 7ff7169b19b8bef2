//! The wish to stop: set from outside, looked at between steps.
//!
//! Nothing that must not be left half done waits on it: an upload may be cut off (a block without `meta.json` is no
//! block), marking the sources of an uploaded block may not.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};

/// How often long waits look at the flag: well below the ten seconds that an operator is promised.
const POLL: Duration = Duration::from_millis(100);

/// The flag.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A stop that follows this flag.
    #[must_use]
    pub fn new(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A point at which it is safe to stop.
    ///
    /// # Errors
    /// [`Error::Stopped`] where that is wished.
    pub fn check(&self) -> Result<()> {
        if self.is_set() {
            Err(Error::Stopped)
        } else {
            Ok(())
        }
    }

    /// Carries `work` on until it is done or a stop is wished; then the rest of it is dropped.
    ///
    /// # Errors
    /// Those of `work`, or [`Error::Stopped`].
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.check()?;
        tokio::select! {
            biased;
            done = work => done,
            () = self.wait() => Err(Error::Stopped),
        }
    }

    async fn wait(&self) {
        while !self.is_set() {
            tokio::time::sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_when_a_stop_is_wished() {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = Stop::new(Arc::clone(&flag));
        assert!(stop.or(async { Ok(7) }).await.is_ok_and(|seven| seven == 7));
        let endless = async {
            flag.store(true, Ordering::Relaxed);
            std::future::pending::<Result<()>>().await
        };
        assert!(matches!(stop.or(endless).await, Err(Error::Stopped)));
    }
}
