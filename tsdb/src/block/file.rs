//! The door to the disk: positioned reads through a window, appended writes, fsync, rename.
//!
//! [`FileWindow`] reads a file front to back through one buffer, so that a walk over a block of any size takes a fixed
//! amount of memory. [`FileOutput`] gathers writes to one per MiB. Neither is for files that others may rewrite.
//! [`ScratchDir`] has files without a name, for what memory has no room for.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::codec::{Output, Scratch, ScratchSpace, Window};
use crate::error::{Corruption, Error, Result, ResultExt};

/// Bytes that a window reads at once: large enough that the system call is noise, small enough that all windows of a merge stay
/// in the cache, and that little is read in vain where a label range ends.
pub const WINDOW_BYTES: usize = 16 * 1024;

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 1024 * 1024;

/// What is as long as this is not gathered but written at once: copying it would cost more than the call.
const DIRECT_BYTES: usize = 128 * 1024;

/// Bytes that a window over a scratch file reads at once: there may be many, one for each run that is merged.
const SCRATCH_WINDOW_BYTES: usize = 32 * 1024;

/// A file opened for positioned reads; cheap to clone.
#[derive(Debug, Clone)]
pub struct ReadFile {
    file: Arc<File>,
    path: Arc<PathBuf>,
    size: u64,
}

impl ReadFile {
    /// Opens `path`; its size is taken now and believed from then on.
    ///
    /// # Errors
    /// Where the file is missing or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let size = file
            .metadata()
            .map_err(|error| Error::io("stat", path, error))?
            .len();
        Ok(Self {
            file: Arc::new(file),
            path: Arc::new(path.to_owned()),
            size,
        })
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A window that reads `bytes` at a time.
    #[must_use]
    pub fn window(&self, bytes: usize) -> FileWindow {
        FileWindow {
            file: self.clone(),
            bytes,
            start: 0,
            buffer: Vec::new(),
        }
    }
}

/// Some bytes of one file.
#[derive(Debug)]
pub struct FileWindow {
    file: ReadFile,
    bytes: usize,
    /// Where `buffer` lies in the file.
    start: u64,
    buffer: Vec<u8>,
}

impl FileWindow {
    /// Makes the buffer start at `at` and hold at least `len` bytes, keeping what it already has of them.
    fn read(&mut self, at: u64, len: usize) -> Result<()> {
        let end = self.start + self.buffer.len() as u64;
        let kept = if (self.start..end).contains(&at) {
            let from = usize::try_from(at - self.start).expect("the offset lies inside the buffer");
            self.buffer.copy_within(from.., 0);
            self.buffer.len() - from
        } else {
            0
        };
        let left = usize::try_from(self.file.size - at).unwrap_or(usize::MAX);
        self.buffer.resize(len.max(self.bytes).min(left), 0);
        self.start = at;
        let read = self
            .file
            .file
            .read_exact_at(&mut self.buffer[kept..], at + kept as u64);
        read.map_err(|error| {
            self.buffer.clear();
            Error::io("read", &self.file.path, error)
        })
    }

    fn outside(&self, at: u64, len: usize) -> Error {
        let have = self.file.size.saturating_sub(at);
        let what = Corruption::Truncated {
            need: len as u64,
            have,
        };
        Error::Corrupt {
            section: "file",
            offset: at,
            what,
        }
        .at(self.file.path.display())
    }
}

impl Window for FileWindow {
    fn size(&self) -> u64 {
        self.file.size
    }

    #[inline]
    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let have = at
            .checked_sub(self.start)
            .and_then(|from| usize::try_from(from).ok());
        match have {
            Some(from) if from + len <= self.buffer.len() => Ok(&self.buffer[from..from + len]),
            _ => {
                if at > self.file.size || len as u64 > self.file.size - at {
                    return Err(self.outside(at, len));
                }
                self.read(at, len)?;
                Ok(&self.buffer[..len])
            }
        }
    }

    #[inline]
    fn fill_some(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let left = usize::try_from(self.file.size.saturating_sub(at)).unwrap_or(usize::MAX);
        self.fill(at, len.min(left))
    }
}

/// A new file, written front to back.
#[derive(Debug)]
pub struct FileOutput {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
}

impl FileOutput {
    /// Creates `path`, which must not exist.
    ///
    /// # Errors
    /// Where it exists or cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| Error::io("create", path, error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            buffer: Vec::new(),
        })
    }

    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| Error::io("write", &self.path, error))
    }

    /// Writes what is left and waits until the disk has it.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file
            .sync_all()
            .map_err(|error| Error::io("fsync", &self.path, error))
    }
}

