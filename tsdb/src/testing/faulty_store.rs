//! An object store that fails on purpose.
//!
//! Four ways, which combine: the nth call of a kind fails, before or after it took effect; all calls fail once some
//! number of changes was made, as if the machine had died there; calls fail and answers end early by chance, from a
//! seed; the process aborts before its nth change, where the environment says so ([`abort_from_env`]). Changes are puts,
//! parts of multipart uploads, their completion, deletions and copies, so that counting up visits every state that a
//! crash can leave. The same seed and calls give the same failures where the calls come one at a time.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

/// Names the change before which [`abort_from_env`] aborts the process, counted from 1.
pub const ABORT_VARIABLE: &str = "STRATAL_ABORT_AT_CHANGE";

/// Kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A put, a part of a multipart upload, or its completion.
    Put,
    /// A deletion or a copy.
    Delete,
    /// A read or a question for an object's size.
    Get,
    /// A listing.
    List,
}

impl Op {
    fn changes(self) -> bool {
        matches!(self, Self::Put | Self::Delete)
    }
}

/// What a failed call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Before,
    /// All of it: only the answer was lost.
    After,
}

/// What is to go wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Fails the nth call of a kind, counted from 1.
    pub nth: Vec<(Op, u64, When)>,
    /// Fails every call after this many changes.
    pub dead_after_changes: Option<u64>,
    /// Calls of a thousand that fail by chance.
    pub failures_permille: u64,
    /// Reads of a thousand that end early by chance.
    pub truncations_permille: u64,
    /// Where chance begins.
    pub seed: u64,
    /// Aborts the process before this change, counted from 1.
    pub abort_at_change: Option<u64>,
}

/// Where the environment names a change, the faults that abort there; else none.
///
/// # Panics
/// Where the variable is not a number.
#[must_use]
pub fn abort_from_env() -> Faults {
    let change = std::env::var(ABORT_VARIABLE).ok();
    Faults {
        abort_at_change: change.map(|text| text.parse().expect("the variable is a number")),
        ..Faults::default()
    }
}

/// The store; clones count together.
#[derive(Debug, Clone)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    calls: [u64; 4],
    changes: u64,
    chance: u64,
}

