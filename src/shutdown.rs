//! Signals: the first SIGINT or SIGTERM asks for a stop at the next safe point, the second ends the process at once.
//!
//! The request is an `AtomicBool`, because the long work is synchronous and looks at it between steps; nothing is
//! interrupted half way. A process ended by the second signal leaves temporary directories, which the next run removes.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a process ended by SIGINT reports.
const INTERRUPTED: i32 = 130;

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The flag that the first signal sets.
pub(crate) fn flag() -> Arc<AtomicBool> {
    Arc::clone(STOP.get_or_init(Arc::default))
}

/// A point at which it is safe to stop.
///
/// # Errors
/// Where a signal asked for it.
pub(crate) fn check() -> anyhow::Result<()> {
    anyhow::ensure!(!flag().load(Ordering::Relaxed), "stopped on request");
    Ok(())
}

/// Starts a thread that waits for signals.
pub(crate) fn listen() {
    let stop = flag();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else {
        tracing::warn!("signals end the process at once: no event loop for them");
        return;
    };
    std::thread::spawn(move || runtime.block_on(wait(&stop)));
}

async fn wait(stop: &AtomicBool) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        tracing::warn!("stopping at the next safe point; a second signal stops at once");
    }
}
