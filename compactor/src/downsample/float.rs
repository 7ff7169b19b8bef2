//! Float series: one batch of samples, or of aggregate chunks, to one aggregate chunk.
//!
//! ```text
//! from raw          count, sum, min, max of each window; counter: first raw sample, running totals, last raw sample
//! from aggregates   sum of counts, sum of sums, min of mins, max of maxes; counter: the same over the joined counters
//! ```
//!
//! Batches of aggregates are whole chunks, because the true first and last counter values lie at their ends. The windows of
//! a series stay at hand until the next, so that the level above needs not decode what was just encoded.

use std::ops::Range;

use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::xor::XorEncoder;
use tsdb::chunk::{Chunk, Encoding};
use tsdb::meta::Resolution;
use tsdb::{Error, Result};

use super::aggregate::Windows;
use super::column::Columns;
use super::counter::CounterReader;
use super::parts::Parts;
use super::window::{RAW_STEP, batch_len, chunk_count};

/// Room for the work on one float series after the other.
#[derive(Debug, Default)]
pub(super) struct Floats {
    /// Windows of all raw chunks made since the last [`Self::forget`].
    windows: Windows,
    made: Vec<Made>,
    coarse: Windows,
    samples: Columns,
    counter: CounterReader,
}

/// A chunk made of raw samples.
#[derive(Debug)]
struct Made {
    /// Its windows.
    windows: Range<usize>,
    /// First raw sample and last raw value of its counter.
    ends: ((i64, f64), f64),
}

impl Floats {
    /// Lets go of the chunks made so far.
    pub(super) fn forget(&mut self) {
        self.windows.clear();
        self.made.clear();
    }

    /// Chunks made of raw samples and still at hand, and their windows.
    pub(super) fn made(&self) -> (usize, usize) {
        (self.made.len(), self.windows.ts.len())
    }

    /// Appends the aggregate chunks of a run of raw samples, whose order within batches is lost.
    ///
    /// # Errors
    /// Where a chunk would have more samples than it can count.
    pub(super) fn downsample_raw(
        &mut self,
        run: &mut Columns,
        resolution: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        let (Some(&min), Some(&max)) = (run.ts.first(), run.ts.last()) else {
            return Ok(());
        };
        let count = run.ts.len();
        let size = count / chunk_count((min, max), RAW_STEP, resolution, count) + 1;
        let mut start = 0;
        while start < count {
            let end = start + batch_len(&run.ts[start..], size, resolution);
            let numbers = start..run.numbers_first(start, end);
            if !numbers.is_empty() {
                let (ts, vs) = (&run.ts[numbers.clone()], &run.vs[numbers]);
                out.push(self.raw_chunk(ts, vs, resolution)?);
            }
            start = end;
        }
        Ok(())
    }

    fn raw_chunk(&mut self, ts: &[i64], vs: &[f64], resolution: Resolution) -> Result<Chunk> {
        let start = self.windows.ts.len();
        self.windows.append(ts, vs, resolution);
        let at = start..self.windows.ts.len();
        let windows = &self.windows;
        check_count(&windows.count[at.clone()], ts.len())?;
        let stamps = &windows.ts[at.clone()];
        let ends = ((ts[0], vs[0]), vs[vs.len() - 1]);
        let mut parts = Parts::default();
        parts.add_floats(Aggregate::Count, stamps, &windows.count[at.clone()])?;
        parts.add_floats(Aggregate::Sum, stamps, &windows.sum[at.clone()])?;
        parts.add_floats(Aggregate::Min, stamps, &windows.min[at.clone()])?;
        parts.add_floats(Aggregate::Max, stamps, &windows.max[at.clone()])?;
        parts.add_counter(stamps, &windows.counter[at.clone()], ends)?;
        self.made.push(Made { windows: at, ends });
        Ok(parts
            .finish(empty_counter)
            .expect("a batch with samples has a window"))
    }

