//! Digest of a block's samples, the same whatever the order of series, the cut of chunks and the layout of buckets.
//!
//! The wrapping 64-bit sum, over all series, of xxhash64 (seed 0) over
//!
//! ```text
//! labels       per label: name | FF | value | FF
//! raw chunk    its samples, without separators
//! aggregates   0A | min i64 | max i64 | per present aggregate: 20 + number (count 0, sum, min, max, counter 4) | its samples
//! opaque       0B | encoding u8 | payload               an encoding that this program does not read: no samples
//!
//! float        01 | t i64 | bits u64
//! histogram    02 integer, 03 float | t i64 | 01 gauge, 00 other | schema i32 | zero threshold bits u64
//!              | zero count u64 | count u64 | sum bits u64 | positive side | negative side | custom bounds
//! side         non-zero buckets u32 | per bucket, ascending: absolute index i32 | absolute count u64
//! bounds       count u32 | bits u64 each
//! stale        12 integer, 13 float | t i64             a histogram whose sum is the stale marker
//! ```
//!
//! All numbers are little endian; counts of float histograms are their bits. Since a sum has no order, parts of a block
//! may be digested apart and added ([`Digest::add`]).

use std::fmt;

use xxhash_rust::xxh64::Xxh64;

use crate::chunk::aggregate::{Aggregate, AggregateView};
use crate::chunk::{self, ChunkView, Encoding};
use crate::error::Result;
use crate::histogram::{HistogramOf, ResetHint, Span};
use crate::label::SEPARATOR;
use crate::sample::{Sample, Value};
use crate::time::{Interval, Millis};

/// What a set of series amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    /// Series; after deletions only those that have samples left.
    pub series: u64,
    /// Chunks, deleted or not.
    pub chunks: u64,
    /// Samples; of an aggregate chunk those of its count.
    pub samples: u64,
    /// The digest.
    pub digest: u64,
}

impl fmt::Display for Totals {
    /// The form `<series> <samples> <hex>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:016x}", self.series, self.samples, self.digest)
    }
}

/// Digests series, one after another.
#[derive(Debug, Default)]
pub struct Digest {
    totals: Totals,
    bytes: Vec<u8>,
    ts: Vec<i64>,
    vs: Vec<f64>,
    samples: Vec<Sample>,
}

impl Digest {
    /// Takes one series: its labels in stored order and its chunks in index order, with their intervals.
    ///
    /// # Errors
    /// Where a chunk cannot be had or is damaged; the series is then not counted.
    pub fn series<'l, 'c>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        chunks: impl IntoIterator<Item = Result<(Interval, ChunkView<'c>)>>,
    ) -> Result<()> {
        let (totals, _samples) = self.hash(labels, chunks, &[])?;
        self.add(totals);
        Ok(())
    }

    /// Takes one series without the samples inside the `deleted` intervals; not counted where none is left.
    ///
    /// # Errors
    /// As [`Self::series`].
    pub fn series_without<'l, 'c>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        chunks: impl IntoIterator<Item = Result<(Interval, ChunkView<'c>)>>,
        deleted: &[Interval],
    ) -> Result<()> {
        let (totals, any) = self.hash(labels, chunks, deleted)?;
        if any {
            self.add(totals);
        }
        Ok(())
    }

    /// Adds what was digested elsewhere.
    pub fn add(&mut self, other: Totals) {
        self.totals.series += other.series;
        self.totals.chunks += other.chunks;
        self.totals.samples += other.samples;
        self.totals.digest = self.totals.digest.wrapping_add(other.digest);
    }

