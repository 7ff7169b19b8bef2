//! What the blocks of a bucket say of themselves, kept from one look to the next.
//!
//! ```text
//! listing -> in memory, unchanged? -> in the cache directory, unchanged? -> fetch meta.json
//! <cache>/<ULID>/meta.json           modified at the time that the object was written
//! ```
//!
//! Every listed block ends in exactly one place of the [`View`]: loaded; partial (no `meta.json`, or one that is not
//! JSON, as broken uploads leave it); bad (JSON that is no meta of this block: someone must look); unread (the store
//! refused: try again, what was known remains loaded). Only partial blocks may ever be cleaned up, so anything doubtful is bad rather than
//! partial. With bad or unread blocks a view is incomplete, and nothing may be concluded from a block's absence.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt;

use super::list::{Discovery, Listing, Name, classify, discover};
use super::{Bucket, META_BYTES_MAX, META_FILE, blocking};
use crate::error::{Error, Result};
use crate::id::BlockId;
use crate::meta::BlockMeta;
use crate::meta::json::is_json;
use crate::time::Millis;

/// How to look at a bucket.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// How to find the blocks.
    pub discovery: Discovery,
    /// Metas fetched at one time; Thanos' `--block-meta-fetch-concurrency`.
    pub concurrency: usize,
    /// Where metas are kept on disk, usually `<data-dir>/meta-syncer`.
    pub cache_dir: Option<PathBuf>,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            discovery: Discovery::default(),
            concurrency: 32,
            cache_dir: None,
        }
    }
}

/// Why a block is partial.
#[derive(Debug)]
pub enum Partial {
    /// It has no `meta.json`.
    NoMeta,
    /// Its `meta.json` is not JSON.
    NotJson(Error),
}

/// One look at a bucket.
#[derive(Debug, Default)]
pub struct View {
    /// Blocks with a sound meta.
    pub loaded: BTreeMap<BlockId, Arc<BlockMeta>>,
    /// Blocks that may be broken uploads or deletions.
    pub partial: BTreeMap<BlockId, Partial>,
    /// Blocks whose meta is JSON and not a meta of theirs.
    pub bad: BTreeMap<BlockId, Error>,
    /// Blocks whose meta could not be read this time.
    pub unread: BTreeMap<BlockId, Error>,
    /// What else lies at the root; its `blocks` are those above.
    pub listing: Listing,
    /// The first failure to write the cache, which costs only time.
    pub cache_failure: Option<Error>,
}

impl View {
    /// Whether every block was understood.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.bad.is_empty() && self.unread.is_empty()
    }

    /// A block because of which the view is incomplete; bad ones first, for they do not pass.
    #[must_use]
    pub fn first_failure(&self) -> Option<(BlockId, &Error)> {
        let all = self.bad.iter().chain(&self.unread);
        all.map(|(id, error)| (*id, error)).next()
    }
}

/// A meta in memory, and when its object was written.
type Known = (Arc<BlockMeta>, Millis);

/// Looks at a bucket again and again.
#[derive(Debug)]
pub struct MetaSync {
    bucket: Bucket,
    options: SyncOptions,
    known: HashMap<BlockId, Known>,
}

/// What became of one block.
enum Outcome {
    Loaded(Arc<BlockMeta>, Option<Error>),
    Partial(Partial),
    Bad(Error),
    Unread(Error),
}

impl MetaSync {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(bucket: Bucket, options: SyncOptions) -> Self {
        Self {
            bucket,
            options,
            known: HashMap::new(),
        }
    }

    /// Looks at the bucket.
    ///
    /// # Errors
    /// Where it cannot be listed. What happens to single blocks is in the view.
    pub async fn sync(&mut self) -> Result<View> {
        let listing = discover(&self.bucket, self.options.discovery).await?;
        let loads = listing.blocks.iter().map(|(id, written)| {
            let this = &*self;
            async move { (*id, this.load(*id, *written).await) }
        });
        let outcomes: Vec<(BlockId, Outcome)> = futures::stream::iter(loads)
            .buffer_unordered(self.options.concurrency.max(1))
            .collect()
            .await;
        let mut view = View::default();
        for (id, outcome) in outcomes {
            self.note(&mut view, id, outcome);
        }
        self.remember(&view, &listing);
        view.listing = listing;
        if let Some(dir) = self.options.cache_dir.clone() {
            let listed: Vec<BlockId> = view.listing.blocks.keys().copied().collect();
            let pruned = blocking(move || prune(&dir, &listed)).await;
            view.cache_failure = view.cache_failure.or(pruned.err());
        }
        Ok(view)
    }

