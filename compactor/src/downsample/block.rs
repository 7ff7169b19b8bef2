//! One block to coarser ones, series by series.
//!
//! ```text
//! raw block --> five minutes --> one hour        each level a block of its own, both in one pass where both are wanted
//! ```
//!
//! Runs on the machinery of [`tsdb::merge`]: label ranges are built side by side and written in order, so the bytes do not depend on the
//! number of threads and memory does not grow with the block. The hour is made of the finished five-minute chunks of a
//! series, exactly as two passes would. A series of stale markers alone vanishes. Tombstones are ignored and nothing is
//! cut to the block's range, as in Thanos.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb::block::reader::Block;
use tsdb::block::writer::{BlockWriter, NewBlock};
use tsdb::bucket::upload::segment_names;
use tsdb::budget::{Budget, Memory, Reservation};
use tsdb::chunk::ChunkView;
use tsdb::error::{Result, ResultExt as _};
use tsdb::id::BlockId;
use tsdb::index::SymbolTable;
use tsdb::merge::input::{self, Input, Source};
use tsdb::merge::lane::Lane;
use tsdb::merge::need::Need;
use tsdb::merge::pipeline::pipeline;
use tsdb::merge::range::RangeOutput;
use tsdb::merge::ranges::Piece;
use tsdb::merge::stitch::{Outputs, Stitcher, Watch};
use tsdb::merge::tally::Tally;
use tsdb::merge::{self, Merged, ranges};
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::segment;
use tsdb::time::Interval;

use super::SeriesChunk;
use super::levels::{Ladder, Levels};
use crate::result_meta;

/// A block to make.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name.
    pub id: BlockId,
    /// Its resolution.
    pub resolution: Resolution,
}

/// Blocks to make.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// Where they go.
    pub parent: &'a Path,
    /// What they are, finest first.
    pub list: &'a [Target],
}

impl Targets<'_> {
    /// Begins to write them.
    ///
    /// # Errors
    /// Where one exists already, or the disk refuses.
    pub(crate) fn sinks<'w>(&self) -> Result<Vec<Sink<'w, BlockWriter>>> {
        let sink = |target: &Target| {
            Ok(Sink {
                target: *target,
                writer: BlockWriter::create(self.parent, target.id)?,
                watch: None,
            })
        };
        self.list.iter().map(sink).collect()
    }
}

/// A block that was made.
#[derive(Debug)]
pub struct Downsampled {
    /// Its directory.
    pub dir: PathBuf,
    /// Its meta.
    pub meta: BlockMeta,
    /// What its ranges amount to.
    pub ranges: Vec<Tally>,
}

/// Makes the targets, finest first, from `source` in `parent`. Of a target without samples there is no block.
///
/// # Errors
/// Where a target is not coarser than what it is made of, the block is damaged, or the disk refuses.
pub fn downsample(
    source: Block,
    parent: &Path,
    targets: &[Target],
    threads: usize,
    budget: &Budget,
) -> Result<Vec<Option<Downsampled>>> {
    let source = source.without_tombstones();
    let targets = Targets {
        parent,
        list: targets,
    };
    let mut sinks = targets.sinks()?;
    let resolution = source.meta().resolution();
    let written = write(&source, resolution, &mut sinks, threads, budget)?;
    complete(sinks, written, source.meta())
}

/// Makes the blocks appear, which were made of one with the meta `source`.
///
/// # Errors
/// Where the disk refuses.
pub(crate) fn complete(
    sinks: Vec<Sink<'_, BlockWriter>>,
    written: Vec<Merged>,
    source: &BlockMeta,
) -> Result<Vec<Option<Downsampled>>> {
    let mut meta = source.clone();
    let mut made = Vec::with_capacity(sinks.len());
    for (sink, merged) in sinks.into_iter().zip(written) {
        made.push(finish(sink.writer, merged, &mut meta, sink.target)?);
    }
    Ok(made)
}

/// Where a target goes.
pub(crate) struct Sink<'w, W> {
    /// What it is.
    pub(crate) target: Target,
    /// Its files.
    pub(crate) writer: W,
    /// Who sees its series.
    pub(crate) watch: Option<Watch<'w>>,
}

