//! Vectors of real chunks, round trips, and bytes that are no chunk.

use proptest::prelude::*;

use super::*;
use crate::codec::crc;
use crate::sample::STALE_NAN_BITS;
use crate::testing::{fuzz_chunk, golden, hex};

const STALE: f64 = f64::from_bits(STALE_NAN_BITS);

fn decoded(payload: &[u8]) -> Result<Vec<(i64, u64)>> {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    decode(payload, &mut ts, &mut vs)?;
    Ok(ts
        .into_iter()
        .zip(vs.into_iter().map(f64::to_bits))
        .collect())
}

fn encoded(samples: &[(i64, f64)]) -> Vec<u8> {
    let (ts, vs): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
    encode(&ts, &vs)
}

fn bits(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    samples.iter().map(|&(t, v)| (t, v.to_bits())).collect()
}

#[test]
fn encoding_gives_the_bytes_of_prometheus() {
    fn check(samples: &[(i64, f64)], want: &str, want_crc: u32) {
        let payload = encoded(samples);
        assert_eq!(hex::text(&payload), want);
        let record = [&[1], &payload[..]].concat();
        assert_eq!(crc::crc32c(&record), want_crc, "{want}");
        assert_eq!(decoded(&payload).unwrap(), bits(samples));
    }
    check(&[(1000, 1.5)], "0001d00f3ff8000000000000", 0xffae_be52);
    check(
        &[(1000, 1.0), (16000, 2.0), (31000, 3.0)],
        "0003d00f3ff00000000000009875c25fff6c06",
        0x31b2_4712,
    );
    check(
        &[
            (1_609_459_200_000, 12.0),
            (1_609_459_215_000, 12.0),
            (1_609_459_230_003, 13.25),
            (1_609_459_245_000, 13.25),
            (1_609_459_260_000, STALE),
        ],
        "000580c0f3b3d75d402800000000000098754001ee0edffd2000f17bfed4000000000010",
        0xff13_7ed3,
    );
    check(
        &[(0, 0.0), (10000, 0.0), (28192, 0.0), (54577, 0.0)],
        "0004000000000000000000904e5000308004",
        0x0d55_e420,
    );
    let odd_nan = f64::from_bits(0x7ff8_0000_0000_0001);
    check(
        &[(-5, -0.0), (-4, odd_nan), (3, 1.0)],
        "000309800000000000000001c007ffc000000000000c00348010000000000002",
        0xbb48_78be,
    );
}

#[test]
fn time_codes_change_at_the_edges_of_their_ranges() {
    fn check(growth: i64, tail: &str) {
        let step = 1 << 42;
        let samples = [(0, 0.0), (step, 0.0), (2 * step + growth, 0.0)];
        let want = format!("000300000000000000000080808080808001{tail}");
        let payload = encoded(&samples);
        assert_eq!(hex::text(&payload), want, "growth {growth}");
        assert_eq!(decoded(&payload).unwrap(), bits(&samples));
    }
    check(1, "400080");
    check(-1, "5fff80");
    check(4095, "47ff80");
    check(4096, "480000");
    check(-4096, "580000");
    check(-4097, "57ff80");
    check(8191, "4fff80");
    check(8192, "500000");
    check(8193, "610008");
    check(-8191, "500080");
    check(-8192, "6f0000");
    check(65536, "680000");
    check(-65535, "680008");
    check(65537, "70800080");
    check(524_287, "73ffff80");
    check(524_288, "74000000");
    check(-524_287, "74000080");
    check(-524_288, "7fffffffffffc00000");
    check(524_289, "780000000000400008");
    check(1 << 40, "780000080000000000");
}

#[test]
fn a_window_reused_before_it_was_set_is_all_64_bits() {
    let payload = hex::bytes("0002d00f3ff0000000000000e8079ffc00000000000000");
    assert_eq!(
        decoded(&payload).unwrap(),
        bits(&[(1000, 1.0), (2000, 2.0)])
    );
}

