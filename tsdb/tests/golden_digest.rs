//! The digest of every golden block is the one on record, with and without tombstones.

use std::fs;
use std::path::{Path, PathBuf};

use tsdb::block::digest::digest;
use tsdb::block::reader::Block;
use tsdb::testing::golden;

const RECORD: &str = "samples.digest.json";

#[test]
fn golden_digests_are_those_on_record() {
    let mut blocks = Vec::new();
    find(&golden::path("blocks"), &mut blocks);
    blocks.sort();
    assert!(!blocks.is_empty(), "no golden block has {RECORD}");
    for dir in &blocks {
        let text = fs::read_to_string(dir.join(RECORD)).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        check(dir, false, &record["all"]);
        if let Some(want) = record.get("after_tombstones") {
            check(dir, true, want);
        }
    }
}

fn check(dir: &Path, with_tombstones: bool, want: &serde_json::Value) {
    let block = Block::open(dir).expect("golden blocks open");
    let got = digest(&block, with_tombstones).unwrap_or_else(|error| panic!("{}", error.chain()));
    let number = |key: &str| want[key].as_i64().expect("the record has numbers");
    let digest = format!("{:016x}", got.digest);
    assert_eq!(
        digest,
        want["digest"].as_str().expect("the record has a digest"),
        "{}: {got:?}",
        dir.display()
    );
    assert_eq!(
        got.series.cast_signed(),
        number("series"),
        "{}",
        dir.display()
    );
    assert_eq!(
        got.samples.cast_signed(),
        number("samples"),
        "{}",
        dir.display()
    );
    // Not counted where it is -1.
    if number("chunks") >= 0 {
        assert_eq!(
            got.chunks.cast_signed(),
            number("chunks"),
            "{}",
            dir.display()
        );
    }
}

fn find(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("golden data can be listed") {
        let path = entry.expect("golden data can be listed").path();
        if path.is_dir() {
            find(&path, found);
        } else if path.ends_with(RECORD) && dir.join("meta.json").exists() {
            found.push(dir.to_owned());
        }
    }
}
