//! What all samples of a histogram chunk share: header and layout.
//!
//! ```text
//! count u16 | flags u8 | bits: layout, samples
//! flags     10 reset | 01 not a reset | 11 gauge | 00 unknown, in the top bits
//! layout    threshold | schema varbit | positive spans | negative spans | bounds, with schema -53 only
//! threshold 0: zero | 1..=254: 2^(b - 244) | 255, then 64 bits
//! spans     count varbit unsigned | count x (length varbit unsigned, offset varbit)
//! bounds    count varbit unsigned | count x (1000 * bound + 1 as varbit unsigned, or a bit 0 and 64 bits)
//! ```
//!
//! The layout comes with the first sample; that of a stale sample is empty. Invariant: no more buckets than bits are left,
//! since each costs one per sample. Samples are in [`super::histogram_chunk`].

use super::varbit::{read_int, read_uint, write_int, write_uint};
use crate::codec::bits::{BitReader, BitWriter};
use crate::error::{Corruption, Result};
use crate::histogram::{CUSTOM_BUCKETS_SCHEMA, HistogramOf, ResetHint, Span};

/// Bytes before the bits.
pub const HEADER_LEN: usize = 3;

/// The flags of a chunk.
#[must_use]
pub fn flags(header: ResetHint) -> u8 {
    match header {
        ResetHint::Unknown => 0x00,
        ResetHint::NotReset => 0x40,
        ResetHint::Reset => 0x80,
        ResetHint::Gauge => 0xC0,
    }
}

/// The header in the flags of a chunk.
#[must_use]
pub fn header(flags: u8) -> ResetHint {
    match flags >> 6 {
        0 => ResetHint::Unknown,
        1 => ResetHint::NotReset,
        2 => ResetHint::Reset,
        _ => ResetHint::Gauge,
    }
}

/// What does not change from sample to sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    /// Resolution, or custom buckets.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// Upper bounds of custom buckets.
    pub custom_bounds: Vec<f64>,
}

impl Layout {
    /// The layout of a histogram.
    #[must_use]
    pub fn of<C, B>(histogram: &HistogramOf<C, B>) -> Self {
        Self {
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            positive_spans: histogram.positive_spans.clone(),
            negative_spans: histogram.negative_spans.clone(),
            custom_bounds: histogram.custom_bounds.clone(),
        }
    }

    /// Takes a layout.
    ///
    /// # Errors
    /// Where the bits end, the schema is unknown, or the buckets cannot fit what is left.
    pub fn read(bits: &mut BitReader<'_>) -> Result<Self> {
        let zero_threshold = read_threshold(bits)?;
        let start = *bits;
        let number = read_int(bits)?;
        let schema = i32::try_from(number)
            .ok()
            .filter(|schema| matches!(schema, -9..=52) || *schema == CUSTOM_BUCKETS_SCHEMA);
        let Some(schema) = schema else {
            return Err(start.corrupt(Corruption::Other(format!("unknown schema {number}"))));
        };
        let positive_spans = read_spans(bits)?;
        let negative_spans = read_spans(bits)?;
        let custom_bounds = if schema == CUSTOM_BUCKETS_SCHEMA {
            read_bounds(bits)?
        } else {
            Vec::new()
        };
        bits.check()?;
        let layout = Self {
            schema,
            zero_threshold,
            positive_spans,
            negative_spans,
            custom_bounds,
        };
        let need = bucket_count(&layout.positive_spans)
            .saturating_add(bucket_count(&layout.negative_spans));
        if need > bits.remaining() as u64 {
            return Err(bits.corrupt(Corruption::Range {
                what: "number of buckets",
                value: need,
                limit: bits.remaining() as u64 + 1,
            }));
        }
        Ok(layout)
    }

    /// Appends the layout.
    pub fn write(&self, bits: &mut BitWriter) {
        write_threshold(bits, self.zero_threshold);
        write_int(bits, i64::from(self.schema));
        for spans in [&self.positive_spans, &self.negative_spans] {
            write_uint(bits, spans.len() as u64);
            for span in spans {
                write_uint(bits, u64::from(span.length));
                write_int(bits, i64::from(span.offset));
            }
        }
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            write_uint(bits, self.custom_bounds.len() as u64);
            for bound in &self.custom_bounds {
                write_bound(bits, *bound);
            }
        }
    }
}

/// Buckets of one side.
#[must_use]
pub fn bucket_count(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::from(span.length)).sum()
}

/// Exponent that the threshold byte 0 would have, if it did not mean zero.
const EXPONENT_ZERO: i64 = -244;

fn read_threshold(bits: &mut BitReader<'_>) -> Result<f64> {
    match bits.bits(8)? {
        0 => Ok(0.0),
        0xFF => Ok(f64::from_bits(bits.bits(64)?)),
        byte => Ok(power_of_two(byte)),
    }
}

/// The threshold of byte 1..=254; its bits are a bare exponent.
fn power_of_two(byte: u64) -> f64 {
    let exponent = byte.cast_signed() + EXPONENT_ZERO + 1023;
    f64::from_bits(exponent.cast_unsigned() << 52)
}

fn write_threshold(bits: &mut BitWriter, threshold: f64) {
    let exponent = (threshold.to_bits() >> 52).cast_signed() - 1023 - EXPONENT_ZERO;
    // A sign or a NaN leads to exponents far out of range.
    match u64::try_from(exponent) {
        _ if threshold == 0.0 => bits.bits(0, 8),
        Ok(byte @ 1..=254) if power_of_two(byte).to_bits() == threshold.to_bits() => {
            bits.bits(byte, 8);
        }
        _ => {
            bits.bits(0xFF, 8);
            bits.bits(threshold.to_bits(), 64);
        }
    }
}

