//! A bucket in memory whose objects are dated by the simulated clock, and whose machine can die.
//!
//! Death is silence: from the chosen change on, every call waits for ever, and whoever called is dropped. So no line of the
//! compactor runs after it, as none does after a power cut. A wish to stop can be timed the same way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Notify;
use tsdb::time::{Clock as _, Millis};

use crate::clock::SimClock;

/// All objects by name.
pub(crate) type Objects = BTreeMap<String, Bytes>;

/// What happens at a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn {
    /// Changes until the machine dies.
    pub(crate) dies_after: Option<u64>,
    /// Changes until a stop is wished, and where to say so.
    pub(crate) stops_after: Option<(u64, Arc<AtomicBool>)>,
}

#[derive(Debug, Default)]
struct State {
    dates: BTreeMap<Path, Millis>,
    turn: Turn,
    changes: u64,
    /// Tells of this machine's death; the next machine has its own.
    death: Arc<Notify>,
}

/// The store; clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct SimStore {
    inner: Arc<InMemory>,
    clock: Arc<SimClock>,
    state: Arc<Mutex<State>>,
}

impl SimStore {
    pub(crate) fn new(clock: Arc<SimClock>) -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            clock,
            state: Arc::default(),
        }
    }

    /// A machine that was started anew.
    pub(crate) fn start(&self, turn: Turn) {
        let mut state = self.state();
        (state.turn, state.changes) = (turn, 0);
        state.death = Arc::default();
    }

    /// Waits for the machine's death.
    pub(crate) async fn dead(&self) {
        let death = Arc::clone(&self.state().death);
        death.notified().await;
    }

    pub(crate) fn objects(&self) -> Objects {
        let all = async {
            let listing: Vec<_> = self.inner.list(None).try_collect().await?;
            let mut objects = Objects::new();
            for object in listing {
                let bytes = self.inner.get(&object.location).await?.bytes().await?;
                objects.insert(object.location.to_string(), bytes);
            }
            Ok::<_, object_store::Error>(objects)
        };
        // Memory answers at once.
        all.now_or_never().unwrap().unwrap()
    }

    /// Date of the youngest object below `dir`.
    pub(crate) fn youngest(&self, dir: &str) -> Option<Millis> {
        let state = self.state();
        let below = state
            .dates
            .iter()
            .filter(|(path, _)| path.to_string().starts_with(dir));
        below.map(|(_, date)| *date).max()
    }

    /// Puts an object as it is, whatever the machine does.
    pub(crate) fn overwrite(&self, path: &str, bytes: Bytes) {
        let path = Path::from(path);
        let put = self.inner.put(&path, PutPayload::from(bytes));
        put.now_or_never().unwrap().unwrap();
        self.date(&path);
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = Path::from(path);
        self.inner.delete(&path).now_or_never().unwrap().unwrap();
        self.state().dates.remove(&path);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn date(&self, path: &Path) {
        let now = self.clock.now();
        self.state().dates.insert(path.clone(), now);
    }

    fn dated(&self, mut object: ObjectMeta) -> ObjectMeta {
        if let Some(date) = self.state().dates.get(&object.location) {
            let date =
                std::time::UNIX_EPOCH + std::time::Duration::from_millis(date.0.unsigned_abs());
            object.last_modified = date.into();
        }
        object
    }

    /// Before a change: dies, or wishes a stop, when it is time.
    async fn change(&self) {
        {
            let mut state = self.state();
            state.changes += 1;
            if let Some((after, flag)) = &state.turn.stops_after
                && state.changes > *after
            {
                flag.store(true, Ordering::Relaxed);
            }
            if state
                .turn
                .dies_after
                .is_none_or(|after| state.changes <= after)
            {
                return;
            }
            state.death.notify_one();
        }
        std::future::pending::<()>().await;
    }

    /// Before a question: the dead do not answer.
    async fn question(&self) {
        let dead = {
            let state = self.state();
            state
                .turn
                .dies_after
                .is_some_and(|after| state.changes > after)
        };
        if dead {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Display for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated")
    }
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.change().await;
        self.date(location);
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.change().await;
        self.date(location);
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.question().await;
        let mut result = self.inner.get_opts(location, options).await?;
        result.meta = self.dated(result.meta);
        Ok(result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let deletions = locations.then(move |location| {
            let this = this.clone();
            async move {
                let location = location?;
                this.change().await;
                this.inner.delete(&location).await?;
                this.state().dates.remove(&location);
                Ok(location)
            }
        });
        deletions.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, listing) = (self.clone(), self.inner.list(prefix));
        let dated = listing.then(move |object| {
            let this = this.clone();
            async move {
                this.question().await;
                Ok(this.dated(object?))
            }
        });
        dated.boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.question().await;
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects = result
            .objects
            .into_iter()
            .map(|object| self.dated(object))
            .collect();
        Ok(result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.change().await;
        self.date(to);
        self.inner.copy_opts(from, to, options).await
    }
}
