//! Histogram series: batches to aggregate chunks of count, sum and counter.
//!
//! ```text
//! from raw          count of samples, sum of histograms (a gauge), running total of a counter
//! from aggregates   sum of counts, sum of sums, running total over the counters
//! ```
//!
//! Min and max are absent, and the counter has no raw samples at its ends. All is done on float histograms, at the
//! coarsest schema of the batch. Histograms that cannot be added (custom bounds against exponential ones, or against other
//! bounds) are never in one chunk; and where a window cannot follow in the chunk, since a threshold changed or a counter
//! became a gauge or fell, the rest of the batch is a batch of its own. Thanos loses windows there, or panics.

use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::float_histogram::FloatHistogramAppender;
use tsdb::chunk::{Chunk, ChunkView, Encoding, decode};
use tsdb::histogram::FloatHistogram;
use tsdb::meta::Resolution;
use tsdb::sample::{Sample, Value};
use tsdb::{Error, Result};

use super::aggregate::Windows;
use super::column::Columns;
use super::histogram_window::{Fold, Track, track};
use super::parts::Parts;
use super::window::{RAW_STEP, batch_len, chunk_count};

/// Histograms in order of time.
#[derive(Debug, Default)]
pub(super) struct HistogramColumns {
    ts: Vec<i64>,
    values: Vec<FloatHistogram>,
}

/// Some of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'a> {
    pub(super) ts: &'a [i64],
    pub(super) values: &'a [FloatHistogram],
}

impl HistogramColumns {
    fn clear(&mut self) {
        self.ts.clear();
        self.values.clear();
    }

    /// Appends the histograms of a chunk, less stale markers and samples that go back in time.
    fn append(&mut self, chunk: ChunkView<'_>, decoded: &mut Vec<Sample>) -> Result<()> {
        decoded.clear();
        decode(chunk, decoded)?;
        let mut last_t = 0;
        let before = self.ts.last().copied();
        for sample in decoded.drain(..) {
            if sample.t < last_t || sample.is_stale() {
                continue;
            }
            last_t = sample.t;
            if before.is_some_and(|before| last_t < before) {
                let what = "samples begin before the end of the chunk before";
                return Err(Error::corrupt("chunk", 0, what));
            }
            self.values.push(match sample.value {
                Value::Histogram(histogram) => histogram.to_float(),
                Value::FloatHistogram(histogram) => *histogram,
                Value::Float(_) => {
                    return Err(Error::corrupt(
                        "chunk",
                        0,
                        "histograms expected, found floats",
                    ));
                }
            });
            self.ts.push(last_t);
        }
        Ok(())
    }

    fn all(&self) -> Slice<'_> {
        Slice {
            ts: &self.ts,
            values: &self.values,
        }
    }
}

impl Slice<'_> {
    /// The samples before `cut`, and the others.
    fn split(self, cut: Option<i64>) -> (Self, Self) {
        let len = cut.map_or(self.ts.len(), |cut| self.ts.partition_point(|t| *t < cut));
        let (ts, rest_ts) = self.ts.split_at(len);
        let (values, rest_values) = self.values.split_at(len);
        let (head, rest) = (
            Self { ts, values },
            Self {
                ts: rest_ts,
                values: rest_values,
            },
        );
        (head, rest)
    }

    /// Time of the first sample that cannot be added to the one before.
    fn change(self) -> Option<i64> {
        let at = self
            .values
            .windows(2)
            .position(|pair| !pair[0].is_addable(&pair[1]))?;
        Some(self.ts[at + 1])
    }
}

/// Room for the work on one histogram series after the other.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    /// The raw samples of a run, or the counters of a batch.
    samples: HistogramColumns,
    sums: HistogramColumns,
    counts: Columns,
    windows: Windows,
    decoded: Vec<Sample>,
}

