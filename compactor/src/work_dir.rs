//! Scratch space: its layout, its lock, and how much is left.
//!
//! ```text
//! <data-dir>/
//!   stratal.lock                 held while a run lasts; says who holds it
//!   compact/<group key>/<ULID>   inputs and the result of one compaction
//!   downsample/<ULID>/<ULID>     input and results of one downsampling
//!   ready/<ULID>                 downsampled blocks that wait for their turn
//!   verify/<ULID>/<ULID>         a block that makes others superfluous, before they go
//! ```
//!
//! Nothing in here is needed after a run: a run that was killed leaves directories, and the next one, which has the lock, removes
//! them before it starts. The lock is the operating system's, so it ends with its holder however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tsdb::Error as BlockError;
use tsdb::id::BlockId;

use crate::error::{Error, Result};

const LOCK: &str = "stratal.lock";
const COMPACT: &str = "compact";
const DOWNSAMPLE: &str = "downsample";
const VERIFY: &str = "verify";
const READY: &str = "ready";

/// Longest text of a holder that is read from a lock file, in bytes.
const HOLDER_BYTES_MAX: u64 = 1024;

/// A locked data directory.
#[derive(Debug)]
pub struct WorkDir {
    root: PathBuf,
    /// Bytes that running jobs may write.
    reserved: Mutex<u64>,
    /// Holds the lock.
    _lock: File,
}

impl WorkDir {
    /// Creates the directory where it is missing, locks it in the name of `holder`, removes what an earlier run left.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it; or the disk refuses.
    pub fn open(root: &Path, holder: &str) -> Result<Self> {
        let path = root.join(LOCK);
        fs::create_dir_all(root).map_err(|error| BlockError::io("create", root, error))?;
        let lock = lock(root, &path, holder)?;
        let work_dir = Self {
            root: root.to_owned(),
            reserved: Mutex::new(0),
            _lock: lock,
        };
        for name in [COMPACT, DOWNSAMPLE, VERIFY, READY] {
            remove(&root.join(name))?;
        }
        Ok(work_dir)
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a group's compaction works.
    #[must_use]
    pub fn compaction(&self, group: &str) -> PathBuf {
        self.root.join(COMPACT).join(group)
    }

    /// Where a block's downsampling works.
    #[must_use]
    pub fn downsampling(&self, block: BlockId) -> PathBuf {
        self.root.join(DOWNSAMPLE).join(block.to_string())
    }

    /// Where downsampled blocks wait.
    #[must_use]
    pub fn ready(&self) -> PathBuf {
        self.root.join(READY)
    }

    /// Where a block is looked at.
    #[must_use]
    pub fn verification(&self, block: BlockId) -> PathBuf {
        self.root.join(VERIFY).join(block.to_string())
    }

    /// Sets `need_bytes` of the `free_bytes` that are left aside for a job, until the result is dropped.
    ///
    /// # Errors
    /// [`Error::NoSpace`] where all running jobs together may write more than is left.
    pub fn reserve(&self, need_bytes: u64, free_bytes: u64) -> Result<Reservation<'_>> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let need = reserved.saturating_add(need_bytes);
        if need > free_bytes {
            return Err(Error::NoSpace {
                dir: self.root.clone(),
                need_bytes: need,
                free_bytes,
            });
        }
        *reserved = need;
        Ok(Reservation {
            work_dir: self,
            bytes: need_bytes,
        })
    }
}

/// Bytes set aside for one job.
#[derive(Debug)]
pub struct Reservation<'a> {
    work_dir: &'a WorkDir,
    bytes: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut reserved = self
            .work_dir
            .reserved
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *reserved = reserved.saturating_sub(self.bytes);
    }
}

/// What is left on the file system of `dir`, in bytes.
///
/// # Errors
/// Where the system does not tell.
pub fn free_bytes(dir: &Path) -> tsdb::Result<u64> {
    let stat =
        rustix::fs::statvfs(dir).map_err(|error| BlockError::io("measure", dir, error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Removes a directory with all that is in it, if it is there.
///
/// # Errors
/// Where the disk refuses.
pub fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BlockError::io("remove", dir, error).into())
        }
        _ => Ok(()),
    }
}

/// Removes a job's directory, unless the job was dropped: then a thread may still write there, and the next run removes it.
///
/// # Errors
/// Where the disk refuses.
pub fn leave<T>(dir: &Path, done: &Result<T>) -> Result<()> {
    if matches!(done, Err(Error::Stopped)) {
        return Ok(());
    }
    remove(dir)
}

fn lock(root: &Path, path: &Path, holder: &str) -> Result<File> {
    let io = |action: &'static str| move |error| Error::from(BlockError::io(action, path, error));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io("open"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(io("lock")(error)),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // The holder may be writing its name at this moment; then there is none to tell.
            let told = file
                .take(HOLDER_BYTES_MAX)
                .read_to_string(&mut text)
                .is_ok();
            let named = told && !text.trim().is_empty();
            return Err(Error::Locked {
                dir: root.to_owned(),
                holder: if named {
                    text.trim().to_owned()
                } else {
                    "another process".into()
                },
            });
        }
    }
    file.set_len(0).map_err(io("write"))?;
    file.rewind().map_err(io("write"))?;
    file.write_all(holder.as_bytes()).map_err(io("write"))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_run_learns_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        let first = WorkDir::open(&root, "stratal compact, process 7").unwrap();
        let second = WorkDir::open(&root, "another").unwrap_err();
        assert!(second.to_string().contains("process 7"), "{second}");
        drop(first);
        assert!(WorkDir::open(&root, "another").is_ok());
    }

    #[test]
    fn what_an_earlier_run_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("compact/0@1/01X");
        fs::create_dir_all(&left).unwrap();
        fs::write(dir.path().join("mine"), "x").unwrap();
        let work_dir = WorkDir::open(dir.path(), "me").unwrap();
        assert!(!left.exists() && dir.path().join("mine").exists());
        assert_eq!(work_dir.compaction("0@1"), dir.path().join("compact/0@1"));
    }

    #[test]
    fn jobs_beside_each_other_share_what_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let work_dir = WorkDir::open(dir.path(), "me").unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        let one = work_dir.reserve(70, 100).unwrap();
        assert!(matches!(
            work_dir.reserve(31, 100),
            Err(Error::NoSpace {
                need_bytes: 101,
                free_bytes: 100,
                ..
            })
        ));
        assert!(work_dir.reserve(30, 100).is_ok());
        drop(one);
        assert_eq!(*work_dir.reserved.lock().unwrap(), 0);
    }
}
