//! Histogram chunks against those that Prometheus wrote: what each append did, the bytes, and what reading gives back.

use std::path::Path;

use serde_json::Value as Json;
use tsdb::chunk::float_histogram::{self, Float};
use tsdb::chunk::histogram::{self, Integer};
use tsdb::chunk::histogram_append::{Appended, Appender};
use tsdb::chunk::histogram_chunk::{HistogramIn, Kind};
use tsdb::chunk::{self, ChunkView, Encoding};
use tsdb::codec::Cursor;
use tsdb::error::Result;
use tsdb::histogram::{FloatHistogram, Histogram, HistogramOf, ResetHint, Span};
use tsdb::sample::{Sample, Value};
use tsdb::testing::{golden, hex};

/// A list, which may be absent or `null` when empty.
fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Json) -> &str {
    json.as_str().expect("a string")
}

fn float(json: &Json) -> f64 {
    hex::float(text(json))
}

fn int(json: &Json) -> i64 {
    json.as_i64().expect("a signed integer")
}

fn uint(json: &Json) -> u64 {
    json.as_u64().expect("an unsigned integer")
}

fn spans(json: &Json) -> Vec<Span> {
    let span = |pair: &Json| Span {
        offset: i32::try_from(int(&pair[0])).expect("an offset"),
        length: u32::try_from(uint(&pair[1])).expect("a length"),
    };
    list(json).iter().map(span).collect()
}

fn histogram<C, B>(
    json: &Json,
    count: fn(&Json) -> C,
    bucket: fn(&Json) -> B,
) -> HistogramOf<C, B> {
    HistogramOf {
        hint: match uint(&json["hint"]) {
            0 => ResetHint::Unknown,
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            3 => ResetHint::Gauge,
            other => panic!("hint {other}"),
        },
        schema: i32::try_from(int(&json["schema"])).expect("a schema"),
        zero_threshold: float(&json["zero_threshold"]),
        zero_count: count(&json["zero_count"]),
        count: count(&json["count"]),
        sum: float(&json["sum"]),
        positive_spans: spans(&json["pos_spans"]),
        negative_spans: spans(&json["neg_spans"]),
        positive_buckets: list(&json["pos_buckets"]).iter().map(bucket).collect(),
        negative_buckets: list(&json["neg_buckets"]).iter().map(bucket).collect(),
        custom_bounds: list(&json["custom_values"]).iter().map(float).collect(),
    }
}

/// What one kind of histogram has of its own.
trait Corpus: Kind {
    fn parse(json: &Json) -> HistogramIn<Self>;
    fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()>;
    /// The histogram with its floats as bits, so that equal means equal.
    fn exact(value: &Value) -> String;
}

impl Corpus for Integer {
    fn parse(json: &Json) -> Histogram {
        histogram(json, uint, int)
    }

    fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
        histogram::decode(payload, out)
    }

    fn exact(value: &Value) -> String {
        let Value::Histogram(histogram) = value else {
            panic!("{value:?} is no integer histogram");
        };
        let bits = [histogram.sum.to_bits(), histogram.zero_threshold.to_bits()];
        format!("{bits:016x?} {histogram:?}")
    }
}

impl Corpus for Float {
    fn parse(json: &Json) -> FloatHistogram {
        histogram(json, float, float)
    }

    fn decode(payload: &[u8], out: &mut Vec<Sample>) -> Result<()> {
        float_histogram::decode(payload, out)
    }

    fn exact(value: &Value) -> String {
        let Value::FloatHistogram(histogram) = value else {
            panic!("{value:?} is no float histogram");
        };
        let all = [
            histogram.sum,
            histogram.zero_threshold,
            histogram.count,
            histogram.zero_count,
        ];
        let buckets = histogram
            .positive_buckets
            .iter()
            .chain(&histogram.negative_buckets);
        let bits: Vec<_> = all
            .iter()
            .chain(buckets)
            .map(|float| float.to_bits())
            .collect();
        format!("{bits:016x?} {histogram:?}")
    }
}

