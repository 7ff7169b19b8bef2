//! The aggregate chunks of single series are those of Thanos, byte for byte.

use compactor::downsample::{Downsampler, SeriesChunk};
use serde_json::Value as Json;
use tsdb::chunk::{Chunk, Encoding, encode_samples, xor};
use tsdb::histogram::{HistogramOf, ResetHint, Span};
use tsdb::meta::Resolution;
use tsdb::sample::{Sample, Value};
use tsdb::testing::{golden, hex};

/// Raw chunks of at most 120 samples.
fn float_chunks(samples: &[Json]) -> Vec<Chunk> {
    let pair = |sample: &Json| {
        let t = sample[0].as_i64().expect("a time");
        (t, hex::float(sample[1].as_str().expect("bits")))
    };
    let pack = |part: &[Json]| {
        let (ts, vs): (Vec<_>, Vec<_>) = part.iter().map(pair).unzip();
        Chunk {
            min: ts[0],
            max: ts[ts.len() - 1],
            encoding: Encoding::Xor,
            payload: xor::encode(&ts, &vs),
        }
    };
    samples.chunks(120).map(pack).collect()
}

fn check(line: &Json, chunks: &[Chunk]) {
    let name = &line["name"];
    let chunks: Vec<_> = chunks.iter().map(SeriesChunk::from).collect();
    let to = Resolution(line["resolution"].as_i64().expect("a resolution"));
    let mut got = Vec::new();
    Downsampler::new()
        .raw(&chunks, to, &mut got)
        .unwrap_or_else(|error| panic!("{name}: {}", error.chain()));
    let none = Vec::new();
    let want = line["out"].as_array().unwrap_or(&none);
    assert_eq!(got.len(), want.len(), "{name}: chunks");
    for (got, want) in got.iter().zip(want) {
        assert_eq!(
            hex::text(&got.payload),
            want["chunk"].as_str().expect("hex"),
            "{name}"
        );
        assert_eq!(Some(got.min), want["mint"].as_i64(), "{name}");
        assert_eq!(Some(got.max), want["maxt"].as_i64(), "{name}");
    }
}

#[test]
fn golden_float_series_are_downsampled_byte_for_byte() {
    let lines = golden::json_lines("blocks/aggr.jsonl");
    let floats: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "float")
        .collect();
    assert!(!floats.is_empty(), "no float series");
    for line in floats {
        check(
            line,
            &float_chunks(line["samples"].as_array().expect("samples")),
        );
    }
}

/// The elements of a list that may be `null`.
fn list<T>(json: &Json, read: impl Fn(&Json) -> T) -> Vec<T> {
    json.as_array().into_iter().flatten().map(read).collect()
}

fn bits(json: &Json) -> f64 {
    hex::float(json.as_str().expect("bits"))
}

fn spans(json: &Json) -> Vec<Span> {
    list(json, |span| Span {
        offset: serde_json::from_value(span[0].clone()).expect("an offset"),
        length: serde_json::from_value(span[1].clone()).expect("a length"),
    })
}

fn histogram<C, B>(
    json: &Json,
    count: impl Fn(&Json) -> C,
    bucket: impl Fn(&Json) -> B,
) -> HistogramOf<C, B> {
    HistogramOf {
        hint: match json["hint"].as_i64().expect("a hint") {
            0 => ResetHint::Unknown,
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            _ => ResetHint::Gauge,
        },
        schema: serde_json::from_value(json["schema"].clone()).expect("a schema"),
        zero_threshold: bits(&json["zero_threshold"]),
        zero_count: count(&json["zero_count"]),
        count: count(&json["count"]),
        sum: bits(&json["sum"]),
        positive_spans: spans(&json["pos_spans"]),
        negative_spans: spans(&json["neg_spans"]),
        positive_buckets: list(&json["pos_buckets"], &bucket),
        negative_buckets: list(&json["neg_buckets"], &bucket),
        custom_bounds: list(&json["custom_values"], bits),
    }
}

/// One chunk for each sample, so that it comes back with its own layout and its own hint.
fn histogram_chunks(line: &Json) -> Vec<Chunk> {
    let is_integer = line["kind"] == "histogram";
    let chunks = list(&line["samples"], |json| {
        let value = if is_integer {
            let count = |json: &Json| json.as_u64().expect("a count");
            let bucket = |json: &Json| json.as_i64().expect("a difference");
            Value::Histogram(Box::new(histogram(json, count, bucket)))
        } else {
            Value::FloatHistogram(Box::new(histogram(json, bits, bits)))
        };
        let t = json["t"].as_i64().expect("a time");
        encode_samples(&[Sample { t, value }]).expect("a sound histogram")
    });
    chunks.concat()
}

#[test]
fn golden_histogram_series_are_downsampled_byte_for_byte() {
    let lines = golden::json_lines("blocks/aggr.jsonl");
    for kind in ["histogram", "floathistogram"] {
        let series: Vec<_> = lines.iter().filter(|line| line["kind"] == kind).collect();
        assert!(!series.is_empty(), "no {kind} series");
        for line in series {
            check(line, &histogram_chunks(line));
        }
    }
}
