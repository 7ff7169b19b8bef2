//! A block of the bucket becomes a local directory, whole or not at all.
//!
//! ```text
//! <into>/<ULID>.tmp-for-creation/   filled; what has the right hash already is kept
//!        <ULID>/                    renamed to this at the end, durable
//! ```
//!
//! Prometheus ignores and removes directories of the first form. Every object of the block comes along, known or not, and
//! every file that the meta lists must be there with its size and hash. A directory left by an earlier download is taken
//! up again: files without a hash in the meta are fetched anew, for their content cannot be known.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use object_store::{GetResultPayload, ObjectMeta, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::sync::parse_meta;
use super::upload::{hash_file, hex};
use super::{Bucket, CHUNKS_DIR, META_BYTES_MAX, META_FILE, blocking, cut_short, local};
use crate::error::{Error, Result, ResultExt};
use crate::id::BlockId;
use crate::meta::BlockMeta;

/// Ends the name of a directory that is not complete.
pub const TEMPORARY_SUFFIX: &str = ".tmp-for-creation";

/// A block on the local disk.
#[derive(Debug)]
pub struct Downloaded {
    /// Its directory, `<into>/<ULID>`.
    pub dir: PathBuf,
    /// Its meta.
    pub meta: BlockMeta,
    /// Bytes that were fetched, those of `meta.json` aside.
    pub fetched_bytes: u64,
}

/// Downloads a block to `<into>/<ULID>`, `concurrency` objects at a time.
///
/// # Errors
/// [`Error::NotFound`] without a `meta.json`; [`Error::Corrupt`] where the block is not what its meta says; otherwise
/// where the disk or the store refuses. The call can be repeated.
pub async fn download(
    bucket: &Bucket,
    id: BlockId,
    into: &Path,
    concurrency: usize,
) -> Result<Downloaded> {
    let object = bucket.object(id, META_FILE);
    let bytes = bucket
        .read(&object, META_BYTES_MAX)
        .await?
        .ok_or_else(|| Error::NotFound(object.to_string()))?;
    let meta = parse_meta(id, &bytes)?;
    let mut objects = bucket.objects(id).await?;
    objects.retain(|found| found.location != object);
    check_listed(bucket, &meta, &objects)?;
    let (dir, temporary) = directories(into, id);
    let names: HashSet<String> = objects
        .iter()
        .filter_map(|found| bucket.rel_path(id, &found.location))
        .map(str::to_owned)
        .collect();
    {
        let (dir, temporary) = (dir.clone(), temporary.clone());
        blocking(move || prepare(&dir, &temporary, &names)).await?;
    }
    let fetches = objects
        .iter()
        .map(|found| fetch(bucket, &meta, found, &temporary));
    let fetched_bytes = futures::stream::iter(fetches)
        .buffer_unordered(concurrency.max(1))
        .try_fold(0, |sum, bytes| async move { Ok(sum + bytes) })
        .await?;
    {
        let (dir, temporary, into) = (dir.clone(), temporary, into.to_owned());
        blocking(move || publish(&dir, &temporary, &into, &bytes)).await?;
    }
    Ok(Downloaded {
        dir,
        meta,
        fetched_bytes,
    })
}

fn directories(into: &Path, id: BlockId) -> (PathBuf, PathBuf) {
    (
        into.join(id.to_string()),
        into.join(format!("{id}{TEMPORARY_SUFFIX}")),
    )
}

/// Every file that the meta lists must be there, with its size.
pub(super) fn check_listed(
    bucket: &Bucket,
    meta: &BlockMeta,
    objects: &[ObjectMeta],
) -> Result<()> {
    let files = meta.thanos.iter().flat_map(|thanos| &thanos.files);
    for file in files.filter(|file| file.rel_path != META_FILE) {
        let location = bucket.object(meta.ulid, &file.rel_path);
        let at = objects.binary_search_by(|found| found.location.cmp(&location));
        let what = match at.map(|at| objects[at].size) {
            Err(_) => "is listed in meta.json and missing".to_owned(),
            Ok(size) if file.size_bytes.is_some_and(|listed| listed != size) => format!(
                "has {size} bytes, in meta.json {}",
                file.size_bytes.unwrap_or(0)
            ),
            Ok(_) => continue,
        };
        return Err(Error::corrupt("object", 0, what).at(location));
    }
    Ok(())
}