impl Histograms {
    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }

    /// Appends the histograms of a raw chunk to the run.
    ///
    /// # Errors
    /// Where the chunk is damaged, has no histograms, or begins before the end of the one before it.
    pub(super) fn append(&mut self, chunk: ChunkView<'_>) -> Result<()> {
        self.samples.append(chunk, &mut self.decoded)
    }

    /// Appends the aggregate chunks of the run of raw samples, which is used up.
    ///
    /// # Errors
    /// Where a chunk would have more samples than it can count.
    pub(super) fn downsample_raw(&mut self, to: Resolution, out: &mut Vec<Chunk>) -> Result<()> {
        let HistogramColumns { ts, values } = std::mem::take(&mut self.samples);
        let (Some(&min), Some(&max)) = (ts.first(), ts.last()) else {
            return Ok(());
        };
        let size = ts.len() / chunk_count((min, max), RAW_STEP, to, ts.len()) + 1;
        let mut values = values.into_iter();
        let mut rest = &ts[..];
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(batch_len(rest, size, to));
            rest = others;
            self.samples.clear();
            for (&t, value) in batch.iter().zip(values.by_ref()) {
                if !value.sum.is_nan() {
                    self.samples.ts.push(t);
                    self.samples.values.push(value);
                }
            }
            let all = self.samples.all();
            let streams = Streams {
                counter: all,
                sum: all,
                counts: None,
            };
            streams.downsample(&mut self.windows, to, out)?;
        }
        Ok(())
    }

    /// Appends the aggregate chunks of a batch of aggregate chunks: one, or more where the kind of histogram changes.
    ///
    /// # Errors
    /// Where an aggregate is damaged, is of another kind, or would have more samples than a chunk can count.
    pub(super) fn downsample_batch(
        &mut self,
        batch: &[AggregateView<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        self.samples.clear();
        self.sums.clear();
        self.counts.clear();
        for view in batch {
            if let Some(counter) = view.get(Aggregate::Counter) {
                self.samples.append(counter, &mut self.decoded)?;
            }
            if let Some(sum) = view.get(Aggregate::Sum) {
                self.sums.append(sum, &mut self.decoded)?;
            }
            if let Some(count) = view.get(Aggregate::Count) {
                self.counts.append(count)?;
            }
        }
        let streams = Streams {
            counter: self.samples.all(),
            sum: self.sums.all(),
            counts: Some((&self.counts.ts, &self.counts.vs)),
        };
        streams.downsample(&mut self.windows, to, out)
    }
}

/// What the aggregates of a batch are made of.
#[derive(Debug, Clone, Copy)]
struct Streams<'a> {
    counter: Slice<'a>,
    sum: Slice<'a>,
    /// Counts of windows; without them, each sample of `sum` counts.
    counts: Option<(&'a [i64], &'a [f64])>,
}

impl Streams<'_> {
    /// Appends the chunks of the batch.
    fn downsample(
        mut self,
        windows: &mut Windows,
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        while !self.sum.ts.is_empty() {
            let mut cut = earlier(self.counter.change(), self.sum.change());
            let (head, counter, sum) = loop {
                let (head, _) = self.split(cut);
                let counter = track(head.counter, Fold::Total, to)?;
                let sum = track(head.sum, Fold::Sum, to)?;
                match earlier(counter.refused, sum.refused) {
                    None => break (head, counter, sum),
                    // Earlier than before, and never the first window of all.
                    refused => cut = refused,
                }
            };
            out.extend(head.chunk(&counter, &sum, (windows, to))?);
            if cut.is_none() {
                break;
            }
            self = self.split(cut).1;
        }
        Ok(())
    }

    fn split(self, cut: Option<i64>) -> (Self, Self) {
        let (counter, rest_counter) = self.counter.split(cut);
        let (sum, rest_sum) = self.sum.split(cut);
        let counts = self.counts.map(|(ts, vs)| {
            let len = cut.map_or(ts.len(), |cut| ts.partition_point(|t| *t < cut));
            ((&ts[..len], &vs[..len]), (&ts[len..], &vs[len..]))
        });
        let head = Self {
            counter,
            sum,
            counts: counts.map(|(head, _)| head),
        };
        let rest = Self {
            counter: rest_counter,
            sum: rest_sum,
            counts: counts.map(|(_, rest)| rest),
        };
        (head, rest)
    }

    /// The chunk of these samples; none without a sum.
    fn chunk(
        self,
        counter: &Track,
        sum: &Track,
        (windows, to): (&mut Windows, Resolution),
    ) -> Result<Option<Chunk>> {
        if sum.stamps.is_empty() {
            return Ok(None);
        }
        let mut parts = Parts::default();
        if let Some((ts, vs)) = self.counts {
            windows.clear();
            windows.append(ts, vs, to);
            parts.add_floats(Aggregate::Count, &windows.ts, &windows.sum)?;
        } else {
            parts.add_floats(Aggregate::Count, &sum.stamps, &sum.counts)?;
        }
        for (aggregate, track) in [(Aggregate::Sum, sum), (Aggregate::Counter, counter)] {
            if !track.stamps.is_empty() {
                let part = (Encoding::FloatHistogram, track.chunk.payload());
                parts.add(aggregate, &track.stamps, part);
            }
        }
        Ok(parts.finish(empty_counter))
    }
}

/// The earlier of two times, of which none is never.
fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    [a, b].into_iter().flatten().min()
}

fn empty_counter() -> (Encoding, Vec<u8>) {
    let empty = FloatHistogramAppender::new();
    (Encoding::FloatHistogram, empty.payload())
}
