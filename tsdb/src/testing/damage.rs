//! Named injuries to bytes. Injured files are made from sound ones, so that a test says what is wrong with them.

use std::fmt;

/// One injury.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The bytes end here.
    Truncate {
        /// New length.
        at: usize,
    },
    /// One bit is the other way round.
    FlipBit {
        /// Which byte.
        at: usize,
        /// Which bit of it, 0 the lowest.
        bit: u8,
    },
    /// A byte has another value.
    SetU8 {
        /// Which byte.
        at: usize,
        /// Its new value.
        value: u8,
    },
    /// Four bytes are another big-endian number.
    SetU32 {
        /// The first byte.
        at: usize,
        /// The number.
        value: u32,
    },
    /// Eight bytes are another big-endian number.
    SetU64 {
        /// The first byte.
        at: usize,
        /// The number.
        value: u64,
    },
    /// Two pieces of the same length changed places.
    Swap {
        /// Start of the one.
        a: usize,
        /// Start of the other, not inside the first.
        b: usize,
        /// Length of both.
        len: usize,
    },
    /// A range is zero.
    Zero {
        /// Start of the range.
        at: usize,
        /// Its length.
        len: usize,
    },
    /// Bytes follow that do not belong there.
    Append {
        /// How many.
        len: usize,
        /// All of this value.
        value: u8,
    },
    /// A range is gone and what follows moved up.
    Remove {
        /// Start of the range.
        at: usize,
        /// Its length.
        len: usize,
    },
}

impl Damage {
    /// Does it to a copy of `sound`.
    ///
    /// # Panics
    /// Where the place lies outside the bytes: the test means another place.
    #[must_use]
    pub fn of(self, sound: &[u8]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        self.apply(&mut bytes);
        bytes
    }

    /// Does it.
    ///
    /// # Panics
    /// As [`Self::of`].
    pub fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate { at } => bytes.truncate(at),
            Self::FlipBit { at, bit } => bytes[at] ^= 1 << bit,
            Self::SetU8 { at, value } => bytes[at] = value,
            Self::SetU32 { at, value } => {
                bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
            Self::SetU64 { at, value } => {
                bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
            }
            Self::Swap { a, b, len } => {
                let (head, tail) = bytes.split_at_mut(a.max(b));
                head[a.min(b)..][..len].swap_with_slice(&mut tail[..len]);
            }
            Self::Zero { at, len } => bytes[at..at + len].fill(0),
            Self::Append { len, value } => bytes.extend(std::iter::repeat_n(value, len)),
            Self::Remove { at, len } => {
                bytes.drain(at..at + len);
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncate { at } => write!(f, "truncated at {at:#x}"),
            Self::FlipBit { at, bit } => write!(f, "bit {bit} of byte {at:#x} flipped"),
            Self::SetU8 { at, value } => write!(f, "byte {at:#x} set to {value:#x}"),
            Self::SetU32 { at, value } => write!(f, "u32 at {at:#x} set to {value:#x}"),
            Self::SetU64 { at, value } => write!(f, "u64 at {at:#x} set to {value:#x}"),
            Self::Swap { a, b, len } => write!(f, "{len} bytes at {a:#x} and {b:#x} swapped"),
            Self::Zero { at, len } => write!(f, "{len} bytes at {at:#x} zeroed"),
            Self::Append { len, value } => write!(f, "{len} bytes {value:#x} appended"),
            Self::Remove { at, len } => write!(f, "{len} bytes at {at:#x} removed"),
        }
    }
}

/// Every flip of every bit of `len` bytes.
pub fn every_bit(len: usize) -> impl Iterator<Item = Damage> {
    (0..len).flat_map(|at| (0..8).map(move |bit| Damage::FlipBit { at, bit }))
}

/// One flip of every byte of `len` bytes, of a bit that moves along.
pub fn every_byte(len: usize) -> impl Iterator<Item = Damage> {
    (0..len).map(|at| Damage::FlipBit {
        at,
        bit: u8::try_from(at % 8).expect("below 8"),
    })
}

/// Every shorter length.
pub fn every_length(len: usize) -> impl Iterator<Item = Damage> {
    (0..len).map(|at| Damage::Truncate { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_injury_does_what_it_says() {
        fn check(damage: Damage, want: &[u8]) {
            assert_eq!(damage.of(b"abcdefgh"), want, "{damage}");
        }
        check(Damage::Truncate { at: 3 }, b"abc");
        check(Damage::FlipBit { at: 0, bit: 1 }, b"cbcdefgh");
        check(Damage::SetU8 { at: 7, value: b'x' }, b"abcdefgx");
        check(
            Damage::SetU32 {
                at: 0,
                value: 0x4142_4344,
            },
            b"ABCDefgh",
        );
        check(Damage::SetU64 { at: 0, value: 0 }, &[0; 8]);
        check(Damage::Swap { a: 6, b: 0, len: 2 }, b"ghcdefab");
        check(Damage::Zero { at: 1, len: 2 }, b"a\0\0defgh");
        check(
            Damage::Append {
                len: 2,
                value: b'!',
            },
            b"abcdefgh!!",
        );
        check(Damage::Remove { at: 1, len: 6 }, b"ah");
        assert_eq!(every_bit(2).count(), 16);
        assert_eq!(every_byte(2).count() + every_length(2).count(), 4);
    }
}
