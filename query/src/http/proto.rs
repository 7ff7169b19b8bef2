//! Protocol buffers on the wire: the few primitives that remote read and federation need.
//!
//! ```text
//! message = { key payload }    key = uvarint: number << 3 | type
//! type 0 uvarint | type 1 eight bytes, little endian | type 2 uvarint length, bytes | type 5 four bytes
//! ```
//!
//! The messages are described where they are used. Fields that hold nothing are left out, as proto3 has it.

use tsdb::codec::Cursor;
use tsdb::error::{Corruption, Result};

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// A number, as `int64`, `uint64`, `enum` or `bool`.
pub fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        key(out, field, VARINT);
        varint(out, value);
    }
}

/// A signed number, as `int64`.
pub fn signed(out: &mut Vec<u8>, field: u32, value: i64) {
    number(out, field, value.cast_unsigned());
}

/// A signed number, as `sint64` or `sint32`: small ones of either sign are short.
pub fn zigzag(out: &mut Vec<u8>, field: u32, value: i64) {
    number(out, field, zigzagged(value));
}

fn zigzagged(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A float, zero or not: for members of a choice.
pub fn double_always(out: &mut Vec<u8>, field: u32, value: f64) {
    key(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A float.
pub fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value.to_bits() != 0 {
        double_always(out, field, value);
    }
}

/// Bytes or text.
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        key(out, field, BYTES);
        varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

/// A message inside this one, even if it is empty.
pub fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    key(out, field, BYTES);
    varint(out, inner.len() as u64);
    out.extend_from_slice(&inner);
}

/// Many floats in one field.
pub fn doubles(out: &mut Vec<u8>, field: u32, values: &[f64]) {
    let packed: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    bytes(out, field, &packed);
}

/// Many numbers of `sint64` in one field.
pub fn zigzags(out: &mut Vec<u8>, field: u32, values: &[i64]) {
    let mut packed = Vec::with_capacity(values.len() * 2);
    for value in values {
        varint(&mut packed, zigzagged(*value));
    }
    bytes(out, field, &packed);
}

fn key(out: &mut Vec<u8>, field: u32, kind: u64) {
    varint(out, u64::from(field) << 3 | kind);
}

/// A number of seven bits per byte.
pub fn varint(out: &mut Vec<u8>, value: u64) {
    let (bytes, len) = tsdb::codec::sink::uvarint(value);
    out.extend_from_slice(&bytes[..len]);
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'m> {
    /// A number.
    Number(u64),
    /// Eight bytes.
    Fixed(u64),
    /// Bytes, text or a message.
    Bytes(&'m [u8]),
}

impl<'m> Payload<'m> {
    /// As bytes; empty where it is none.
    #[must_use]
    pub fn as_bytes(self) -> &'m [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) | Self::Fixed(_) => &[],
        }
    }

    /// As a number; zero where it is none.
    #[must_use]
    pub fn as_number(self) -> u64 {
        match self {
            Self::Number(number) | Self::Fixed(number) => number,
            Self::Bytes(_) => 0,
        }
    }
}

/// The fields of a message, in order.
///
/// # Errors
/// Where the bytes are no message.
pub fn fields(message: &[u8]) -> Result<Vec<(u32, Payload<'_>)>> {
    let mut cursor = Cursor::new("protobuf", message, 0);
    let mut fields = Vec::new();
    while !cursor.is_empty() {
        let key = cursor.uvarint()?;
        let payload = match key & 7 {
            VARINT => Payload::Number(cursor.uvarint()?),
            FIXED64 => Payload::Fixed(u64::from_le_bytes(cursor.array()?)),
            BYTES => Payload::Bytes(cursor.uvarint_bytes()?),
            FIXED32 => Payload::Fixed(u64::from(u32::from_le_bytes(cursor.array()?))),
            kind => return Err(cursor.corrupt(Corruption::Other(format!("field of type {kind}")))),
        };
        let field = u32::try_from(key >> 3);
        let field = field.map_err(|_error| cursor.corrupt(Corruption::Overflow))?;
        fields.push((field, payload));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back() {
        let mut out = Vec::new();
        number(&mut out, 1, 300);
        number(&mut out, 2, 0);
        bytes(&mut out, 3, b"text");
        double(&mut out, 4, 1.5);
        zigzag(&mut out, 5, -2);
        message(&mut out, 16, |inner| signed(inner, 1, -1));
        let fields = fields(&out).unwrap();
        let numbers: Vec<u32> = fields.iter().map(|(field, _)| *field).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 16]);
        assert_eq!(fields[0].1.as_number(), 300);
        assert_eq!(fields[1].1.as_bytes(), b"text");
        assert_eq!(fields[2].1, Payload::Fixed(1.5_f64.to_bits()));
        assert_eq!(fields[3].1.as_number(), 3);
    }

    #[test]
    fn broken_bytes_are_an_error() {
        fn check(bytes: &[u8]) {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
        check(&[0x0A, 5, 1]);
        check(&[0x08]);
        check(&[0x0B]);
        check(&[
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        ]);
    }
}
