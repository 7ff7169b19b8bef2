//! Float series: one batch of samples, or of aggregate chunks, to one aggregate chunk.
//!
//! ```text
//! from raw          count, sum, min, max of each window; counter: first raw sample, running totals, last raw sample
//! from aggregates   sum of counts, sum of sums, min of mins, max of maxes; counter: the same over the joined counters
//! ```
//!
//! Batches of aggregates are whole chunks, because the true first and last counter values lie at their ends.

use tsdb::Result;
use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::xor::XorEncoder;
use tsdb::chunk::{Chunk, Encoding};
use tsdb::meta::Resolution;

use super::aggregate::Windows;
use super::column::Columns;
use super::counter::CounterReader;
use super::parts::Parts;
use super::window::{RAW_STEP, batch_len, chunk_count};

/// Room for the work on one float series after the other.
#[derive(Debug, Default)]
pub(super) struct Floats {
    windows: Windows,
    samples: Columns,
    counter: CounterReader,
}

impl Floats {
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
            self.windows.fill(
                &run.ts[numbers.clone()],
                &run.vs[numbers.clone()],
                resolution,
            );
            if !numbers.is_empty() {
                let first = (run.ts[numbers.start], run.vs[numbers.start]);
                out.push(self.raw_chunk(first, run.vs[numbers.end - 1])?);
            }
            start = end;
        }
        Ok(())
    }

    fn raw_chunk(&self, first: (i64, f64), last_v: f64) -> Result<Chunk> {
        let windows = &self.windows;
        let ts = &windows.ts;
        let mut parts = Parts::default();
        parts.add_floats(Aggregate::Count, ts, &windows.count)?;
        parts.add_floats(Aggregate::Sum, ts, &windows.sum)?;
        parts.add_floats(Aggregate::Min, ts, &windows.min)?;
        parts.add_floats(Aggregate::Max, ts, &windows.max)?;
        parts.add_counter(first, windows, last_v)?;
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
            let windows = &mut self.windows;
            windows.fill(&self.samples.ts, &self.samples.vs, resolution);
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
        let Columns { ts, vs, .. } = &self.counter.samples;
        self.windows.fill(ts, vs, resolution);
        if let (Some(&t), Some(&v)) = (ts.first(), vs.first()) {
            parts.add_counter((t, v), &self.windows, self.counter.last_v)?;
        }
        Ok(parts.finish(empty_counter))
    }
}

fn empty_counter() -> (Encoding, Vec<u8>) {
    (Encoding::Xor, XorEncoder::new().finish())
}
