//! Samples become chunks again: after a merge of overlapping chunks, and after deletions inside one.
//!
//! A merge starts a new chunk at 120 samples, where the kind of value changes, and where a histogram does not fit the
//! chunk. What remains of one chunk after deletions stays one chunk, whatever its length; only a stale marker behind gauge
//! histograms gets its own, since it is read as a counter. No chunk knows the one before, so the headers of counters say
//! "unknown" unless the sample itself knows better. The encodings written are those that every reader knows: 1, 2 and 3.

use super::float_histogram::FloatHistogramAppender;
use super::histogram::HistogramAppender;
use super::histogram_append::{Appended, Appender};
use super::histogram_chunk::{HistogramIn, Kind};
use super::xor::XorEncoder;
use super::{Chunk, Encoding, SAMPLES_PER_CHUNK};
use crate::error::{Error, Result};
use crate::histogram::ResetHint;
use crate::sample::{Sample, Value};

/// Packs merged samples, in the order of their times.
///
/// # Errors
/// Where the buckets of a histogram do not fit its spans.
pub fn encode_samples(samples: &[Sample]) -> Result<Vec<Chunk>> {
    let mut encoder = SampleEncoder::new();
    let mut chunks = Vec::new();
    for sample in samples {
        encoder.push(sample, &mut chunks)?;
    }
    encoder.finish(&mut chunks);
    Ok(chunks)
}

/// Packs what remains of one chunk of `encoding`.
///
/// # Errors
/// Where the samples are no whole of that encoding: other kinds, or histograms that cannot all lie in one chunk.
pub fn reencode_one(samples: &[Sample], encoding: Encoding) -> Result<Vec<Chunk>> {
    let mut encoder = SampleEncoder {
        samples_max: usize::from(u16::MAX),
        append_only: true,
        ..SampleEncoder::new()
    };
    let mut chunks = Vec::new();
    for sample in samples {
        if encoding_of(&sample.value) != without_starts(encoding) {
            return Err(Error::Invalid(format!(
                "chunk of encoding {} with a sample of another kind",
                encoding.byte()
            )));
        }
        encoder.push(sample, &mut chunks)?;
    }
    encoder.finish(&mut chunks);
    Ok(chunks)
}

fn encoding_of(value: &Value) -> Encoding {
    match value {
        Value::Float(_) => Encoding::Xor,
        Value::Histogram(_) => Encoding::Histogram,
        Value::FloatHistogram(_) => Encoding::FloatHistogram,
    }
}

/// What is written instead of an encoding with start times.
fn without_starts(encoding: Encoding) -> Encoding {
    match encoding {
        Encoding::Xor2 => Encoding::Xor,
        Encoding::HistogramSt => Encoding::Histogram,
        Encoding::FloatHistogramSt => Encoding::FloatHistogram,
        other => other,
    }
}

/// Packs merged samples one by one.
#[derive(Debug)]
pub struct SampleEncoder {
    open: Option<Open>,
    samples_max: usize,
    append_only: bool,
}

/// The chunk that grows.
#[derive(Debug)]
struct Open {
    min: i64,
    max: i64,
    column: Column,
}

#[derive(Debug)]
enum Column {
    Float(XorEncoder),
    Histogram(Box<HistogramAppender>),
    FloatHistogram(Box<FloatHistogramAppender>),
}

impl Default for SampleEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl SampleEncoder {
    /// Nothing packed yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            open: None,
            samples_max: SAMPLES_PER_CHUNK,
            append_only: false,
        }
    }

    /// Packs a sample; a chunk that it completes goes to `out`.
    ///
    /// # Errors
    /// Where a histogram cannot be appended.
    pub fn push(&mut self, sample: &Sample, out: &mut Vec<Chunk>) -> Result<()> {
        let fits = |open: &Open| {
            open.column.encoding() == encoding_of(&sample.value)
                && open.column.len() < self.samples_max
        };
        if !self.open.as_ref().is_some_and(fits) {
            self.finish(out);
        }
        let open = self.open.get_or_insert_with(|| Open {
            min: sample.t,
            max: sample.t,
            column: Column::of(&sample.value),
        });
        if let Some(column) = open.column.append(sample, self.append_only)? {
            let next = Open {
                min: sample.t,
                max: sample.t,
                column,
            };
            out.push(std::mem::replace(open, next).close());
        }
        open.max = sample.t;
        Ok(())
    }

    /// Closes the last chunk; the next sample starts a new one.
    pub fn finish(&mut self, out: &mut Vec<Chunk>) {
        out.extend(self.open.take().map(Open::close));
    }
}

impl Open {
    fn close(self) -> Chunk {
        Chunk {
            min: self.min,
            max: self.max,
            encoding: self.column.encoding(),
            payload: self.column.payload(),
        }
    }
}

impl Column {
    fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float(XorEncoder::new()),
            Value::Histogram(_) => Self::Histogram(Box::default()),
            Value::FloatHistogram(_) => Self::FloatHistogram(Box::default()),
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Self::Float(_) => Encoding::Xor,
            Self::Histogram(_) => Encoding::Histogram,
            Self::FloatHistogram(_) => Encoding::FloatHistogram,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Float(encoder) => encoder.len(),
            Self::Histogram(appender) => appender.len(),
            Self::FloatHistogram(appender) => appender.len(),
        }
    }

    fn payload(self) -> Vec<u8> {
        match self {
            Self::Float(mut encoder) => encoder.finish(),
            Self::Histogram(appender) => appender.payload(),
            Self::FloatHistogram(appender) => appender.payload(),
        }
    }

    /// Appends a sample of the same kind; gives the column of a new chunk if it went there.
    fn append(&mut self, sample: &Sample, append_only: bool) -> Result<Option<Self>> {
        match (self, &sample.value) {
            (Self::Float(encoder), Value::Float(value)) => {
                encoder.append(sample.t, *value);
                Ok(None)
            }
            (Self::Histogram(appender), Value::Histogram(histogram)) => {
                let next = append(appender, sample.t, histogram, append_only)?;
                Ok(next.map(Box::new).map(Self::Histogram))
            }
            (Self::FloatHistogram(appender), Value::FloatHistogram(histogram)) => {
                let next = append(appender, sample.t, histogram, append_only)?;
                Ok(next.map(Box::new).map(Self::FloatHistogram))
            }
            _ => unreachable!("a change of kind starts a new chunk"),
        }
    }
}