    /// Everything taken so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn hash<'l, 'c>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        chunks: impl IntoIterator<Item = Result<(Interval, ChunkView<'c>)>>,
        deleted: &[Interval],
    ) -> Result<(Totals, bool)> {
        let mut hash = Xxh64::new(0);
        for (name, value) in labels {
            for part in [name, value] {
                hash.update(part.as_bytes());
                hash.update(&[SEPARATOR]);
            }
        }
        let mut totals = Totals {
            series: 1,
            ..Totals::default()
        };
        let mut any = false;
        for chunk in chunks {
            let (interval, view) = chunk?;
            self.bytes.clear();
            let written = self.write_chunk(interval, view, deleted)?;
            hash.update(&self.bytes);
            totals.chunks += 1;
            totals.samples += written.samples;
            any |= written.any;
        }
        totals.digest = hash.digest();
        Ok((totals, any))
    }

    fn write_chunk(
        &mut self,
        interval: Interval,
        view: ChunkView<'_>,
        deleted: &[Interval],
    ) -> Result<Written> {
        match view.encoding {
            Encoding::Aggregate => self.write_aggregates(interval, view, deleted),
            Encoding::Unknown(encoding) => {
                self.bytes.extend_from_slice(&[0x0B, encoding]);
                self.bytes.extend_from_slice(view.payload);
                Ok(Written {
                    samples: 0,
                    any: true,
                })
            }
            _ => self.write_samples(view, deleted).map(Written::samples),
        }
    }

    fn write_aggregates(
        &mut self,
        interval: Interval,
        view: ChunkView<'_>,
        deleted: &[Interval],
    ) -> Result<Written> {
        let start = self.bytes.len();
        self.bytes.push(0x0A);
        self.bytes.extend_from_slice(&interval.min.0.to_le_bytes());
        self.bytes.extend_from_slice(&interval.max.0.to_le_bytes());
        let aggregates = AggregateView::parse(view.payload)?;
        let mut written = Written::default();
        for (tag, aggregate) in (0x20..).zip(Aggregate::ALL) {
            let Some(inner) = aggregates.get(aggregate) else {
                continue;
            };
            self.bytes.push(tag);
            let samples = self.write_samples(inner, deleted)?;
            written.any |= samples > 0;
            if aggregate == Aggregate::Count {
                written.samples = samples;
            }
        }
        if !written.any && !deleted.is_empty() {
            self.bytes.truncate(start);
        }
        Ok(written)
    }

    /// Appends the samples of a chunk and returns how many.
    fn write_samples(&mut self, view: ChunkView<'_>, deleted: &[Interval]) -> Result<u64> {
        if view.encoding == Encoding::Xor {
            self.ts.clear();
            self.vs.clear();
            chunk::xor::decode(view.payload, &mut self.ts, &mut self.vs)?;
            return Ok(write_floats(&mut self.bytes, &self.ts, &self.vs, deleted));
        }
        self.samples.clear();
        chunk::decode(view, &mut self.samples)?;
        let mut count = 0;
        for sample in &self.samples {
            if !is_deleted(deleted, sample.t) {
                write_sample(&mut self.bytes, sample);
                count += 1;
            }
        }
        Ok(count)
    }
}

/// What a chunk added.
#[derive(Default)]
struct Written {
    /// As counted in [`Totals`].
    samples: u64,
    /// Whether anything of the chunk is left, in whatever aggregate.
    any: bool,
}

impl Written {
    fn samples(samples: u64) -> Self {
        Self {
            samples,
            any: samples > 0,
        }
    }
}

fn is_deleted(deleted: &[Interval], t: i64) -> bool {
    deleted.iter().any(|interval| interval.contains(Millis(t)))
}

fn write_floats(bytes: &mut Vec<u8>, ts: &[i64], vs: &[f64], deleted: &[Interval]) -> u64 {
    bytes.reserve(ts.len() * FLOAT_BYTES);
    let mut count = 0;
    for (&t, &v) in ts.iter().zip(vs) {
        if deleted.is_empty() || !is_deleted(deleted, t) {
            bytes.extend_from_slice(&float_record(t, v));
            count += 1;
        }
    }
    count
}

/// Size of a float sample's record.
const FLOAT_BYTES: usize = 17;

#[inline]
fn float_record(t: i64, v: f64) -> [u8; FLOAT_BYTES] {
    let mut record = [1; FLOAT_BYTES];
    record[1..9].copy_from_slice(&t.to_le_bytes());
    record[9..].copy_from_slice(&v.to_bits().to_le_bytes());
    record
}

fn write_sample(bytes: &mut Vec<u8>, sample: &Sample) {
    match &sample.value {
        Value::Float(v) => bytes.extend_from_slice(&float_record(sample.t, *v)),
        Value::Histogram(histogram) => {
            let counts = [histogram.zero_count, histogram.count];
            if write_head(bytes, (0x02, sample.t), histogram, counts) {
                let (positive, negative) =
                    (&histogram.positive_buckets, &histogram.negative_buckets);
                write_side(bytes, &histogram.positive_spans, absolute(positive));
                write_side(bytes, &histogram.negative_spans, absolute(negative));
                write_bounds(bytes, &histogram.custom_bounds);
            }
        }
        Value::FloatHistogram(histogram) => {
            let counts = [histogram.zero_count, histogram.count].map(f64::to_bits);
            if write_head(bytes, (0x03, sample.t), histogram, counts) {
                let (positive, negative) =
                    (&histogram.positive_buckets, &histogram.negative_buckets);
                write_side(bytes, &histogram.positive_spans, non_zero(positive));
                write_side(bytes, &histogram.negative_spans, non_zero(negative));
                write_bounds(bytes, &histogram.custom_bounds);
            }
        }
    }
}