/// Appends the samples of a case; gives what each did, the chunks, and the error that ended it.
fn run<K: Corpus>(case: &Json) -> (Vec<&'static str>, Vec<String>, Option<String>) {
    let append_only = case["append_only"].as_bool().unwrap_or_default();
    let cuts: Vec<_> = list(&case["cut_before"]).iter().map(uint).collect();
    let (mut steps, mut chunks) = (Vec::new(), Vec::new());
    let mut chunk = Appender::<K>::new();
    let mut previous = None;
    for (at, sample) in (0_u64..).zip(list(&case["samples"])) {
        if cuts.contains(&at) {
            chunks.push(hex::text(&chunk.payload()));
            previous = Some(std::mem::take(&mut chunk));
        }
        let t = int(&sample["t"]);
        match chunk.append(previous.as_ref(), t, &K::parse(sample), append_only) {
            Ok(Appended::InPlace) => steps.push("append"),
            Ok(Appended::Recoded) => steps.push("recoded"),
            Ok(Appended::NewChunk(next)) => {
                steps.push("new");
                chunks.push(hex::text(&chunk.payload()));
                chunk = next;
            }
            Err(error) => {
                steps.push("error");
                chunks.push(hex::text(&chunk.payload()));
                return (steps, chunks, Some(error.to_string()));
            }
        }
    }
    chunks.push(hex::text(&chunk.payload()));
    (steps, chunks, None)
}

fn check<K: Corpus>(case: &Json) {
    let name = text(&case["name"]);
    let (steps, chunks, error) = run::<K>(case);
    let want: Vec<_> = list(&case["steps"]).iter().map(text).collect();
    assert_eq!(steps, want, "{name}");
    let want: Vec<_> = list(&case["chunks"]).iter().map(text).collect();
    assert_eq!(chunks, want, "{name}");
    let failed = case["error"]
        .as_str()
        .is_some_and(|error| !error.is_empty());
    assert_eq!(error.is_some(), failed, "{name}: {error:?}");
    let decoded = list(&case["decoded"]).len();
    assert!(decoded == 0 || decoded == chunks.len(), "{name}");
    for (chunk, want) in chunks.iter().zip(list(&case["decoded"])) {
        let mut samples = Vec::new();
        K::decode(&hex::bytes(chunk), &mut samples).expect("a sound chunk");
        let got: Vec<_> = samples.iter().map(|s| (s.t, K::exact(&s.value))).collect();
        let want = list(want).iter().map(|json| {
            let value = K::value(K::parse(json));
            (int(&json["t"]), K::exact(&value))
        });
        assert_eq!(got, want.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn golden_integer_histograms_are_appended_and_read_as_prometheus_does() {
    for case in golden::json_lines("blocks/histogram.jsonl") {
        check::<Integer>(&case);
    }
}

#[test]
fn golden_float_histograms_are_appended_and_read_as_prometheus_does() {
    for case in golden::json_lines("blocks/floathistogram.jsonl") {
        check::<Float>(&case);
    }
}

/// All chunks of a segment file.
fn records(segment: &[u8]) -> Vec<(Encoding, &[u8])> {
    let mut cursor = Cursor::new("segment", &segment[8..], 8);
    let mut records = Vec::new();
    while !cursor.is_empty() {
        let len = cursor.uvarint().expect("a length");
        let encoding = Encoding::from_byte(cursor.u8().expect("an encoding"));
        let len = usize::try_from(len).expect("a length of memory");
        records.push((encoding, cursor.bytes(len).expect("a payload")));
        cursor.u32().expect("a checksum");
    }
    records
}

/// Histogram chunks of a segment, each with what packing its samples again gives.
fn check_segment(path: &Path) -> usize {
    let segment = std::fs::read(path).expect("a readable segment");
    let mut checked = 0;
    for (encoding, payload) in records(&segment) {
        if !matches!(encoding, Encoding::Histogram | Encoding::FloatHistogram) {
            continue;
        }
        let mut samples = Vec::new();
        chunk::decode(ChunkView { encoding, payload }, &mut samples).expect("a sound chunk");
        let again = chunk::reencode_one(&samples, encoding).expect("samples of one chunk");
        // A marker behind gauges gets its own chunk.
        if let [again] = again.as_slice() {
            // Only what the chunk knew about a reset is lost.
            let flags = if payload[2] == 0xC0 { 0xC0 } else { 0 };
            let want = [&payload[..2], &[flags], &payload[3..]].concat();
            assert_eq!(again.payload, want, "{}", path.display());
            checked += 1;
        }
    }
    checked
}

#[test]
fn golden_blocks_hold_the_chunks_that_we_would_write() {
    let mut segments = Vec::new();
    for block in std::fs::read_dir(golden::path("blocks/hist/in")).unwrap() {
        // The selection in the repository has whole blocks and bare metas.
        let Ok(chunks) = std::fs::read_dir(block.unwrap().path().join("chunks")) else {
            continue;
        };
        segments.extend(chunks.map(|file| file.unwrap().path()));
    }
    let checked: usize = segments.iter().map(|path| check_segment(path)).sum();
    assert!(
        checked > 0,
        "no histogram chunk in {} segments",
        segments.len()
    );
}
