//! Index-headers: ours are Thanos' byte for byte, and give Thanos' answers.
//!
//! The answers in `expected.json` were given by Thanos' own reader: names, values, ranges, symbols, and what is not there.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its data is not as it must be"
)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use tsdb::id::SymbolRef;
use tsdb::index::header::{HeaderReader, encode};
use tsdb::index::postings::PostingsList;
use tsdb::testing::golden;
use xxhash_rust::xxh64::xxh64;

struct Case {
    index: Vec<u8>,
    header: Vec<u8>,
    expected: Value,
    path: PathBuf,
}

fn golden_cases() -> Vec<Case> {
    let read = |path: &Path| {
        std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let blocks = golden::path("blocks");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(blocks.join("index-header")).unwrap() {
        let path = entry.unwrap().path();
        let expected: Value = serde_json::from_slice(&read(&path.join("expected.json"))).unwrap();
        let block = blocks.join(expected["block"].as_str().unwrap());
        cases.push(Case {
            index: read(&block.join("index")),
            header: read(&path.join("index-header")),
            expected,
            path,
        });
    }
    assert!(!cases.is_empty(), "no golden index-headers");
    cases
}

/// The elements of a list that may be `null`.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Start and end, or nothing for `-1, -1`.
fn range(start: &Value, end: &Value) -> Option<std::ops::Range<u64>> {
    if start.as_i64() == Some(-1) {
        return None;
    }
    Some(start.as_u64().unwrap()..end.as_u64().unwrap())
}

#[test]
fn golden_headers_are_rebuilt_byte_for_byte() {
    for case in golden_cases() {
        assert!(
            encode(&case.index).unwrap() == case.header,
            "{}",
            case.path.display()
        );
    }
}

#[test]
fn golden_names_and_values_are_found() {
    for case in golden_cases() {
        let header = HeaderReader::open(&case.header, 32).unwrap();
        let version = case.expected["index_version"].as_u64().unwrap();
        assert_eq!(u64::from(header.version().byte()), version);
        let names: Vec<_> = list(&case.expected["label_names"])
            .iter()
            .map(text)
            .collect();
        assert_eq!(header.label_names().unwrap(), names);
        for (name, want) in case.expected["label_values"].as_object().unwrap() {
            let values = header.label_values(name).unwrap().unwrap();
            assert_eq!(values.len() as u64, want["count"].as_u64().unwrap());
            let mut hashed = Vec::new();
            let mut listed = Vec::new();
            for value in values.iter() {
                let (value, _) = value.unwrap();
                hashed.extend_from_slice(value);
                hashed.push(0xFF);
                listed.push(std::str::from_utf8(value).unwrap());
            }
            assert_eq!(
                format!("{:016x}", xxh64(&hashed, 0)),
                text(&want["hash"]),
                "{name}"
            );
            if let Some(want) = want["values"].as_array() {
                assert_eq!(listed, want.iter().map(text).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn golden_postings_ranges_are_found() {
    let (mut found, mut missing) = (0, 0);
    for case in golden_cases() {
        for sampling in [1, 5, 32] {
            let header = HeaderReader::open(&case.header, sampling).unwrap();
            for want in list(&case.expected["postings"]) {
                let (name, value) = (text(&want["name"]), text(&want["value"]));
                let got = header.postings_range(name, value).unwrap();
                assert_eq!(got, range(&want["start"], &want["end"]), "{name}={value}");
                let Some(got) = got else {
                    missing += 1;
                    continue;
                };
                let (start, end) = (
                    usize::try_from(got.start).unwrap(),
                    usize::try_from(got.end).unwrap(),
                );
                let postings =
                    PostingsList::decode_range(&case.index[start..end], got.start).unwrap();
                if let Some(refs) = want["series_refs"].as_array() {
                    let want = refs.iter().map(|reference| reference.as_u64().unwrap());
                    assert!(postings.iter().map(|series| u64::from(series.0)).eq(want));
                }
                found += 1;
            }
        }
    }
    assert!(found > 0 && missing > 0);
}

#[test]
fn golden_ranges_of_several_values_are_found() {
    let mut calls = 0;
    for case in golden_cases() {
        let header = HeaderReader::open(&case.header, 32).unwrap();
        for want in list(&case.expected["multi_postings"]) {
            let values: Vec<_> = list(&want["values"]).iter().map(text).collect();
            let got = header
                .postings_ranges(text(&want["name"]), &values)
                .unwrap();
            let want: Vec<_> = list(&want["ranges"])
                .iter()
                .map(|pair| range(&pair[0], &pair[1]))
                .collect();
            assert_eq!(got, want, "{}", case.path.display());
            calls += 1;
        }
    }
    assert!(calls > 0);
}

#[test]
fn golden_symbols_are_found_and_no_others() {
    let (mut found, mut missing) = (0, 0);
    let symbol = |value: &Value| SymbolRef(u32::try_from(value.as_u64().unwrap()).unwrap());
    for case in golden_cases() {
        let header = HeaderReader::open(&case.header, 32).unwrap();
        for want in list(&case.expected["symbols"]) {
            let (number, string) = (symbol(&want[0]), text(&want[1]));
            assert_eq!(header.symbol(number).unwrap(), string.as_bytes());
            assert_eq!(header.find_symbol(string.as_bytes()).unwrap(), Some(number));
            found += 1;
        }
        for number in list(&case.expected["symbols_not_found"]) {
            assert!(header.symbol(symbol(number)).is_err());
            missing += 1;
        }
    }
    assert!(found > 0 && missing > 0);
}