/// Absolute counts from differences; none for an empty bucket.
fn absolute(buckets: &[i64]) -> impl Iterator<Item = Option<u64>> {
    buckets.iter().scan(0_i64, |before, difference| {
        *before = before.wrapping_add(*difference);
        let count = before.cast_unsigned();
        Some((count != 0).then_some(count))
    })
}

/// Bits of float counts; none for an empty bucket.
fn non_zero(buckets: &[f64]) -> impl Iterator<Item = Option<u64>> {
    let empty = |count: f64| count.abs().to_bits() == 0;
    buckets
        .iter()
        .map(move |&count| (!empty(count)).then_some(count.to_bits()))
}

/// Appends what comes before the buckets and returns whether any of the rest is to follow: nothing does where it is stale.
fn write_head<C, B>(
    bytes: &mut Vec<u8>,
    (tag, t): (u8, i64),
    histogram: &HistogramOf<C, B>,
    counts: [u64; 2],
) -> bool {
    let stale = histogram.is_stale();
    bytes.push(if stale { tag | 0x10 } else { tag });
    bytes.extend_from_slice(&t.to_le_bytes());
    if stale {
        return false;
    }
    bytes.push(u8::from(histogram.hint == ResetHint::Gauge));
    bytes.extend_from_slice(&histogram.schema.to_le_bytes());
    let [zero_count, count] = counts;
    for number in [
        histogram.zero_threshold.to_bits(),
        zero_count,
        count,
        histogram.sum.to_bits(),
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    true
}

fn write_side(bytes: &mut Vec<u8>, spans: &[Span], mut counts: impl Iterator<Item = Option<u64>>) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    let mut written = 0_u32;
    let mut index = 0_i32;
    for span in spans {
        index = index.wrapping_add(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            if let Some(count) = count {
                bytes.extend_from_slice(&index.to_le_bytes());
                bytes.extend_from_slice(&count.to_le_bytes());
                written += 1;
            }
            index = index.wrapping_add(1);
        }
    }
    bytes[start..start + 4].copy_from_slice(&written.to_le_bytes());
}

fn write_bounds(bytes: &mut Vec<u8>, bounds: &[f64]) {
    let count = u32::try_from(bounds.len()).expect("a chunk's payload bounds them");
    bytes.extend_from_slice(&count.to_le_bytes());
    for bound in bounds {
        bytes.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    fn bytes_of(value: Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_sample(&mut bytes, &Sample { t: 5, value });
        bytes
    }

    #[test]
    fn layout_and_empty_buckets_do_not_count() {
        let span = |offset, length| Span { offset, length };
        let tight = Histogram {
            positive_spans: vec![span(1, 1), span(1, 1)],
            positive_buckets: vec![2, 1],
            ..Histogram::default()
        };
        let wide = Histogram {
            positive_spans: vec![span(0, 4)],
            positive_buckets: vec![0, 2, -2, 3],
            ..Histogram::default()
        };
        let bytes = bytes_of(Value::Histogram(Box::new(tight)));
        assert_eq!(bytes, bytes_of(Value::Histogram(Box::new(wide))));
        let side = [
            &[2, 0, 0, 0, 1, 0, 0, 0, 2][..],
            &[0; 7],
            &[3, 0, 0, 0, 3],
            &[0; 7],
        ]
        .concat();
        assert_eq!(bytes[46..46 + side.len()], side);
        assert_eq!(bytes.len(), 46 + side.len() + 4 + 4);
    }

    #[test]
    fn a_stale_histogram_is_its_time_alone() {
        let stale = Histogram {
            sum: f64::from_bits(crate::sample::STALE_NAN_BITS),
            count: 7,
            ..Histogram::default()
        };
        let bytes = bytes_of(Value::Histogram(Box::new(stale)));
        assert_eq!(bytes, [0x12, 5, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut whole = Digest::default();
        let mut parts = Digest::default();
        for name in ["a", "b", "c"] {
            let none = || std::iter::empty::<Result<(Interval, ChunkView<'static>)>>();
            whole.series([("__name__", name)], none()).unwrap();
            let mut part = Digest::default();
            part.series([("__name__", name)], none()).unwrap();
            parts.add(part.totals());
        }
        assert_eq!(whole.totals(), parts.totals());
        assert_eq!(whole.totals().series, 3);
    }

    #[test]
    fn a_series_without_remaining_samples_is_not_there() {
        let mut digest = Digest::default();
        let none = std::iter::empty::<Result<(Interval, ChunkView<'static>)>>();
        digest
            .series_without([("a", "b")], none, &[Interval::ALL])
            .unwrap();
        assert_eq!(digest.totals(), Totals::default());
    }
}
