//! Appends against vectors of Prometheus, and what it must refuse.

use super::*;
use crate::chunk::float_histogram::{Float, FloatHistogramAppender};
use crate::chunk::histogram::{HistogramAppender, Integer};
use crate::histogram::{CUSTOM_BUCKETS_SCHEMA, Histogram};
use crate::sample::STALE_NAN_BITS;
use crate::testing::hex;

fn spans(spans: &[(i32, u32)]) -> Vec<Span> {
    let span = |&(offset, length)| Span { offset, length };
    spans.iter().map(span).collect()
}

/// A histogram with positive buckets of schema 1.
fn positive(counts: [u64; 2], sum: f64, layout: &[(i32, u32)], buckets: &[i64]) -> Histogram {
    Histogram {
        schema: 1,
        zero_threshold: 1e-100,
        count: counts[0],
        zero_count: counts[1],
        sum,
        positive_spans: spans(layout),
        positive_buckets: buckets.to_vec(),
        ..Histogram::default()
    }
}

/// The histograms a to d of the vectors: they grow, the last one by a bucket.
fn growing() -> [Histogram; 4] {
    [
        positive([5, 2], 18.4, &[(0, 2)], &[2, -1]),
        positive([9, 3], 24.5, &[(0, 2)], &[4, -2]),
        positive([14, 5], 30.25, &[(0, 2)], &[6, -3]),
        positive([20, 5], 40.0, &[(0, 2), (1, 1)], &[8, -2, -5]),
    ]
}

fn stale() -> Histogram {
    Histogram {
        sum: f64::from_bits(STALE_NAN_BITS),
        ..Histogram::default()
    }
}

/// Appends at 1000, 16000 and so on; gives all chunks.
fn chunks<K: Kind>(histograms: impl IntoIterator<Item = HistogramIn<K>>) -> Vec<String> {
    let mut chunks = Vec::new();
    let mut chunk = Appender::<K>::new();
    for (t, histogram) in (1000..).step_by(15_000).zip(histograms) {
        if let Appended::NewChunk(next) = chunk.append(None, t, &histogram, false).unwrap() {
            chunks.push(hex::text(&std::mem::replace(&mut chunk, next).payload()));
        }
    }
    chunks.push(hex::text(&chunk.payload()));
    chunks
}

#[test]
fn integer_chunks_have_the_bytes_of_prometheus() {
    fn check(histograms: Vec<Histogram>, want: &[&str]) {
        assert_eq!(chunks::<Integer>(histograms), want);
    }
    let [a, b, c, d] = growing();
    let gauge = |histogram: &Histogram| Histogram {
        hint: ResetHint::Gauge,
        ..histogram.clone()
    };
    check(
        vec![a.clone(), b.clone(), c.clone()],
        &[
            "000300ff2b2bff2ee48e05308c6478fa2b2403266666666666695fe0ea6291d99d73333333333395d18cd8000000000000",
        ],
    );
    check(
        vec![a.clone(), b.clone(), c.clone(), d.clone()],
        &[
            "000400ff2b2bff2ee48e05308ca48c5e3e8ac900c999999999999a57bfc1d4c523b33ae666666666672bdd18cd800000000000236d24fa52b8",
        ],
    );
    check(
        vec![c, a.clone()],
        &[
            "000100ff2b2bff2ee48e05308c6478fa31d5403e400000000000c354",
            "000180ff2b2bff2ee48e05308c647c1f405648064cccccccccccd2b8",
        ],
    );
    check(
        vec![a.clone(), b, stale()],
        &[
            "000300ff2b2bff2ee48e05308c6478fa2b2403266666666666695fe0ea6291d99d73333333333395c62f7fc8800000000002",
        ],
    );
    check(vec![stale()], &["000100001e3e81ffc0000000000008"]);
    check(
        vec![gauge(&a), gauge(&d), gauge(&a)],
        &[
            "0003c0ff2b2bff2ee48e05308ca48c5e3e8ac900c999999999999a57bfc1d4c63e7a76eccccccccccccf0d7de345babb333333333333da4b10",
        ],
    );
}

