//! Bytes to values and back: the primitives that every format is made of.
//!
//! Reading goes through [`Cursor`], which checks each step and whose errors carry section and offset; writing appends to a
//! `Vec<u8>` through [`Sink`]. All fixed-width integers are big endian. `uvarint` is LEB128 of at most ten bytes, `varint`
//! the same over the zig-zag form; writers emit the shortest form. Bit streams of chunks are in [`bits`], most
//! significant bit first.

pub mod bits;
pub mod crc;
pub mod cursor;
pub mod sink;
pub mod window;

pub use cursor::Cursor;
pub use sink::Sink;
pub use window::{Output, Scratch, ScratchSpace, Window};
