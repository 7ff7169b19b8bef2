//! Metas and marks written by Prometheus and Thanos survive being read and written, byte for byte.
//!
//! Group keys and odd marks come with the answers that Thanos gave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use tsdb::label::{self, Labels};
use tsdb::mark::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark, Reading, read};
use tsdb::meta::{BlockMeta, Resolution, group_key};
use tsdb::testing::golden;

/// All files below `dir` whose name `wanted` accepts, in order.
fn files(dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path(), wanted));
        } else if wanted(entry.file_name().to_str().unwrap()) {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn is_meta(name: &str) -> bool {
    name == "meta.json" || name == "meta.thanos.json"
}

#[test]
fn golden_metas_survive_byte_for_byte() {
    let mut count = 0;
    for root in ["blocks", "services/static-bucket", "services/wild-bucket"] {
        for path in files(&golden::path(root), &is_meta) {
            let bytes = std::fs::read(&path).unwrap();
            let meta = BlockMeta::from_json(&bytes).unwrap_or_else(|error| {
                panic!("{}: {}", path.display(), error.chain());
            });
            let written = if bytes.ends_with(b"\n") {
                meta.to_json()
            } else {
                meta.to_json_prometheus()
            };
            let text = |bytes| String::from_utf8(bytes).unwrap();
            assert_eq!(text(written), text(bytes), "{}", path.display());
            let directory = path.parent().unwrap().file_name().unwrap();
            assert_eq!(meta.ulid.to_string(), directory.to_str().unwrap());
            assert!(meta.extra.is_empty() && meta.stats_extra.is_empty());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} metas");
}

#[test]
fn golden_group_keys() {
    for line in golden::json_lines("blocks/groupkeys.jsonl") {
        let resolution = Resolution(line["resolution"].as_i64().unwrap());
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = line["labels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (bytes_of(&pair[0]), bytes_of(&pair[1])))
            .collect();
        let slices = pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice()));
        let by_bytes = format!("{}@{}", resolution.0, label::hash_pairs(slices));
        assert_eq!(by_bytes, line["key"].as_str().unwrap());
        let texts: Result<Vec<_>, _> = pairs
            .into_iter()
            .map(|(n, v)| {
                Ok::<_, std::string::FromUtf8Error>((String::from_utf8(n)?, String::from_utf8(v)?))
            })
            .collect();
        if let Ok(texts) = texts {
            assert_eq!(group_key(resolution, &Labels::from_pairs(texts)), by_bytes);
        }
    }
}

fn bytes_of(value: &serde_json::Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let Some(hex) = text.strip_prefix("hex:") else {
        return text.as_bytes().to_vec();
    };
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn golden_marks_survive_byte_for_byte() {
    fn check<M: Mark>(path: &Path) {
        let bytes = std::fs::read(path).unwrap();
        let directory = path.parent().unwrap().file_name().unwrap();
        let block = directory.to_str().unwrap().parse().unwrap();
        let reading = read::<M>(block, Some(&bytes)).unwrap();
        let Reading::Marked(mark) = reading else {
            panic!("{} is not read", path.display());
        };
        assert_eq!(mark.to_json(), bytes, "{}", path.display());
    }
    let mut count = 0;
    for root in ["services/static-bucket", "services/wild-bucket"] {
        for path in files(&golden::path(root), &|name| name.ends_with("-mark.json")) {
            match path.file_name().unwrap().to_str().unwrap() {
                "deletion-mark.json" => check::<DeletionMark>(&path),
                "no-compact-mark.json" => check::<NoCompactMark>(&path),
                "no-downsample-mark.json" => check::<NoDownsampleMark>(&path),
                other => panic!("{other}"),
            }
            count += 1;
        }
    }
    assert!(count > 2, "only {count} marks");
}

#[test]
fn golden_odd_marks_are_no_marks_or_errors() {
    let mut count = 0;
    for line in golden::json_lines("blocks/deletion_delay.jsonl") {
        let mut errors = 0;
        for block in line["blocks"].as_array().unwrap() {
            let Some(raw) = block["mark_raw"].as_str() else {
                continue;
            };
            let id = block["ulid"].as_str().unwrap();
            let reading = read::<DeletionMark>(id.parse().unwrap(), Some(raw.as_bytes()));
            match reading {
                Err(_) => errors += 1,
                Ok(reading) => assert!(
                    reading.marked().is_none()
                        && !line["hidden"].as_array().unwrap().contains(&block["ulid"])
                ),
            }
            count += 1;
        }
        assert_eq!(errors > 0, line["error"].is_string(), "{}", line["name"]);
    }
    assert!(count > 0);
}
