//! Trying again what may work later, a few times.
//!
//! Only [`ErrorKind::Transient`] failures are tried again. A failure that outlasts the attempts fails the job, and the
//! next run starts it anew; it never marks a block.

use std::future::Future;
use std::time::Duration;

use tsdb::error::{Error, ErrorKind, Result};

/// Attempts in all. With the pauses between them about half a minute: a store's short trouble, not its outage.
pub const ATTEMPTS_MAX: u32 = 5;

/// Pause before the second attempt; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Does `work` until it succeeds, fails for good, or has failed [`ATTEMPTS_MAX`] times.
///
/// # Errors
/// The last failure.
pub async fn transient<T, F>(what: &'static str, mut work: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if may_pass(&error) && attempt < ATTEMPTS_MAX => {
                tracing::warn!(attempt, error = %error.chain(), "{what} failed, trying again");
            }
            done => return done,
        }
        tokio::time::sleep(pause(attempt)).await;
        attempt += 1;
    }
}

/// How long to wait after the attempt of this number, counted from one.
#[must_use]
pub fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(10))
}

fn may_pass(error: &Error) -> bool {
    error.kind() == ErrorKind::Transient
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;

    fn answer(is_good: bool, kind: io::ErrorKind) -> Result<()> {
        let (action, source) = ("read", kind.into());
        if is_good {
            Ok(())
        } else {
            Err(Error::Io { action, source })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn transient_failures_are_tried_again_up_to_a_bound() {
        async fn check(failures: u32, kind: io::ErrorKind, want: (u32, bool)) {
            let calls = Cell::new(0);
            let attempt = || {
                calls.set(calls.get() + 1);
                std::future::ready(answer(calls.get() > failures, kind))
            };
            let ok = transient("reading", attempt).await.is_ok();
            assert_eq!((calls.get(), ok), want, "{failures} x {kind:?}");
        }
        check(0, io::ErrorKind::TimedOut, (1, true)).await;
        check(4, io::ErrorKind::TimedOut, (5, true)).await;
        check(5, io::ErrorKind::TimedOut, (5, false)).await;
        check(1, io::ErrorKind::PermissionDenied, (1, false)).await;
    }
}
