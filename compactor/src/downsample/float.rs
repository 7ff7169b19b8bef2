//! Float series: one batch of samples, or of aggregate chunks, to one aggregate chunk.
//!
//! ```text
//! from raw          count, sum, min, max of each window; counter: first raw sample, running totals, last raw sample
//! from aggregates   sum of counts, sum of sums, min of mins, max of maxes; counter: the same over the joined counters
//! ```
//!
//! Batches of aggregates are whole chunks, because the true first and last counter values lie at their ends.

use tsdb::chunk::aggregate::{self, Aggregate, AggregateView};
use tsdb::chunk::xor::{SAMPLES_MAX, XorEncoder};
use tsdb::chunk::{Chunk, Encoding};
use tsdb::meta::Resolution;
use tsdb::{Error, Result};

use super::aggregate::Windows;
use super::column::Columns;
use super::counter::CounterReader;
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
        parts.add(Aggregate::Count, ts, &windows.count)?;
        parts.add(Aggregate::Sum, ts, &windows.sum)?;
        parts.add(Aggregate::Min, ts, &windows.min)?;
        parts.add(Aggregate::Max, ts, &windows.max)?;
        parts.add_counter(first, windows, last_v)?;
        Ok(parts.finish().expect("a batch with samples has a window"))
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
            parts.add(aggregate, &windows.ts, values)?;
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
        Ok(parts.finish())
    }
}

/// The chunks of the aggregates as they get ready.
#[derive(Debug, Default)]
struct Parts {
    payloads: [Option<Vec<u8>>; 5],
    /// First and last stamp of all windows.
    range: Option<(i64, i64)>,
}

impl Parts {
    fn add(&mut self, aggregate: Aggregate, ts: &[i64], vs: &[f64]) -> Result<()> {
        if !ts.is_empty() {
            check_len(ts.len())?;
            let mut encoder = XorEncoder::new();
            encoder.extend(ts, vs);
            self.put(aggregate, ts, encoder.finish());
        }
        Ok(())
    }

    /// Adds the counter: its first raw sample, the windows, its last raw value at the time of the last window.
    fn add_counter(&mut self, first: (i64, f64), windows: &Windows, last_v: f64) -> Result<()> {
        if let Some(&last_t) = windows.ts.last() {
            check_len(windows.ts.len() + 2)?;
            let mut encoder = XorEncoder::new();
            encoder.append(first.0, first.1);
            encoder.extend(&windows.ts, &windows.counter);
            encoder.append(last_t, last_v);
            self.put(Aggregate::Counter, &windows.ts, encoder.finish());
        }
        Ok(())
    }

    fn put(&mut self, aggregate: Aggregate, ts: &[i64], payload: Vec<u8>) {
        if let (Some(&first), Some(&last)) = (ts.first(), ts.last()) {
            let (min, max) = self.range.unwrap_or((first, last));
            self.range = Some((min.min(first), max.max(last)));
        }
        self.payloads[aggregate as usize] = Some(payload);
    }

    /// The chunk, if there is a window.
    fn finish(mut self) -> Option<Chunk> {
        let (min, max) = self.range?;
        // Thanos cannot read a chunk that ends in an absent aggregate, but it can read an empty one.
        self.payloads[Aggregate::Counter as usize]
            .get_or_insert_with(|| XorEncoder::new().finish());
        let parts = self
            .payloads
            .each_ref()
            .map(|payload| payload.as_ref().map(|bytes| (Encoding::Xor, &bytes[..])));
        Some(Chunk {
            min,
            max,
            encoding: Encoding::Aggregate,
            payload: aggregate::encode(parts),
        })
    }
}

/// Makes sure that a chunk can count its samples.
pub(super) fn check_len(len: usize) -> Result<()> {
    if len > SAMPLES_MAX {
        return Err(Error::Limit {
            what: "samples of an aggregate",
            need: len as u64,
            limit: SAMPLES_MAX as u64,
        });
    }
    Ok(())
}
