//! Float samples, each as the difference to what the one before it suggests.
//!
//! ```text
//! count u16 | sample 0: varint t, value 64 | sample 1: uvarint (t - t0), value code | (time code, value code) x (count - 2)
//! time code    0                          delta as before
//!              10 d14 | 110 d17 | 1110 d20 | 1111 d64      delta grew by d; n bits hold -(2^(n-1) - 1) to 2^(n-1)
//! value code   0                          value as before
//!              10 x                       xor with the value before, in the window of bits used last (64 at first)
//!              11 lead5 len6 x            the window moves: lead zeros, len bits (0 means 64), the rest zeros
//! ```
//!
//! Times wrap as Go's do. The encoder writes the bytes that Prometheus writes; it never starts with `10`, which a
//! re-opened head chunk may do, and clamps `lead` to 31. Branchy on purpose: for real data the branches are predictable,
//! and then one sample does not wait for the length of the one before it.

use crate::codec::Cursor;
use crate::codec::bits::{BitReader, BitWriter, WINDOW_BITS};
use crate::error::{Corruption, Result};

/// Most samples that a chunk can count.
pub const SAMPLES_MAX: usize = u16::MAX as usize;

const SECTION: &str = "xor chunk";

/// Appends the times and values of all samples to two columns; both are left as they were if the payload is damaged.
///
/// # Errors
/// Where the payload ends early or describes a value of more than 64 bits.
pub fn decode(payload: &[u8], ts: &mut Vec<i64>, vs: &mut Vec<f64>) -> Result<()> {
    let mut cursor = Cursor::new(SECTION, payload, 0);
    let count = usize::from(cursor.u16()?);
    check_size(&cursor, count)?;
    let (old_ts, old_vs) = (ts.len(), vs.len());
    ts.resize(old_ts + count, 0);
    vs.resize(old_vs + count, 0.0);
    let result = fill(payload, cursor, &mut ts[old_ts..], &mut vs[old_vs..]);
    if result.is_err() {
        ts.truncate(old_ts);
        vs.truncate(old_vs);
    }
    result
}

/// Makes sure that there are as many bits as `count` samples take at least.
fn check_size(cursor: &Cursor<'_>, count: usize) -> Result<()> {
    let bits = match count {
        0 => 0,
        1 => 8 + 64,
        more => 8 + 64 + 8 + 1 + 2 * (more - 2),
    };
    let (need, have) = (bits.div_ceil(8) as u64, cursor.len() as u64);
    if have < need {
        return Err(cursor.corrupt(Corruption::Truncated { need, have }));
    }
    Ok(())
}

/// Decodes as many samples as there are places. The first two begin at whole bytes, where the cursor can read them.
fn fill(payload: &[u8], mut cursor: Cursor<'_>, ts: &mut [i64], vs: &mut [f64]) -> Result<()> {
    let ([first_t, ts @ ..], [first_v, vs @ ..]) = (ts, vs) else {
        return Ok(());
    };
    let t = cursor.varint()?;
    let mut value = ValueDecoder::new(cursor.u64()?);
    (*first_t, *first_v) = (t, f64::from_bits(value.bits));

    let ([second_t, ts @ ..], [second_v, vs @ ..]) = (ts, vs) else {
        return Ok(());
    };
    let delta = cursor.uvarint()?.cast_signed();
    let t = t.wrapping_add(delta);
    let mut reader = BitReader::new(SECTION, payload);
    reader.skip((payload.len() - cursor.len()) * 8);
    let window = reader.window()?;
    value.next(&mut reader, window, 0)?;
    (*second_t, *second_v) = (t, f64::from_bits(value.bits));
    fill_rest(reader, value, (t, delta), ts.iter_mut().zip(vs))
}

/// Decodes the samples from the third on. All state comes by value, so that it stays in registers.
fn fill_rest<'p>(
    mut reader: BitReader<'_>,
    mut value: ValueDecoder,
    (mut t, mut delta): (i64, i64),
    places: impl Iterator<Item = (&'p mut i64, &'p mut f64)>,
) -> Result<()> {
    for (next_t, next_v) in places {
        let mut window = reader.window()?;
        let mut used = 1;
        if window >> 63 != 0 {
            let (growth, len) = time_code(&mut reader, window)?;
            delta = delta.wrapping_add(growth);
            used = len;
            if len == 0 {
                window = reader.window()?;
            }
        }
        t = t.wrapping_add(delta);
        value.next(&mut reader, window, used)?;
        (*next_t, *next_v) = (t, f64::from_bits(value.bits));
    }
    reader.check()
}