    fn note(&self, view: &mut View, id: BlockId, outcome: Outcome) {
        match outcome {
            Outcome::Loaded(meta, failure) => {
                view.loaded.insert(id, meta);
                view.cache_failure = view.cache_failure.take().or(failure);
            }
            Outcome::Partial(partial) => drop(view.partial.insert(id, partial)),
            Outcome::Bad(error) => drop(view.bad.insert(id, error)),
            Outcome::Unread(error) => {
                if let Some((meta, _)) = self.known.get(&id) {
                    view.loaded.insert(id, Arc::clone(meta));
                }
                view.unread.insert(id, error);
            }
        }
    }

    fn remember(&mut self, view: &View, listing: &Listing) {
        let fresh = view.loaded.iter().filter_map(|(id, meta)| {
            // An unread block keeps the time of what is known of it, so that the next look fetches again.
            let written = match view.unread.contains_key(id) {
                true => self.known.get(id)?.1,
                false => listing.blocks.get(id).copied().flatten()?,
            };
            Some((*id, (Arc::clone(meta), written)))
        });
        self.known = fresh.collect();
    }

    async fn load(&self, id: BlockId, written: Option<Millis>) -> Outcome {
        let Some(written) = written else {
            return Outcome::Partial(Partial::NoMeta);
        };
        if let Some((meta, known)) = self.known.get(&id)
            && *known == written
        {
            return Outcome::Loaded(Arc::clone(meta), None);
        }
        let Some(dir) = self.options.cache_dir.clone() else {
            return self.fetch(id).await.0;
        };
        let cached = {
            let dir = dir.clone();
            blocking(move || Ok(read_cached(&dir, id, written))).await
        };
        if let Ok(Some(meta)) = cached {
            return Outcome::Loaded(Arc::new(meta), None);
        }
        match self.fetch(id).await {
            (Outcome::Loaded(meta, _), Some(bytes)) => {
                let kept = blocking(move || write_cached(&dir, id, written, &bytes)).await;
                Outcome::Loaded(meta, kept.err())
            }
            (outcome, _) => outcome,
        }
    }

    async fn fetch(&self, id: BlockId) -> (Outcome, Option<Bytes>) {
        let object = self.bucket.object(id, META_FILE);
        match self.bucket.read(&object, META_BYTES_MAX).await {
            Err(error) => (Outcome::Unread(error), None),
            Ok(None) => (Outcome::Partial(Partial::NoMeta), None),
            Ok(Some(bytes)) => (understand(id, &bytes), Some(bytes)),
        }
    }
}

fn understand(id: BlockId, bytes: &[u8]) -> Outcome {
    match parse_meta(id, bytes) {
        Ok(meta) => Outcome::Loaded(Arc::new(meta), None),
        Err(error) if is_json(bytes) => Outcome::Bad(error),
        Err(error) => Outcome::Partial(Partial::NotJson(error)),
    }
}

/// Reads the meta of block `id`.
///
/// # Errors
/// Where it is not a sound meta, or that of another block.
pub(super) fn parse_meta(id: BlockId, bytes: &[u8]) -> Result<BlockMeta> {
    let place = || format!("block {id}");
    let meta = BlockMeta::from_json(bytes).map_err(|error| error.at(place()))?;
    if meta.ulid != id {
        let what = format!("names block {}", meta.ulid);
        return Err(Error::corrupt("meta.json", 0, what).at(place()));
    }
    Ok(meta)
}

/// The meta in the cache, where it was made from the object written at `written`.
fn read_cached(dir: &Path, id: BlockId, written: Millis) -> Option<BlockMeta> {
    let path = dir.join(id.to_string()).join(META_FILE);
    let modified = fs::metadata(&path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    if i64::try_from(since.as_millis()).ok()? != written.0 {
        return None;
    }
    // Whatever is wrong with the cache, the bucket has it right.
    parse_meta(id, &fs::read(&path).ok()?).ok()
}

/// Keeps a meta. Not made durable: what a crash tears is not JSON or not of the right time, and is fetched again.
fn write_cached(dir: &Path, id: BlockId, written: Millis, bytes: &[u8]) -> Result<()> {
    let dir = dir.join(id.to_string());
    fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
    let (new, path) = (dir.join("meta.json.tmp"), dir.join(META_FILE));
    fs::write(&new, bytes).map_err(|error| Error::io("write", &new, error))?;
    let since = Duration::from_millis(u64::try_from(written.0).unwrap_or(0));
    fs::File::options()
        .write(true)
        .open(&new)
        .and_then(|file| file.set_modified(UNIX_EPOCH + since))
        .and_then(|()| fs::rename(&new, &path))
        .map_err(|error| Error::io("rename", &path, error))
}

/// Removes what the cache keeps of blocks that are gone. `listed` ascends.
fn prune(dir: &Path, listed: &[BlockId]) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if let Some(Name::Block(id)) = name.to_str().map(classify)
            && listed.binary_search(&id).is_err()
        {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}
