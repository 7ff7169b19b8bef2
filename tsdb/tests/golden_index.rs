//! Indexes and segments of real blocks, taken apart and put together again.
//!
//! Golden blocks were written by Prometheus since 3.7, so ours must come out byte for byte.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its data is not as it must be"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb::codec::Cursor;
use tsdb::id::{ChunkRef, SeriesRef};
use tsdb::index::{IndexReader, IndexWriter, SeriesEntry, SeriesWalk, legacy};
use tsdb::segment::reader::run;
use tsdb::segment::{Record, SIZE_DEFAULT, SegmentReader, SegmentWriter};
use tsdb::testing::golden;
use tsdb::tombstone::Tombstones;

/// All directories below the golden blocks that hold an index.
fn golden_blocks() -> Vec<PathBuf> {
    fn collect(directory: &Path, blocks: &mut Vec<PathBuf>) {
        let mut entries: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        entries.sort();
        if directory.join("index").is_file() {
            blocks.push(directory.to_path_buf());
        }
        for entry in entries {
            collect(&entry, blocks);
        }
    }
    let mut blocks = Vec::new();
    collect(&golden::path("blocks"), &mut blocks);
    assert!(!blocks.is_empty(), "no golden blocks");
    blocks
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn segments(block: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(block.join("chunks")) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

#[test]
fn golden_indexes_are_rewritten_byte_for_byte() {
    for block in golden_blocks() {
        let bytes = read(&block.join("index"));
        let reader = IndexReader::open(&bytes).unwrap();
        let symbols = Arc::new(reader.symbols().unwrap());
        let mut stage = IndexWriter::begin(Vec::new()).symbols(symbols).unwrap();
        for series in reader.all_series().unwrap() {
            let (series, entry) = series.unwrap();
            assert_eq!(stage.add(&entry.labels, &entry.chunks).unwrap(), series);
        }
        assert!(stage.finish().unwrap() == bytes, "{}", block.display());
        assert_eq!(legacy::check(&bytes, reader.toc()).unwrap(), 0);
    }
}

#[test]
fn golden_walks_see_the_series_that_the_postings_name() {
    for block in golden_blocks() {
        let reader = IndexReader::open(read(&block.join("index"))).unwrap();
        let mut walk = SeriesWalk::open(reader.bytes()).unwrap();
        let mut walked = SeriesEntry::default();
        for series in reader.all_series().unwrap() {
            let (series, entry) = series.unwrap();
            assert_eq!(walk.next(&mut walked).unwrap(), Some(series));
            assert_eq!(walked, entry);
        }
        assert_eq!(walk.next(&mut walked).unwrap(), None, "{}", block.display());
    }
}

#[test]
fn golden_postings_are_the_series_with_the_pair() {
    for block in golden_blocks() {
        let reader = IndexReader::open(read(&block.join("index"))).unwrap();
        let mut pairs = 0;
        for name in reader.label_names().unwrap() {
            let name_symbol = reader.find_symbol(name.as_bytes()).unwrap().unwrap();
            let values = reader.label_values(name).unwrap().unwrap();
            let mut last: Option<Vec<u8>> = None;
            for value in values.iter() {
                let (value, list) = value.unwrap();
                assert!(last.as_deref() < Some(value));
                last = Some(value.to_vec());
                let list = reader.postings_at(list).unwrap();
                list.check_order().unwrap();
                let text = std::str::from_utf8(value).unwrap();
                assert_eq!(reader.postings(name, text).unwrap(), Some(list));
                let pair = (name_symbol, reader.find_symbol(value).unwrap().unwrap());
                let has_pair =
                    |series: SeriesRef| reader.series(series).unwrap().labels.contains(&pair);
                assert!(list.iter().all(has_pair));
                pairs += list.len();
            }
        }
        let labels = reader
            .all_series()
            .unwrap()
            .map(|series| series.unwrap().1.labels.len());
        assert_eq!(labels.sum::<usize>(), pairs, "{}", block.display());
    }
}

/// The limit under which a block's segments were cut: the default, or one named by its case.
fn segment_sizes() -> Vec<(PathBuf, u64)> {
    let text = read(&golden::path("blocks/cases.json"));
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let mut sizes = Vec::new();
    for case in cases {
        if case["op"] != "compact" {
            continue;
        }
        let size = case["params"]["segment_size"]
            .as_u64()
            .unwrap_or(SIZE_DEFAULT);
        for output in case["outputs"].as_array().into_iter().flatten() {
            let block = golden::root().join("blocks").join(output.as_str().unwrap());
            if block.join("index").is_file() && block.join("chunks").is_dir() {
                sizes.push((block, size));
            }
        }
    }
    assert!(!sizes.is_empty(), "no compacted golden blocks");
    sizes
}

/// How the chunks of a series are handed to the writer.
#[derive(Debug, Clone, Copy)]
enum Copying {
    Encoded,
    Records,
    Runs,
}

fn rewrite(
    block: &Path,
    limit: u64,
    copying: Copying,
) -> (Vec<Vec<u8>>, Vec<ChunkRef>, Vec<ChunkRef>) {
    let files = segments(block);
    let readers: Vec<_> = files
        .iter()
        .map(|file| SegmentReader::open(file).unwrap())
        .collect();
    let index = IndexReader::open(read(&block.join("index"))).unwrap();
    let mut writer = SegmentWriter::begin(Vec::new(), Some(limit)).unwrap();
    let (mut got, mut want) = (Vec::new(), Vec::new());
    for series in index.all_series().unwrap() {
        let (_, entry) = series.unwrap();
        want.extend(entry.chunks.iter().map(|chunk| chunk.reference));
        let record = |reference: ChunkRef| {
            readers[reference.segment() as usize]
                .record(reference.offset())
                .unwrap()
        };
        let records: Vec<Record<'_>> = entry
            .chunks
            .iter()
            .map(|chunk| record(chunk.reference))
            .collect();
        match copying {
            Copying::Encoded => {
                let chunks: Vec<_> = records.iter().map(|record| record.chunk).collect();
                writer.add(&chunks, &mut got).unwrap();
            }
            Copying::Records => writer.add_records(&records, &mut got).unwrap(),
            Copying::Runs => {
                let bytes: Vec<u8> = records
                    .iter()
                    .flat_map(|record| record.bytes)
                    .copied()
                    .collect();
                writer.add_run(&bytes, &mut got).unwrap();
            }
        }
    }
    (writer.finish().unwrap(), got, want)
}

#[test]
fn golden_segments_are_cut_where_prometheus_cuts_them() {
    let mut most = 0;
    for (block, limit) in segment_sizes() {
        let files = segments(&block);
        most = most.max(files.len());
        for copying in [Copying::Encoded, Copying::Records, Copying::Runs] {
            let (got, refs, want) = rewrite(&block, limit, copying);
            assert!(got == files, "{} {copying:?}", block.display());
            assert_eq!(refs, want);
        }
    }
    assert!(most > 1, "no golden block has two segments");
}

#[test]
fn golden_series_are_copied_as_one_run_where_they_lie_together() {
    let mut runs = 0;
    for block in golden_blocks() {
        let files = segments(&block);
        if files.is_empty() {
            continue;
        }
        let index = IndexReader::open(read(&block.join("index"))).unwrap();
        for series in index.all_series().unwrap() {
            let (_, entry) = series.unwrap();
            let Some(first) = entry.chunks.first() else {
                continue;
            };
            let mut file = files[first.reference.segment() as usize].as_slice();
            let Some(bytes) =
                run(&mut file, entry.chunks.iter().map(|chunk| chunk.reference)).unwrap()
            else {
                continue;
            };
            let mut cursor = Cursor::new("test", bytes, first.reference.offset().into());
            for chunk in &entry.chunks {
                assert_eq!(cursor.offset(), u64::from(chunk.reference.offset()));
                Record::decode(&mut cursor).unwrap();
            }
            runs += 1;
        }
    }
    assert!(runs > 0, "no golden series lies in one file");
}

#[test]
fn golden_tombstones_are_read_in_any_order_and_written_back() {
    let (mut files, mut deleted) = (0, 0);
    for block in golden_blocks() {
        let path = block.join("tombstones");
        if !path.is_file() {
            continue;
        }
        let bytes = read(&path);
        let tombstones = Tombstones::decode(&bytes).unwrap();
        let ours = tombstones.encode();
        assert_eq!(ours.len(), bytes.len());
        assert_eq!(Tombstones::decode(&ours).unwrap(), tombstones);
        files += 1;
        deleted += tombstones.count();
    }
    assert!(files > 0 && deleted > 0, "no golden tombstones");
}
