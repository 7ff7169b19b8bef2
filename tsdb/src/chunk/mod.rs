//! Chunks: the samples of one series over some time, packed.
//!
//! ```text
//! in a segment:   len uvarint | encoding u8 | payload (len bytes) | crc32c(encoding, payload) u32
//! 1 xor           count u16 | bits                                     see [`xor`]
//! 2 histogram     count u16 | reset flags u8 | bits                    see [`histogram`]
//! 3 float hist.   count u16 | reset flags u8 | bits                    see [`float_histogram`]
//! 4 xor2          count u16 | start-time header u8 | bits              see [`xor2`]  (read only)
//! 5, 6            2 and 3 with start times                             see [`histogram_st`]  (read only)
//! 255 aggregate   five records: count, sum, min, max, counter          see [`aggregate`]
//! ```
//!
//! Anything else is opaque: copied whole, counted as no samples. Timestamps and deltas wrap, as they do in Go; no bytes
//! make a decoder panic or allocate more than a small multiple of the payload's bits.

pub mod aggregate;
pub mod encode;
pub mod float_histogram;
pub mod histogram;
pub mod histogram_append;
pub mod histogram_chunk;
pub mod histogram_layout;
pub mod histogram_st;
pub mod histogram_stream;
pub mod histogram_widen;
pub mod varbit;
pub mod xor;
pub mod xor2;

use self::aggregate::{Aggregate, AggregateView};
pub use self::encode::{SampleEncoder, encode_samples, reencode_one};
use crate::codec::Cursor;
use crate::error::{Error, Result};
use crate::sample::Sample;

/// Samples per chunk where chunks are re-encoded.
pub const SAMPLES_PER_CHUNK: usize = 120;

/// How a chunk's payload is packed; the numbers are those on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Floats.
    Xor,
    /// Integer histograms.
    Histogram,
    /// Float histograms.
    FloatHistogram,
    /// Floats with start timestamps.
    Xor2,
    /// Integer histograms with start timestamps.
    HistogramSt,
    /// Float histograms with start timestamps.
    FloatHistogramSt,
    /// Five aggregates of a downsampled series.
    Aggregate,
    /// Something this program does not read.
    Unknown(u8),
}

impl Encoding {
    /// The encoding with this number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Xor,
            2 => Self::Histogram,
            3 => Self::FloatHistogram,
            4 => Self::Xor2,
            5 => Self::HistogramSt,
            6 => Self::FloatHistogramSt,
            0xFF => Self::Aggregate,
            other => Self::Unknown(other),
        }
    }

    /// The number of this encoding.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Xor => 1,
            Self::Histogram => 2,
            Self::FloatHistogram => 3,
            Self::Xor2 => 4,
            Self::HistogramSt => 5,
            Self::FloatHistogramSt => 6,
            Self::Aggregate => 0xFF,
            Self::Unknown(byte) => byte,
        }
    }
}

/// A chunk's bytes, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkView<'a> {
    /// How the payload is packed.
    pub encoding: Encoding,
    /// The payload, without length, encoding byte and checksum.
    pub payload: &'a [u8],
}

/// A chunk's bytes, owned, with the interval of its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Time of the first sample.
    pub min: i64,
    /// Time of the last sample.
    pub max: i64,
    /// How the payload is packed.
    pub encoding: Encoding,
    /// The payload, without length, encoding byte and checksum.
    pub payload: Vec<u8>,
}

impl Chunk {
    /// The bytes, borrowed.
    #[must_use]
    pub fn view(&self) -> ChunkView<'_> {
        ChunkView {
            encoding: self.encoding,
            payload: &self.payload,
        }
    }
}

/// Samples of a chunk by its header: of the count aggregate for an aggregate chunk, 0 for an unknown encoding.
///
/// # Errors
/// Where the payload is shorter than its header.
pub fn sample_count(chunk: ChunkView<'_>) -> Result<usize> {
    let header = || Cursor::new("chunk", chunk.payload, 0).u16();
    Ok(match chunk.encoding {
        Encoding::Xor | Encoding::Histogram | Encoding::FloatHistogram | Encoding::Xor2 => {
            usize::from(header()?)
        }
        // The top two bits tell about resets.
        Encoding::HistogramSt | Encoding::FloatHistogramSt => usize::from(header()? & 0x3FFF),
        Encoding::Aggregate => match AggregateView::parse(chunk.payload)?.get(Aggregate::Count) {
            // A part is never an aggregate chunk itself.
            Some(count) => sample_count(count)?,
            None => 0,
        },
        Encoding::Unknown(_) => 0,
    })
}

/// Appends all samples of a chunk to `out`. Histograms carry the hints that Prometheus' iterator returns.
///
/// # Errors
/// Where the payload is damaged, is an aggregate chunk (pick an aggregate first), or has an unknown encoding.
pub fn decode(chunk: ChunkView<'_>, out: &mut Vec<Sample>) -> Result<()> {
    let unreadable = |what: &str| Err(Error::corrupt("chunk", 0, what));
    match chunk.encoding {
        Encoding::Xor | Encoding::Xor2 => decode_floats(chunk, out),
        Encoding::Histogram => histogram::decode(chunk.payload, out),
        Encoding::HistogramSt => histogram_st::decode(chunk.payload, out),
        Encoding::FloatHistogram => float_histogram::decode(chunk.payload, out),
        Encoding::FloatHistogramSt => histogram_st::decode_floats(chunk.payload, out),
        Encoding::Aggregate => unreadable("an aggregate chunk has no samples of its own"),
        Encoding::Unknown(byte) => unreadable(&format!("encoding {byte} is unknown")),
    }
}

fn decode_floats(chunk: ChunkView<'_>, out: &mut Vec<Sample>) -> Result<()> {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    match chunk.encoding {
        Encoding::Xor2 => xor2::decode(chunk.payload, &mut ts, &mut vs)?,
        _ => xor::decode(chunk.payload, &mut ts, &mut vs)?,
    }
    out.extend(ts.into_iter().zip(vs).map(|(t, v)| Sample::float(t, v)));
    Ok(())
}