/// The growth of the delta in a time code that does not start with `0`, and its length: 0 if it was taken already.
#[inline(always)]
fn time_code(reader: &mut BitReader<'_>, window: u64) -> Result<(i64, u32)> {
    match (!window).leading_zeros() {
        1 => Ok((skewed(window << 2 >> 50, 14), 16)),
        2 => Ok((skewed(window << 3 >> 47, 17), 20)),
        3 => Ok((skewed(window << 4 >> 44, 20), 24)),
        _ => {
            reader.skip(4);
            let growth = reader.field(64)?;
            Ok((growth.cast_signed(), 0))
        }
    }
}

/// The number in an `n`-bit field, whose largest is a power of two and whose least is one above its negative.
#[inline(always)]
fn skewed(field: u64, n: u32) -> i64 {
    let above = field > 1 << (n - 1);
    field.cast_signed() - (i64::from(above) << n)
}

/// The value before, and the window of bits used last.
pub(super) struct ValueDecoder {
    /// Bits of the value before.
    pub(super) bits: u64,
    len: u32,
    trail: u32,
}

impl ValueDecoder {
    pub(super) fn new(bits: u64) -> Self {
        Self {
            bits,
            len: 64,
            trail: 0,
        }
    }

    /// Takes a value code, which starts `used` bits after the reader's position, where it sees `window`.
    #[inline(always)]
    fn next(&mut self, reader: &mut BitReader<'_>, window: u64, used: u32) -> Result<()> {
        // A time code of at most 24 bits and a code of 13 lie in one window.
        const { assert!(24 + 13 <= WINDOW_BITS) }
        let code = window << used;
        if code >> 63 == 0 {
            reader.skip(used as usize + 1);
            return Ok(());
        }
        if code >> 62 & 1 == 0 {
            reader.skip(used as usize + 2);
        } else {
            self.move_window(reader, code << 2)?;
            reader.skip(used as usize + 13);
        }
        self.change(reader)
    }

    /// Takes over the window on top of `code`: five bits of leading zeros, six of length. Does not move the reader.
    #[inline(always)]
    pub(super) fn move_window(&mut self, reader: &BitReader<'_>, code: u64) -> Result<()> {
        let lead = (code >> 59) as u32;
        let len = (code >> 53 & 0x3F) as u32;
        self.len = if len == 0 { 64 } else { len };
        if lead + self.len > 64 {
            return Err(reader.corrupt(Corruption::Other(format!(
                "value has {lead} leading zeros and {} bits",
                self.len
            ))));
        }
        self.trail = 64 - lead - self.len;
        Ok(())
    }

    /// Takes the bits of the window.
    #[inline(always)]
    pub(super) fn change(&mut self, reader: &mut BitReader<'_>) -> Result<()> {
        self.bits ^= reader.field(self.len)? << self.trail;
        Ok(())
    }
}

/// Packs samples one by one.
#[derive(Debug, Clone)]
pub struct XorEncoder {
    writer: BitWriter,
    count: usize,
    t: i64,
    delta: i64,
    value: u64,
    lead: u32,
    trail: u32,
}

/// No window yet: more leading zeros than any difference has.
const LEAD_UNSET: u32 = u32::MAX;

impl Default for XorEncoder {
    fn default() -> Self {
        Self {
            writer: BitWriter::new(),
            count: 0,
            t: 0,
            delta: 0,
            value: 0,
            lead: LEAD_UNSET,
            trail: 0,
        }
    }
}

impl XorEncoder {
    /// An encoder without samples.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples so far.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no samples yet.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Time of the last sample, 0 before the first.
    #[inline]
    #[must_use]
    pub fn last_t(&self) -> i64 {
        self.t
    }

    /// Appends a sample.
    ///
    /// # Panics
    /// Past [`SAMPLES_MAX`] samples, which the chunk could not count.
    #[inline]
    pub fn append(&mut self, t: i64, v: f64) {
        assert!(self.count < SAMPLES_MAX, "{TOO_MANY}");
        if self.count >= 2 {
            self.append_third(t, v);
        } else {
            self.append_first(t, v);
        }
    }

