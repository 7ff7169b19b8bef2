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
use tsdb::budget::{Budget, Memory};
use tsdb::chunk::{Chunk, ChunkView};
use tsdb::error::{Error, Result, ResultExt as _};
use tsdb::id::BlockId;
use tsdb::merge::input::{self, Input, Source};
use tsdb::merge::lane::{Lane, Placed};
use tsdb::merge::need::Need;
use tsdb::merge::range::RangeOutput;
use tsdb::merge::ranges::Piece;
use tsdb::merge::stitch::{self, Outputs, Stitcher, Watch};
use tsdb::merge::tally::Tally;
use tsdb::merge::{self, Merged, ranges};
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::segment;
use tsdb::time::Interval;

use super::{Downsampler, SeriesChunk};
use crate::result_meta;

/// A block to make.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name.
    pub id: BlockId,
    /// Its resolution.
    pub resolution: Resolution,
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
    let mut sinks = Vec::with_capacity(targets.len());
    for target in targets {
        let writer = BlockWriter::create(parent, target.id)?;
        sinks.push(Sink {
            target: *target,
            writer,
            watch: None,
        });
    }
    let resolution = source.meta().resolution();
    let written = write(&source, resolution, &mut sinks, threads, budget)?;
    let mut meta = source.meta().clone();
    let mut made = Vec::with_capacity(targets.len());
    for (sink, merged) in sinks.into_iter().zip(written) {
        made.push(finish(sink.writer, merged, &mut meta, sink.target)?);
    }
    Ok(made)
}

/// Where a target goes.
pub(super) struct Sink<'w, W> {
    /// What it is.
    pub(super) target: Target,
    /// Its files.
    pub(super) writer: W,
    /// Who sees its series.
    pub(super) watch: Option<Watch<'w>>,
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
    let mut stitchers = Vec::with_capacity(sinks.len());
    for sink in &mut *sinks {
        let mut outputs = Outputs::new(sink.writer.index()?, sink.writer.segments());
        outputs.watch = sink.watch.take();
        let stitcher = Stitcher::start(outputs, Arc::clone(&symbols), segment::SIZE_DEFAULT)?;
        let memory = Memory {
            budget: budget.clone(),
            scratch: sink.writer.scratch(),
        };
        stitchers.push(stitcher.bounded(memory, held.split(need.log))?);
    }
    drop(symbols);
    let build = |piece: &Piece| levels.build(&sources[0], piece);
    let append = |built: Vec<RangeOutput>| {
        let mut pairs = stitchers.iter_mut().zip(&built);
        pairs.try_for_each(|(stitcher, range)| stitcher.append(range))
    };
    merge::pool(threads)?.install(|| stitch::pipeline(pieces, build, append))?;
    let mut all = Vec::with_capacity(sinks.len());
    for (stitcher, sink) in stitchers.into_iter().zip(sinks) {
        let (index, _, merged) = stitcher.finish()?;
        sink.writer.close_index(index)?;
        all.push(merged);
    }
    Ok(all)
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

/// The way from the source's resolution to the targets'.
struct Levels {
    from: Resolution,
    /// Resolutions to go through, and whether that is a target.
    steps: Vec<(Resolution, bool)>,
}

impl Levels {
    fn new(from: Resolution, targets: &[Target]) -> Result<Self> {
        let wanted: Vec<_> = targets.iter().map(|target| target.resolution).collect();
        let coarser = std::iter::once(from)
            .chain(wanted.iter().copied())
            .is_sorted_by(|a, b| a < b);
        let known = [Resolution::FIVE_MINUTES, Resolution::ONE_HOUR];
        if !coarser || wanted.is_empty() || wanted.iter().any(|to| !known.contains(to)) {
            let list: Vec<_> = wanted.iter().map(|to| format!("{} ms", to.0)).collect();
            return Err(Error::Invalid(format!(
                "a block of {} ms cannot be downsampled to [{}]: each must be 5m or 1h, and coarser than the one before",
                from.0,
                list.join(", "),
            )));
        }
        let steps = known
            .into_iter()
            .filter(|&to| to > from && wanted.last().is_some_and(|&last| to <= last))
            .map(|to| (to, wanted.contains(&to)))
            .collect();
        Ok(Self { from, steps })
    }

    /// One label range of each target.
    fn build<I: Input>(&self, source: &Source<'_, I>, piece: &Piece) -> Result<Vec<RangeOutput>> {
        let positions = piece.first().cloned().unwrap_or_default();
        let mut lane = Lane::new(source, positions, Interval::ALL)?;
        let mut series = Series::new(self);
        let targets = self.steps.iter().filter(|(_, wanted)| *wanted).count();
        let mut out: Vec<_> = (0..targets).map(|_| RangeOutput::default()).collect();
        while lane.advance()? {
            series.downsample(&mut lane).at(|| lane.place())?;
            let made = series
                .made
                .iter()
                .zip(&self.steps)
                .filter(|(_, (_, wanted))| *wanted);
            for ((chunks, _), out) in made.zip(&mut out) {
                for chunk in chunks {
                    out.put(chunk.min, chunk.max, chunk.view())?;
                }
                out.finish_series(lane.labels()).at(|| lane.place())?;
            }
        }
        lane.check_read()?;
        Ok(out)
    }
}

/// One series on its way, with memory that is used again for the next.
struct Series<'a> {
    levels: &'a Levels,
    downsampler: Downsampler,
    buffer: Vec<u8>,
    records: Vec<Placed>,
    /// Chunks of each level.
    made: Vec<Vec<Chunk>>,
}

impl<'a> Series<'a> {
    fn new(levels: &'a Levels) -> Self {
        Self {
            levels,
            downsampler: Downsampler::new(),
            buffer: Vec::new(),
            records: Vec::new(),
            made: vec![Vec::new(); levels.steps.len()],
        }
    }

    fn downsample<I: Input>(&mut self, lane: &mut Lane<'_, I>) -> Result<()> {
        self.buffer.clear();
        self.records.clear();
        lane.read_records(&mut self.buffer, &mut self.records)?;
        let placed = self.records.iter().zip(lane.chunks());
        let mut chunks: Vec<_> = placed
            .map(|(record, chunk)| SeriesChunk {
                min: chunk.min,
                max: chunk.max,
                view: ChunkView {
                    encoding: record.encoding,
                    payload: &self.buffer[record.payload..record.payload + record.len],
                },
            })
            .collect();
        let mut from = self.levels.from;
        let mut finished: &[Vec<Chunk>] = &[];
        let mut left = self.made.as_mut_slice();
        for &(to, _) in &self.levels.steps {
            if let Some(level) = finished.first() {
                chunks = level.iter().map(SeriesChunk::from).collect();
            }
            let (out, rest) = left.split_first_mut().expect("each step has its chunks");
            out.clear();
            if from == Resolution::RAW {
                self.downsampler.raw(&chunks, to, out)?;
            } else if !chunks.is_empty() {
                self.downsampler.aggregates(&chunks, to, out)?;
            }
            (from, left) = (to, rest);
            finished = std::slice::from_ref(out);
        }
        Ok(())
    }
}
