//! Histogram chunks with start times (encodings 5 and 6): read only, start times are dropped.
//!
//! ```text
//! header(2 bits) count(14 bits) | starts u8 | bits as without start times, after each sample [start]
//! starts    known(1 bit) first change(7 bits): the sample from which on each has a start time, 0 for none
//! start     sample 0, if known: varint; from the first change on: varbit
//! ```
//!
//! Prometheus calls the form subject to change, so nothing writes it. Everything else is in [`super::histogram_chunk`].

use super::float_histogram::Float;
use super::histogram::Integer;
use super::histogram_chunk::{Header, decode_samples};
use super::histogram_layout::{HEADER_LEN, header};
use super::varbit::read_int;
use crate::codec::Cursor;
use crate::codec::bits::BitReader;
use crate::error::Result;
use crate::sample::Sample;

/// Where start times are in the bits of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTimes {
    /// Whether sample 0 has one.
    known: bool,
    /// The sample from which on each has one, unless 0.
    first_change: u8,
}

impl StartTimes {
    /// No start times at all.
    pub const NONE: Self = Self {
        known: false,
        first_change: 0,
    };

    fn from_byte(byte: u8) -> Self {
        Self {
            known: byte >> 7 == 1,
            first_change: byte & 0x7F,
        }
    }

    /// Passes over the start time of a sample, if it has one.
    ///
    /// # Errors
    /// Where the bits end.
    pub fn skip(self, index: u16, bits: &mut BitReader<'_>) -> Result<()> {
        if index == 0 {
            if self.known {
                bits.varint()?;
            }
        } else if self.first_change > 0 && index >= u16::from(self.first_change) {
            read_int(bits)?;
        }
        Ok(())
    }
}

fn open(payload: &[u8]) -> Result<(Header, BitReader<'_>)> {
    let [high, low, starts] = Cursor::new("chunk", payload, 0).array()?;
    let mut bits = BitReader::new("chunk", payload);
    bits.skip(8 * HEADER_LEN);
    let header = Header {
        count: u16::from_be_bytes([high & 0x3F, low]),
        reset: header(high),
        starts: StartTimes::from_byte(starts),
    };
    Ok((header, bits))
}

/// Appends the samples of a chunk of integer histograms with start times.
///
/// # Errors
/// Where the payload is damaged.
pub fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
    let (header, bits) = open(payload)?;
    decode_samples::<Integer>(header, bits, out)
}

/// Appends the samples of a chunk of float histograms with start times.
///
/// # Errors
/// Where the payload is damaged.
pub fn decode_floats(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
    let (header, bits) = open(payload)?;
    decode_samples::<Float>(header, bits, out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::{Encoding, encode_samples, histogram};
    use crate::testing::{hex, strategy};

    #[test]
    fn start_times_are_passed_over() {
        fn check(with: &str, without: &str) {
            let (mut got, mut want) = (Vec::new(), Vec::new());
            decode(&hex::bytes(with), &mut got).unwrap();
            histogram::decode(&hex::bytes(without), &mut want).unwrap();
            assert_eq!(got, want);
        }
        // Three samples with start times 990, 990, 15990.
        check(
            "000382ff2b2bff2ee48e05308c6478fa2b2403266666666666695c53e0ea6291d99d73333333333395d18cd800000000000c50",
            "000300ff2b2bff2ee48e05308c6478fa2b2403266666666666695fe0ea6291d99d73333333333395d18cd8000000000000",
        );
    }

    #[test]
    fn the_header_takes_the_top_of_the_count() {
        let (header, _) = open(&[0xC1, 0x02, 0x85]).unwrap();
        assert_eq!(
            (header.count, header.reset),
            (0x102, crate::histogram::ResetHint::Gauge)
        );
        let starts = StartTimes {
            known: true,
            first_change: 5,
        };
        assert_eq!(header.starts, starts);
        assert!(open(&[0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn a_chunk_without_start_times_differs_in_the_header_only(
            samples in prop_oneof![strategy::histogram_samples(0, 20), strategy::float_histogram_samples(0, 20)],
        ) {
            for chunk in encode_samples(&samples).unwrap() {
                let (mut want, mut got) = (Vec::new(), Vec::new());
                crate::chunk::decode(chunk.view(), &mut want).unwrap();
                let mut payload = chunk.payload;
                payload[0] |= payload[2];
                payload[2] = 0;
                match chunk.encoding {
                    Encoding::Histogram => decode(&payload, &mut got).unwrap(),
                    _ => decode_floats(&payload, &mut got).unwrap(),
                }
                // By Debug, since a NaN differs from itself.
                prop_assert_eq!(format!("{:?}", got), format!("{:?}", want));
            }
        }
    }
}
