//! Checked reads off a slice.
//!
//! A length is checked before it is used and nothing is allocated for it. Every error names the section and the offset
//! at which the failed value starts.

use crate::error::{Corruption, Error, Result};

/// A position in bytes of one section.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    section: &'static str,
    rest: &'a [u8],
    /// Where `rest` ends in the file: it stays while the cursor moves.
    end: u64,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`, which lie at `offset` of their file.
    #[must_use]
    pub fn new(section: &'static str, bytes: &'a [u8], offset: u64) -> Self {
        Self {
            section,
            rest: bytes,
            end: offset + bytes.len() as u64,
        }
    }

    /// Where the next read starts.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.end - self.rest.len() as u64
    }

    /// Bytes not yet taken.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Number of bytes not yet taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all bytes are taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at this place.
    #[must_use]
    pub fn corrupt(&self, what: Corruption) -> Error {
        Error::Corrupt {
            section: self.section,
            offset: self.offset(),
            what,
        }
    }

    /// Takes the next `len` bytes.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(len));
        };
        self.rest = rest;
        Ok(head)
    }

    #[cold]
    fn truncated(&self, need: usize) -> Error {
        self.corrupt(Corruption::Truncated {
            need: need as u64,
            have: self.rest.len() as u64,
        })
    }

    /// Takes `N` bytes as an array.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("bytes(N) gives N bytes"))
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a big-endian `u16`.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer bytes.
    #[inline]
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian `u32`.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer bytes.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes a big-endian `u64`.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] where there are fewer bytes.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes an unsigned LEB128 integer.
    ///
    /// # Errors
    /// [`Corruption::Truncated`] at the end, [`Corruption::Overflow`] past 64 bits.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            // Most symbols and chunk lengths: a loop for them would be a tenth of a merge.
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7F) | u64::from(*high) << 7)
            }
            _ => self.uvarint_long(),
        }
    }

    /// Three to eight bytes at once, where eight are left: times and references. What is longer, or damaged, byte by byte.
    #[inline(never)]
    fn uvarint_long(&mut self) -> Result<u64> {
        let Some((word, _)) = self.rest.split_first_chunk() else {
            return self.uvarint_slow();
        };
        let word = u64::from_le_bytes(*word);
        let stops = !word & 0x8080_8080_8080_8080;
        if stops == 0 {
            return self.uvarint_slow();
        }
        let bits = stops.trailing_zeros() + 1;
        self.bytes(bits as usize / 8)?;
        // Seven bits of each byte, then fourteen of each pair, then all.
        let word = word & (u64::MAX >> (64 - bits)) & 0x7F7F_7F7F_7F7F_7F7F;
        let word = word & 0x007F_007F_007F_007F | (word & 0x7F00_7F00_7F00_7F00) >> 1;
        let word = word & 0x0000_3FFF_0000_3FFF | (word & 0x3FFF_0000_3FFF_0000) >> 2;
        Ok(word & 0x0FFF_FFFF | (word & 0x0FFF_FFFF_0000_0000) >> 4)
    }

    #[cold]
    fn uvarint_slow(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            if at == 9 && byte > 1 {
                return Err(self.corrupt(Corruption::Overflow));
            }
            value |= u64::from(byte & 0x7F) << (7 * at);
            if byte < 0x80 {
                self.bytes(at + 1)?;
                return Ok(value);
            }
        }
        if self.rest.len() >= 10 {
            return Err(self.corrupt(Corruption::Overflow));
        }
        Err(self.truncated(self.rest.len() + 1))
    }

    /// Takes an unsigned LEB128 integer that must fit 32 bits.
    ///
    /// # Errors
    /// As [`Self::uvarint`], and [`Corruption::Overflow`] past 32 bits.
    #[inline]
    pub fn uvarint32(&mut self) -> Result<u32> {
        let start = self.clone();
        let value = self.uvarint()?;
        u32::try_from(value).map_err(|_error| start.corrupt(Corruption::Overflow))
    }

    /// Takes a zig-zag integer.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[inline]
    #[expect(clippy::cast_possible_wrap, reason = "zig-zag works on the bits")]
    pub fn varint(&mut self) -> Result<i64> {
        let value = self.uvarint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Takes a length and that many bytes.
    ///
    /// # Errors
    /// As [`Self::uvarint`] and [`Self::bytes`].
    #[inline]
    pub fn uvarint_bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.uvarint()?;
        self.bytes(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// Takes a length and that many bytes of UTF-8.
    ///
    /// # Errors
    /// As [`Self::uvarint_bytes`], and where the bytes are not UTF-8.
    #[inline]
    pub fn uvarint_str(&mut self) -> Result<&'a str> {
        let start = self.clone();
        let bytes = self.uvarint_bytes()?;
        std::str::from_utf8(bytes).map_err(|error| {
            start.corrupt(Corruption::Other(format!("string is not UTF-8: {error}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Sink;

    proptest! {
        #[test]
        fn integers_survive_a_round_trip(unsigned: u64, signed: i64, short: u32, text: String) {
            let mut bytes = Vec::new();
            bytes.put_uvarint(unsigned);
            bytes.put_varint(signed);
            bytes.put_u32(short);
            bytes.put_uvarint_bytes(text.as_bytes());
            let mut cursor = Cursor::new("test", &bytes, 0);
            prop_assert_eq!(cursor.uvarint().unwrap(), unsigned);
            prop_assert_eq!(cursor.varint().unwrap(), signed);
            prop_assert_eq!(cursor.u32().unwrap(), short);
            prop_assert_eq!(cursor.uvarint_str().unwrap(), text);
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn the_fast_way_to_take_an_integer_gives_what_the_slow_one_does(bytes in proptest::collection::vec(any::<u8>(), 0..14)) {
            let (mut fast, mut slow) = (Cursor::new("test", &bytes, 0), Cursor::new("test", &bytes, 0));
            match (fast.uvarint(), slow.uvarint_slow()) {
                (Ok(got), Ok(want)) => prop_assert_eq!(got, want),
                (got, want) => prop_assert_eq!(got.unwrap_err().to_string(), want.unwrap_err().to_string()),
            }
            prop_assert_eq!(fast.offset(), slow.offset());
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes: Vec<u8>) {
            let mut cursor = Cursor::new("test", &bytes, 0);
            while cursor.uvarint_bytes().is_ok() && !cursor.is_empty() {}
        }
    }

    #[test]
    fn eleven_bytes_are_no_integer() {
        let error = Cursor::new("test", &[0xFF; 11], 7).uvarint().unwrap_err();
        assert_eq!(
            error.to_string(),
            "test at 0x7: variable-length integer overflows"
        );
        let error = Cursor::new("test", &[0xFF; 3], 7).uvarint().unwrap_err();
        assert_eq!(error.to_string(), "test at 0x7: ends after 3 of 4 bytes");
    }
}
