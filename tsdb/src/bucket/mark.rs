//! Marks in a bucket: put, remove, read.
//!
//! A mark is never overwritten: the first one started a delay that others count on. Where the store is known to honour
//! conditional writes, this is one request, and of two writers one wins. Where it is not, the existence check and the
//! write are two requests; the loser of a race replaces a mark by one that is seconds younger, which only lengthens the
//! delay. What the bytes mean is in [`crate::mark`].

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::{Bucket, META_BYTES_MAX};
use crate::error::{Error, Result};
use crate::id::BlockId;
use crate::mark::{self, Mark, MarkKind, Reading};

/// What putting a mark did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The mark is there now.
    Written,
    /// There was one before, which stays.
    AlreadyThere,
}

/// Puts a mark on its block, unless one of the kind is there.
///
/// # Errors
/// Where the store refuses.
pub async fn put<M: Mark>(bucket: &Bucket, mark: &M) -> Result<Put> {
    let object = bucket.object(mark.block(), M::KIND.file_name());
    let payload = PutPayload::from(mark.to_json());
    let mode = match bucket.conditional_put {
        true => PutMode::Create,
        false if exists(bucket, mark.block(), M::KIND).await? => return Ok(Put::AlreadyThere),
        false => PutMode::Overwrite,
    };
    match bucket.store.put_opts(&object, payload, mode.into()).await {
        Ok(_) => Ok(Put::Written),
        Err(object_store::Error::AlreadyExists { .. }) => Ok(Put::AlreadyThere),
        Err(error) => Err(Error::from(error).at(&object)),
    }
}

/// Whether the block has a mark of the kind, readable or not.
///
/// # Errors
/// Where the store refuses.
pub async fn exists(bucket: &Bucket, id: BlockId, kind: MarkKind) -> Result<bool> {
    let object = bucket.object(id, kind.file_name());
    Ok(bucket.head(&object).await?.is_some())
}

/// Removes a mark; one that is not there is fine.
///
/// # Errors
/// Where the store refuses.
pub async fn remove(bucket: &Bucket, id: BlockId, kind: MarkKind) -> Result<()> {
    let object = bucket.object(id, kind.file_name());
    match bucket.store.delete(&object).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Error::from(error).at(&object)),
    }
}

/// Reads a mark by the rule of [`mark::read`].
///
/// # Errors
/// Where the store refuses, or the mark is of another version.
pub async fn get<M: Mark>(bucket: &Bucket, id: BlockId) -> Result<Reading<M>> {
    let object = bucket.object(id, M::KIND.file_name());
    let bytes = bucket.read(&object, META_BYTES_MAX).await?;
    mark::read(id, bytes.as_deref()).map_err(|error| error.at(&object))
}

/// Reads the marks of many blocks, `concurrency` at a time; unmarked blocks are left out.
///
/// # Errors
/// As [`get`], for any of the blocks.
pub async fn get_all<M: Mark>(
    bucket: &Bucket,
    ids: impl IntoIterator<Item = BlockId>,
    concurrency: usize,
) -> Result<BTreeMap<BlockId, Reading<M>>> {
    let reads = ids.into_iter().map(|id| async move {
        let reading = get::<M>(bucket, id).await?;
        Ok::<_, Error>((id, reading))
    });
    let mut marks = BTreeMap::new();
    let mut readings = futures::stream::iter(reads).buffer_unordered(concurrency.max(1));
    while let Some((id, reading)) = readings.try_next().await? {
        if !matches!(reading, Reading::Unmarked) {
            marks.insert(id, reading);
        }
    }
    Ok(marks)
}
