//! What a bucket on the local file system adds: durability, and what a kill leaves behind.
//!
//! `object_store` writes `name#1` (or the next free number) and renames it to `name`. A process that is killed between
//! the two leaves the first; the store then neither lists nor addresses it, so that it has to be removed here. Until
//! then it keeps its directory from being removed with the last object. Invariant: only files of that form are removed,
//! and only directories that are empty. The lists of names that the store cannot express are read here too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use object_store::local::LocalFileSystem;

use super::Bucket;
use crate::error::{Error, Result};
use crate::time::Millis;

impl Bucket {
    /// Opens the bucket in directory `dir`, which must exist, below `prefix`.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the directory, [`Error::Invalid`] for a bad prefix.
    pub fn open_local(dir: &Path, prefix: &str) -> Result<Self> {
        // Checked here because the store would not name the directory.
        fs::metadata(dir).map_err(|error| Error::io("open", dir, error))?;
        let store = LocalFileSystem::new_with_prefix(dir)
            .map_err(|error| Error::from(error).at(dir.display()))?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        let mut bucket = Self::new(Arc::new(store), prefix)?;
        bucket.local_root = Some(dir.join(bucket.prefix.as_ref()));
        Ok(bucket)
    }
}

/// Whether a file of this name is an unfinished write that its process did not live to finish: `index#1`.
#[must_use]
pub fn is_leftover(name: &str) -> bool {
    // The store splits at the first `#`, so `a#b#1` is an ordinary name.
    name.split_once('#').is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Removes the leftovers below `dir` that were last written before `written_before`, and directories that are empty
/// then. Gives the paths of the removed files.
///
/// A write in progress looks the same: the time must lie far enough in the past.
///
/// # Errors
/// Where a directory cannot be read or a file not be removed; what vanishes meanwhile is fine.
pub fn remove_leftovers(dir: &Path, written_before: Millis) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    sweep(dir, written_before, &mut removed)?;
    Ok(removed)
}

/// One directory of [`remove_leftovers`].
fn sweep(dir: &Path, written_before: Millis, removed: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Error::io("list", dir, error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        let path = entry.path();
        // Not followed: a link may lead out of the bucket.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            let before = removed.len();
            sweep(&path, written_before, removed)?;
            if removed.len() > before {
                // Fails where the directory still holds something, which is as it should be.
                let _ = fs::remove_dir(&path);
            }
        } else if kind.is_file()
            && entry.file_name().to_str().is_some_and(is_leftover)
            && modified(&entry).is_some_and(|time| time < written_before)
        {
            remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

fn modified(entry: &fs::DirEntry) -> Option<Millis> {
    let time = entry.metadata().ok()?.modified().ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Millis)
}

/// Removes `dir` and the directories in it as far as they are empty.
pub(super) fn remove_empty_dirs(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_dirs(&entry.path());
        }
    }
    // Fails where the directory still holds something, which is as it should be.
    let _ = fs::remove_dir(dir);
}

/// Names of the directories and of the other entries of `dir`, whatever bytes they are made of.
pub(super) fn entry_names(dir: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let (mut dirs, mut others) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(|error| Error::io("list", dir, error))? {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Follows links, as the store does.
        if entry.path().is_dir() {
            dirs.push(name);
        } else {
            others.push(name);
        }
    }
    Ok((dirs, others))
}

/// Makes the entries of a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Error::io("fsync", dir, error))
}
