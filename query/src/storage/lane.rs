//! The samples of non-overlapping pieces: raw ones as they are, windows by what is read of them.
//!
//! ```text
//! reading    sample of a window            weight
//! average    sum / count                   count
//! count      count                         count
//! sum, min, max                            1
//! counter    running total, see [`Total`]  1
//! ```
//!
//! Raw samples weigh one. A lane of raw floats is decoded straight into columns, which is what most queries read.

use std::sync::Arc;

use tsdb::chunk::{self, Encoding, xor};
use tsdb::error::{Error, Result};
use tsdb::float::is_stale;
use tsdb::sample::{Sample, Value};
use tsdb::source::SeriesChunk;
use tsdb::time::Millis;

use super::Reading;
use super::columns::{Columns, HistogramSample};
use super::pieces::Piece;

/// Samples of one replica, ascending, with what each of them stands for.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) samples: Vec<Sample>,
    /// One per sample, or none at all where each weighs one.
    pub(crate) weights: Vec<f64>,
    /// Whether some are of windows.
    pub(crate) is_downsampled: bool,
}

/// Decodes a lane of raw floats; false, with nothing done, where it is something else.
pub(crate) fn raw_floats(pieces: &[Piece], into: &mut Columns) -> Result<bool> {
    let mut last = i64::MIN;
    for piece in pieces {
        let chunk = &piece.chunk;
        let is_plain = chunk.aggregate.is_none() && chunk.encoding == Encoding::Xor;
        let is_whole = piece.within.min.0 <= chunk.min && chunk.max <= piece.within.max.0;
        if !is_plain || !is_whole || chunk.min <= last {
            return Ok(false);
        }
        last = chunk.max;
    }
    for piece in pieces {
        xor::decode(&piece.chunk.payload, &mut into.t, &mut into.v)?;
    }
    Ok(true)
}

impl Lane {
    /// Decodes pieces; where they overlap, the earlier piece counts.
    ///
    /// # Errors
    /// Where one is damaged.
    pub(crate) fn decode(pieces: &[Piece], reading: Reading) -> Result<Self> {
        let mut lane = Self {
            is_downsampled: pieces.iter().any(|piece| piece.chunk.aggregate.is_some()),
            ..Self::default()
        };
        let mut total = Total::default();
        let mut scratch = Vec::new();
        for piece in pieces {
            scratch.clear();
            let weights = lane.windows(piece, reading, &mut scratch)?;
            let is_window = piece.chunk.aggregate.is_some();
            for (at, mut sample) in scratch.drain(..).enumerate() {
                let counts = reading == Reading::Counter && lane.is_downsampled;
                if counts && !total.take(&mut sample, is_window) {
                    continue;
                }
                if piece.within.contains(Millis(sample.t)) {
                    lane.push(sample, weights.get(at).copied());
                }
            }
        }
        lane.order();
        Ok(lane)
    }

    /// The samples of a piece, and their weights if they are not one.
    fn windows(
        &self,
        piece: &Piece,
        reading: Reading,
        samples: &mut Vec<Sample>,
    ) -> Result<Vec<f64>> {
        chunk::decode(piece.chunk.view(), samples)?;
        if let Some(count) = &piece.count {
            let counts = floats(count)?;
            average(samples, &counts)?;
            return Ok(counts.into_iter().map(|(_, count)| count).collect());
        }
        if reading == Reading::Count && piece.chunk.aggregate.is_some() {
            let values = samples.iter().map(|sample| match sample.value {
                Value::Float(count) => count,
                Value::Histogram(_) | Value::FloatHistogram(_) => 1.0,
            });
            return Ok(values.collect());
        }
        Ok(Vec::new())
    }

    fn push(&mut self, sample: Sample, weight: Option<f64>) {
        if weight.is_some() || !self.weights.is_empty() {
            self.weights.resize(self.samples.len(), 1.0);
            self.weights.push(weight.unwrap_or(1.0));
        }
        self.samples.push(sample);
    }

    /// Puts the samples in order of time, one per time.
    fn order(&mut self) {
        if self.samples.windows(2).all(|pair| pair[0].t < pair[1].t) {
            return;
        }
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        order.sort_by_key(|at| self.samples[*at].t);
        order.dedup_by_key(|at| self.samples[*at].t);
        self.samples = order.iter().map(|at| self.samples[*at].clone()).collect();
        if !self.weights.is_empty() {
            self.weights = order.iter().map(|at| self.weights[*at]).collect();
        }
    }

