//! A finished local block becomes a block of the bucket: segments, index, and `meta.json` last.
//!
//! ```text
//! <dir>/<ULID>/chunks/*  ->  <ULID>/chunks/*      some at a time
//!              index     ->  <ULID>/index
//!              meta.json ->  <ULID>/meta.json     with `files` and `upload_time`; makes the block visible
//! ```
//!
//! An upload that breaks off leaves objects without a `meta.json`: invisible, and removed by whoever cleans up. It can be
//! repeated. A block that is visible, or marked for deletion, is never written again. The local `meta.json` stays as it
//! is. Nothing else of the directory is uploaded, so never a `tombstones` file.

use std::fs;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::sync::parse_meta;
use super::{Bucket, CHUNKS_DIR, INDEX_FILE, META_FILE, blocking, mark};
use crate::error::{Error, Result, ResultExt};
use crate::id::BlockId;
use crate::mark::MarkKind;
use crate::meta::{BlockMeta, FileHash, FileMeta};

/// Parts of one object on their way at one time: one being sent while the next is read.
const PARTS_IN_FLIGHT: usize = 2;
/// Bytes hashed at a time.
const HASH_BUFFER_BYTES: usize = 256 << 10;

/// How to upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Files uploaded at one time; Thanos' `--block-files-concurrency`.
    pub concurrency: usize,
    /// Whether to write the SHA-256 of each file into the meta; Thanos' `--hash-func=SHA256`.
    pub sha256: bool,
    /// The present, for `upload_time`.
    pub now: jiff::Timestamp,
}

/// Uploads the block in `dir`, whose name must be the block's. Gives the meta as it is in the bucket.
///
/// # Errors
/// [`Error::Invalid`] for a block without external labels or one that the bucket has or is about to delete; otherwise
/// where the disk or the store refuses.
pub async fn upload(bucket: &Bucket, dir: &Path, options: &UploadOptions) -> Result<BlockMeta> {
    let (id, mut meta) = read_local(dir).await?;
    refuse_present(bucket, id).await?;
    let thanos = meta
        .thanos
        .as_mut()
        .filter(|thanos| !thanos.labels.is_empty())
        .ok_or_else(|| no_labels(id))?;
    let (local, sha256) = (dir.to_owned(), options.sha256);
    let files = blocking(move || gather_files(&local, sha256)).await?;
    thanos.files.clone_from(&files);
    thanos.upload_time = Some(options.now);
    let (chunks, rest): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(|file| file.rel_path != META_FILE)
        .partition(|file| file.rel_path.starts_with(CHUNKS_DIR));
    // Segments before the index: whoever finds an index may expect its segments.
    for stage in [chunks, rest] {
        let puts = stage.into_iter().map(|file| async move {
            let local = dir.join(&file.rel_path);
            put_file(bucket, id, &file, &local).await
        });
        futures::stream::iter(puts)
            .buffer_unordered(options.concurrency.max(1))
            .try_collect::<()>()
            .await?;
    }
    let object = bucket.object(id, META_FILE);
    let payload = PutPayload::from(meta.to_json());
    bucket.store.put(&object, payload).await.at(|| &object)?;
    Ok(meta)
}

pub(super) fn no_labels(id: BlockId) -> Error {
    Error::Invalid(format!(
        "block {id} has no external labels; without them it would mix with blocks of others"
    ))
}

async fn read_local(dir: &Path) -> Result<(BlockId, BlockMeta)> {
    let name = dir.file_name().and_then(|name| name.to_str());
    let id = BlockId::parse(name.unwrap_or_default())?;
    let path = dir.join(META_FILE);
    let bytes = tokio::fs::read(&path)
        .await
        .map_err(|error| Error::io("read", &path, error))?;
    Ok((id, parse_meta(id, &bytes)?))
}

pub(super) async fn refuse_present(bucket: &Bucket, id: BlockId) -> Result<()> {
    if bucket.has_block(id).await? {
        return Err(Error::Invalid(format!("block {id} is in the bucket")));
    }
    if mark::exists(bucket, id, MarkKind::Deletion).await? {
        return Err(Error::Invalid(format!(
            "block {id} is marked for deletion in the bucket"
        )));
    }
    Ok(())
}

