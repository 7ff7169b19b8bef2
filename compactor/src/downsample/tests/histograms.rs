//! Vectors of Thanos for histograms: schemas that change, gauges, and gauges once more.

use tsdb::chunk::{Chunk, encode_samples};
use tsdb::histogram::{FloatHistogram, ResetHint, Span};
use tsdb::sample::{Sample, Value};

use super::{check, five_minutes, one_hour};

/// `count` observations, half in each of the first two buckets.
fn histogram(count: f64, hint: ResetHint, schema: i32) -> FloatHistogram {
    FloatHistogram {
        hint,
        schema,
        zero_threshold: 1e-128,
        count,
        sum: count * 2.0,
        positive_spans: vec![Span {
            offset: 0,
            length: 2,
        }],
        positive_buckets: vec![count / 2.0; 2],
        ..FloatHistogram::default()
    }
}

fn raw_chunks(samples: impl IntoIterator<Item = (i64, FloatHistogram)>) -> Vec<Chunk> {
    let samples = samples.into_iter().map(|(t, histogram)| Sample {
        t,
        value: Value::FloatHistogram(Box::new(histogram)),
    });
    encode_samples(&samples.collect::<Vec<_>>()).unwrap()
}

fn gauges() -> Vec<Chunk> {
    let gauge = |count| histogram(count, ResetHint::Gauge, 1);
    raw_chunks([(0, gauge(2.0)), (60_000, gauge(4.0)), (300_000, gauge(1.0))])
}

#[test]
fn a_finer_schema_is_reduced_and_counts_as_a_reset() {
    let counter = |count, schema| histogram(count, ResetHint::Unknown, schema);
    let got = five_minutes(&raw_chunks([
        (0, counter(2.0, 1)),
        (60_000, counter(4.0, 1)),
        (300_000, counter(6.0, 1)),
        (360_000, counter(2.0, 1)),
        (600_000, counter(10.0, 2)),
    ]));
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (299_999, 600_000),
        "17010003becf244000000000000000e0a71275b610e12fff8051030003c0ff255bba08cf8c979d8c647e0249\
         efa00c00000000000000000000000000002014000000000000200400000000000020040000000000007e0249\
         f06a0fb585eb0bd617fbf6d843b41b683da0f68300005303000340ff255bba08cf8c979d8c647e0249efa008\
         00000000000000000000000000002010000000000000200000000000000020000000000000007e0249f06a0b\
         6b07ac1eb07fbf6d843ac49691b9d42e750b90",
    );
}

#[test]
fn a_gauge_has_no_resets() {
    let got = five_minutes(&gauges());
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (299_999, 300_000),
        "11010002becf24400000000000000001c25fff47030002c0ff255bba08cf8c979d8c647e0249efa00c000000\
         000000000000000000000020140000000000002004000000000000200400000000000047099ffad41dc267fe\
         e133ff40000046030002c0ff255bba08cf8c979d8c647e0249efa00800000000000000000000000000002010\
         0000000000002000000000000000200000000000000047095ffb503c257ff84affc0",
    );
}

#[test]
fn a_gauge_of_an_hour_is_the_last_of_its_windows() {
    let got = one_hour(&five_minutes(&gauges()));
    assert_eq!(got.len(), 1);
    check(
        &got[0],
        (300_000, 300_000),
        "0d010001c0cf2440080000000000003b030001c0ff255bba08cf8c979d8c647e0249f0200e00000000000000\
         000000000000002016000000000000200600000000000020060000000000000000003b030001c0ff255bba08\
         cf8c979d8c647e0249f01ff8000000000000000000000000000020000000000000001ff00000000000001ff0\
         00000000000000",
    );
}