fn read_spans(bits: &mut BitReader<'_>) -> Result<Vec<Span>> {
    // Each turn takes at least two bits or fails, so the count needs no bound of its own.
    let count = read_uint(bits)?;
    let mut spans = Vec::new();
    for _ in 0..count {
        let start = *bits;
        let (length, offset) = (read_uint(bits)?, read_int(bits)?);
        let (Ok(length), Ok(offset)) = (u32::try_from(length), i32::try_from(offset)) else {
            return Err(start.corrupt(Corruption::Overflow));
        };
        spans.push(Span { offset, length });
    }
    Ok(spans)
}

fn read_bounds(bits: &mut BitReader<'_>) -> Result<Vec<f64>> {
    let count = read_uint(bits)?;
    let mut bounds = Vec::new();
    for _ in 0..count {
        bounds.push(match read_uint(bits)? {
            0 => f64::from_bits(bits.field(64)?),
            code => thousandths(code - 1),
        });
    }
    Ok(bounds)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "writers use numbers up to 33554430; others are read as Prometheus reads them"
)]
fn thousandths(number: u64) -> f64 {
    number as f64 / 1000.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is checked to be in 0..=33554430"
)]
#[expect(
    clippy::float_cmp,
    reason = "the short form is for bounds that it gives back exactly"
)]
fn write_bound(bits: &mut BitWriter, bound: f64) {
    /// The largest number whose successor has a code of 25 bits.
    const NUMBER_MAX: f64 = 33_554_430.0;
    let number = bound * 1000.0;
    if (0.0..=NUMBER_MAX).contains(&number) {
        let number = number.round() as u64;
        if thousandths(number) == bound {
            write_uint(bits, number + 1);
            return;
        }
    }
    bits.bit(false);
    bits.bits(bound.to_bits(), 64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(layout: &Layout) -> Vec<u8> {
        let mut bits = BitWriter::new();
        layout.write(&mut bits);
        // Room for the buckets.
        bits.bits(0, 64);
        bits.bytes()
    }

    fn read(layout: &Layout) -> Result<Layout> {
        Layout::read(&mut BitReader::new("test", &written(layout)))
    }

    #[test]
    fn thresholds_that_are_powers_of_two_take_a_byte() {
        fn check(threshold: f64, byte: u8) {
            let mut bits = BitWriter::new();
            write_threshold(&mut bits, threshold);
            assert_eq!(bits.bytes()[0], byte, "{threshold}");
        }
        check(0.0, 0);
        check(-0.0, 0);
        check(2.0_f64.powi(-128), 116);
        check(2.0_f64.powi(-243), 1);
        check(2.0_f64.powi(-244), 255);
        check(1024.0, 254);
        check(2048.0, 255);
        for odd in [3.0, -1.0, f64::NAN, f64::INFINITY, 5e-324] {
            check(odd, 255);
        }
    }

    #[test]
    fn bounds_in_thousandths_are_short() {
        fn check(bound: f64, want: usize) {
            let mut bits = BitWriter::new();
            write_bound(&mut bits, bound);
            assert_eq!(bits.len_bits(), want, "{bound}");
        }
        check(0.0, 5);
        check(-0.0, 5);
        check(0.005, 5);
        check(0.007, 9);
        check(33_554.43, 32);
        check(33_554.431, 65);
        check(1.0 / 3.0, 65);
        for odd in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            check(odd, 65);
        }
    }

    #[test]
    fn more_buckets_than_bits_are_an_error() {
        let span = |length| Span { offset: 0, length };
        let mut layout = Layout {
            positive_spans: vec![span(40)],
            negative_spans: vec![span(24)],
            ..Layout::default()
        };
        assert_eq!(read(&layout).unwrap(), layout);
        layout.negative_spans.push(span(100));
        let error = read(&layout).unwrap_err().to_string();
        assert!(error.contains("number of buckets 164 is past"), "{error}");
        layout.positive_spans = vec![span(u32::MAX); 3];
        assert!(read(&layout).is_err());
    }

    #[test]
    fn unknown_schemas_are_errors() {
        for schema in [-54, -52, -10, 53, i32::MIN, i32::MAX] {
            let layout = Layout {
                schema,
                ..Layout::default()
            };
            let error = read(&layout).unwrap_err().to_string();
            assert!(
                error.contains(&format!("unknown schema {schema}")),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn layouts_survive_a_round_trip(
            schema in prop_oneof![-9..=52_i32, Just(CUSTOM_BUCKETS_SCHEMA)],
            threshold in any::<u64>().prop_filter("a zero comes back without its sign", |bits| *bits != 1 << 63),
            offsets in prop::collection::vec(any::<(i32, i32)>(), 0..8),
            bounds in prop::collection::vec(prop_oneof![any::<f64>().prop_map(|bound| bound + 0.0), (0..40_000_000_u32).prop_map(|n| f64::from(n) / 1000.0)], 0..5),
        ) {
            let spans = |pick: fn(&(i32, i32)) -> i32| {
                offsets.iter().map(|pair| Span { offset: pick(pair), length: 1 }).collect::<Vec<_>>()
            };
            let layout = Layout {
                schema,
                zero_threshold: f64::from_bits(threshold),
                positive_spans: spans(|pair| pair.0),
                negative_spans: spans(|pair| pair.1),
                custom_bounds: if schema == CUSTOM_BUCKETS_SCHEMA { bounds } else { vec![] },
            };
            let got = read(&layout).unwrap();
            // By bits: a NaN must survive, and the Debug form tells -0.0 from 0.0.
            prop_assert_eq!(got.zero_threshold.to_bits(), threshold);
            prop_assert_eq!(format!("{:?}", got), format!("{:?}", layout));
        }
    }
}
