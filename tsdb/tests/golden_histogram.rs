//! Histogram chunks against those that Prometheus wrote: what each append did, the bytes, and what reading gives back.

use serde_json::Value as Json;
use tsdb::chunk::float_histogram::{self, Float};
use tsdb::chunk::histogram::{self, Integer};
use tsdb::chunk::histogram_append::{Appended, Appender};
use tsdb::chunk::histogram_chunk::{HistogramIn, Kind};
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