    /// The aggregate chunk of a batch of aggregate chunks; none if they are empty.
    ///
    /// # Errors
    /// Where an aggregate is damaged, has no floats, or would have more samples than a chunk can count.
    pub(super) fn downsample_batch(
        &mut self,
        batch: &[AggregateView<'_>],
        resolution: Resolution,
    ) -> Result<Option<Chunk>> {
        let mut parts = Parts::default();
        for aggregate in [
            Aggregate::Count,
            Aggregate::Sum,
            Aggregate::Min,
            Aggregate::Max,
        ] {
            self.samples.clear();
            for part in batch.iter().filter_map(|view| view.get(aggregate)) {
                self.samples.append(part)?;
            }
            let windows = &mut self.coarse;
            windows.clear();
            windows.append(&self.samples.ts, &self.samples.vs, resolution);
            let values = match aggregate {
                Aggregate::Min => &windows.min,
                Aggregate::Max => &windows.max,
                _ => &windows.sum,
            };
            parts.add_floats(aggregate, &windows.ts, values)?;
        }
        self.counter.clear();
        for part in batch.iter().filter_map(|view| view.get(Aggregate::Counter)) {
            self.counter.append(part)?;
        }
        self.add_counter(&mut parts, resolution)?;
        Ok(parts.finish(empty_counter))
    }

    /// The same for chunks that were made of raw samples and are still at hand.
    ///
    /// # Errors
    /// Where a chunk would have more samples than it can count.
    pub(super) fn downsample_made(
        &mut self,
        batch: Range<usize>,
        resolution: Resolution,
    ) -> Result<Option<Chunk>> {
        let made = self.made.get(batch.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (made.first(), made.last()) else {
            return Ok(None);
        };
        let all = first.windows.start..last.windows.end;
        let windows = &mut self.coarse;
        windows.fold(&self.windows, all, resolution);
        let mut parts = Parts::default();
        parts.add_floats(Aggregate::Count, &windows.ts, &windows.count)?;
        parts.add_floats(Aggregate::Sum, &windows.ts, &windows.sum)?;
        parts.add_floats(Aggregate::Min, &windows.ts, &windows.min)?;
        parts.add_floats(Aggregate::Max, &windows.ts, &windows.max)?;
        self.counter.clear();
        for made in &self.made[batch] {
            let stamps = &self.windows.ts[made.windows.clone()];
            let totals = &self.windows.counter[made.windows.clone()];
            let ((first_t, first_v), last_v) = made.ends;
            self.counter.next(first_t, first_v);
            for (&t, &v) in stamps.iter().zip(totals) {
                self.counter.next(t, v);
            }
            self.counter.next(stamps[stamps.len() - 1], last_v);
        }
        self.add_counter(&mut parts, resolution)?;
        Ok(parts.finish(empty_counter))
    }

    /// Adds the counter that was read.
    fn add_counter(&mut self, parts: &mut Parts, resolution: Resolution) -> Result<()> {
        let Columns { ts, vs, .. } = &self.counter.samples;
        let windows = &mut self.coarse;
        windows.clear();
        windows.append_counter(ts, vs, resolution);
        if let (Some(&t), Some(&v)) = (ts.first(), vs.first()) {
            let ends = ((t, v), self.counter.last_v);
            parts.add_counter(&windows.ts, &windows.counter, ends)?;
        }
        Ok(())
    }
}

/// Makes sure that every sample is in a window.
#[expect(
    clippy::cast_precision_loss,
    reason = "a chunk has fewer samples than 2^53"
)]
fn check_count(counts: &[f64], samples: usize) -> Result<()> {
    let counted: f64 = counts.iter().sum();
    if counted.to_bits() == (samples as f64).to_bits() {
        return Ok(());
    }
    Err(Error::Mismatch(format!(
        "{counted} samples in windows instead of {samples}"
    )))
}

fn empty_counter() -> (Encoding, Vec<u8>) {
    (Encoding::Xor, XorEncoder::new().finish())
}
