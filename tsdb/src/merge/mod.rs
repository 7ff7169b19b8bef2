//! Many blocks to one: series in label order, each once.
//!
//! ```text
//! symbols   union of all tables, and a remap per block                     symbols
//! ranges    pivots cut every block's list of series into pieces            ranges
//! build     pieces to finished series, many ranges side by side            pipeline, range, lane, chunks, samples, dedup, trim
//! stitch    ranges in order to segments and index, front to back           stitch
//! check     what was read is what was written, all along and afterwards    tally, reread
//! ```
//!
//! What merging promises: the result's bytes are those that Prometheus' compactor writes, for any number of threads. A
//! chunk that neither overlaps another nor meets a deletion is copied undecoded, its checksum verified. Where two blocks
//! have a sample of one time, one is kept: which one is decided by the order of the inputs ([`heap`], [`samples`]) or by
//! the penalty of replicas ([`dedup`]). Memory is counted in a budget: what cannot be done without is in [`need`], the rest is put
//! aside where the budget ends.

pub mod chunks;
pub mod dedup;
pub mod heap;
pub mod input;
pub mod lane;
pub mod need;
pub mod pipeline;
pub mod range;
pub mod ranges;
pub mod reread;
pub mod samples;
pub mod stitch;
pub mod symbols;
pub mod tally;
pub mod trim;

use std::sync::Arc;

use crate::budget::{Memory, Reservation};
use crate::codec::Output;
use crate::error::{Error, Result, ResultExt as _};
use crate::meta::BlockStats;
use crate::segment::SegmentFiles;
use crate::time::TimeRange;
use input::Input;
use need::{Need, RANGE_MEMORY_BYTES};
use pipeline::{Spare, pipeline};
use range::RangeOutput;
use stitch::{Outputs, Stitcher};
use tally::Tally;

/// Output of one label range: enough to be worth a task, little enough to have several in flight for each thread.
pub const RANGE_BYTES: u64 = 512 * 1024;

/// Who wins where series overlap in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MergeFunc {
    /// Union of all samples, one per timestamp.
    #[default]
    OneToOne,
    /// One replica is followed as long as it has samples.
    Penalty,
}

/// How to merge.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who wins where series overlap.
    pub func: MergeFunc,
    /// Time range of the result; samples outside are left out.
    pub range: TimeRange,
    /// Threads that build ranges.
    pub threads: usize,
    /// Size at which segments are cut, in bytes.
    pub segment_bytes: u64,
    /// What it may hold.
    pub memory: Memory,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// Counts of the result.
    pub stats: BlockStats,
    /// Series whose chunks were out of order in an input, and were sorted.
    pub disordered: u64,
    /// What each range amounts to, in order, for whoever reads the result again.
    pub ranges: Vec<Tally>,
}

impl Merged {
    /// What the result amounts to.
    #[must_use]
    pub fn tally(&self) -> Tally {
        tally::sum(&self.ranges)
    }

    fn add(&mut self, range: &RangeOutput) {
        let (sum, part) = (&mut self.stats, &range.stats);
        sum.num_samples += part.num_samples;
        sum.num_float_samples += part.num_float_samples;
        sum.num_histogram_samples += part.num_histogram_samples;
        sum.num_series += part.num_series;
        sum.num_chunks += part.num_chunks;
        self.disordered += range.disordered;
        self.ranges.push(range.tally);
    }
}

/// Merges `inputs`, in the order that decides who wins, into an index and segments; gives both back with the counts.
///
/// # Errors
/// Where an input is damaged or cannot be read, overlapping chunks cannot be merged, or an output refuses.
pub fn run<I, O, F>(
    inputs: &[I],
    outputs: Outputs<'_, O, F>,
    options: &Options,
) -> Result<(O, F, Merged)>
where
    I: Input,
    O: Output + Send,
    F: SegmentFiles<File: Send> + Send,
{
    let budget = &options.memory.budget;
    let mut need = Need::of(inputs, options.threads)?;
    need.working += outputs.buffer_bytes;
    let held = budget.reserve_waiting(need.bytes());
    let mut held = held.at(|| format!("merging {} blocks", inputs.len()))?;
    pool(options.threads)?.install(|| {
        let (symbols, sources) = input::load_all(inputs)?;
        held.grow((symbols.memory_bytes() as u64).saturating_sub(need.strings))?;
        let pieces = ranges::cut(&sources, ranges::step(&sources))?;
        let mut stitcher = Stitcher::start(outputs, Arc::new(symbols), options.segment_bytes)?
            .bounded(options.memory.clone(), held.split(need.log))?;
        let spare = Spare::default();
        let build = |piece: &ranges::Piece| {
            let range = range::build(&sources, piece, options, spare.take())?;
            let more = range.memory_bytes().saturating_sub(RANGE_MEMORY_BYTES);
            Ok((budget.reserve(more)?, range))
        };
        let write = |(more, range): (Reservation, RangeOutput)| {
            stitcher.append(&range)?;
            if more.bytes() == 0 {
                spare.give_back(range);
            }
            Ok(())
        };
        pipeline(pieces, build, write)?;
        drop((sources, spare));
        held.shrink(need.tables - need.strings + need.working);
        stitcher.finish()
    })
}

/// A pool of `threads` threads for [`pipeline::pipeline`].
///
/// # Errors
/// Where the system refuses.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1));
    let builder = builder.thread_name(|at| format!("block-{at}"));
    builder
        .build()
        .map_err(|error| Error::Invalid(format!("cannot start {threads} threads: {error}")))
}