impl FaultyStore {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Faults) -> Self {
        let chance = faults.seed;
        let state = State {
            faults,
            chance,
            ..State::default()
        };
        Self {
            inner,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Changes asked for so far.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Calls of a kind so far.
    #[must_use]
    pub fn calls(&self, op: Op) -> u64 {
        self.state().calls[op as usize]
    }

    /// Replaces what is to go wrong; counting starts again.
    pub fn set(&self, faults: Faults) {
        let chance = faults.seed;
        *self.state() = State {
            faults,
            chance,
            ..State::default()
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call. An error fails it at once; otherwise says whether it is to fail after it took effect.
    fn enter(&self, op: Op, path: Option<&Path>) -> Result<bool> {
        let mut state = self.state();
        state.calls[op as usize] += 1;
        state.changes += u64::from(op.changes());
        if op.changes() && state.faults.abort_at_change == Some(state.changes) {
            std::process::abort();
        }
        let count = state.calls[op as usize];
        let dead = state
            .faults
            .dead_after_changes
            .is_some_and(|most| state.changes > most || (most == state.changes && !op.changes()));
        let chosen = state
            .faults
            .nth
            .iter()
            .find(|(o, n, _)| (*o, *n) == (op, count));
        let chosen = chosen.map(|(_, _, when)| *when);
        let permille = state.faults.failures_permille;
        let unlucky = state.chance(permille);
        if dead || unlucky || chosen == Some(When::Before) {
            return Err(failure(op, path));
        }
        Ok(chosen == Some(When::After))
    }

    fn leave<T>(fails: bool, op: Op, path: &Path, result: T) -> Result<T> {
        if fails {
            Err(failure(op, Some(path)))
        } else {
            Ok(result)
        }
    }

    fn truncates(&self) -> bool {
        let mut state = self.state();
        let permille = state.faults.truncations_permille;
        state.chance(permille)
    }
}

impl State {
    /// Whether the next throw of dice is below `permille` of a thousand.
    fn chance(&mut self, permille: u64) -> bool {
        if permille == 0 {
            return false;
        }
        // The step of splitmix64.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.chance;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % 1000 < permille
    }
}

fn failure(op: Op, path: Option<&Path>) -> Error {
    let place = path.map(ToString::to_string).unwrap_or_default();
    Error::Generic {
        store: "faulty",
        source: format!("{op:?} of {place:?} fails on purpose").into(),
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let fails = self.enter(Op::Put, Some(location))?;
        let result = self.inner.put_opts(location, payload, opts).await?;
        Self::leave(fails, Op::Put, location, result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FaultyUpload {
            store: self.clone(),
            location: location.clone(),
            inner,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fails = self.enter(Op::Get, Some(location))?;
        let has_body = !options.head;
        let mut result = self.inner.get_opts(location, options).await?;
        if has_body && self.truncates() {
            let len = usize::try_from((result.range.end - result.range.start) / 2);
            let short = GetResult {
                payload: GetResultPayload::Stream(futures::stream::empty().boxed()),
                meta: result.meta.clone(),
                range: result.range.clone(),
                attributes: result.attributes.clone(),
                extensions: result.extensions.clone(),
            };
            let bytes = result.bytes().await?;
            let cut = bytes.slice(..len.unwrap_or(0).min(bytes.len()));
            result = short;
            result.payload = GetResultPayload::Stream(futures::stream::iter([Ok(cut)]).boxed());
        }
        Self::leave(fails, Op::Get, location, result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fails = self.enter(Op::Get, Some(location))?;
        let mut result = self.inner.get_ranges(location, ranges).await?;
        if self.truncates()
            && let Some(last) = result.last_mut()
        {
            last.truncate(last.len() / 2);
        }
        Self::leave(fails, Op::Get, location, result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        // One at a time, so that counting is exact.
        let deletions = locations.then(move |location| {
            let this = this.clone();
            async move {
                let location = location?;
                let fails = this.enter(Op::Delete, Some(&location))?;
                this.inner.delete(&location).await?;
                Self::leave(fails, Op::Delete, &location.clone(), location)
            }
        });
        deletions.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.enter(Op::List, prefix) {
            Ok(false) => self.inner.list(prefix),
            // The failure comes after all names were seen.
            Ok(true) => {
                let failure = failure(Op::List, prefix);
                let end = futures::stream::iter([Err(failure)]);
                self.inner.list(prefix).chain(end).boxed()
            }
            Err(failure) => futures::stream::iter([Err(failure)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fails = self.enter(Op::List, prefix)?;
        let result = self.inner.list_with_delimiter(prefix).await?;
        Self::leave(
            fails,
            Op::List,
            &prefix.cloned().unwrap_or_default(),
            result,
        )
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fails = self.enter(Op::Delete, Some(from))?;
        self.inner.copy_opts(from, to, options).await?;
        Self::leave(fails, Op::Delete, from, ())
    }
}

/// A multipart upload of a [`FaultyStore`].
#[derive(Debug)]
struct FaultyUpload {
    store: FaultyStore,
    location: Path,
    inner: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.store.enter(Op::Put, Some(&self.location)) {
            Ok(false) => self.inner.put_part(data),
            Ok(true) => {
                let (part, location) = (self.inner.put_part(data), self.location.clone());
                Box::pin(async move {
                    part.await?;
                    Err(failure(Op::Put, Some(&location)))
                })
            }
            Err(failure) => Box::pin(futures::future::ready(Err(failure))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fails = self.store.enter(Op::Put, Some(&self.location))?;
        let result = self.inner.complete().await?;
        FaultyStore::leave(fails, Op::Put, &self.location, result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// All objects of a store, ascending by name, with their bytes: for comparing states.
///
/// # Errors
/// Where the store refuses.
pub async fn contents(store: &dyn ObjectStore) -> Result<Vec<(String, Bytes)>> {
    let names: Vec<ObjectMeta> = store.list(None).try_collect().await?;
    let mut objects = Vec::new();
    for name in names {
        let bytes = store.get(&name.location).await?.bytes().await?;
        objects.push((name.location.to_string(), bytes));
    }
    objects.sort();
    Ok(objects)
}
