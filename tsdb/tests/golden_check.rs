//! Every golden block is sound; those whose chunks reach outside their range on purpose are unusual.

use std::fs;
use std::path::{Path, PathBuf};

use tsdb::block::check::{Severity, directory};
use tsdb::testing::golden;

#[test]
fn golden_blocks_are_sound() {
    let mut blocks = Vec::new();
    find(&golden::path("blocks"), &mut blocks);
    find(&golden::path("services"), &mut blocks);
    assert!(!blocks.is_empty(), "no golden blocks");
    for dir in &blocks {
        let (counts, findings) = directory(dir).unwrap();
        let place = dir.display();
        assert_eq!(findings.more, 0, "{place}");
        for finding in &findings.list {
            assert_eq!(finding.severity, Severity::Unusual, "{place}: {finding}");
            assert!(finding.fact.contains("outside"), "{place}: {finding}");
        }
        assert_eq!(
            counts.samples == 0,
            counts.min.is_none(),
            "{place}: {counts:?}"
        );
    }
}

fn find(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("golden data can be listed") {
        let path = entry.expect("golden data can be listed").path();
        if path.is_dir() {
            find(&path, found);
        } else if path.ends_with("meta.json") && dir.join("index").exists() {
            found.push(dir.to_owned());
        }
    }
}
