//! Removing a block: `meta.json` first, the deletion mark last.
//!
//! ```text
//! meta.json              from here on the block is invisible
//! everything else        in any order
//! deletion-mark.json     while it is there, an interrupted deletion is known as one
//! chunks/, <ULID>/       empty objects that some tools and stores keep for directories
//! ```
//!
//! What is already gone is fine at each step, so that a deletion that was interrupted, or runs twice, ends the same.

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Bucket, CHUNKS_DIR, META_FILE, blocking, local};
use crate::error::{Error, Result, ResultExt};
use crate::id::BlockId;
use crate::mark::MarkKind;
use crate::time::Millis;

/// Deletes a block, or what is left of it.
///
/// # Errors
/// Where the store refuses; the call can be repeated.
pub async fn delete(bucket: &Bucket, id: BlockId) -> Result<()> {
    let meta = bucket.object(id, META_FILE);
    let mark = bucket.object(id, MarkKind::Deletion.file_name());
    delete_object(bucket, &meta).await?;
    let rest: Vec<_> = bucket
        .objects(id)
        .await?
        .into_iter()
        .map(|object| object.location)
        .filter(|object| *object != mark)
        .collect();
    delete_all(bucket, rest).await?;
    delete_object(bucket, &mark).await?;
    let Some(root) = &bucket.local_root else {
        delete_directory_markers(bucket, id).await;
        return Ok(());
    };
    {
        let dir = root.join(id.to_string());
        blocking(move || {
            // Nobody writes into a block that is being deleted, so age does not matter.
            local::remove_leftovers(&dir, Millis::MAX)?;
            local::remove_empty_dirs(&dir);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Deletes `<ULID>/chunks/` and `<ULID>/`. No listing shows them as objects, and they are of no use, so this is tried and
/// whatever comes of it is fine.
async fn delete_directory_markers(bucket: &Bucket, id: BlockId) {
    // An empty last segment is a slash at the end.
    let block = bucket.block(id);
    for marker in [block.clone().join(CHUNKS_DIR).join(""), block.join("")] {
        let _ = bucket.store.delete(&marker).await;
    }
}

async fn delete_object(bucket: &Bucket, object: &Path) -> Result<()> {
    match bucket.store.delete(object).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Error::from(error).at(object)),
    }
}

/// Deletes many objects, in bulk where the store can; the first failure is the result, after all were tried.
async fn delete_all(bucket: &Bucket, objects: Vec<Path>) -> Result<()> {
    let count = objects.len();
    let objects = futures::stream::iter(objects).map(Ok).boxed();
    let mut deleted = bucket.store.delete_stream(objects);
    let mut first = None;
    loop {
        match deleted.try_next().await {
            Ok(Some(_)) | Err(object_store::Error::NotFound { .. }) => {}
            Ok(None) => break,
            Err(error) => first = first.or(Some(error)),
        }
    }
    match first {
        None => Ok(()),
        Some(error) => Err(error).at(|| format!("delete {count} objects")),
    }
}
