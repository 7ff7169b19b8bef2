//! Bit streams of chunks: most significant bit first, zero padded to a byte.
//!
//! ```text
//! byte 0            byte 1
//! 7 6 5 4 3 2 1 0 | 7 6 ...      the first field starts at bit 7 of byte 0
//! ```
//!
//! The reader keeps a bit position and takes each field from one unaligned 64-bit load ([`BitReader::window`]); the
//! writer fills a 64-bit accumulator. Integers written as `uvarint` and `varint` are the bytes of [`super::Cursor`]'s
//! forms, each as eight bits at the current position. Invariants: a window shows at least [`WINDOW_BITS`] bits, zeros
//! past the end; asking for a window at or past the end is an error, so a reader that runs over is stopped at its next
//! field, and [`BitReader::check`] catches the last one. Used by everything in [`crate::chunk`].

use super::sink;
use crate::error::{Corruption, Error, Result};

/// Bits that a [`BitReader::window`] shows at least: 64 less the seven by which a position may be unaligned.
pub const WINDOW_BITS: u32 = 57;

/// A position in a bit stream.
#[derive(Debug, Clone, Copy)]
pub struct BitReader<'a> {
    section: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `bytes`; `section` is named in errors.
    #[inline]
    #[must_use]
    pub fn new(section: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            section,
            bytes,
            at: 0,
        }
    }

    /// Bits taken so far; more than there are once a [`Self::skip`] ran over.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bits not yet taken, padding included.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// The next bits, the first one on top: [`WINDOW_BITS`] at least, zeros past the end. Takes nothing.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where not one bit is left.
    #[inline]
    pub fn window(&self) -> Result<u64> {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => Ok(u64::from_be_bytes(*bytes) << (self.at % 8)),
            None => tail_window(*self),
        }
    }

    /// Takes `n` bits unread. Running over the end is noticed by the next [`Self::window`] or by [`Self::check`].
    #[inline]
    pub fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// Makes sure that no field reached past the end.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where one did.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.at > self.bytes.len() * 8 {
            return Err(self.truncated(0));
        }
        Ok(())
    }

    /// Takes one bit.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] at the end.
    #[inline]
    pub fn bit(&mut self) -> Result<bool> {
        let Some(byte) = self.bytes.get(self.at / 8) else {
            return Err(self.truncated(1));
        };
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit != 0)
    }

    /// Takes `n` bits, 0 to 64, as the low bits of a number.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer.
    #[inline]
    pub fn bits(&mut self, n: u32) -> Result<u64> {
        debug_assert!(n <= 64, "a field has at most 64 bits");
        if self.remaining() < n as usize {
            return Err(self.truncated(n as usize));
        }
        if n == 0 {
            return Ok(0);
        }
        self.field(n)
    }

    /// Takes `n` bits, 1 to 64, without the check for the end: as [`Self::skip`], running over is noticed later.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where not one bit is left.
    #[inline]
    pub fn field(&mut self, n: u32) -> Result<u64> {
        let window = self.window()?;
        self.at += n as usize;
        if n <= WINDOW_BITS {
            return Ok(window >> (64 - n));
        }
        self.wide(window, n)
    }

    /// The field of `n` bits before the position, more than a window holds, which started with `window`.
    #[inline]
    fn wide(&self, window: u64, n: u32) -> Result<u64> {
        // The last bits lie in the byte that holds the field's end.
        let end = self.at.div_ceil(8);
        let padding = end * 8 - self.at;
        let Some(last) = self.bytes.get(end - 1) else {
            return Err(self.truncated(0));
        };
        Ok(window >> (64 - n) | u64::from(*last >> padding))
    }

    /// Takes an unsigned LEB128 integer.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] at the end, [`Corruption::Overflow`] past 64 bits.
    pub fn uvarint(&mut self) -> Result<u64> {
        let start = *self;
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.bits(8)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= (byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(start.corrupt(Corruption::Overflow))
    }

    /// Takes a zig-zag integer.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[expect(clippy::cast_possible_wrap, reason = "zig-zag works on the bits")]
    pub fn varint(&mut self) -> Result<i64> {
        let value = self.uvarint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// An error at the byte that holds the next bit.
    #[inline]
    #[must_use]
    pub fn corrupt(&self, what: Corruption) -> Error {
        error_at(*self, what)
    }

    #[inline]
    fn truncated(&self, bits: usize) -> Error {
        let need = (self.at + bits).div_ceil(8) as u64;
        let have = self.bytes.len() as u64;
        error_at(*self, Corruption::Truncated { need, have })
    }
}

// The functions below take the reader by value: a reference would keep it out of registers wherever they may be called.

#[cold]
fn error_at(reader: BitReader<'_>, what: Corruption) -> Error {
    Error::Corrupt {
        section: reader.section,
        offset: (reader.at / 8) as u64,
        what,
    }
}

/// [`BitReader::window`] in the last seven bytes.
#[cold]
fn tail_window(reader: BitReader<'_>) -> Result<u64> {
    let rest = reader.bytes.get(reader.at / 8..).unwrap_or_default();
    if rest.is_empty() {
        return Err(reader.truncated(1));
    }
    let mut padded = [0; 8];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    Ok(u64::from_be_bytes(padded) << (reader.at % 8))
}

/// A growing bit stream.
#[derive(Debug, Clone, Default)]
pub struct BitWriter {
    /// Written bytes up to `len`, then room.
    bytes: Vec<u8>,
    len: usize,
    /// The last `used` bits that are not yet in `bytes`, in the low end; what lies above them is of no meaning.
    pending: u64,
    /// Always below 64.
    used: u32,
}

impl BitWriter {
    /// An empty stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream that goes on behind whole bytes.
    #[must_use]
    pub fn with_bytes(bytes: Vec<u8>) -> Self {
        Self {
            len: bytes.len(),
            bytes,
            pending: 0,
            used: 0,
        }
    }

    /// Bits written so far.
    #[must_use]
    pub fn len_bits(&self) -> usize {
        self.len * 8 + self.used as usize
    }

    /// Appends one bit.
    #[inline]
    pub fn bit(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    /// Appends the low `n` bits of `value`, 0 to 64.
    #[inline]
    pub fn bits(&mut self, value: u64, n: u32) {
        debug_assert!(n <= 64, "a field has at most 64 bits");
        let value = value & !u64::MAX.checked_shl(n).unwrap_or(0);
        let used = self.used + n;
        if used < 64 {
            self.pending = self.pending << n | value;
            self.used = used;
            return;
        }
        let rest = used - 64;
        let head = self.pending.checked_shl(n - rest).unwrap_or(0);
        self.put(head | value >> rest);
        self.pending = value;
        self.used = rest;
    }

    #[inline]
    fn put(&mut self, full: u64) {
        if self.bytes.len() < self.len + 8 {
            // By value, so that the writer can stay in registers.
            self.bytes = with_room(std::mem::take(&mut self.bytes));
        }
        if let Some(room) = self.bytes.get_mut(self.len..self.len + 8) {
            room.copy_from_slice(&full.to_be_bytes());
        }
        self.len += 8;
    }

    /// Appends the shortest LEB128 form.
    pub fn uvarint(&mut self, value: u64) {
        let (bytes, len) = sink::uvarint(value);
        for byte in &bytes[..len] {
            self.bits(u64::from(*byte), 8);
        }
    }

    /// Appends the zig-zag form.
    #[expect(clippy::cast_sign_loss, reason = "zig-zag works on the bits")]
    pub fn varint(&mut self, value: i64) {
        self.uvarint((value << 1 ^ value >> 63) as u64);
    }

    /// The whole stream, padded with zero bits to a byte.
    #[must_use]
    pub fn bytes(mut self) -> Vec<u8> {
        let bits = self.len_bits();
        if self.used > 0 {
            self.put(self.pending << (64 - self.used));
        }
        self.bytes.truncate(bits.div_ceil(8));
        self.bytes
    }
}

/// The bytes, with room for eight more at least.
#[cold]
fn with_room(mut bytes: Vec<u8>) -> Vec<u8> {
    let room = bytes.len().max(128);
    bytes.resize(bytes.len() + room, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Field {
        Bits(u64, u32),
        Unsigned(u64),
        Signed(i64),
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            (any::<u64>(), 0..=64_u32).prop_map(|(value, n)| Field::Bits(value, n)),
            any::<u64>().prop_map(Field::Unsigned),
            any::<i64>().prop_map(Field::Signed),
        ]
    }

    proptest! {
        #[test]
        fn fields_survive_a_round_trip(fields in prop::collection::vec(field(), 0..40)) {
            let mut writer = BitWriter::new();
            for field in &fields {
                match *field {
                    Field::Bits(value, n) => writer.bits(value, n),
                    Field::Unsigned(value) => writer.uvarint(value),
                    Field::Signed(value) => writer.varint(value),
                }
            }
            let bits = writer.len_bits();
            let bytes = writer.bytes();
            prop_assert_eq!(bytes.len(), bits.div_ceil(8));
            let mut reader = BitReader::new("test", &bytes);
            for field in &fields {
                match *field {
                    Field::Bits(value, n) => {
                        let want = u128::from(value) & ((1 << n) - 1);
                        prop_assert_eq!(u128::from(reader.bits(n).unwrap()), want);
                    }
                    Field::Unsigned(value) => prop_assert_eq!(reader.uvarint().unwrap(), value),
                    Field::Signed(value) => prop_assert_eq!(reader.varint().unwrap(), value),
                }
            }
            prop_assert_eq!(reader.position(), bits);
            prop_assert!(reader.remaining() < 8);
            reader.check().unwrap();
        }

        #[test]
        fn fields_are_what_single_bits_add_up_to(bytes: Vec<u8>, skip in 0..9_usize, n in 1..=64_u32) {
            let mut reader = BitReader::new("test", &bytes);
            reader.skip(skip);
            let mut single = reader;
            let want = (0..n).try_fold(0_u64, |value, _| {
                single.bit().map(|bit| value << 1 | u64::from(bit))
            });
            match (reader.bits(n), want) {
                (Ok(got), Ok(want)) => prop_assert_eq!(got, want),
                (got, want) => prop_assert!(got.is_err() && want.is_err()),
            }
        }
    }

    #[test]
    fn reading_past_the_end_is_an_error_with_its_place() {
        let mut reader = BitReader::new("test", &[0xFF; 2]);
        assert_eq!(reader.bits(9).unwrap(), 0x1FF);
        let error = reader.bits(8).unwrap_err();
        assert_eq!(error.to_string(), "test at 0x1: ends after 2 of 3 bytes");
        reader.skip(7);
        reader.check().unwrap();
        assert!(reader.window().is_err());
        assert!(reader.bit().is_err());
        reader.skip(1);
        assert!(reader.check().is_err());
    }

    #[test]
    fn a_field_that_runs_over_is_noticed_by_check() {
        for n in 57..=64 {
            let mut reader = BitReader::new("test", &[0xFF; 7]);
            let field = reader.field(n);
            assert!(field.is_err() || reader.check().is_err(), "{n} bits");
        }
    }

    #[test]
    fn eleven_bytes_are_no_integer() {
        let error = BitReader::new("test", &[0xFF; 11]).uvarint().unwrap_err();
        assert_eq!(
            error.to_string(),
            "test at 0x0: variable-length integer overflows"
        );
    }
}
