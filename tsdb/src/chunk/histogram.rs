//! Chunks of integer histograms (encoding 2).
//!
//! ```text
//! count u16 | flags u8 | bits: layout, samples             header and layout in [`super::histogram_layout`]
//! sample    time, count, zero count, sum, buckets          columns in [`super::histogram_stream`]
//! ```
//!
//! Counts are unsigned, buckets are stored as differences to the bucket before, and what the columns hold of either are
//! differences of differences over time. Reading is in [`super::histogram_chunk`], appending in
//! [`super::histogram_append`]; this file says what is particular to integers.

use super::histogram_append::Appender;
use super::histogram_chunk::{Header, Kind, decode_samples};
use super::histogram_layout::{HEADER_LEN, header};
use super::histogram_st::StartTimes;
use super::histogram_stream::{Count, Delta};
use crate::codec::Cursor;
use crate::codec::bits::BitReader;
use crate::error::Result;
use crate::histogram::{Histogram, ResetHint};
use crate::sample::{Sample, Value};

/// A chunk of integer histograms that grows.
pub type HistogramAppender = Appender<Integer>;

/// Integer histograms.
#[derive(Debug, Clone, Copy, Default)]
pub struct Integer;

impl Kind for Integer {
    type Count = Count;
    type Bucket = Delta;
    type Absolute = i64;

    fn absolute(stored: impl Iterator<Item = i64>) -> impl Iterator<Item = i64> {
        let mut count = 0_i64;
        stored.map(move |delta| {
            count = count.wrapping_add(delta);
            count
        })
    }

    fn stored(absolute: impl Iterator<Item = i64>) -> Vec<i64> {
        let mut before = 0_i64;
        absolute
            .map(|count| count.wrapping_sub(std::mem::replace(&mut before, count)))
            .collect()
    }

    fn header_after(compared: ResetHint) -> ResetHint {
        compared
    }

    fn header_of_refused(compared: ResetHint) -> ResetHint {
        compared
    }

    fn value(histogram: Histogram) -> Value {
        Value::Histogram(Box::new(histogram))
    }
}

/// Appends the samples of a chunk.
///
/// # Errors
/// Where the payload is damaged.
pub fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
    let (header, bits) = open(payload)?;
    decode_samples::<Integer>(header, bits, out)
}

/// Takes the header of a chunk without start times.
pub(super) fn open(payload: &[u8]) -> Result<(Header, BitReader<'_>)> {
    let [high, low, flags] = Cursor::new("chunk", payload, 0).array()?;
    let mut bits = BitReader::new("chunk", payload);
    bits.skip(8 * HEADER_LEN);
    let header = Header {
        count: u16::from_be_bytes([high, low]),
        reset: header(flags),
        starts: StartTimes::NONE,
    };
    Ok((header, bits))
}
