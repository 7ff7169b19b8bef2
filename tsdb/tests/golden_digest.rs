//! The digest of every golden block is the one that was recorded, with and without tombstones.

use std::fs;
use std::path::{Path, PathBuf};

use tsdb::digest::{Digest, Totals};
use tsdb::error::Result;
use tsdb::index::{IndexReader, SymbolTable};
use tsdb::segment::SegmentReader;
use tsdb::testing::golden;
use tsdb::time::{Interval, Millis};
use tsdb::tombstone::Tombstones;

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
        let (all, remaining) = digest(dir).unwrap_or_else(|e| panic!("{} {}", dir.display(), e.chain()));
        check(dir, all, &record["all"]);
        if let Some(want) = record.get("after_tombstones") {
            check(dir, remaining, want);
        }
    }
}

fn check(dir: &Path, got: Totals, want: &serde_json::Value) {
    let number = |key: &str| want[key].as_i64().unwrap();
    assert_eq!(format!("{:016x}", got.digest), want["digest"].as_str().unwrap(), "{dir:?} {got:?}");
    assert_eq!(got.series.cast_signed(), number("series"), "{dir:?}");
    assert_eq!(got.samples.cast_signed(), number("samples"), "{dir:?}");
    if number("chunks") >= 0 {
        assert_eq!(got.chunks.cast_signed(), number("chunks"), "{dir:?}");
    }
}

fn digest(dir: &Path) -> Result<(Totals, Totals)> {
    let index = IndexReader::open(fs::read(dir.join("index")).unwrap())?;
    let symbols: SymbolTable = index.symbols()?;
    // A block without series may have no directory of chunks.
    let mut names: Vec<PathBuf> = fs::read_dir(dir.join("chunks"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    names.sort();
    let segments: Vec<_> = (names.iter())
        .map(|path| SegmentReader::open(fs::read(path).unwrap()))
        .collect::<Result<_>>()?;
    let tombstones = match fs::read(dir.join("tombstones")) {
        Ok(bytes) => Tombstones::decode(&bytes)?,
        Err(_) => Tombstones::default(),
    };
    let (mut all, mut remaining) = (Digest::default(), Digest::default());
    for item in index.all_series()? {
        let (series, entry) = item?;
        let labels: Vec<_> = (entry.labels.iter())
            .map(|(name, value)| Ok((symbols.text(*name)?, symbols.text(*value)?)))
            .collect::<Result<_>>()?;
        let chunks = || {
            entry.chunks.iter().map(|chunk| {
                let segment = &segments[chunk.reference.segment() as usize];
                let view = segment.chunk(chunk.reference.offset())?;
                Ok((Interval::new(Millis(chunk.min), Millis(chunk.max)), view))
            })
        };
        all.series(labels.iter().copied(), chunks())?;
        let deleted = tombstones.get(series).map_or(&[][..], |intervals| intervals.as_slice());
        remaining.series_without(labels.iter().copied(), chunks(), deleted)?;
    }
    Ok((all.totals(), remaining.totals()))
}

fn find(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.file_name().is_some_and(|name| name == RECORD) && dir.join("index").exists() {
            found.push(dir.to_owned());
        }
    }
}
