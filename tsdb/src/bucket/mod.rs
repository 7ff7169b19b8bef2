//! A bucket of blocks: every object name in one place, and how single objects are read.
//!
//! ```text
//! [<prefix>/]<ULID>/meta.json                last written, first deleted: the block is visible by it
//!            <ULID>/index
//!            <ULID>/chunks/000001 …
//!            <ULID>/deletion-mark.json       last deleted
//!            <ULID>/no-compact-mark.json
//!            <ULID>/no-downsample-mark.json
//!            debug/metas/<ULID>.json         left by old versions, ignored
//! ```
//!
//! A directory without `meta.json` is an upload in progress, an aborted one, or a deletion in progress. Whatever else lies
//! in the directory of a block belongs to the block; whatever else lies at the root is somebody else's. Finding blocks is
//! in [`list`], their metas in [`sync`], which of them to look at in [`filter`]; [`upload`], [`download`], [`delete`] move whole blocks, [`mark`] puts marks,
//! [`range`] reads parts of objects, [`stream`] reads and writes whole blocks without a local file, [`local`] knows what a file-system bucket adds.

pub mod delete;
pub mod download;
pub mod filter;
pub mod list;
pub mod local;
pub mod mark;
pub mod range;
pub mod stream;
pub mod sync;
#[cfg(test)]
mod tests;
pub mod upload;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{Error, Result, ResultExt};
use crate::id::BlockId;

/// Name of the file that makes a block visible.
pub const META_FILE: &str = "meta.json";
/// Name of the index.
pub const INDEX_FILE: &str = "index";
/// Name of the directory of chunk segments.
pub const CHUNKS_DIR: &str = "chunks";

/// Largest `meta.json` or mark that is read, in bytes. Sources and files cost some 60 bytes each, so this is far beyond
/// any real block; it keeps a stray object of that name from filling the memory.
pub const META_BYTES_MAX: u64 = 64 << 20;

/// Usual size of the parts of a large object, in bytes: large enough for few requests, small enough to hold some.
pub const PART_BYTES: usize = 16 << 20;

/// Most parts of one object, in all stores.
pub const PARTS_MAX: u64 = 10_000;

/// Most objects of one block. Segments hold 512 MiB each, so a block of this many is far beyond any real one.
const BLOCK_OBJECTS_MAX: usize = 100_000;

/// Blocks under a common prefix of an object store.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// What comes before each block; may be empty.
    pub prefix: Path,
    /// Whether the store refuses to create what exists. Some take the condition and ignore it, so whoever opens the
    /// bucket has to find out; until then nothing relies on it.
    pub conditional_put: bool,
    /// Size of the parts of large objects, in bytes.
    pub part_bytes: usize,
    /// Directory of the bucket, prefix included, where the store is the local file system.
    pub(crate) local_root: Option<PathBuf>,
}

impl Bucket {
    /// A bucket in `store`, below `prefix`; slashes at its ends do not matter.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the prefix has segments that are empty, `.` or `..`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self> {
        let prefix = Path::parse(prefix.trim_matches('/'))
            .map_err(|error| Error::Invalid(format!("prefix {prefix:?}: {error}")))?;
        Ok(Self {
            store,
            prefix,
            conditional_put: false,
            part_bytes: PART_BYTES,
            local_root: None,
        })
    }

    /// Directory of the bucket, where it is one.
    #[must_use]
    pub fn local_root(&self) -> Option<&std::path::Path> {
        self.local_root.as_deref()
    }

    /// Directory of a block.
    #[must_use]
    pub fn block(&self, id: BlockId) -> Path {
        self.prefix.clone().join(id.to_string())
    }

    /// The object at `rel_path` of a block: `meta.json`, `chunks/000001`.
    #[must_use]
    pub fn object(&self, id: BlockId, rel_path: &str) -> Path {
        rel_path
            .split('/')
            .fold(self.block(id), |path, segment| path.join(segment))
    }

    /// The path of an object relative to its block; none where it belongs to no part of that block.
    #[must_use]
    pub fn rel_path<'a>(&self, id: BlockId, object: &'a Path) -> Option<&'a str> {
        let block = self.block(id);
        object
            .as_ref()
            .strip_prefix(block.as_ref())?
            .strip_prefix('/')
    }

    /// Size of the parts of an object of `size` bytes: the usual one, unless there would be too many parts.
    #[must_use]
    pub fn part_bytes_of(&self, size: u64) -> usize {
        let least = usize::try_from(size.div_ceil(PARTS_MAX)).expect("targets have 64 bits");
        self.part_bytes.max(least)
    }

    /// The prefix as listings take it.
    pub(crate) fn root(&self) -> Option<&Path> {
        Some(&self.prefix).filter(|prefix| !prefix.is_root())
    }

    /// Whether the block has its `meta.json`.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn has_block(&self, id: BlockId) -> Result<bool> {
        let found = self.head(&self.object(id, META_FILE)).await?;
        Ok(found.is_some())
    }

    /// Size and time of an object; none where there is no such object.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn head(&self, object: &Path) -> Result<Option<ObjectMeta>> {
        match self.store.head(object).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::from(error).at(object)),
        }
    }

    /// All of a small object; none where there is no such object.
    ///
    /// # Errors
    /// Where it is larger than `bytes_max`, the store refuses, or it ends too early.
    pub async fn read(&self, object: &Path, bytes_max: u64) -> Result<Option<Bytes>> {
        let found = match self.store.get(object).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::from(error).at(object)),
        };
        let size = found.meta.size;
        if size > bytes_max {
            let limit = Error::Limit {
                what: "bytes of a small object",
                need: size,
                limit: bytes_max,
            };
            return Err(limit.at(object));
        }
        let mut bytes = BytesMut::new();
        let mut stream = found.into_stream();
        while let Some(piece) = stream.try_next().await.at(|| object)? {
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() as u64 != size {
            return Err(cut_short(size, bytes.len() as u64).at(object));
        }
        Ok(Some(bytes.freeze()))
    }

    /// All objects of a block, ascending by name.
    ///
    /// # Errors
    /// Where the store refuses, or there are too many.
    pub async fn objects(&self, id: BlockId) -> Result<Vec<ObjectMeta>> {
        let block = self.block(id);
        let mut listing = self.store.list(Some(&block));
        let mut objects = Vec::new();
        while let Some(object) = listing.try_next().await.at(|| &block)? {
            if objects.len() == BLOCK_OBJECTS_MAX {
                let limit = Error::Limit {
                    what: "objects of a block",
                    need: BLOCK_OBJECTS_MAX as u64 + 1,
                    limit: BLOCK_OBJECTS_MAX as u64,
                };
                return Err(limit.at(&block));
            }
            objects.push(object);
        }
        // The local file system lists in any order.
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }
}

/// A response that ended too early: the next attempt may give all of it.
pub(crate) fn cut_short(need: u64, have: u64) -> Error {
    let text = format!("got {have} of {need} bytes");
    Error::Io {
        action: "read",
        source: std::io::Error::new(std::io::ErrorKind::UnexpectedEof, text),
    }
}

/// Runs disk work on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the work does not panic and is not cancelled")
}
