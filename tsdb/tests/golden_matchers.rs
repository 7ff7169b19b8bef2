//! Matchers against what Prometheus answered: patterns, sets, label hashes.
//!
//! Where its optimised matcher and the plain engine differ, the plain one counts. Sets are listed at least where
//! Prometheus lists them; ours also lists case-insensitive words.

use serde_json::Value;
use tsdb::matcher::Regex;
use tsdb::testing::golden;

/// A string of the corpus; what is not UTF-8 is written `hex:…`.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a string");
    let Some(hex) = text.strip_prefix("hex:") else {
        return text.as_bytes().to_vec();
    };
    let pairs = (0..hex.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// Only the plain reference refused these: the matcher itself took them.
fn is_refused(line: &Value) -> bool {
    line["compile_error"] == Value::Bool(true) && line["error"] != "<nil>"
}

#[test]
fn golden_patterns_compile_or_fail_as_in_go() {
    for line in golden::json_lines("blocks/regex.jsonl") {
        let compiled = Regex::from_bytes(&bytes(&line["pattern"]));
        assert_eq!(compiled.is_err(), is_refused(&line), "{line}: {compiled:?}");
    }
}

#[test]
fn golden_values_match_as_by_the_plain_engine() {
    let mut checked = 0;
    for line in golden::json_lines("blocks/regex.jsonl") {
        let Some(want) = line["plain"].as_bool() else {
            continue;
        };
        let regex =
            Regex::from_bytes(&bytes(&line["pattern"])).expect("a pattern with answers compiles");
        let value = bytes(&line["value"]);
        assert_eq!(regex.is_match_bytes(&value), want, "{line}");
        if let Some(set) = regex.set_matches() {
            let listed = set.iter().any(|word| word.as_bytes() == value);
            assert_eq!(listed, want, "{line}: set {set:?}");
        }
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn golden_sets_are_listed_at_least_where_prometheus_lists_them() {
    let mut checked = 0;
    for line in golden::json_lines("blocks/regex.jsonl") {
        let Some(want) = line["set_matches"].as_array() else {
            continue;
        };
        let regex =
            Regex::from_bytes(&bytes(&line["pattern"])).expect("a pattern with a set compiles");
        let set = regex.set_matches().unwrap_or_default();
        let mut want: Vec<_> = want
            .iter()
            .map(|word| word.as_str().expect("a string"))
            .collect();
        want.sort_unstable();
        want.dedup();
        assert_eq!(set, want, "{line}");
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn golden_label_sets_hash_as_in_the_slice_build() {
    for line in golden::json_lines("blocks/labelhash.jsonl") {
        let pairs = line["labels"].as_array().expect("a list of pairs");
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
            .collect();
        let borrowed = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
        let hash = tsdb::label::hash_pairs(borrowed);
        assert_eq!(Value::from(hash.to_string()), line["hash"], "{line}");
    }
}
