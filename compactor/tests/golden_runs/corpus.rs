//! Buckets of the corpus on the local disk.
//!
//! Packed ones are unpacked; the static bucket lies there as it is and is copied.

use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::bufread::GzDecoder;
use serde_json::Value;
use tsdb::testing::golden;
use tsdb::time::Millis;

/// The lines of a packed `.jsonl` file; at least one.
pub(crate) fn packed_lines(relative: &str) -> Vec<Value> {
    let file = fs::File::open(golden::path(relative)).unwrap();
    let text = std::io::read_to_string(GzDecoder::new(BufReader::new(file))).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!lines.is_empty(), "golden data {relative} is empty");
    lines
}

/// When everything in the unpacked buckets was written, for those that come without times: 2024-02-01.
const WRITTEN_S: u64 = 1_706_745_600;

/// Lays out a bucket; the one named `empty` has no objects.
///
/// Times of objects mean something in two of them, as the corpus' description says; elsewhere all is fresh.
pub(crate) fn lay_out(name: &str, into: &Path, now: Millis) {
    match name {
        "empty" => {}
        "static" => copy_tree(&golden::path("services/static-bucket"), into),
        "partial-fresh" => unpack(name, into),
        packed => {
            unpack(packed, into);
            touch(
                into,
                UNIX_EPOCH + Duration::from_millis(now.0.unsigned_abs()),
            );
        }
    }
}

fn touch(dir: &Path, time: SystemTime) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            touch(&path, time);
        } else {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
        }
    }
}

/// Copies files as files that were written long ago.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy_tree(&from, &to);
            continue;
        }
        fs::write(&to, fs::read(&from).unwrap()).unwrap();
        let file = fs::File::options().write(true).open(&to).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(WRITTEN_S))
            .unwrap();
    }
}

fn unpack(name: &str, into: &Path) {
    let archive = golden::path("services/compact_scenarios/inputs").join(format!("{name}.tar.gz"));
    let file =
        fs::File::open(&archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    archive.set_preserve_mtime(true);
    archive.unpack(into).unwrap();
}

/// Copies the parts of a block that a bucket holds.
pub(crate) fn copy_block(from: &Path, bucket: &Path) {
    let to = bucket.join(from.file_name().unwrap());
    fs::create_dir_all(to.join("chunks")).unwrap();
    for name in ["meta.json", "index"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    for entry in fs::read_dir(from.join("chunks")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join("chunks").join(path.file_name().unwrap())).unwrap();
    }
}
