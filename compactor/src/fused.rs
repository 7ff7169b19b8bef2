//! Merge and downsampling from one read of the inputs.
//!
//! ```text
//! inputs --merge--> range of the raw block --levels--> its range of five minutes, of one hour
//!                        |                                  |
//!                     stitched                           stitched             one range after the other, all three in step
//! ```
//!
//! Each range is downsampled by the thread that merged it, while it lies in the cache. A series that cannot be downsampled is no
//! reason to fail a merge: then the coarser blocks are given up, and whoever downsamples the raw block later says why.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tsdb::block::compact::{CompactOptions, compacted_meta};
use tsdb::block::reader::Block;
use tsdb::block::writer::{BlockWriter, NewBlock as _};
use tsdb::budget::{Memory, Reservation};
use tsdb::error::{Result, ResultExt as _};
use tsdb::merge::need::{Need, RANGE_MEMORY_BYTES};
use tsdb::merge::pipeline::{Spare, pipeline};
use tsdb::merge::range::{self, RangeOutput};
use tsdb::merge::ranges::{self, Piece};
use tsdb::merge::stitch::{Outputs, Stitcher};
use tsdb::merge::{self, Merged, input};
use tsdb::meta::{BlockMeta, Resolution};

use crate::build::Built;
use crate::downsample::block::{self, Stitchers, Targets};
use crate::downsample::levels::Levels;

/// A merged range, what it takes beyond the usual, and the coarser ranges of it.
type Ranges = (RangeOutput, Reservation, Option<Vec<RangeOutput>>);

/// Merges raw `inputs` into a block in `parent`, and makes coarser ones of it. Nothing where no sample is left.
///
/// # Errors
/// Where an input is damaged, overlapping chunks cannot be merged, or the disk refuses.
pub fn compact(
    inputs: &[Block],
    parent: &Path,
    options: &CompactOptions,
    coarser: Targets<'_>,
) -> Result<Option<Built>> {
    let metas: Vec<&BlockMeta> = inputs.iter().map(Block::meta).collect();
    let meta = compacted_meta(options.id, &metas)?;
    let levels = Levels::new(Resolution::RAW, coarser.list)?;
    let need = Need::of(inputs, options.threads)?;
    let more = (need.working + need.log) * coarser.list.len() as u64;
    let held = options.budget.reserve_waiting(need.bytes() + more);
    let mut held = held.at(|| format!("merging and downsampling {} blocks", inputs.len()))?;
    let writer = BlockWriter::create(parent, options.id)?;
    let merge_options = merge::Options {
        func: options.func,
        range: meta.range(),
        threads: options.threads,
        segment_bytes: options.segment_bytes,
        memory: Memory {
            budget: options.budget.clone(),
            scratch: writer.scratch(),
        },
    };
    let mut sinks = coarser.sinks()?;
    merge::pool(options.threads)?.install(|| {
        let (symbols, sources) = input::load_all(inputs)?;
        held.grow((symbols.memory_bytes() as u64).saturating_sub(need.strings))?;
        let pieces = ranges::cut(&sources, ranges::step(&sources))?;
        let symbols = Arc::new(symbols);
        let log = (&options.budget, need.log);
        let mut beside = Stitchers::start(&mut sinks, &symbols, log, &mut held)?;
        let outputs = Outputs::new(writer.index()?, writer.segments());
        let stitcher = Stitcher::start(outputs, symbols, options.segment_bytes)?;
        let memory = merge_options.memory.clone();
        let mut stitcher = stitcher.bounded(memory, held.split(need.log))?;
        let (spare, coarser) = (Spare::default(), Coarser::new(&levels));
        let build = |piece: &Piece| {
            let raw = range::build(&sources, piece, &merge_options, spare.take())?;
            let more = raw.memory_bytes().saturating_sub(RANGE_MEMORY_BYTES);
            let more = options.budget.reserve(more)?;
            let coarser = coarser.of(&raw);
            Ok((raw, more, coarser))
        };
        let write = |(raw, more, coarser): Ranges| {
            stitcher.append(&raw)?;
            if more.bytes() == 0 {
                spare.give_back(raw);
            }
            coarser.map_or(Ok(()), |ranges| beside.append(&ranges))
        };
        pipeline(pieces, build, write)?;
        drop((sources, spare));
        let (index, _, merged) = stitcher.finish()?;
        writer.close_index(index)?;
        let made = finish(writer, merged, meta, options.with_tombstones)?;
        let Some(mut made) = made else {
            return Ok(None);
        };
        if !coarser.is_given_up() {
            let written = beside.finish(&sinks)?;
            made.coarser = block::complete(sinks, written, &made.meta)?;
        }
        Ok(Some(made))
    })
}

/// Makes the merged block appear; nothing where it has no samples.
fn finish(
    writer: BlockWriter,
    merged: Merged,
    mut meta: BlockMeta,
    with_tombstones: bool,
) -> Result<Option<Built>> {
    if merged.stats.num_chunks == 0 {
        return Ok(None);
    }
    meta.stats = merged.stats;
    Ok(Some(Built {
        dir: writer.finish(&meta.to_json_prometheus(), with_tombstones)?,
        meta,
        series_sorted: merged.disordered,
        ranges: merged.ranges,
        coarser: Vec::new(),
    }))
}

/// Downsampling as long as it works.
struct Coarser<'a> {
    levels: &'a Levels,
    given_up: AtomicBool,
}

impl<'a> Coarser<'a> {
    fn new(levels: &'a Levels) -> Self {
        Self {
            levels,
            given_up: AtomicBool::new(false),
        }
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn of(&self, raw: &RangeOutput) -> Option<Vec<RangeOutput>> {
        if self.is_given_up() {
            return None;
        }
        let ranges = self.levels.of_range(raw);
        if let Err(error) = &ranges {
            let error = error.chain();
            tracing::warn!(error, "not downsampled while it is merged");
            self.given_up.store(true, Ordering::Relaxed);
        }
        ranges.ok()
    }
}