    /// Appends a sample of the lane to columns.
    pub(crate) fn copy(&self, at: usize, lift: f64, into: &mut Columns) {
        let sample = &self.samples[at];
        let h = match &sample.value {
            Value::Float(value) => {
                into.t.push(sample.t);
                // Adding nothing would still change the bits of a stale marker.
                into.v.push(if lift == 0.0 { *value } else { value + lift });
                if let Some(weight) = self.weights.get(at) {
                    into.weights.resize(into.v.len() - 1, 1.0);
                    into.weights.push(*weight);
                }
                return;
            }
            Value::Histogram(histogram) => histogram.to_float(),
            Value::FloatHistogram(histogram) => (**histogram).clone(),
        };
        into.histograms.push(HistogramSample {
            t: sample.t,
            start: 0,
            h: Arc::new(h),
        });
    }
}

fn floats(chunk: &SeriesChunk) -> Result<Vec<(i64, f64)>> {
    let mut samples = Vec::new();
    chunk::decode(chunk.view(), &mut samples)?;
    let floats = samples.iter().map(|sample| match sample.value {
        Value::Float(value) => Ok((sample.t, value)),
        Value::Histogram(_) | Value::FloatHistogram(_) => {
            let what = "counts of windows are histograms";
            Err(Error::corrupt("aggregate chunk", 0, what))
        }
    });
    floats.collect()
}

/// Divides sums by counts.
fn average(sums: &mut [Sample], counts: &[(i64, f64)]) -> Result<()> {
    let times = sums.iter().map(|sum| sum.t);
    if !times.eq(counts.iter().map(|(t, _)| *t)) {
        let what = "sums and counts are of different windows";
        return Err(Error::corrupt("aggregate chunk", 0, what));
    }
    for (sum, (_, count)) in sums.iter_mut().zip(counts) {
        match &mut sum.value {
            Value::Float(sum) => *sum /= count,
            Value::FloatHistogram(sum) => sum.div(*count),
            Value::Histogram(integer) => {
                let mut mean = integer.to_float();
                mean.div(*count);
                sum.value = Value::FloatHistogram(Box::new(mean));
            }
        }
    }
    Ok(())
}

/// A counter followed through windows and raw samples.
///
/// Windows give a total without resets, and say at their end what the counter really showed, so that a reset between two
/// chunks is found. Raw samples that follow are lifted by what the total is ahead, until the counter falls: from there on
/// they are as they were scraped, so that `resets` sees the fall and `rate` counts it right.
#[derive(Debug, Default)]
struct Total {
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    t: i64,
    /// What the counter showed.
    shown: f64,
    /// What was answered.
    total: f64,
}

impl Total {
    /// Turns a sample into what is answered; false where nothing is.
    fn take(&mut self, sample: &mut Sample, is_window: bool) -> bool {
        let Value::Float(shown) = sample.value else {
            return true;
        };
        let t = sample.t;
        if is_stale(shown) || shown.is_nan() {
            return !is_window;
        }
        let total = match self.last {
            None => shown,
            Some(last) if t < last.t => return false,
            Some(last) if t == last.t => {
                self.last = Some(Seen { shown, ..last });
                return false;
            }
            Some(last) if shown >= last.shown => last.total + (shown - last.shown),
            Some(last) if is_window => last.total + shown,
            Some(_) => shown,
        };
        self.last = Some(Seen { t, shown, total });
        sample.value = Value::Float(total);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_from_windows_to_raw_samples() {
        fn check(samples: &[(i64, f64, bool)], want: &[(i64, f64)]) {
            let mut total = Total::default();
            let mut got = Vec::new();
            for (t, v, is_window) in samples {
                let mut sample = Sample::float(*t, *v);
                if total.take(&mut sample, *is_window) {
                    got.push(sample);
                }
            }
            let want: Vec<Sample> = want.iter().map(|(t, v)| Sample::float(*t, *v)).collect();
            assert_eq!(got, want, "{samples:?}");
        }
        // A chunk of windows: first raw, totals, last raw again; the counter fell after 60 inside.
        let windows = [
            (60, 10.0, true),
            (299, 40.0, true),
            (599, 85.0, true),
            (720, 115.0, true),
            (720, 55.0, true),
        ];
        let totals = [(60, 10.0), (299, 40.0), (599, 85.0), (720, 115.0)];
        check(&windows, &totals);
        let after = |raw: &[(i64, f64)], want: &[(i64, f64)]| {
            let raw = raw.iter().map(|(t, v)| (*t, *v, false));
            let samples: Vec<_> = windows.into_iter().chain(raw).collect();
            let want: Vec<_> = totals.iter().chain(want).copied().collect();
            check(&samples, &want);
        };
        after(&[(780, 57.0), (840, 60.0)], &[(780, 117.0), (840, 120.0)]);
        after(
            &[(780, 57.0), (840, 3.0), (900, 4.0)],
            &[(780, 117.0), (840, 3.0), (900, 4.0)],
        );
        // The next chunk of windows begins lower than the last one ended: a reset between them.
        check(
            &[
                (0, 5.0, true),
                (9, 5.0, true),
                (10, 2.0, true),
                (19, 4.0, true),
            ],
            &[(0, 5.0), (9, 5.0), (10, 7.0), (19, 9.0)],
        );
    }
}