/// The list `files` of the block in `dir`: segments, index and `meta.json`, ascending by path.
///
/// # Errors
/// Where a file is missing or the disk refuses.
pub fn gather_files(dir: &Path, sha256: bool) -> Result<Vec<FileMeta>> {
    let mut files = Vec::new();
    for name in segment_names(dir)? {
        files.push(describe(dir, format!("{CHUNKS_DIR}/{name}"), sha256)?);
    }
    files.push(describe(dir, INDEX_FILE.into(), sha256)?);
    files.push(FileMeta {
        rel_path: META_FILE.into(),
        ..FileMeta::default()
    });
    Ok(files)
}

/// Names of the files in `chunks/`, ascending; none without the directory.
///
/// # Errors
/// Where the disk refuses, or a name is not UTF-8 or not that of a file.
pub fn segment_names(dir: &Path) -> Result<Vec<String>> {
    let chunks = dir.join(CHUNKS_DIR);
    let entries = match fs::read_dir(&chunks) {
        // A block without series may have none.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Error::io("list", &chunks, error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| Error::io("list", &chunks, error))?
            .path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.filter(|_| path.is_file()) {
            Some(name) => names.push(name.to_owned()),
            None => return Err(Error::Invalid(format!("{} is no segment", path.display()))),
        }
    }
    names.sort();
    Ok(names)
}

fn describe(dir: &Path, rel_path: String, sha256: bool) -> Result<FileMeta> {
    let path = dir.join(&rel_path);
    let found = fs::metadata(&path).map_err(|error| Error::io("open", &path, error))?;
    let hash = match sha256 {
        true => Some(FileHash::sha256(hash_file(&path)?)),
        false => None,
    };
    Ok(FileMeta {
        rel_path,
        size_bytes: Some(found.len()),
        hash,
        ..FileMeta::default()
    })
}

/// SHA-256 of a file in lower-case hex.
///
/// # Errors
/// Where the disk refuses.
pub fn hash_file(path: &Path) -> Result<String> {
    use std::io::Read;
    let refuse = |error| Error::io("read", path, error);
    let mut file = fs::File::open(path).map_err(refuse)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        let len = file.read(&mut buffer).map_err(refuse)?;
        if len == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..len]);
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put_file(bucket: &Bucket, id: BlockId, file: &FileMeta, local: &PathBuf) -> Result<()> {
    let object = bucket.object(id, &file.rel_path);
    let size = file.size_bytes.unwrap_or(0);
    let mut reader = tokio::fs::File::open(local)
        .await
        .map_err(|error| Error::io("open", local, error))?;
    let part_bytes = bucket.part_bytes_of(size);
    if size <= part_bytes as u64 {
        let bytes = read_part(&mut reader, local, part_bytes).await?;
        check_size(size, bytes.len() as u64, local)?;
        bucket
            .store
            .put(&object, bytes.into())
            .await
            .at(|| &object)?;
        return Ok(());
    }
    let upload = bucket.store.put_multipart(&object).await.at(|| &object)?;
    let mut parts = WriteMultipart::new_with_chunk_size(upload, part_bytes);
    let file = LocalFile {
        path: local,
        size,
        part_bytes,
    };
    match send_parts(&mut parts, &mut reader, &file).await {
        Ok(()) => {
            parts.finish().await.at(|| &object)?;
            Ok(())
        }
        Err(error) => {
            // The reason matters more than whether cleaning up worked.
            let _ = parts.abort().await;
            Err(error.at(&object))
        }
    }
}

/// A file on its way.
struct LocalFile<'a> {
    path: &'a Path,
    size: u64,
    part_bytes: usize,
}

async fn send_parts(
    parts: &mut WriteMultipart,
    reader: &mut tokio::fs::File,
    file: &LocalFile<'_>,
) -> Result<()> {
    let mut sent = 0;
    loop {
        let bytes = read_part(reader, file.path, file.part_bytes).await?;
        if bytes.is_empty() {
            return check_size(file.size, sent, file.path);
        }
        sent += bytes.len() as u64;
        parts.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        parts.put(bytes.into());
    }
}

/// The next `len` bytes of a file, fewer only at its end.
async fn read_part(reader: &mut tokio::fs::File, local: &Path, len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(len as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| Error::io("read", local, error))?;
    Ok(bytes)
}

/// A file that changes while it is uploaded is not the one that the meta describes.
fn check_size(need: u64, have: u64, local: &Path) -> Result<()> {
    if need == have {
        return Ok(());
    }
    let text = format!("{} changed from {need} to {have} bytes", local.display());
    Err(Error::Invalid(text))
}