#[test]
fn golden_chunks_are_reproduced_byte_for_byte() {
    for line in golden::json_lines("blocks/xor.jsonl") {
        let none = Vec::new();
        let samples: Vec<_> = line["samples"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .map(|pair| {
                let t = pair[0].as_i64().expect("a time");
                (t, hex::float(pair[1].as_str().expect("bits")))
            })
            .collect();
        let want = line["chunk"].as_str().expect("a payload");
        let payload = encoded(&samples);
        assert_eq!(hex::text(&payload), want, "{}", line["name"]);
        assert_eq!(
            decoded(&payload).unwrap(),
            bits(&samples),
            "{}",
            line["name"]
        );
    }
}

#[test]
fn damage_is_an_error_with_its_place() {
    fn check(payload: &[u8], want: &str) {
        let (mut ts, mut vs) = (vec![7], vec![7.0]);
        let error = decode(payload, &mut ts, &mut vs).unwrap_err();
        assert_eq!(error.to_string(), want);
        assert_eq!((ts, vs), (vec![7], vec![7.0]), "columns are left alone");
    }
    let sound = encoded(&[(1000, 1.0), (16000, 2.0), (31000, 3.0)]);
    check(&[], "xor chunk at 0x0: ends after 0 of 2 bytes");
    check(&[0], "xor chunk at 0x0: ends after 1 of 2 bytes");
    for end in 2..sound.len() {
        assert!(decoded(&sound[..end]).is_err(), "cut after {end} bytes");
    }
    let mut many = sound.clone();
    many[..2].copy_from_slice(&[0xFF, 0xFF]);
    check(&many, "xor chunk at 0x2: ends after 17 of 16394 bytes");
    let mut endless = sound;
    endless[2..13].fill(0xFF);
    check(
        &endless,
        "xor chunk at 0x2: variable-length integer overflows",
    );
    let mut wide = BitWriter::with_bytes(vec![0, 2]);
    wide.varint(1000);
    wide.bits(0, 64);
    wide.uvarint(15_000);
    wide.bits(0b11 << 11 | 31 << 6 | 63, 13);
    wide.bits(u64::MAX, 64);
    check(
        &wide.bytes(),
        "xor chunk at 0xe: value has 31 leading zeros and 63 bits",
    );
}

#[test]
#[should_panic(expected = "16 bits")]
fn a_chunk_never_miscounts() {
    let samples = vec![(0, 0.0); SAMPLES_MAX + 1];
    encoded(&samples);
}

fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = prop_oneof![
        4 => Just(15_000_i64),
        2 => 14_990..15_010_i64,
        1 => any::<i64>(),
        1 => -600_000..600_000_i64,
    ];
    let value = prop_oneof![
        3 => Just(1.0),
        3 => (0..1000_i32).prop_map(f64::from),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(STALE),
    ];
    (any::<i64>(), prop::collection::vec((step, value), 0..200)).prop_map(|(start, steps)| {
        let mut t = start;
        let next = |(step, value)| {
            t = i64::wrapping_add(t, step);
            (t, value)
        };
        steps.into_iter().map(next).collect()
    })
}

proptest! {
    #[test]
    fn samples_survive_a_round_trip(samples in samples()) {
        prop_assert_eq!(decoded(&encoded(&samples)).unwrap(), bits(&samples));
    }

    #[test]
    fn any_bytes_give_samples_or_an_error(bytes: Vec<u8>, count in 0..64_u8) {
        fuzz_chunk::decode_xor(&bytes);
        fuzz_chunk::decode_xor(&[&[0, count], &bytes[..]].concat());
    }

    #[test]
    fn one_damaged_byte_gives_samples_or_an_error(samples in samples(), at: prop::sample::Index, byte: u8) {
        let mut payload = encoded(&samples);
        let at = at.index(payload.len());
        payload[at] = byte;
        fuzz_chunk::decode_xor(&payload);
    }
}