/// Writes the targets, finest first, of `source`, which has this resolution and no tombstones.
///
/// # Errors
/// Where a target is not coarser than what it is made of, the block is damaged, or where the files go refuses.
pub(super) fn write<I: Input, W: NewBlock>(
    source: &I,
    resolution: Resolution,
    sinks: &mut [Sink<'_, W>],
    threads: usize,
    budget: &Budget,
) -> Result<Vec<Merged>> {
    let targets: Vec<_> = sinks.iter().map(|sink| sink.target).collect();
    let levels = Levels::new(resolution, &targets)?;
    let need = Need::of(std::slice::from_ref(source), threads)?;
    let buffers: u64 = sinks.iter().map(|sink| sink.writer.buffer_bytes()).sum();
    let each = (need.working + need.log) * targets.len() as u64;
    let held = budget.reserve_waiting(need.tables + each + buffers);
    let mut held = held.at(|| format!("downsampling {}", source.name()))?;
    let (symbols, sources) = input::load_all(std::slice::from_ref(source))?;
    let symbols = Arc::new(symbols);
    let pieces = ranges::cut(&sources, ranges::step(&sources))?;
    let mut stitchers = Stitchers::start(sinks, &symbols, (budget, need.log), &mut held)?;
    drop(symbols);
    let build = |piece: &Piece| build(&levels, &sources[0], piece);
    let append = |built: Vec<RangeOutput>| stitchers.append(&built);
    merge::pool(threads)?.install(|| pipeline(pieces, build, append))?;
    stitchers.finish(sinks)
}

/// What writes each of several blocks.
pub(crate) struct Stitchers<'w, W: NewBlock>(Vec<Stitcher<'w, W::Index, W::Segments>>);

impl<'w, W: NewBlock> Stitchers<'w, W> {
    /// Starts within a budget, of which each takes the bytes of a log from what is held.
    ///
    /// # Errors
    /// Where the files go refuses.
    pub(crate) fn start(
        sinks: &mut [Sink<'w, W>],
        symbols: &Arc<SymbolTable>,
        (budget, log): (&Budget, u64),
        held: &mut Reservation,
    ) -> Result<Self> {
        let mut stitchers = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let mut outputs = Outputs::new(sink.writer.index()?, sink.writer.segments());
            outputs.watch = sink.watch.take();
            let stitcher = Stitcher::start(outputs, Arc::clone(symbols), segment::SIZE_DEFAULT)?;
            let memory = Memory {
                budget: budget.clone(),
                scratch: sink.writer.scratch(),
            };
            stitchers.push(stitcher.bounded(memory, held.split(log))?);
        }
        Ok(Self(stitchers))
    }

    /// Appends the next range of each.
    ///
    /// # Errors
    /// Where the files go refuses.
    pub(crate) fn append(&mut self, built: &[RangeOutput]) -> Result<()> {
        let mut pairs = self.0.iter_mut().zip(built);
        pairs.try_for_each(|(stitcher, range)| stitcher.append(range))
    }

    /// Completes the files.
    ///
    /// # Errors
    /// Where the files go refuses.
    pub(crate) fn finish(self, sinks: &[Sink<'w, W>]) -> Result<Vec<Merged>> {
        let mut all = Vec::with_capacity(sinks.len());
        for (stitcher, sink) in self.0.into_iter().zip(sinks) {
            let (index, _, merged) = stitcher.finish()?;
            sink.writer.close_index(index)?;
            all.push(merged);
        }
        Ok(all)
    }
}

/// Completes one block; `meta` is that of the level before, and becomes that of this one.
fn finish(
    writer: BlockWriter,
    merged: Merged,
    meta: &mut BlockMeta,
    target: Target,
) -> Result<Option<Downsampled>> {
    let segments = segment_names(writer.path())?;
    *meta = result_meta::downsampled(target.id, meta, target.resolution, merged.stats, segments);
    if merged.stats.num_samples == 0 {
        return Ok(None);
    }
    merged.tally().note(meta);
    let dir = writer.finish(&meta.to_json(), false)?;
    Ok(Some(Downsampled {
        dir,
        meta: meta.clone(),
        ranges: merged.ranges,
    }))
}

/// One label range of each target.
fn build<I: Input>(
    levels: &Levels,
    source: &Source<'_, I>,
    piece: &Piece,
) -> Result<Vec<RangeOutput>> {
    let positions = piece.first().cloned().unwrap_or_default();
    let mut lane = Lane::new(source, positions, Interval::ALL)?;
    let mut ladder = Ladder::new(levels);
    let (mut buffer, mut records) = (Vec::new(), Vec::new());
    while lane.advance()? {
        buffer.clear();
        records.clear();
        lane.read_records(&mut buffer, &mut records)?;
        let placed = records.iter().zip(lane.chunks());
        let chunks: Vec<_> = placed
            .map(|(record, chunk)| SeriesChunk {
                min: chunk.min,
                max: chunk.max,
                view: ChunkView {
                    encoding: record.encoding,
                    payload: &buffer[record.payload..record.payload + record.len],
                },
            })
            .collect();
        let made = ladder.series(lane.labels(), &chunks);
        made.at(|| lane.place())?;
    }
    lane.check_read()?;
    Ok(ladder.finish())
}