/// Makes the temporary directory, from a finished one where there is one, without files that the block does not have.
fn prepare(dir: &Path, temporary: &Path, names: &HashSet<String>) -> Result<()> {
    if dir.exists() {
        if temporary.exists() {
            fs::remove_dir_all(temporary).map_err(|error| Error::io("remove", temporary, error))?;
        }
        fs::rename(dir, temporary).map_err(|error| Error::io("rename", dir, error))?;
    }
    let chunks = temporary.join(CHUNKS_DIR);
    fs::create_dir_all(&chunks).map_err(|error| Error::io("create", &chunks, error))?;
    remove_others(temporary, "", names)
}

fn remove_others(dir: &Path, prefix: &str, names: &HashSet<String>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|error| Error::io("list", dir, error))? {
        let path = entry.map_err(|error| Error::io("list", dir, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rel_path = format!("{prefix}{name}");
        if path.is_dir() {
            remove_others(&path, &format!("{rel_path}/"), names)?;
        } else if !names.contains(&rel_path) {
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}

/// Fetches one object, unless its file is there with the right hash. Gives the fetched bytes.
async fn fetch(
    bucket: &Bucket,
    meta: &BlockMeta,
    found: &ObjectMeta,
    temporary: &Path,
) -> Result<u64> {
    let Some(rel_path) = bucket.rel_path(meta.ulid, &found.location) else {
        return Ok(0);
    };
    let path = temporary.join(rel_path);
    let hash = meta.file(rel_path).and_then(|file| file.sha256());
    if let Some(hash) = hash {
        let path = path.clone();
        let have = blocking(move || Ok(hash_file(&path).ok())).await?;
        if have.as_deref() == Some(hash) {
            return Ok(0);
        }
    }
    let response = bucket.store.get(&found.location).await;
    let response = response.at(|| &found.location)?;
    let size = response.meta.size;
    let target = Target::create(path).await?;
    let (len, computed) = match response.payload {
        GetResultPayload::File(source, _) => target.copy(source).await?,
        GetResultPayload::Stream(mut stream) => {
            let mut target = target;
            while let Some(piece) = stream.try_next().await.at(|| &found.location)? {
                target = target.write(piece).await?;
            }
            target.finish().await?
        }
    };
    if len != size {
        return Err(cut_short(size, len).at(&found.location));
    }
    match hash {
        Some(hash) if hash != computed => {
            let what = format!("SHA-256 is {hash} in meta.json, the bytes give {computed}");
            Err(Error::corrupt("object", 0, what).at(&found.location))
        }
        _ => Ok(len),
    }
}

/// A file that is being written.
struct Target {
    path: PathBuf,
    file: fs::File,
    hash: Sha256,
    len: u64,
}

impl Target {
    async fn create(path: PathBuf) -> Result<Self> {
        blocking(move || {
            if let Some(dir) = path.parent() {
                fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
            }
            let file =
                fs::File::create(&path).map_err(|error| Error::io("create", &path, error))?;
            Ok(Self {
                path,
                file,
                hash: Sha256::new(),
                len: 0,
            })
        })
        .await
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io("write", &self.path, error))
    }

    /// Hashing and writing take their time, so they do it where waiting is allowed.
    async fn write(mut self, bytes: bytes::Bytes) -> Result<Self> {
        blocking(move || {
            self.put(&bytes)?;
            Ok(self)
        })
        .await
    }

    /// Writes all of a local object in one go.
    async fn copy(mut self, mut source: fs::File) -> Result<(u64, String)> {
        use std::io::Read;
        let target = blocking(move || {
            let mut buffer = vec![0; 256 << 10];
            loop {
                let len = source
                    .read(&mut buffer)
                    .map_err(|error| Error::io("read", &self.path, error))?;
                if len == 0 {
                    return Ok(self);
                }
                self.put(&buffer[..len])?;
            }
        })
        .await?;
        target.finish().await
    }

    /// Makes the file durable; gives its length and SHA-256.
    async fn finish(self) -> Result<(u64, String)> {
        blocking(move || {
            self.file
                .sync_all()
                .map_err(|error| Error::io("fsync", &self.path, error))?;
            Ok((self.len, hex(&self.hash.finalize())))
        })
        .await
    }
}

/// Writes the meta, makes everything durable, and lets the directory appear.
fn publish(dir: &Path, temporary: &Path, into: &Path, meta: &[u8]) -> Result<()> {
    let path = temporary.join(META_FILE);
    fs::File::create(&path)
        .and_then(|mut file| file.write_all(meta).and_then(|()| file.sync_all()))
        .map_err(|error| Error::io("write", &path, error))?;
    local::sync_dir(&temporary.join(CHUNKS_DIR))?;
    local::sync_dir(temporary)?;
    fs::rename(temporary, dir).map_err(|error| Error::io("rename", temporary, error))?;
    local::sync_dir(into)
}