    /// Appends the samples of two columns, of which it takes as many as the shorter one has.
    ///
    /// # Panics
    /// As [`Self::append`].
    pub fn extend(&mut self, ts: &[i64], vs: &[f64]) {
        let count = ts.len().min(vs.len());
        assert!(count <= SAMPLES_MAX - self.count, "{TOO_MANY}");
        let head = count.min(2_usize.saturating_sub(self.count));
        for (&t, &v) in ts.iter().zip(vs).take(head) {
            self.append_first(t, v);
        }
        let rest = ts[head..count].iter().zip(&vs[head..count]);
        *self = std::mem::take(self).with_rest(rest);
    }

    /// By value, so that all state stays in registers: 15 to 30 % less time than sample by sample.
    fn with_rest<'s>(mut self, samples: impl Iterator<Item = (&'s i64, &'s f64)>) -> Self {
        for (&t, &v) in samples {
            self.append_third(t, v);
        }
        self
    }

    /// Appends one of the first two samples.
    fn append_first(&mut self, t: i64, v: f64) {
        if self.count == 0 {
            // Room for the count.
            self.writer.bits(0, 16);
            self.writer.varint(t);
            self.writer.bits(v.to_bits(), 64);
            self.value = v.to_bits();
        } else {
            self.delta = t.wrapping_sub(self.t);
            self.writer.uvarint(self.delta.cast_unsigned());
            self.append_value(v.to_bits(), 0, 0);
        }
        self.t = t;
        self.count += 1;
    }

    /// Appends one of the samples from the third on.
    #[inline(always)]
    fn append_third(&mut self, t: i64, v: f64) {
        let delta = t.wrapping_sub(self.t);
        let growth = delta.wrapping_sub(self.delta);
        self.delta = delta;
        self.t = t;
        self.count += 1;
        if growth == 0 {
            self.append_value(v.to_bits(), 0, 1);
        } else {
            self.append_both(growth, v.to_bits());
        }
    }

    /// Appends a time code that does not start with `0`, and a value code.
    #[inline(always)]
    fn append_both(&mut self, growth: i64, value: u64) {
        let field = |n: u32| growth.cast_unsigned() & ((1 << n) - 1);
        let (code, len) = match growth {
            -8_191..=8_192 => (0b10 << 14 | field(14), 16),
            -65_535..=65_536 => (0b110 << 17 | field(17), 20),
            -524_287..=524_288 => (0b1110 << 20 | field(20), 24),
            _ => {
                self.writer.bits(0b1111, 4);
                self.writer.bits(growth.cast_unsigned(), 64);
                (0, 0)
            }
        };
        self.append_value(value, code, len);
    }

    /// Appends a code of `len` bits, at most 24, and a value code.
    #[inline(always)]
    fn append_value(&mut self, value: u64, code: u64, len: u32) {
        let xor = value ^ self.value;
        if xor == 0 {
            self.writer.bits(code << 1, len + 1);
            return;
        }
        self.value = value;
        let lead = xor.leading_zeros().min(31);
        let trail = xor.trailing_zeros();
        if lead >= self.lead && trail >= self.trail && self.lead != LEAD_UNSET {
            self.writer.bits(code << 2 | 0b10, len + 2);
        } else {
            let used = 64 - lead - trail;
            // 64 is written as 0.
            let window = u64::from(lead) << 6 | u64::from(used & 0x3F);
            self.writer
                .bits((code << 2 | 0b11) << 11 | window, len + 13);
            (self.lead, self.trail) = (lead, trail);
        }
        let used = 64 - self.lead - self.trail;
        self.writer.bits(xor >> self.trail, used);
    }

    /// The payload; the encoder starts over.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let mut done = std::mem::take(self);
        if done.count == 0 {
            done.writer.bits(0, 16);
        }
        let mut bytes = done.writer.bytes();
        let count = u16::try_from(done.count).expect("append keeps the count in 16 bits");
        bytes[..2].copy_from_slice(&count.to_be_bytes());
        bytes
    }
}

const TOO_MANY: &str = "a chunk counts its samples in 16 bits";

/// Packs two columns of equal length, at most [`SAMPLES_MAX`] samples.
///
/// # Panics
/// Past [`SAMPLES_MAX`] samples.
#[must_use]
pub fn encode(ts: &[i64], vs: &[f64]) -> Vec<u8> {
    debug_assert_eq!(ts.len(), vs.len(), "a sample has a time and a value");
    let mut encoder = XorEncoder::new();
    encoder.extend(ts, vs);
    encoder.finish()
}

#[cfg(test)]
mod tests;
