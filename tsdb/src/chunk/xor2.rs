//! Float samples with optional start timestamps, which are read over. Never written: Thanos cannot read them.
//!
//! ```text
//! count u16 | start u8 | sample 0: varint t, value 64 | sample 1: uvarint (t - t0), code A | joint code x (count - 2)
//! start        bit 7: sample 0 is followed by varint; low 7 bits: from this sample on (0: never), each by a varbit
//! joint code   0                               delta and value as before
//!              10 code B                       delta as before
//!              110 d13 | 1110 d20 | 11110 d64  delta grew by d (two's complement), then code A
//!              11111                           delta as before, stale
//! code A       0 as before | 10 x in the last window | 110 window x | 111 stale
//! code B       0 x in the last window | 1 window x
//! ```
//!
//! Windows and `x` are those of [`super::xor`]. "As before" means before any stale marker; before the first such value
//! it is +0.0.

use super::xor::ValueDecoder;
use crate::codec::Cursor;
use crate::codec::bits::BitReader;
use crate::error::Result;
use crate::sample::{STALE_NAN_BITS, is_stale};

const SECTION: &str = "xor2 chunk";

/// Appends the times and values of all samples to two columns; both are left as they were if the payload is damaged.
///
/// # Errors
/// Where the payload ends early or describes a value of more than 64 bits.
pub fn decode(payload: &[u8], ts: &mut Vec<i64>, vs: &mut Vec<f64>) -> Result<()> {
    let (old_ts, old_vs) = (ts.len(), vs.len());
    let result = append(payload, ts, vs);
    if result.is_err() {
        ts.truncate(old_ts);
        vs.truncate(old_vs);
    }
    result
}

fn append(payload: &[u8], ts: &mut Vec<i64>, vs: &mut Vec<f64>) -> Result<()> {
    let mut header = Cursor::new(SECTION, payload, 0);
    let (count, start) = (usize::from(header.u16()?), header.u8()?);
    let starts_from = match usize::from(start & 0x7F) {
        0 => usize::MAX,
        from => from,
    };
    let mut reader = BitReader::new(SECTION, payload);
    reader.skip(24);
    // Each sample takes a bit at least.
    let likely = count.min(reader.remaining());
    ts.reserve(likely);
    vs.reserve(likely);
    let mut samples = Decoder::default();
    for index in 0..count {
        let bits = samples.next(&mut reader, index)?;
        if index == 0 && start & 0x80 != 0 {
            reader.varint()?;
        }
        if index >= starts_from {
            skip_varbit(&mut reader)?;
        }
        ts.push(samples.t);
        vs.push(f64::from_bits(bits));
    }
    reader.check()
}

/// Bits of a varbit integer, by the number of ones it begins with.
const VARBIT_BITS: [usize; 9] = [1, 5, 9, 13, 17, 24, 32, 64, 72];

/// Passes a varbit integer, see [`super::varbit`].
fn skip_varbit(reader: &mut BitReader<'_>) -> Result<()> {
    let ones = (!reader.window()?).leading_zeros() as usize;
    reader.skip(VARBIT_BITS[ones.min(8)]);
    Ok(())
}

struct Decoder {
    t: i64,
    delta: i64,
    /// The last value that is no stale marker.
    value: ValueDecoder,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            t: 0,
            delta: 0,
            value: ValueDecoder::new(0),
        }
    }
}

impl Decoder {
    /// Takes time and value of the sample with this index; gives the bits of the value.
    fn next(&mut self, reader: &mut BitReader<'_>, index: usize) -> Result<u64> {
        match index {
            0 => {
                self.t = reader.varint()?;
                let bits = reader.bits(64)?;
                if !is_stale(f64::from_bits(bits)) {
                    self.value.bits = bits;
                }
                Ok(bits)
            }
            1 => {
                self.delta = reader.uvarint()?.cast_signed();
                self.t = self.t.wrapping_add(self.delta);
                self.code_a(reader)
            }
            _ => self.joint_code(reader),
        }
    }

