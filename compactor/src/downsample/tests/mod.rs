//! Vectors of Thanos, and what happens at the edges; [`histograms`] has those of histograms, [`slow`] the rule in plain,
//! [`levels`] both levels at once.

mod histograms;
mod levels;
mod slow;

use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{Chunk, Encoding, decode, xor};
use tsdb::meta::Resolution;
use tsdb::sample::Sample;
use tsdb::testing::hex;

use super::{Downsampler, SeriesChunk};

const FIVE: Resolution = Resolution::FIVE_MINUTES;
const HOUR: Resolution = Resolution::ONE_HOUR;

/// Raw chunks of 120 samples.
fn raw_chunks(samples: &[(i64, f64)]) -> Vec<Chunk> {
    samples
        .chunks(120)
        .map(|part| {
            let (ts, vs): (Vec<_>, Vec<_>) = part.iter().copied().unzip();
            Chunk {
                min: ts[0],
                max: ts[ts.len() - 1],
                encoding: Encoding::Xor,
                payload: xor::encode(&ts, &vs),
            }
        })
        .collect()
}

fn views(chunks: &[Chunk]) -> Vec<SeriesChunk<'_>> {
    chunks.iter().map(SeriesChunk::from).collect()
}

fn five_minutes(chunks: &[Chunk]) -> Vec<Chunk> {
    let mut out = Vec::new();
    Downsampler::new()
        .raw(&views(chunks), FIVE, &mut out)
        .unwrap();
    out
}

fn one_hour(chunks: &[Chunk]) -> Vec<Chunk> {
    let mut out = Vec::new();
    Downsampler::new()
        .aggregates(&views(chunks), HOUR, &mut out)
        .unwrap();
    out
}

fn samples(chunk: &Chunk, aggregate: Aggregate) -> Vec<Sample> {
    let mut samples = Vec::new();
    let view = AggregateView::parse(&chunk.payload).unwrap();
    if let Some(part) = view.get(aggregate) {
        decode(part, &mut samples).unwrap();
    }
    samples
}

fn check(chunk: &Chunk, range: (i64, i64), payload: &str) {
    assert_eq!((chunk.min, chunk.max), range);
    assert_eq!(hex::text(&chunk.payload), payload);
}

#[test]
fn five_minutes_of_a_counter_with_a_reset_are_those_of_thanos() {
    let values = [10, 20, 30, 40, 50, 60, 5, 15, 25, 35, 45, 55];
    let samples: Vec<_> = (1..)
        .zip(values)
        .map(|(minute, v)| (minute * 60_000, f64::from(v)))
        .collect();
    let got = five_minutes(&raw_chunks(&samples));
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (299_999, 720_000),
        "17010003becf244010000000000000e0a712da0fb50387587c\
         18010003becf244059000000000000e0a712d44f4fb503860e00\
         18010003becf244024000000000000e0a712d417da81c3a48ab0\
         18010003becf244044000000000000e0a712d81ded40e1da2580\
         20010005c0a9074024000000000000ffd20ed2179d4c3ac78bda81c326ee2b3fae80",
    );
}

#[test]
fn one_sample_is_a_window_of_its_own() {
    let got = five_minutes(&raw_chunks(&[(123_456, 7.0)]));
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (123_456, 123_456),
        "0d01000180890f3ff00000000000000d01000180890f401c0000000000000d01000180890f401c000000000000\
         0d01000180890f401c0000000000000f01000380890f401c0000000000000000",
    );
}

#[test]
fn nan_is_left_out_and_a_fall_below_zero_is_a_reset() {
    let samples = [
        (0, 1.0),
        (299_999, 2.0),
        (300_000, f64::NAN),
        (300_001, 4.0),
        (900_000, -3.0),
    ];
    let got = five_minutes(&raw_chunks(&samples));
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (299_999, 900_000),
        "16010003becf244000000000000000e0a712c25fff80010018010003becf244008000000000000e0a712d61700\
         0380d8018019010003becf243ff0000000000000e0a712c257ff000380d8018017010003becf24400000000000\
         0000e0a712d60e000701b0031f010005003ff0000000000000dfa712c25fff8001800c000dffbadb07f01bfff0",
    );
}

#[test]
fn one_hour_of_two_chunks_is_that_of_thanos() {
    let first = five_minutes(&raw_chunks(&[
        (0, 10.0),
        (60_000, 20.0),
        (300_000, 30.0),
        (360_000, 40.0),
    ]));
    check(
        &first[0],
        (299_999, 360_000),
        "11010002becf244000000000000000e1d4030013010002becf24403e000000000000e1d403d246f81301\
         0002becf244024000000000000e1d403d6268012010002becf244034000000000000e1d403d21f180100\
         04004024000000000000dfa712d60fb15a0b487f4567c0",
    );
    let second = five_minutes(&raw_chunks(&[
        (600_000, 5.0),
        (660_000, 7.0),
        (3_600_000, 9.0),
    ]));
    check(
        &second[0],
        (899_999, 3_600_000),
        "14010002beee6d4000000000000000e1e5a401c25fff13010002beee6d4028000000000000e1e5a401d8\
         1d14010002beee6d4014000000000000e1e5a401d42ec014010002beee6d401c000000000000e1e5a401\
         d42fc026010004809f494014000000000000dfa712d80fc0000000000927c0b50bffffffffffffd6cd1f00",
    );
    let hour = one_hour(&[first, second].concat());
    assert_eq!(hour.len(), 1);
    check(
        &hour[0],
        (3_599_999, 3_600_000),
        "13010002feb9b703401800000000000001c267fe8012010002feb9b703405c00000000000001d237e012\
         010002feb9b703401400000000000001d42ec012010002feb9b703404400000000000001d236601f0100\
         04004024000000000000ffdcdb01d2463fffffffffffe488c143d7fff6a8",
    );
}

#[test]
fn fourteen_days_are_cut_as_thanos_cuts_them() {
    let raw: Vec<_> = (0..20_160_i32)
        .map(|minute| (i64::from(minute) * 60_000, f64::from(minute % 1000)))
        .collect();
    let five = five_minutes(&raw_chunks(&raw));
    let ranges: Vec<_> = five.iter().map(|chunk| (chunk.min, chunk.max)).collect();
    assert_eq!(ranges.len(), 29);
    assert_eq!(
        ranges[..2],
        [(299_999, 41_940_000), (42_299_999, 83_940_000)]
    );
    assert_eq!(ranges[28], (1_176_299_999, 1_209_540_000));
    for (at, chunk) in five.iter().enumerate() {
        let want = if at == 28 { 112 } else { 140 };
        assert_eq!(samples(chunk, Aggregate::Count).len(), want);
    }
    let hour = one_hour(&five);
    let lens = |aggregate| -> Vec<_> {
        hour.iter()
            .map(|chunk| samples(chunk, aggregate).len())
            .collect()
    };
    assert_eq!(lens(Aggregate::Sum), [105, 105, 105, 21]);
    assert_eq!(lens(Aggregate::Counter), [107, 107, 107, 23]);
    let ranges: Vec<_> = hour.iter().map(|chunk| (chunk.min, chunk.max)).collect();
    assert_eq!(ranges[0], (3_599_999, 377_940_000));
    assert_eq!(ranges[3], (1_137_599_999, 1_209_540_000));
}
