//! The columns of a histogram chunk: each field of the samples is a stream of its own codes, taken in turns.
//!
//! ```text
//! stream     first value        later values                                     used for
//! Delta      varbit signed      varbit difference of differences                 time; integer buckets
//! Count      varbit unsigned    varbit difference of differences (as signed)     integer counts
//! Xor        64 bits            0 | 10 field | 11 leading(5) size(6) field       sums; all counts of float histograms
//! ```
//!
//! A difference of differences starts from a difference of zero. The xor of a value with the one before is written as its
//! `64 - leading - trailing` middle bits: `10` keeps the bounds of the last field, `11` sets new ones (size 0 is 64); a
//! reader that meets `10` first takes all 64 bits. Reader and writer keep the same state, so each stream is both.

use std::fmt;

use super::varbit::{read_int, read_uint, write_int, write_uint};
use crate::codec::bits::{BitReader, BitWriter};
use crate::error::{Corruption, Result};

/// One column of a chunk.
pub trait Stream: fmt::Debug + Default + Clone {
    /// What the column holds.
    type Value: Copy + Default + PartialOrd;

    /// The last value.
    fn value(&self) -> Self::Value;

    /// Appends the first value.
    fn write_first(&mut self, bits: &mut BitWriter, value: Self::Value);

    /// Appends a later value.
    fn write(&mut self, bits: &mut BitWriter, value: Self::Value);

    /// Appends what a stale sample has in this column.
    fn write_stale(&mut self, bits: &mut BitWriter);

    /// Takes the first value.
    ///
    /// # Errors
    /// Where the bits end, see [`BitReader::window`].
    fn read_first(&mut self, bits: &mut BitReader<'_>) -> Result<()>;

    /// Takes a later value.
    ///
    /// # Errors
    /// Where the bits end, see [`BitReader::window`], or are no code.
    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<()>;
}

/// A column of signed integers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    value: i64,
    delta: i64,
}

impl Stream for Delta {
    type Value = i64;

    #[inline]
    fn value(&self) -> i64 {
        self.value
    }

    fn write_first(&mut self, bits: &mut BitWriter, value: i64) {
        write_int(bits, value);
        self.value = value;
    }

    #[inline]
    fn write(&mut self, bits: &mut BitWriter, value: i64) {
        let delta = value.wrapping_sub(self.value);
        write_int(bits, delta.wrapping_sub(self.delta));
        *self = Self { value, delta };
    }

    fn write_stale(&mut self, bits: &mut BitWriter) {
        // Whatever the difference really is: nothing but stale samples can follow, and they do not look at it.
        bits.bit(false);
    }

    fn read_first(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.value = read_int(bits)?;
        Ok(())
    }

    #[inline]
    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.delta = self.delta.wrapping_add(read_int(bits)?);
        self.value = self.value.wrapping_add(self.delta);
        Ok(())
    }
}

/// A column of unsigned integers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count(Delta);

impl Stream for Count {
    type Value = u64;

    #[inline]
    fn value(&self) -> u64 {
        self.0.value.cast_unsigned()
    }

    fn write_first(&mut self, bits: &mut BitWriter, value: u64) {
        write_uint(bits, value);
        self.0.value = value.cast_signed();
    }

    #[inline]
    fn write(&mut self, bits: &mut BitWriter, value: u64) {
        self.0.write(bits, value.cast_signed());
    }

    fn write_stale(&mut self, bits: &mut BitWriter) {
        self.0.write_stale(bits);
    }

    fn read_first(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.0.value = read_uint(bits)?.cast_signed();
        Ok(())
    }

    #[inline]
    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.0.read(bits)
    }
}

/// A column of floats.
#[derive(Debug, Clone, Copy, Default)]
pub struct Xor {
    value: u64,
    /// Zero bits above and below the last field that came with bounds.
    window: Option<(u32, u32)>,
}

impl Stream for Xor {
    type Value = f64;

    #[inline]
    fn value(&self) -> f64 {
        f64::from_bits(self.value)
    }

    fn write_first(&mut self, bits: &mut BitWriter, value: f64) {
        self.value = value.to_bits();
        bits.bits(self.value, 64);
    }

