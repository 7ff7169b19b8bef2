//! Work on local directories: look at a block, make one of many.
//!
//! Synchronous, and long where blocks are large; callers run it on threads that may wait.

use std::path::{Path, PathBuf};

use tsdb::block::compact::{CompactOptions, Compacted, compact};
use tsdb::block::file::{WINDOW_BYTES, write_whole};
use tsdb::block::reader::Block;
use tsdb::block::{CHUNKS, INDEX, META};
use tsdb::bucket::upload::segment_names;
use tsdb::budget::Budget;
use tsdb::codec::Window;
use tsdb::error::{Error, ErrorKind, Result, ResultExt as _};
use tsdb::id::{BlockId, SymbolRef};
use tsdb::index::series::{Pair, SeriesEntry};
use tsdb::index::walk::SeriesWalk;
use tsdb::index::{ChunkMeta, HEAD_SIZE, Version};
use tsdb::merge::MergeFunc;
use tsdb::merge::reread::reread;
use tsdb::merge::tally::{self, Tally};
use tsdb::meta::{BlockMeta, ThanosMeta};
use tsdb::segment;
use tsdb::time::TimeRange;

use crate::downsample::block::{Downsampled, Targets};
use crate::fused;
use crate::health::{Check, ChunkAt, Health};

/// How to compact.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the new block.
    pub id: BlockId,
    /// Who wins where series overlap.
    pub merge: MergeFunc,
    /// Threads to use.
    pub threads: usize,
    /// Memory it may hold.
    pub budget: Budget,
}

/// A block that was made.
#[derive(Debug)]
pub struct Built {
    /// Its directory.
    pub dir: PathBuf,
    /// Its meta.
    pub meta: BlockMeta,
    /// Series whose chunks were sorted on the way.
    pub series_sorted: u64,
    /// What its ranges amount to.
    pub ranges: Vec<Tally>,
    /// Coarser blocks that were made beside it, finest first; none of one without samples.
    pub coarser: Vec<Option<Downsampled>>,
}

/// Looks at the index of the block in `dir`, whose chunks should lie in `range`.
///
/// # Errors
/// Where a file is missing or damaged.
pub fn health(dir: &Path, range: TimeRange) -> Result<Health> {
    let block = Block::open(dir)?;
    let window = block.index_file().window(WINDOW_BYTES);
    index_health(window, range).at(|| dir.join(INDEX).display().to_string())
}

/// Looks at an index through a window.
///
/// # Errors
/// Where it is damaged or cannot be read.
pub fn index_health<W: Window>(mut window: W, range: TimeRange) -> Result<Health> {
    let version = Version::decode(window.fill(0, HEAD_SIZE)?)?;
    let mut walk = SeriesWalk::open(window)?;
    let mut look = Look::new(range);
    let mut entry = SeriesEntry::default();
    while let Some(series) = walk.next(&mut entry)? {
        look.at(version.series_offset(series), &entry.labels, &entry.chunks)?;
    }
    Ok(look.finish())
}

/// The same for a block that was just made, all of which is read and compared with what its ranges amount to.
///
/// # Errors
/// [`Error::Mismatch`] where they differ; as [`health`].
pub fn health_of_new(dir: &Path, range: TimeRange, ranges: &[Tally]) -> Result<Health> {
    let block = Block::open(dir)?;
    let mut look = Look::new(range);
    reread(&block, ranges, |offset, entry| {
        look.at(offset, &entry.labels, &entry.chunks)
    })?;
    Ok(look.finish())
}

/// A look at the entries of one index.
#[derive(Debug)]
pub struct Look {
    check: Check<SymbolRef>,
    chunks: Vec<ChunkAt>,
}

impl Look {
    /// Before the first entry of a block with this range.
    #[must_use]
    pub fn new(range: TimeRange) -> Self {
        Self {
            check: Check::new(range),
            chunks: Vec::new(),
        }
    }

    /// Looks at the next entry, which lies at `offset`.
    ///
    /// # Errors
    /// Corruption where series are not in order or have no labels.
    pub fn at(&mut self, offset: u64, labels: &[Pair], chunks: &[ChunkMeta]) -> Result<()> {
        self.chunks.clear();
        self.chunks.extend(chunks.iter().map(ChunkAt::from));
        self.check.series(offset, labels, &self.chunks)
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Health {
        self.check.finish()
    }
}

/// Makes one block in `parent` of those in `dirs`, in this order, and coarser ones beside it. None where no sample is left.
///
/// # Errors
/// Where an input is damaged, or the disk refuses.
pub fn merge(
    dirs: &[PathBuf],
    parent: &Path,
    options: &Options,
    coarser: Targets<'_>,
) -> Result<Option<Built>> {
    let inputs = dirs
        .iter()
        .map(|dir| Block::open(dir))
        .collect::<Result<Vec<_>>>()?;
    let options = CompactOptions {
        id: options.id,
        func: options.merge,
        segment_bytes: segment::SIZE_DEFAULT,
        threads: options.threads,
        with_tombstones: false,
        budget: options.budget.clone(),
    };
    if !coarser.list.is_empty() {
        match fused::compact(&inputs, parent, &options, coarser) {
            // The merge alone takes less.
            Err(error) if error.kind() == ErrorKind::Limit => {}
            done => return done,
        }
    }
    match compact(&inputs, parent, None, &options)? {
        Compacted::Empty => Ok(None),
        Compacted::Block {
            dir,
            meta,
            disordered,
            ranges,
        } => Ok(Some(Built {
            dir,
            meta: *meta,
            series_sorted: disordered,
            ranges,
            coarser: Vec::new(),
        })),
    }
}

/// Gives a new block its Thanos part, completed with the names of its segments and what it amounts to.
///
/// # Errors
/// Where the disk refuses.
pub fn add_thanos_part(built: &mut Built, mut part: ThanosMeta) -> Result<()> {
    part.segment_files = segment_names(&built.dir)?;
    built.meta.thanos = Some(part);
    tally::sum(&built.ranges).note(&mut built.meta);
    write_whole(&built.dir.join(META), &built.meta.to_json())
}

/// Bytes of index and segments of the block in `dir`.
///
/// # Errors
/// Where the disk refuses.
pub fn size_bytes(dir: &Path) -> Result<u64> {
    let size = |path: PathBuf| {
        std::fs::metadata(&path)
            .map(|data| data.len())
            .map_err(|error| Error::io("measure", &path, error))
    };
    let mut sum = size(dir.join(INDEX))?;
    for name in segment_names(dir)? {
        sum += size(dir.join(CHUNKS).join(name))?;
    }
    Ok(sum)
}