    fn joint_code(&mut self, reader: &mut BitReader<'_>) -> Result<u64> {
        let window = reader.window()?;
        let code = (!window).leading_zeros();
        let growth = match code {
            2 => {
                reader.skip(16);
                window.cast_signed() << 3 >> 51
            }
            3 => {
                reader.skip(24);
                window.cast_signed() << 4 >> 44
            }
            4 => {
                reader.skip(5);
                reader.field(64)?.cast_signed()
            }
            _ => 0,
        };
        self.delta = self.delta.wrapping_add(growth);
        self.t = self.t.wrapping_add(self.delta);
        match code {
            0 => reader.skip(1),
            1 => {
                reader.skip(2);
                self.code_b(reader)?;
            }
            2..=4 => return self.code_a(reader),
            _ => {
                reader.skip(5);
                return Ok(STALE_NAN_BITS);
            }
        }
        Ok(self.value.bits)
    }

    fn code_a(&mut self, reader: &mut BitReader<'_>) -> Result<u64> {
        let window = reader.window()?;
        match (!window).leading_zeros() {
            0 => reader.skip(1),
            1 => {
                reader.skip(2);
                self.value.change(reader)?;
            }
            2 => {
                self.value.move_window(reader, window << 3)?;
                reader.skip(3 + 11);
                self.value.change(reader)?;
            }
            _ => {
                reader.skip(3);
                return Ok(STALE_NAN_BITS);
            }
        }
        Ok(self.value.bits)
    }

