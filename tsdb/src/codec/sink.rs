//! The primitives of [`super::Cursor`], appended to a `Vec<u8>`.

/// Appends encoded values.
pub trait Sink {
    /// Appends bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Appends one byte.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Appends a big-endian `u16`.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a big-endian `u32`.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends a big-endian `u64`.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends the shortest LEB128 form.
    #[inline]
    fn put_uvarint(&mut self, value: u64) {
        let (bytes, len) = uvarint(value);
        self.put(&bytes[..len]);
    }

    /// Appends the zig-zag form.
    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "zig-zag works on the bits")]
    fn put_varint(&mut self, value: i64) {
        self.put_uvarint((value << 1 ^ value >> 63) as u64);
    }

    /// Appends a length and the bytes.
    fn put_uvarint_bytes(&mut self, bytes: &[u8]) {
        self.put_uvarint(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    /// Copies of fixed length: a call to copy two bytes would cost more than encoding them.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
    fn put_uvarint(&mut self, value: u64) {
        if value < 0x80 {
            self.push(value as u8);
        } else if value < 0x4000 {
            self.extend_from_slice(&[value as u8 | 0x80, (value >> 7) as u8]);
        } else {
            let (bytes, len) = uvarint(value);
            let end = self.len() + len;
            self.extend_from_slice(&bytes);
            self.truncate(end);
        }
    }
}

/// The shortest LEB128 form of `value`, and its length.
#[inline]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
pub fn uvarint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    (bytes, len + 1)
}
