//! A block directory that appears whole or not at all.
//!
//! Order: segments and index (fsync each), `meta.json`, tombstones, fsync of `chunks/` and of the directory, rename, fsync
//! of the parent. A writer that is dropped unfinished removes what it wrote; one that is killed leaves a directory that
//! the next [`remove_leftovers`] takes away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{self, FileOutput, ScratchDir};
use super::{CHUNKS, CREATION_SUFFIX, INDEX, META, TOMBSTONES};
use crate::codec::{Output, ScratchSpace};
use crate::error::{Error, Result};
use crate::id::BlockId;
use crate::segment::{self, SegmentFiles};
use crate::tombstone;

/// Where the files of a new block go.
pub trait NewBlock {
    /// The index.
    type Index: Output + Send;
    /// The segments.
    type Segments: SegmentFiles<File: Send> + Send;

    /// Starts the index.
    ///
    /// # Errors
    /// Where the disk or the store refuses.
    fn index(&self) -> Result<Self::Index>;

    /// Where segments go.
    fn segments(&self) -> Self::Segments;

    /// Memory that index and segments take while they are written, beside that of every merge, in bytes.
    fn buffer_bytes(&self) -> u64 {
        0
    }

    /// Where a merge puts aside what has no room in memory, if there is a place.
    fn scratch(&self) -> Option<Arc<dyn ScratchSpace>> {
        None
    }

    /// Takes back the index, which is complete.
    ///
    /// # Errors
    /// Where the disk or the store refuses.
    fn close_index(&self, index: Self::Index) -> Result<()>;
}

impl<N: NewBlock> NewBlock for &N {
    type Index = N::Index;
    type Segments = N::Segments;

    fn index(&self) -> Result<Self::Index> {
        (**self).index()
    }

    fn segments(&self) -> Self::Segments {
        (**self).segments()
    }

    fn buffer_bytes(&self) -> u64 {
        (**self).buffer_bytes()
    }

    fn scratch(&self) -> Option<Arc<dyn ScratchSpace>> {
        (**self).scratch()
    }

    fn close_index(&self, index: Self::Index) -> Result<()> {
        (**self).close_index(index)
    }
}

/// A block that is being written.
#[derive(Debug)]
pub struct BlockWriter {
    temporary: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl BlockWriter {
    /// Makes the temporary directory of block `id` in `parent`, which is created where it is missing.
    ///
    /// # Errors
    /// Where the block exists already or the disk refuses.
    pub fn create(parent: &Path, id: BlockId) -> Result<Self> {
        let target = parent.join(id.to_string());
        if target.exists() {
            return Err(
                Error::Invalid("a block of this name exists already".into()).at(target.display())
            );
        }
        let temporary = parent.join(format!("{id}{CREATION_SUFFIX}"));
        file::remove_dir(&temporary)?;
        let chunks = temporary.join(CHUNKS);
        fs::create_dir_all(&chunks).map_err(|error| Error::io("create", &chunks, error))?;
        Ok(Self {
            temporary,
            target,
            finished: false,
        })
    }

    /// Where the files are while the block is being written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes the block appear. The segments and the index must have been finished. Returns its directory.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(mut self, meta: &[u8], with_tombstones: bool) -> Result<PathBuf> {
        file::write_whole(&self.temporary.join(META), meta)?;
        if with_tombstones {
            let empty = tombstone::Tombstones::default().encode();
            file::write_whole(&self.temporary.join(TOMBSTONES), &empty)?;
        }
        file::sync_dir(&self.temporary.join(CHUNKS))?;
        file::sync_dir(&self.temporary)?;
        fs::rename(&self.temporary, &self.target)
            .map_err(|error| Error::io("rename", &self.target, error))?;
        self.finished = true;
        if let Some(parent) = self.target.parent() {
            file::sync_dir(parent)?;
        }
        Ok(self.target.clone())
    }
}

impl NewBlock for BlockWriter {
    type Index = FileOutput;
    type Segments = Segments;

    fn index(&self) -> Result<FileOutput> {
        FileOutput::create(&self.temporary.join(INDEX))
    }

    fn segments(&self) -> Segments {
        Segments(self.temporary.join(CHUNKS))
    }

    fn scratch(&self) -> Option<Arc<dyn ScratchSpace>> {
        Some(Arc::new(ScratchDir::new(&self.temporary)))
    }

    fn close_index(&self, index: FileOutput) -> Result<()> {
        index.finish()
    }
}

/// The segment files of a block that is being written.
#[derive(Debug)]
pub struct Segments(PathBuf);

impl SegmentFiles for Segments {
    type File = FileOutput;

    fn open(&mut self, segment: u32) -> Result<FileOutput> {
        FileOutput::create(&self.0.join(segment::file_name(segment)))
    }

    fn close(&mut self, _segment: u32, file: FileOutput) -> Result<()> {
        file.finish()
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: what stays has a name that the next start removes.
            let _ = file::remove_dir(&self.temporary);
        }
    }
}

/// Removes directories of blocks whose writing was cut short.
///
/// # Errors
/// Where the directory cannot be listed or the disk refuses.
pub fn remove_leftovers(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent).map_err(|error| Error::io("list", parent, error))?;
    let mut removed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", parent, error))?;
        let name = entry.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.strip_suffix(CREATION_SUFFIX));
        if id.is_some_and(|id| BlockId::parse(id).is_ok()) {
            file::remove_dir(&entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> BlockId {
        BlockId::new(1_700_000_000_000, 7)
    }

    #[test]
    fn a_block_appears_only_when_finished() {
        let dir = tempfile::tempdir().unwrap();
        let writer = BlockWriter::create(dir.path(), id()).unwrap();
        let mut index = writer.index().unwrap();
        index.append(b"x").unwrap();
        index.finish().unwrap();
        assert!(!dir.path().join(id().to_string()).exists());
        let path = writer.finish(b"{}", true).unwrap();
        assert!(path.join(TOMBSTONES).exists() && path.join(META).exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(BlockWriter::create(dir.path(), id()).is_err());
    }

    #[test]
    fn a_dropped_writer_leaves_nothing_and_a_killed_one_is_cleaned_up_after() {
        let dir = tempfile::tempdir().unwrap();
        drop(BlockWriter::create(dir.path(), id()).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        std::mem::forget(BlockWriter::create(dir.path(), id()).unwrap());
        assert_eq!(remove_leftovers(dir.path()).unwrap().len(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
