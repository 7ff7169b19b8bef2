//! Chunks of float histograms (encoding 3).
//!
//! ```text
//! count u16 | flags u8 | bits: layout, samples             header and layout in [`super::histogram_layout`]
//! sample    time, count, zero count, sum, buckets          columns in [`super::histogram_stream`]
//! ```
//!
//! All counts are floats, buckets are absolute, and each column is the xor of a value with the one before. Reading is in
//! [`super::histogram_chunk`], appending in [`super::histogram_append`]; this file says what is particular to floats. They
//! know of a reset only whether there was one: the header of a chunk that continues another is "reset" or "not reset", that
//! of one that starts since something did not fit "reset" or "unknown".

use super::histogram::open;
use super::histogram_append::Appender;
use super::histogram_chunk::{Kind, decode_samples};
use super::histogram_stream::Xor;
use crate::error::Result;
use crate::histogram::{FloatHistogram, ResetHint};
use crate::sample::{Sample, Value};

/// A chunk of float histograms that grows.
pub type FloatHistogramAppender = Appender<Float>;

/// Float histograms.
#[derive(Debug, Clone, Copy, Default)]
pub struct Float;

impl Kind for Float {
    type Count = Xor;
    type Bucket = Xor;
    type Absolute = f64;

    fn absolute(stored: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
        stored
    }

    fn stored(absolute: impl Iterator<Item = f64>) -> Vec<f64> {
        absolute.collect()
    }

    fn header_after(compared: ResetHint) -> ResetHint {
        match compared {
            ResetHint::Reset => ResetHint::Reset,
            _ => ResetHint::NotReset,
        }
    }

    fn header_of_refused(compared: ResetHint) -> ResetHint {
        match compared {
            ResetHint::Reset => ResetHint::Reset,
            _ => ResetHint::Unknown,
        }
    }

    fn value(histogram: FloatHistogram) -> Value {
        Value::FloatHistogram(Box::new(histogram))
    }
}

/// Appends the samples of a chunk.
///
/// # Errors
/// Where the payload is damaged.
pub fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
    let (header, bits) = open(payload)?;
    decode_samples::<Float>(header, bits, out)
}
