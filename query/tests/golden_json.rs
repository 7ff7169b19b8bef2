//! Numbers, times, native histograms and escaped names, as the golden data has them.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

use std::fs;
use std::path::Path;

use query::http::{escape, json, number};
use serde_json::Value;
use tsdb::histogram::{FloatHistogram, ResetHint, Span};
use tsdb::testing::golden;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The lines of a file of the corpus, else of the selection in the repository.
fn lines(file: &str) -> Vec<Value> {
    lines_of_corpus(file).unwrap_or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql");
        let text = fs::read_to_string(root.join(file)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    })
}

/// The lines of a file that is in the corpus only.
fn lines_of_corpus(file: &str) -> Option<Vec<Value>> {
    std::env::var_os("STRATAL_GOLDEN")?;
    Some(golden::json_lines(&format!("promql/{file}")))
}

#[test]
fn golden_numbers_have_their_forms() {
    for line in lines("json_numbers.jsonl") {
        let bits = u64::from_str_radix(line["bits"].as_str().unwrap(), 16).unwrap();
        let value = f64::from_bits(bits);
        assert_eq!(
            text(|out| number::sample(out, value)),
            line["sample"],
            "{line}"
        );
        assert_eq!(
            text(|out| number::plain(out, value)),
            line["plain"],
            "{line}"
        );
    }
}

#[test]
fn golden_times_have_their_forms() {
    for line in lines("json_timestamps.jsonl") {
        let t: i64 = line["t_ms"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            text(|out| number::timestamp(out, t)),
            line["sample"],
            "{line}"
        );
        assert_eq!(
            text(|out| number::scalar_timestamp(out, t)),
            line["scalar"],
            "{line}"
        );
    }
}

#[test]
fn golden_histograms_have_their_json() {
    for line in lines("json_histograms.jsonl") {
        let histogram = histogram(&line["histogram"]);
        assert_eq!(
            text(|out| json::histogram(out, &histogram)),
            line["json"],
            "{line}"
        );
    }
}

fn histogram(value: &Value) -> FloatHistogram {
    let float = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let floats = |name: &str| {
        let list = value[name].as_array().cloned().unwrap_or_default();
        list.iter().map(float).collect::<Vec<f64>>()
    };
    let spans = |name: &str| {
        let list = value[name].as_array().cloned().unwrap_or_default();
        let span = |pair: &Value| Span {
            offset: i32::try_from(pair[0].as_i64().unwrap()).unwrap(),
            length: u32::try_from(pair[1].as_i64().unwrap()).unwrap(),
        };
        list.iter().map(span).collect::<Vec<Span>>()
    };
    FloatHistogram {
        hint: ResetHint::Unknown,
        schema: i32::try_from(value["schema"].as_i64().unwrap()).unwrap(),
        zero_threshold: float(&value["zero_threshold"]),
        zero_count: float(&value["zero_count"]),
        count: float(&value["count"]),
        sum: float(&value["sum"]),
        positive_spans: spans("positive_spans"),
        negative_spans: spans("negative_spans"),
        positive_buckets: floats("positive_buckets"),
        negative_buckets: floats("negative_buckets"),
        custom_bounds: floats("custom_values"),
    }
}

#[test]
fn golden_names_are_escaped_and_back() {
    for line in lines_of_corpus("escaped_names.jsonl").unwrap_or_default() {
        let escaped = line["escaped"].as_str().unwrap();
        if let Some(name) = line["name"].as_str() {
            assert_eq!(escape::escape(name), escaped, "{line}");
        }
        assert_eq!(escape::unescape(escaped), line["unescaped"], "{line}");
    }
}
