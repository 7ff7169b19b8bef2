//! Does the bucket refuse to create what exists? Asked once, before a command writes.
//!
//! ```text
//! put  <prefix>/debug/stratal-probe-<ULID>                     must succeed
//! put  the same, if there is none                              must be refused
//! delete                                                       whatever came out
//! ```
//!
//! Some stores take the condition and ignore it, which no error tells. Nothing that we write depends on it: names of
//! blocks are unique, a block is visible by its `meta.json`, which is written last, a source is marked only when its
//! successor is whole, and deletion waits for the delay of a mark. Two compactors that do not know of each other thus make
//! the same block twice, and the next run marks one of the two. What the answer decides is how marks are written: where the
//! condition holds, in one request in which the first mark wins; else by looking first, where two writers within a second
//! may replace a mark by a younger one, which lengthens its delay. The name lies under `debug/`, which every reader ignores.

use object_store::{Error, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use tsdb::bucket::Bucket;
use tsdb::id::BlockId;

/// What a bucket does with a conditional write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Conditional {
    /// It refuses to create what exists.
    Honoured,
    /// It overwrites.
    Ignored,
    /// It does not know the condition, and says so.
    Unknown(String),
}

/// Asks. `id` makes the name unique.
///
/// # Errors
/// Where the bucket cannot be written at all.
pub(super) async fn run(bucket: &Bucket, id: BlockId) -> object_store::Result<Conditional> {
    let name = format!("stratal-probe-{id}");
    let object = bucket.prefix.clone().join("debug").join(name);
    let body = || PutPayload::from_static(b"may be deleted");
    bucket.store.put(&object, body()).await?;
    let again = bucket
        .store
        .put_opts(&object, body(), PutOptions::from(PutMode::Create))
        .await;
    // One that stays is harmless and says itself that it may go.
    if let Err(error) = bucket.store.delete(&object).await {
        tracing::warn!(%error, object = %object, "probe stays in the bucket");
    }
    Ok(match again {
        Ok(_) => Conditional::Ignored,
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Conditional::Honoured,
        Err(error) => Conditional::Unknown(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn buckets_in_memory_and_in_directories_honour_conditions() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Bucket::new(Arc::new(InMemory::new()), "a/b").unwrap();
        let local = Bucket::open_local(dir.path(), "a/b").unwrap();
        for bucket in [memory, local] {
            let found = run(&bucket, BlockId::new(1, 2)).await.unwrap();
            assert_eq!(found, Conditional::Honoured);
            let left = bucket.store.list_with_delimiter(None).await.unwrap();
            assert!(left.objects.is_empty());
        }
    }
}