fn append<K: Kind>(
    appender: &mut Appender<K>,
    t: i64,
    histogram: &HistogramIn<K>,
    append_only: bool,
) -> Result<Option<Appender<K>>> {
    // A deletion must not fail for a marker that was in the chunk all the time.
    let marker = histogram.is_stale() && appender.header() == ResetHint::Gauge;
    match appender.append(None, t, histogram, append_only && !marker)? {
        Appended::NewChunk(next) => Ok(Some(next)),
        Appended::InPlace | Appended::Recoded => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::decode;
    use crate::histogram::{Histogram, Span};
    use crate::sample::STALE_NAN_BITS;
    use crate::testing::fuzz_histogram::check_packed;
    use crate::testing::strategy;

    fn histogram(t: i64, hint: ResetHint, count: i64) -> Sample {
        let histogram = Histogram {
            hint,
            count: count.unsigned_abs(),
            positive_spans: vec![Span {
                offset: 0,
                length: 1,
            }],
            positive_buckets: vec![count],
            ..Histogram::default()
        };
        let value = Value::Histogram(Box::new(histogram));
        Sample { t, value }
    }

    fn stale(t: i64) -> Sample {
        let histogram = Histogram {
            sum: f64::from_bits(STALE_NAN_BITS),
            ..Histogram::default()
        };
        let value = Value::Histogram(Box::new(histogram));
        Sample { t, value }
    }

    fn intervals(chunks: &[Chunk]) -> Vec<(i64, i64, u8)> {
        let interval = |chunk: &Chunk| (chunk.min, chunk.max, chunk.encoding.byte());
        chunks.iter().map(interval).collect()
    }

    #[test]
    fn a_merged_chunk_ends_after_120_samples() {
        fn check(count: i64, want: &[(i64, i64, u8)]) {
            let samples: Vec<_> = (0..count).map(|t| Sample::float(t, 1.0)).collect();
            assert_eq!(intervals(&encode_samples(&samples).unwrap()), want);
            let whole = reencode_one(&samples, Encoding::Xor2).unwrap();
            assert_eq!(whole.len(), usize::from(count > 0));
        }
        check(0, &[]);
        check(119, &[(0, 118, 1)]);
        check(120, &[(0, 119, 1)]);
        check(121, &[(0, 119, 1), (120, 120, 1)]);
    }

    #[test]
    fn a_chunk_has_one_kind_of_value() {
        let samples = [
            Sample::float(0, 1.0),
            histogram(1, ResetHint::Unknown, 1),
            histogram(2, ResetHint::Unknown, 2),
            Sample::float(3, 1.0),
        ];
        let chunks = encode_samples(&samples).unwrap();
        assert_eq!(intervals(&chunks), [(0, 0, 1), (1, 2, 2), (3, 3, 1)]);
        assert!(reencode_one(&samples, Encoding::Xor).is_err());
        assert!(reencode_one(&samples[..1], Encoding::Aggregate).is_err());
    }

    #[test]
    fn a_reset_starts_a_chunk_in_a_merge_and_fails_a_deletion() {
        let samples = [
            histogram(0, ResetHint::Unknown, 5),
            histogram(1, ResetHint::NotReset, 3),
            histogram(2, ResetHint::NotReset, 4),
        ];
        let chunks = encode_samples(&samples).unwrap();
        assert_eq!(intervals(&chunks), [(0, 0, 2), (1, 2, 2)]);
        assert_eq!(chunks[0].payload[2], 0x00);
        assert_eq!(chunks[1].payload[2], 0x80);
        let error = reencode_one(&samples, Encoding::Histogram).unwrap_err();
        assert_eq!(error.to_string(), "histogram counter reset");
    }

    #[test]
    fn a_stale_marker_behind_gauges_gets_its_own_chunk() {
        let samples = [
            histogram(0, ResetHint::Gauge, 5),
            histogram(1, ResetHint::Gauge, 3),
            stale(2),
            stale(3),
        ];
        let chunks = reencode_one(&samples, Encoding::Histogram).unwrap();
        assert_eq!(intervals(&chunks), [(0, 1, 2), (2, 3, 2)]);
        assert_eq!(chunks[0].payload[2], 0xC0);
        let counters = [histogram(0, ResetHint::Unknown, 5), stale(1)];
        let chunks = reencode_one(&counters, Encoding::HistogramSt).unwrap();
        assert_eq!(intervals(&chunks), [(0, 1, 2)]);
    }

    proptest! {
        #[test]
        fn samples_survive_packing(samples in strategy::samples(0, 150)) {
            check_packed(&samples);
        }

        #[test]
        fn what_one_chunk_holds_stays_one_chunk(samples in strategy::samples(0, 60), keep in prop::collection::vec(any::<bool>(), 60)) {
            for chunk in encode_samples(&samples).unwrap() {
                let mut whole = Vec::new();
                decode(chunk.view(), &mut whole).unwrap();
                let mut keep = keep.iter();
                whole.retain(|_| *keep.next().unwrap());
                let again = reencode_one(&whole, chunk.encoding).unwrap();
                prop_assert!(again.len() <= 1);
            }
        }
    }
}
