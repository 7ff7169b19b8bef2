//! The content of each block, checked where it lies, or in a local copy that is removed afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tsdb::block::check::{Counts, Findings, directory};
use tsdb::bucket::Bucket;
use tsdb::bucket::download::download;
use tsdb::bucket::upload::hash_file;
use tsdb::error::ErrorKind;
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;

use super::{Options, Verified};
use crate::error::{Error, Result};

/// Objects of one block fetched at one time.
const FETCH_CONCURRENCY: usize = 4;

/// Checks the blocks, some at a time; what is found keeps their order.
pub(super) async fn check(
    bucket: &Bucket,
    metas: &[Arc<BlockMeta>],
    options: &Options,
    verified: &mut Verified,
) -> Result<()> {
    let checks = metas.iter().map(|meta| {
        let meta = Arc::clone(meta);
        async move { one(bucket, meta, &options.work_dir).await }
    });
    let mut results = futures::stream::iter(checks).buffered(options.concurrency.max(1));
    while let Some((id, counts, findings)) = results.try_next().await? {
        verified.count(counts);
        verified.add(&id.to_string(), findings);
    }
    Ok(())
}

type Checked = (BlockId, Counts, Findings);

async fn one(bucket: &Bucket, meta: Arc<BlockMeta>, work_dir: &Path) -> Result<Checked> {
    let id = meta.ulid;
    if let Some(root) = bucket.local_root() {
        let dir = root.join(id.to_string());
        let (counts, findings) = blocking(move || check_directory(&dir, &meta)).await?;
        return Ok((id, counts, findings));
    }
    let dir = match download(bucket, id, work_dir, FETCH_CONCURRENCY).await {
        Ok(downloaded) => downloaded.dir,
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
            let mut findings = Findings::default();
            findings.damage(
                "meta.json",
                None,
                format!("does not fit the objects: {}", error.chain()),
            );
            return Ok((id, Counts::default(), findings));
        }
        Err(error) => return Err(error.into()),
    };
    let (counts, findings) = blocking(move || {
        let checked = check_directory(&dir, &meta);
        tsdb::block::file::remove_dir(&dir)?;
        checked
    })
    .await?;
    Ok((id, counts, findings))
}

/// Checks a local directory, and the hashes that its meta has.
fn check_directory(dir: &Path, meta: &BlockMeta) -> Result<(Counts, Findings)> {
    let (counts, mut findings) = directory(dir)?;
    let files = meta.thanos.as_ref().map_or(&[][..], |thanos| &thanos.files);
    for file in files {
        let (Some(want), path) = (file.sha256(), dir.join(&file.rel_path)) else {
            continue;
        };
        if path.exists() && hash_file(&path)? != want {
            findings.damage(&file.rel_path, None, "SHA-256 is not the one in meta.json");
        }
    }
    Ok((counts, findings))
}

/// Checks block directories on a local disk, one after another.
///
/// # Errors
/// Where one cannot be read at all.
pub fn local(dirs: &[PathBuf]) -> Result<Verified> {
    let mut verified = Verified::default();
    for dir in dirs {
        if !dir.is_dir() {
            return Err(Error::Invalid(format!(
                "{} is not a directory",
                dir.display()
            )));
        }
        let (counts, findings) = directory(dir)?;
        verified.count(counts);
        verified.add(&dir.display().to_string(), findings);
    }
    Ok(verified)
}

/// Runs disk work on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the work does not panic and is not cancelled")
}
