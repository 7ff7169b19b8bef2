//! Selection by matchers against what Prometheus' querier answered on real blocks.
//!
//! Series wholly under a tombstone are not answered; label names and values come from the index alone, as there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tsdb::Result;
use tsdb::id::SeriesRef;
use tsdb::index::ChunkMeta;
use tsdb::index::reader::IndexReader;
use tsdb::label::Labels;
use tsdb::matcher::{Matcher, MatcherKind};
use tsdb::postings::names::{label_names, label_values};
use tsdb::postings::select::select;
use tsdb::testing::golden;
use tsdb::time::{Interval, Millis};
use tsdb::tombstone::Tombstones;
use xxhash_rust::xxh64::Xxh64;

/// An index and what is deleted of its series.
struct Block {
    index: IndexReader<Vec<u8>>,
    tombstones: Tombstones,
}

impl Block {
    fn open(index: &Path) -> Self {
        let bytes = std::fs::read(index).expect("the index is readable");
        let tombstones = match std::fs::read(index.with_file_name("tombstones")) {
            Ok(bytes) => Tombstones::decode(&bytes).expect("the tombstones are sound"),
            Err(_) => Tombstones::default(),
        };
        Self {
            index: IndexReader::open(bytes).expect("the index is sound"),
            tombstones,
        }
    }

    /// The labels of a series, unless all its chunks are deleted.
    fn labels(&self, series: SeriesRef) -> Option<Labels> {
        let entry = self.index.series(series).expect("selected series exist");
        let is_deleted = |chunk: &ChunkMeta| {
            let interval = Interval::new(Millis(chunk.min), Millis(chunk.max));
            let deleted = self.tombstones.get(series);
            deleted.is_some_and(|deleted| deleted.covers(interval))
        };
        let labels = self.index.labels(&entry).expect("series have sound labels");
        (!entry.chunks.iter().all(is_deleted)).then_some(labels)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn matchers(line: &Value) -> Result<Vec<Matcher>> {
    let all = line["matchers"].as_array().expect("a list of matchers");
    all.iter()
        .map(|matcher| {
            let kind = match text(&matcher["type"]) {
                "=" => MatcherKind::Equal,
                "!=" => MatcherKind::NotEqual,
                "=~" => MatcherKind::Regex,
                "!~" => MatcherKind::NotRegex,
                other => panic!("unknown operator {other}"),
            };
            Matcher::new(kind, text(&matcher["name"]), text(&matcher["value"]))
        })
        .collect()
}

/// Lines whose block is part of this corpus.
fn lines(op: &str) -> Vec<(Value, PathBuf)> {
    let lines = golden::json_lines("blocks/selects.jsonl");
    let of_op = lines.into_iter().filter(|line| line["op"] == op);
    let with_block = of_op.filter_map(|line| {
        let path = golden::root()
            .join("blocks")
            .join(text(&line["block"]))
            .join("index");
        path.exists().then_some((line, path))
    });
    let all: Vec<_> = with_block.collect();
    assert!(
        !all.is_empty(),
        "no block of selects.jsonl is in the corpus"
    );
    all
}

fn check(op: &str, answer: impl Fn(&Block, &Value, &[Matcher]) -> (usize, u64)) {
    let mut open: HashMap<PathBuf, Block> = HashMap::new();
    for (line, path) in lines(op) {
        let matchers = matchers(&line);
        assert_eq!(matchers.is_err(), line["invalid"] == true, "{line}");
        let Ok(matchers) = matchers else { continue };
        let block = open
            .entry(path.clone())
            .or_insert_with(|| Block::open(&path));
        let (count, hash) = answer(block, &line, &matchers);
        assert_eq!(Value::from(count), line["count"], "{line}");
        assert_eq!(format!("{hash:016x}"), text(&line["hash"]), "{line}");
    }
}

/// The hash of names and values: each followed by FF.
fn hash_of(texts: &[String]) -> (usize, u64) {
    let mut hash = Xxh64::new(0);
    for text in texts {
        hash.update(text.as_bytes());
        hash.update(&[0xFF]);
    }
    (texts.len(), hash.digest())
}

#[test]
fn golden_selects_find_the_same_series() {
    check("series", |block, _, matchers| {
        let series = select(&block.index, matchers).expect("the index is sound");
        let mut hash = Xxh64::new(0);
        let mut count = 0;
        for labels in series.into_iter().filter_map(|series| block.labels(series)) {
            for (name, value) in labels.iter() {
                for text in [name, value] {
                    hash.update(text.as_bytes());
                    hash.update(&[0xFF]);
                }
            }
            hash.update(&[0x0A]);
            count += 1;
        }
        (count, hash.digest())
    });
}

#[test]
fn golden_selects_find_the_same_label_values() {
    check("label_values", |block, line, matchers| {
        let values = label_values(&block.index, text(&line["label"]), matchers);
        hash_of(&values.expect("the index is sound"))
    });
}

#[test]
fn golden_selects_find_the_same_label_names() {
    check("label_names", |block, _, matchers| {
        hash_of(&label_names(&block.index, matchers).expect("the index is sound"))
    });
}
