//! CRC-32C, and the frame `len u32 | body | crc32c u32` that most sections of an index use.

use super::{Cursor, Sink};
use crate::error::{Corruption, Result};

/// CRC-32C (Castagnoli) of `bytes`.
#[inline]
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the crate returns every width as u64"
)]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// CRC-32C over pieces.
#[derive(Debug)]
pub struct Crc32c(crc_fast::Digest);

impl Default for Crc32c {
    fn default() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }
}

impl Crc32c {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all pieces.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the crate returns every width as u64"
    )]
    pub fn finish(&self) -> u32 {
        self.0.finalize() as u32
    }
}

/// Checks a stored checksum against its bytes.
///
/// # Errors
/// [`Corruption::Checksum`] at `cursor` where they differ.
#[inline]
pub fn verify(cursor: &Cursor<'_>, bytes: &[u8], stored: u32) -> Result<()> {
    let computed = crc32c(bytes);
    if stored == computed {
        return Ok(());
    }
    Err(cursor.corrupt(Corruption::Checksum { stored, computed }))
}

/// Takes one frame and returns its body, with the checksum checked.
///
/// # Errors
/// Where the frame is longer than the bytes, or the checksum differs.
pub fn take_frame<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let start = cursor.clone();
    let len = cursor.u32()? as usize;
    let body = cursor.bytes(len)?;
    let stored = cursor.u32()?;
    verify(&start, body, stored)?;
    Ok(body)
}

/// Appends `body` as a frame.
///
/// # Panics
/// Where the body is longer than 4 GiB: writers bound it before.
pub fn put_frame(out: &mut Vec<u8>, body: &[u8]) {
    out.put_u32(u32::try_from(body.len()).expect("writers bound a frame to 4 GiB"));
    out.put(body);
    out.put_u32(crc32c(body));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_anywhere_in_a_frame_is_found() {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, b"hello");
        assert_eq!(
            take_frame(&mut Cursor::new("test", &bytes, 0)).unwrap(),
            b"hello"
        );
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(
                take_frame(&mut Cursor::new("test", &damaged, 0)).is_err(),
                "bit {at}"
            );
        }
    }

    #[test]
    fn pieces_give_the_same_checksum() {
        let mut pieces = Crc32c::default();
        pieces.update(b"hel");
        pieces.update(b"lo");
        assert_eq!(pieces.finish(), crc32c(b"hello"));
        assert_eq!(crc32c(b""), 0);
    }
}
