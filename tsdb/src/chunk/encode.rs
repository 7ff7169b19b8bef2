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
