//! A block directory opened for reading.
//!
//! Opening reads `meta.json`, the tombstones and the heads of the segments and looks at the other files' sizes; nothing
//! that grows with the block is loaded. Sequential readers (merge, downsampling, checks) take windows; selective ones map the index.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::{self, FileWindow, ReadFile, WINDOW_BYTES};
use super::mmap::Mapped;
use super::{CHUNKS, INDEX, META, TOMBSTONES};
use crate::codec::Window;
use crate::error::{Error, Result, ResultExt};
use crate::index::reader::IndexReader;
use crate::merge::input::Input;
use crate::meta::BlockMeta;
use crate::segment;
use crate::tombstone::Tombstones;

/// Bound of a `meta.json`, in bytes: a block of a year of level-1 sources has less than 1 MiB.
const META_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes that a look at a single series reads: enough for its neighbours, one of which is looked at next.
const PROBE_BYTES: usize = 4 * 1024;

/// Bound of a tombstones file, in bytes.
const TOMBSTONES_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A block on a local disk.
#[derive(Debug)]
pub struct Block {
    dir: PathBuf,
    meta: BlockMeta,
    index: ReadFile,
    segments: Vec<ReadFile>,
    tombstones: Tombstones,
}

impl Block {
    /// Opens the block in `dir`.
    ///
    /// # Errors
    /// Where a file is missing or unreadable, or `meta.json`, the tombstones or the head of a segment are damaged.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(META);
        let meta = file::read_small(&path, META_BYTES_MAX)?;
        let meta = BlockMeta::from_json(&meta).at(|| path.display().to_string())?;
        Ok(Self {
            meta,
            index: ReadFile::open(&dir.join(INDEX))?,
            segments: open_segments(&dir.join(CHUNKS))?,
            tombstones: read_tombstones(&dir.join(TOMBSTONES))?,
            dir: dir.to_owned(),
        })
    }

    /// The block's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the block says of itself.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// The block as if it had no tombstones.
    #[must_use]
    pub fn without_tombstones(mut self) -> Self {
        self.tombstones = Tombstones::default();
        self
    }

    /// The index file.
    #[must_use]
    pub fn index_file(&self) -> &ReadFile {
        &self.index
    }

    /// The segment files in order.
    #[must_use]
    pub fn segment_files(&self) -> &[ReadFile] {
        &self.segments
    }

    /// The index for selective reads.
    ///
    /// # Errors
    /// Where the index is damaged or cannot be mapped.
    pub fn index_reader(&self) -> Result<IndexReader<Mapped>> {
        let bytes = Mapped::open(self.index.path())?;
        IndexReader::open(bytes).at(|| self.index.path().display().to_string())
    }

    /// All segments for selective reads.
    ///
    /// # Errors
    /// Where a segment cannot be mapped.
    pub fn map_segments(&self) -> Result<Vec<Mapped>> {
        self.segments
            .iter()
            .map(|segment| Mapped::open(segment.path()))
            .collect()
    }
}

impl Input for Block {
    type Window = FileWindow;

    fn name(&self) -> String {
        format!("block {}", self.meta.ulid)
    }

    fn index(&self) -> Result<FileWindow> {
        Ok(self.index.window(WINDOW_BYTES))
    }

    fn index_probe(&self) -> Result<FileWindow> {
        Ok(self.index.window(PROBE_BYTES))
    }

    fn segment(&self, segment: u32) -> Result<FileWindow> {
        let file = self.segments.get(segment as usize);
        file.map(|file| file.window(WINDOW_BYTES))
            .ok_or_else(|| segment::missing(segment, self.segments.len()))
            .at(|| self.index.path().display().to_string())
    }

    fn window_bytes(&self) -> u64 {
        WINDOW_BYTES as u64
    }

    fn size_bytes(&self) -> u64 {
        self.index.size() + self.segments.iter().map(ReadFile::size).sum::<u64>()
    }

    fn tombstones(&self) -> &Tombstones {
        &self.tombstones
    }
}

/// The segments in the order of their names; other names are not segments. A block without series may lack the directory.
fn open_segments(dir: &Path) -> Result<Vec<ReadFile>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        if let Some(name) = entry
            .file_name()
            .to_str()
            .filter(|name| name.parse::<u64>().is_ok())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    names
        .iter()
        .map(|name| open_segment(&dir.join(name)))
        .collect()
}

/// Refuses another kind of file, or a version whose records may look otherwise: readers of records do not look at the head.
fn open_segment(path: &Path) -> Result<ReadFile> {
    let segment = ReadFile::open(path)?;
    let head = usize::try_from(segment.size().min(segment::HEAD_SIZE)).expect("at most 8");
    let mut window = segment.window(head);
    segment::check_head(window.fill(0, head)?).at(|| path.display().to_string())?;
    Ok(segment)
}

fn read_tombstones(path: &Path) -> Result<Tombstones> {
    match file::read_small(path, TOMBSTONES_BYTES_MAX) {
        Ok(bytes) => Tombstones::decode(&bytes).at(|| path.display().to_string()),
        Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(Tombstones::default()),
        Err(error) => Err(error),
    }
}