#[test]
fn layouts_of_all_forms_have_the_bytes_of_prometheus() {
    fn check(histograms: Vec<Histogram>, want: &[&str]) {
        assert_eq!(chunks::<Integer>(histograms), want);
    }
    let both_sides = Histogram {
        schema: 3,
        zero_threshold: 2.0_f64.powi(-128),
        negative_spans: spans(&[(3, 1)]),
        negative_buckets: vec![1],
        ..positive([3, 1], 2.5, &[(-2, 1)], &[1])
    };
    let custom = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        custom_bounds: vec![0.005, 0.1, 1.0, 2.5, 33_554.43, 33_554.431, 1.0 / 3.0],
        ..positive([6, 0], 12.5, &[(0, 3)], &[1, 1, 1])
    };
    check(
        vec![both_sides],
        &["000100749c6368c67e3e89c5001000000000000231"],
    );
    check(
        vec![custom],
        &[
            "00010000ee5c665edc65f1f4fa717f7fffffc81c0c49b958106243fd5555555555555f1f458805200000000000118c40",
        ],
    );
}

#[test]
fn float_chunks_have_the_bytes_of_prometheus() {
    let [a, b, c, _] = growing().map(|histogram| histogram.to_float());
    let all = chunks::<Float>([a.clone(), b, c]);
    assert_eq!(
        all,
        [
            "000300ff2b2bff2ee48e05308c6478fa10050000000000001000000000000000100c99999999999990000000000000000ffc0000000000003e0ea6350bbd80f6675cccccccccccf583c25fff47d61f9b000000000006c07b0180"
        ]
    );
    let marked = chunks::<Float>([a, stale().to_float()]);
    assert_eq!(
        marked,
        [
            "000200ff2b2bff2ee48e05308c6478fa10050000000000001000000000000000100c99999999999990000000000000000ffc0000000000003e0ea6309b005c20f179fe13333333333320"
        ]
    );
}

#[test]
fn fine_schemas_are_recoded_as_they_are() {
    for schema in [9, 52] {
        let mut chunk = HistogramAppender::new();
        for (t, mut histogram) in (0..).zip(growing()) {
            histogram.schema = schema;
            let appended = chunk.append(None, t, &histogram, false).unwrap();
            assert!(!matches!(appended, Appended::NewChunk(_)));
        }
        let mut samples = Vec::new();
        crate::chunk::histogram::decode(&chunk.payload(), &mut samples).unwrap();
        let crate::sample::Value::Histogram(last) = &samples[3].value else {
            panic!("{samples:?}");
        };
        assert_eq!(
            (last.schema, &last.positive_buckets),
            (schema, &growing()[3].positive_buckets)
        );
    }
}

#[test]
fn a_refused_append_changes_nothing() {
    fn check(histogram: &Histogram, want: &str) {
        let mut chunk = HistogramAppender::new();
        chunk.append(None, 0, &growing()[2], true).unwrap();
        let before = chunk.payload();
        let error = chunk.append(None, 1, histogram, true).unwrap_err();
        assert_eq!(error.to_string(), want);
        assert_eq!(chunk.payload(), before);
    }
    let [a, .., c, d] = growing();
    check(&a, "histogram counter reset");
    check(&d, "histogram layout change");
    check(
        &Histogram {
            schema: 2,
            ..c.clone()
        },
        "histogram schema change",
    );
    check(
        &Histogram {
            hint: ResetHint::Gauge,
            ..c.clone()
        },
        "histogram schema change",
    );
    let short = Histogram {
        positive_buckets: vec![1],
        ..c
    };
    check(&short, "histogram with other spans than buckets");
}

#[test]
fn a_full_chunk_takes_no_more() {
    let mut chunk = FloatHistogramAppender::new();
    chunk.append(None, 0, &stale().to_float(), false).unwrap();
    chunk.count = u16::MAX;
    assert!(chunk.append(None, 1, &stale().to_float(), false).is_err());
}
