//! Integers of the histogram chunks: a prefix of ones says how many bits follow.
//!
//! ```text
//! prefix     bits   signed                    unsigned
//! 0          0      0                         0
//! 10         3      -3 .. 4                   up to 7
//! 110        6      -31 .. 32                 up to 63
//! 1110       9      -255 .. 256               up to 511
//! 11110      12     -2047 .. 2048             up to 4095
//! 111110     18     -131071 .. 131072         up to 262143
//! 1111110    25     -16777215 .. 16777216     up to 33554431
//! 11111110   56     -(2^55 - 1) .. 2^55       below 2^56
//! 11111111   64     everything else
//! ```
//!
//! Signed payloads are the low bits of the two's complement, except that the pattern `10...0` is the *positive* bound.
//! Writers take the first row that fits, readers take any. Used by [`super::histogram_layout`] and
//! [`super::histogram_stream`].

use crate::codec::bits::{BitReader, BitWriter};
use crate::error::Result;

/// Payload bits by number of leading ones.
const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

/// Takes a signed integer. Running over the end is noticed later, see [`BitReader::check`].
///
/// # Errors
/// Where not one bit is left.
#[inline]
pub fn read_int(bits: &mut BitReader<'_>) -> Result<i64> {
    let (payload, width) = read(bits)?;
    if width == 0 {
        return Ok(0);
    }
    if width < 64 && payload > 1 << (width - 1) {
        return Ok(payload.wrapping_sub(1 << width).cast_signed());
    }
    Ok(payload.cast_signed())
}

/// Takes an unsigned integer. Running over the end is noticed later, see [`BitReader::check`].
///
/// # Errors
/// Where not one bit is left.
#[inline]
pub fn read_uint(bits: &mut BitReader<'_>) -> Result<u64> {
    read(bits).map(|(payload, _)| payload)
}

#[inline]
fn read(bits: &mut BitReader<'_>) -> Result<(u64, u32)> {
    let window = bits.window()?;
    let ones = window.leading_ones().min(8);
    if ones == 0 {
        bits.skip(1);
        return Ok((0, 0));
    }
    let width = WIDTHS[ones as usize];
    let prefix = (ones + 1).min(8);
    if width < 56 {
        bits.skip((prefix + width) as usize);
        return Ok((window << prefix >> (64 - width), width));
    }
    bits.skip(prefix as usize);
    Ok((bits.field(width)?, width))
}

/// Appends a signed integer.
#[inline]
pub fn write_int(bits: &mut BitWriter, value: i64) {
    let fits = |width: u32| {
        let bound = 1_i64 << (width - 1);
        -bound < value && value <= bound
    };
    write(bits, value.cast_unsigned(), value == 0, fits);
}

/// Appends an unsigned integer.
#[inline]
pub fn write_uint(bits: &mut BitWriter, value: u64) {
    write(bits, value, value == 0, |width| value >> width == 0);
}

#[inline]
fn write(bits: &mut BitWriter, payload: u64, zero: bool, fits: impl Fn(u32) -> bool) {
    if zero {
        bits.bit(false);
        return;
    }
    let narrow = (1_u32..)
        .zip(&WIDTHS[1..8])
        .find(|(_, width)| fits(**width));
    if let Some((ones, width)) = narrow {
        bits.bits(u64::MAX << 1, ones + 1);
        bits.bits(payload, *width);
    } else {
        bits.bits(0xFF, 8);
        bits.bits(payload, 64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed(value: i64) -> (Vec<u8>, usize) {
        let mut bits = BitWriter::new();
        write_int(&mut bits, value);
        let len = bits.len_bits();
        (bits.bytes(), len)
    }

    #[test]
    fn the_first_row_that_fits_is_taken() {
        fn check(value: i64, want: usize) {
            let (bytes, len) = signed(value);
            assert_eq!(len, want, "{value}");
            let mut bits = BitReader::new("test", &bytes);
            assert_eq!(read_int(&mut bits).unwrap(), value);
            assert_eq!(bits.position(), want, "{value}");
        }
        check(0, 1);
        let rows = [
            (3, 5),
            (6, 9),
            (9, 13),
            (12, 17),
            (18, 24),
            (25, 32),
            (56, 64),
        ];
        for (at, (width, len)) in rows.into_iter().enumerate() {
            let next = rows.get(at + 1).map_or(72, |row| row.1);
            let bound = 1_i64 << (width - 1);
            check(bound, len);
            check(1 - bound, len);
            check(bound + 1, next);
            check(-bound, next);
        }
        check(i64::MAX, 72);
        check(i64::MIN, 72);
    }

    #[test]
    fn unsigned_rows_end_at_powers_of_two() {
        for (width, len) in [
            (3, 5),
            (6, 9),
            (9, 13),
            (12, 17),
            (18, 24),
            (25, 32),
            (56, 64),
        ] {
            for (value, longer) in [((1_u64 << width) - 1, false), (1 << width, true)] {
                let mut bits = BitWriter::new();
                write_uint(&mut bits, value);
                assert_eq!(bits.len_bits() > len, longer, "{value}");
            }
        }
    }

    #[test]
    fn negative_numbers_have_the_low_bits_of_their_complement() {
        assert_eq!(signed(-1).0, [0b1011_1000]);
        assert_eq!(signed(4).0, [0b1010_0000]);
    }

    proptest! {
        #[test]
        fn integers_survive_a_round_trip(values: Vec<(i64, u32, u64)>) {
            let values = values.into_iter().map(|(int, shift, uint)| (int >> (shift % 64), uint >> (shift % 64)));
            let values: Vec<_> = values.collect();
            let mut bits = BitWriter::new();
            for (int, uint) in &values {
                write_int(&mut bits, *int);
                write_uint(&mut bits, *uint);
            }
            let bytes = bits.bytes();
            let mut bits = BitReader::new("test", &bytes);
            for (int, uint) in &values {
                prop_assert_eq!(read_int(&mut bits).unwrap(), *int);
                prop_assert_eq!(read_uint(&mut bits).unwrap(), *uint);
            }
            bits.check().unwrap();
        }

        #[test]
        fn any_bits_end_in_an_error_or_at_the_end(bytes: Vec<u8>) {
            let mut bits = BitReader::new("test", &bytes);
            while read_int(&mut bits).is_ok() {}
            prop_assert!(bits.remaining() == 0);
        }
    }
}