    #[inline]
    fn write(&mut self, bits: &mut BitWriter, value: f64) {
        let difference = self.value ^ value.to_bits();
        self.value = value.to_bits();
        if difference == 0 {
            bits.bit(false);
            return;
        }
        // Five bits hold up to 31.
        let leading = difference.leading_zeros().min(31);
        let trailing = difference.trailing_zeros();
        match self.window {
            Some((above, below)) if leading >= above && trailing >= below => {
                bits.bits(0b10, 2);
                bits.bits(difference >> below, 64 - above - below);
            }
            _ => {
                let size = 64 - leading - trailing;
                bits.bits(0b11, 2);
                bits.bits(u64::from(leading), 5);
                bits.bits(u64::from(size & 63), 6);
                bits.bits(difference >> trailing, size);
                self.window = Some((leading, trailing));
            }
        }
    }

    fn write_stale(&mut self, bits: &mut BitWriter) {
        self.write(bits, 0.0);
    }

    fn read_first(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.value = bits.field(64)?;
        Ok(())
    }

    #[inline]
    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        let head = bits.window()?;
        if head >> 63 == 0 {
            bits.skip(1);
            return Ok(());
        }
        let (leading, trailing) = if head >> 62 == 0b10 {
            bits.skip(2);
            self.window.unwrap_or_default()
        } else {
            let leading = field(head, 2, 5);
            let size = match field(head, 7, 6) {
                0 => 64,
                size => size,
            };
            let Some(trailing) = (64 - leading).checked_sub(size) else {
                return Err(bits.corrupt(Corruption::Range {
                    what: "size of a float's field",
                    value: u64::from(size),
                    limit: u64::from(65 - leading),
                }));
            };
            bits.skip(13);
            *self.window.insert((leading, trailing))
        };
        self.value ^= bits.field(64 - leading - trailing)? << trailing;
        Ok(())
    }
}

/// The `len` bits from bit `at` on, counted from the top.
#[expect(
    clippy::cast_possible_truncation,
    reason = "asked for fields of a few bits"
)]
fn field(head: u64, at: u32, len: u32) -> u32 {
    (head << at >> (64 - len)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn survives<S: Stream>(values: &[S::Value]) -> Vec<S::Value> {
        let (mut writer, mut reader) = (S::default(), S::default());
        let mut bits = BitWriter::new();
        for (at, value) in values.iter().enumerate() {
            match at {
                0 => writer.write_first(&mut bits, *value),
                _ => writer.write(&mut bits, *value),
            }
        }
        let bytes = bits.bytes();
        let mut bits = BitReader::new("test", &bytes);
        let mut read = Vec::new();
        for at in 0..values.len() {
            match at {
                0 => reader.read_first(&mut bits).unwrap(),
                _ => reader.read(&mut bits).unwrap(),
            }
            read.push(reader.value());
        }
        bits.check().unwrap();
        read
    }

    proptest! {
        #[test]
        fn columns_survive_a_round_trip(values: Vec<u64>, shift in 0..64_u32) {
            let values: Vec<_> = values.into_iter().map(|value| value >> shift).collect();
            prop_assert_eq!(survives::<Count>(&values), values.clone());
            let signed: Vec<_> = values.iter().map(|value| value.cast_signed()).collect();
            prop_assert_eq!(survives::<Delta>(&signed), signed);
            let floats: Vec<_> = values.iter().map(|value| f64::from_bits(*value)).collect();
            let bits: Vec<_> = survives::<Xor>(&floats).into_iter().map(f64::to_bits).collect();
            prop_assert_eq!(bits, values);
        }

        #[test]
        fn any_bits_end_in_an_error(bytes: Vec<u8>) {
            let mut bits = BitReader::new("test", &bytes);
            let mut stream = Xor::default();
            while stream.read(&mut bits).is_ok() {}
        }
    }

    #[test]
    fn a_field_that_reaches_past_the_value_is_an_error() {
        // 11, leading 31, size 34.
        let mut bits = BitWriter::new();
        bits.bits(0b11, 2);
        bits.bits(31, 5);
        bits.bits(34, 6);
        bits.bits(0, 64);
        let bytes = bits.bytes();
        let error = Xor::default()
            .read(&mut BitReader::new("test", &bytes))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "test at 0x0: size of a float's field 34 is past 34"
        );
    }

    #[test]
    fn a_kept_window_before_any_was_set_is_the_whole_value() {
        let mut bits = BitWriter::new();
        bits.bits(0b10, 2);
        bits.bits(1.5_f64.to_bits(), 64);
        let bytes = bits.bytes();
        let mut stream = Xor::default();
        stream.read(&mut BitReader::new("test", &bytes)).unwrap();
        assert_eq!(stream.value().to_bits(), 1.5_f64.to_bits());
    }
}