    fn code_b(&mut self, reader: &mut BitReader<'_>) -> Result<()> {
        let window = reader.window()?;
        if window >> 63 == 0 {
            reader.skip(1);
        } else {
            self.value.move_window(reader, window << 1)?;
            reader.skip(1 + 11);
        }
        self.value.change(reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::crc;
    use crate::testing::{fuzz_chunk, hex};

    const STALE: f64 = f64::from_bits(STALE_NAN_BITS);

    fn decoded(payload: &[u8]) -> Result<Vec<(i64, u64)>> {
        let (mut ts, mut vs) = (Vec::new(), Vec::new());
        decode(payload, &mut ts, &mut vs)?;
        let vs = vs.into_iter().map(f64::to_bits);
        Ok(ts.into_iter().zip(vs).collect())
    }

    fn check(payload: &str, want: &[(i64, f64)]) {
        let want: Vec<_> = want.iter().map(|&(t, v)| (t, v.to_bits())).collect();
        assert_eq!(decoded(&hex::bytes(payload)).unwrap(), want, "{payload}");
    }

    #[test]
    fn chunks_of_prometheus_decode() {
        fn check_crc(payload: &str, want_crc: u32, want: &[(i64, f64)]) {
            check(payload, want);
            let record = [&[4], &hex::bytes(payload)[..]].concat();
            assert_eq!(crc::crc32c(&record), want_crc, "{payload}");
        }
        check_crc("000100d00f3ff8000000000000", 0xf6bd_143a, &[(1000, 1.5)]);
        let steps = [(1000, 1.0), (16000, 2.0), (31000, 3.0)];
        check_crc(
            "000300d00f3ff00000000000009875c12fffd603",
            0x76a4_9184,
            &steps,
        );
        let t = 1_609_459_200_000;
        check_crc(
            "00050080c0f3b3d75d402800000000000098756001e70777fe98007c",
            0x0438_5022,
            &[
                (t, 12.0),
                (t + 15_000, 12.0),
                (t + 30_003, 13.25),
                (t + 45_000, 13.25),
                (t + 60_000, STALE),
            ],
        );
        let jitter = [(0, 0.0), (10000, 0.0), (28192, 0.0), (54577, 0.0)];
        check_crc(
            "000400000000000000000000904e70100038080040",
            0x086d_ee79,
            &jitter,
        );
    }

    #[test]
    fn start_timestamps_are_read_over() {
        let steps = [(1000, 1.0), (16000, 2.0), (31000, 3.0), (46000, 3.0)];
        check("000380d00f3ff0000000000000e8079875c12fffd603", &steps[..3]);
        check(
            "000401d00f3ff00000000000009875c12ffff192b01fc1d4c3e0ea60",
            &steps,
        );
        let five = [&steps[..], &[(61000, 3.0)]].concat();
        check("000502d00f3ff00000000000009875c12fffd603c50b80", &five);
        check("000482d00f3ff0000000000000149875c12fffd603c500", &steps);
    }

    #[test]
    fn a_stale_marker_does_not_change_what_as_before_means() {
        check(
            "000600d00f4014000000000000e807efe000fdfffcc0b0",
            &[
                (1000, 5.0),
                (2000, STALE),
                (3000, 5.0),
                (4000, STALE),
                (5001, STALE),
                (6001, 6.0),
            ],
        );
        check(
            "000300d00f7ff0000000000002e807c13600a0",
            &[(1000, STALE), (2000, 5.0), (3000, 5.0)],
        );
    }

    #[test]
    fn long_chunks_have_start_timestamps_from_sample_127_on() {
        let samples: Vec<_> = (0..128).map(|i| (i * 15_000, 0.0)).collect();
        check(
            "00807f000000000000000000987500000000000000000000000000000001f839ada0",
            &samples,
        );
    }

    #[test]
    fn chunks_of_less_have_none_where_nobody_gave_any() {
        let samples: Vec<_> = (0..127).map(|i| (i * 15_000, 0.0)).collect();
        let one_bit_each = "00".repeat(16);
        check(
            &format!("007f0000{}9875{one_bit_each}", "00".repeat(8)),
            &samples,
        );
    }

    #[test]
    fn time_codes_change_at_the_edges_of_their_ranges() {
        fn check_growth(growth: i64, tail: &str) {
            let step = 1 << 42;
            check(
                &format!("00030000000000000000000080808080808001{tail}"),
                &[(0, 0.0), (step, 0.0), (2 * step + growth, 0.0)],
            );
        }
        check_growth(1, "600080");
        check_growth(-1, "6fff80");
        check_growth(4095, "67ff80");
        check_growth(4096, "70080000");
        check_growth(-4096, "680000");
        check_growth(-4097, "77f7ff80");
        check_growth(8193, "70100080");
        check_growth(-8192, "77f00000");
        check_growth(65536, "70800000");
        check_growth(-65535, "77800080");
        check_growth(524_287, "73ffff80");
        check_growth(524_288, "780000000000200000");
        check_growth(-524_288, "74000000");
        check_growth(524_289, "780000000000200004");
        check_growth(1 << 40, "780000040000000000");
    }

    #[test]
    fn damage_is_an_error() {
        let sound = hex::bytes("000401d00f3ff00000000000009875c12ffff192b01fc1d4c3e0ea60");
        for end in 0..sound.len() {
            assert!(decoded(&sound[..end]).is_err(), "cut after {end} bytes");
        }
        let mut many = sound.clone();
        many[..2].fill(0xFF);
        assert!(decoded(&many).is_err());
        let mut wide = sound;
        // Sample 1: a window of 31 leading zeros and 63 bits.
        wide[15..17].copy_from_slice(&[0b1101_1111, 0b1111_1111]);
        let error = decoded(&wide).unwrap_err();
        assert_eq!(
            error.to_string(),
            "xor2 chunk at 0xf: value has 31 leading zeros and 63 bits"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_samples_or_an_error(bytes: Vec<u8>, count in 0..64_u8) {
            fuzz_chunk::decode_xor2(&bytes);
            fuzz_chunk::decode_xor2(&[&[0, count], &bytes[..]].concat());
        }
    }
}