impl Output for FileOutput {
    #[inline]
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() >= DIRECT_BYTES || self.buffer.len() + bytes.len() > WRITE_BYTES {
            self.flush()?;
            if bytes.len() >= DIRECT_BYTES {
                return self
                    .file
                    .write_all(bytes)
                    .map_err(|error| Error::io("write", &self.path, error));
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

/// A directory for files without a name: what is put aside there vanishes with its handle, even if the process is killed.
#[derive(Debug)]
pub struct ScratchDir(PathBuf);

impl ScratchDir {
    /// Scratch space in `dir`, which must exist when it is needed.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl ScratchSpace for ScratchDir {
    fn create(&self) -> Result<Box<dyn Scratch>> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("scratch-{}-{number}", std::process::id());
        let output = FileOutput::create(&self.0.join(name))?;
        remove_file(&output.path)?;
        Ok(Box::new(ScratchFile { output, size: 0 }))
    }
}

/// A file without a name.
#[derive(Debug)]
struct ScratchFile {
    output: FileOutput,
    size: u64,
}

impl Output for ScratchFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        self.output.append(bytes)
    }
}

impl Scratch for ScratchFile {
    fn window(&mut self) -> Result<Box<dyn Window + Send>> {
        self.output.flush()?;
        let file = self.output.file.try_clone();
        let file = file.map_err(|error| Error::io("open", &self.output.path, error))?;
        let read = ReadFile {
            file: Arc::new(file),
            path: Arc::new(self.output.path.clone()),
            size: self.size,
        };
        Ok(Box::new(read.window(SCRATCH_WINDOW_BYTES)))
    }
}

/// Writes a small file so that it appears whole: temporary name, fsync, rename.
///
/// # Errors
/// Where the disk refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    remove_file(&temporary)?;
    let mut output = FileOutput::create(&temporary)?;
    output.append(bytes)?;
    output.finish()?;
    fs::rename(&temporary, path).map_err(|error| Error::io("rename", path, error))
}

/// Waits until the disk has the entries of a directory.
///
/// # Errors
/// Where the disk refuses.
pub fn sync_dir(path: &Path) -> Result<()> {
    let dir = File::open(path).map_err(|error| Error::io("open", path, error))?;
    dir.sync_all()
        .map_err(|error| Error::io("fsync", path, error))
}

/// Removes a file that may be gone already.
///
/// # Errors
/// Where the disk refuses.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory and all in it; it may be gone already.
///
/// # Errors
/// Where the disk refuses.
pub fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Where it is missing, larger, or cannot be read.
pub fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = ReadFile::open(path)?;
    if file.size > limit {
        return Err(Error::Limit {
            what: "a small file (bytes)",
            need: file.size,
            limit,
        }
        .at(path.display()));
    }
    let len = usize::try_from(file.size).unwrap_or(usize::MAX);
    file.window(len)
        .fill(0, len)
        .map(<[u8]>::to_vec)
        .at(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_window_shows_what_the_file_has(
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            reads in prop::collection::vec((0..2100_u64, 0..300_usize), 1..20),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let mut output = FileOutput::create(&path).unwrap();
            output.append(&bytes).unwrap();
            output.finish().unwrap();
            let mut window = ReadFile::open(&path).unwrap().window(64);
            for (at, len) in reads {
                let mut model = bytes.as_slice();
                match (window.fill(at, len), model.fill(at, len)) {
                    (Ok(got), Ok(want)) => prop_assert_eq!(got, want),
                    (got, want) => prop_assert_eq!(got.is_err(), want.is_err(), "{} {}", at, len),
                }
            }
        }
    }

    #[test]
    fn what_is_put_aside_can_be_read_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut scratch = ScratchDir::new(dir.path()).create().unwrap();
        scratch.append(b"one").unwrap();
        assert_eq!(scratch.window().unwrap().fill(0, 3).unwrap(), b"one");
        scratch.append(b" two").unwrap();
        let mut window = scratch.window().unwrap();
        assert_eq!(window.fill(2, 5).unwrap(), b"e two");
        assert_eq!(window.size(), 7);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_small_file_appears_whole_and_replaces_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(read_small(&path, 10).unwrap(), b"two");
        assert_eq!(
            read_small(&path, 2).unwrap_err().kind(),
            crate::ErrorKind::Limit
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
