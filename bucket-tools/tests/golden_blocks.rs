//! Tools for single blocks over the golden ones: as many lines, series and samples as are on record.

use std::fs;
use std::path::{Path, PathBuf};

use bucket_tools::{analyze, dump, verify};
use serde_json::Value;
use tsdb::testing::golden;

/// Directories of raw blocks and what is on record of them.
fn raw_blocks() -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    find(&golden::path("blocks"), &mut found);
    found.retain(|(_, record)| record["kind"] == "raw");
    assert!(!found.is_empty(), "no golden block is raw");
    found
}

fn find(dir: &Path, found: &mut Vec<(PathBuf, Value)>) {
    for entry in fs::read_dir(dir).expect("golden data can be listed") {
        let path = entry.expect("golden data can be listed").path();
        if path.is_dir() {
            find(&path, found);
        } else if path.ends_with("samples.digest.json") && dir.join("meta.json").exists() {
            let text = fs::read_to_string(&path).expect("golden data is readable");
            found.push((dir.to_owned(), serde_json::from_str(&text).expect("JSON")));
        }
    }
}

#[test]
fn golden_blocks_are_dumped_sample_by_sample() {
    for (dir, record) in raw_blocks() {
        let mut out = Vec::new();
        dump::run(&dir, &dump::Options::default(), &mut out).expect("golden blocks are sound");
        let lines = out.iter().filter(|byte| **byte == b'\n').count() as u64;
        let left = record.get("after_tombstones").unwrap_or(&record["all"]);
        assert_eq!(Some(lines), left["samples"].as_u64(), "{}", dir.display());
    }
}

#[test]
fn golden_blocks_are_analyzed_and_verified() {
    for (dir, record) in raw_blocks() {
        let analysis = analyze::run(&dir, 5).expect("golden blocks are sound");
        let mut out = Vec::new();
        analysis.write(&mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("golden labels are UTF-8");
        let series = format!("\nSeries: {}\n", record["all"]["series"]);
        assert!(text.contains(&series), "{}: {text}", dir.display());
        let verified = verify::blocks::local(&[dir]).expect("golden blocks can be read");
        assert!(!verified.is_damaged(), "{:?}", verified.findings);
        assert_eq!(
            Some(verified.counts.samples),
            record["all"]["samples"].as_u64()
        );
    }
}
