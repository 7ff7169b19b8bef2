//! A block of the bucket comes to the local disk and is looked at before anything is made of it.
//!
//! Reading again is for what may pass; what is broken for good is an answer, not an error, so that the caller can go
//! on without the block.

use std::path::{Path, PathBuf};

use tsdb::block::check;
use tsdb::bucket::download::download;
use tsdb::bucket::stream;
use tsdb::error::{Error as BlockError, ErrorKind};
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;

use crate::build;
use crate::compactor::{Compactor, culprit};
use crate::error::{Error, Result};
use crate::health::Health;
use crate::{retry, work_dir};

/// A block, as it came.
#[derive(Debug)]
pub enum Fetched {
    /// It can be read.
    Sound {
        /// Its directory.
        dir: PathBuf,
        /// What its index looks like.
        health: Health,
    },
    /// It is broken: file, offset, fact.
    Damaged(String),
}

/// Fetches a block to `<into>/<ULID>` and looks at its index.
///
/// # Errors
/// Where the bucket or the disk refuses.
pub async fn fetch(compactor: &Compactor, meta: &BlockMeta, into: &Path) -> Result<Fetched> {
    let (id, files) = (meta.ulid, compactor.config.files.get());
    let get = || download(&compactor.bucket, id, into, files);
    let downloaded = match retry::transient("downloading a block", get).await {
        Err(error) => return damage(id, error),
        Ok(downloaded) => downloaded,
    };
    let (dir, range) = (downloaded.dir.clone(), meta.range());
    let health = blocking(move || build::health(&dir, range)).await?;
    match health {
        // All that the bucket has is here, so what is missing now is missing there.
        Err(error) if error.kind() == ErrorKind::NotFound => damage(id, as_corruption(&error)),
        Err(error) => damage(id, error),
        Ok(health) => Ok(Fetched::Sound {
            dir: downloaded.dir,
            health,
        }),
    }
}

/// Fetches a block that others were made superfluous by, and looks at every byte of it before they go. What is wrong with it, if
/// anything is.
///
/// # Errors
/// Where the bucket or the disk refuses, or has no room.
pub async fn verify(compactor: &Compactor, meta: &BlockMeta) -> Result<Option<String>> {
    let Some(work_dir) = &compactor.scratch else {
        return verify_in_bucket(compactor, meta).await;
    };
    let size_bytes = compactor.size_bytes(meta).await?;
    let _space = compactor.reserve(work_dir, size_bytes)?;
    let dir = work_dir.verification(meta.ulid);
    work_dir::remove(&dir)?;
    let looking = async {
        match fetch(compactor, meta, &dir).await? {
            Fetched::Damaged(fact) => Ok(Some(fact)),
            Fetched::Sound { dir, .. } => {
                let (_, findings) = blocking(move || check::directory(&dir)).await??;
                let first = findings.list.iter().find(|one| one.is_damage());
                let fact =
                    first.map_or_else(|| "damaged in many places".into(), ToString::to_string);
                Ok(findings.is_damaged().then_some(fact))
            }
        }
    };
    let found = compactor.stop.or(looking).await;
    work_dir::leave(&dir, &found)?;
    found
}

async fn verify_in_bucket(compactor: &Compactor, meta: &BlockMeta) -> Result<Option<String>> {
    let threads = compactor.config.threads.get();
    let budget = &compactor.config.budget;
    let look = || stream::verify::verify(&compactor.bucket, meta, threads, budget);
    let looking = async { Ok(retry::transient("reading a block", look).await) };
    match compactor.stop.or(looking).await? {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some(fact(meta.ulid, &error))),
        Err(error) => Err(error.into()),
    }
}

fn as_corruption(error: &BlockError) -> BlockError {
    BlockError::corrupt("block", 0, format!("file is missing: {}", error.chain()))
}

fn damage(id: BlockId, error: BlockError) -> Result<Fetched> {
    if error.kind() != ErrorKind::Corrupt {
        return Err(error.into());
    }
    Ok(Fetched::Damaged(fact(id, &error)))
}

/// What is wrong with a block, as a failure says it that may name the block.
#[must_use]
pub fn fact(id: BlockId, error: &BlockError) -> String {
    culprit(error, &[id]).map_or_else(|| error.chain(), |(_, fact)| fact)
}

/// Does long work on a thread that may wait.
///
/// # Errors
/// [`Error::Died`] where it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Died(error.to_string()))
}
