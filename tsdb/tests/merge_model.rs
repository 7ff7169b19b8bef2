//! Merging whole blocks, against a block as a map: any split, overlap, duplication and deletion, any number of threads.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its data is not as it must be"
)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::block::compact::{CompactOptions, Compacted, compact};
use tsdb::block::file::write_whole;
use tsdb::block::reader::Block;
use tsdb::block::{INDEX, TOMBSTONES};
use tsdb::budget::Budget;
use tsdb::chunk::{self, encode_samples};
use tsdb::id::BlockId;
use tsdb::merge::MergeFunc;
use tsdb::meta::{BlockMeta, Compaction};
use tsdb::sample::{Sample, Value};
use tsdb::segment::{SIZE_DEFAULT, SegmentReader};
use tsdb::testing::model::Model;
use tsdb::testing::strategy;
use tsdb::time::{Interval, Millis, TimeRange};
use tsdb::tombstone::Tombstones;

const RANGE: TimeRange = TimeRange {
    min: Millis(0),
    max: Millis(7_200_000),
};

/// Which samples of a whole one block has, and which of them it deleted.
#[derive(Debug, Clone)]
struct Part {
    /// Of this many samples in a row it has the first.
    every: usize,
    from: i64,
    to: i64,
    deleted: Vec<(i64, i64)>,
}

fn part() -> impl Strategy<Value = Part> {
    let time = 0..RANGE.max.0;
    let deleted = prop::collection::vec((time.clone(), 0..600_000_i64), 0..3);
    (1..4_usize, time.clone(), time, deleted).prop_map(|(every, a, b, deleted)| Part {
        every,
        from: a.min(b),
        to: a.max(b),
        deleted: deleted
            .into_iter()
            .map(|(at, length)| (at, at + length))
            .collect(),
    })
}

fn samples(series: &std::collections::BTreeMap<i64, Value>, part: &Part) -> Vec<Sample> {
    let inside = series
        .iter()
        .filter(|(time, _)| (part.from..=part.to).contains(time));
    inside
        .step_by(part.every)
        .map(|(&t, value)| Sample {
            t,
            value: value.clone(),
        })
        .collect()
}

fn write(dir: &Path, number: u64, whole: &Model, part: &Part) -> Option<PathBuf> {
    let id = BlockId::new(number, 0);
    let strings = whole
        .0
        .keys()
        .flat_map(|labels| labels.as_slice())
        .flat_map(|label| [&label.name, &label.value]);
    let mut builder =
        BlockBuilder::create(dir, id, symbol_table(strings).unwrap(), SIZE_DEFAULT).unwrap();
    for (labels, series) in &whole.0 {
        builder
            .series(labels, &encode_samples(&samples(series, part)).unwrap())
            .unwrap();
    }
    let meta = BlockMeta {
        ulid: id,
        min_time: RANGE.min,
        max_time: RANGE.max,
        compaction: Compaction {
            level: 1,
            sources: vec![id],
            ..Compaction::default()
        },
        ..BlockMeta::default()
    };
    let (path, _) = builder.finish(meta, true).unwrap()?;
    let mut tombstones = Tombstones::default();
    for reference in Block::open(&path)
        .unwrap()
        .index_reader()
        .unwrap()
        .all_postings()
        .unwrap()
        .iter()
    {
        for &(min, max) in &part.deleted {
            tombstones.add(reference, Interval::new(Millis(min), Millis(max)));
        }
    }
    write_whole(&path.join(TOMBSTONES), &tombstones.encode()).unwrap();
    Some(path)
}

fn read(dir: &Path) -> Model {
    let block = Block::open(dir).unwrap();
    let (index, segments) = (block.index_reader().unwrap(), block.map_segments().unwrap());
    let mut model = Model::default();
    for entry in index.all_series().unwrap() {
        let (_, entry) = entry.unwrap();
        let mut samples = Vec::new();
        for chunk in &entry.chunks {
            let segment =
                SegmentReader::open(&segments[chunk.reference.segment() as usize]).unwrap();
            chunk::decode(
                segment.chunk(chunk.reference.offset()).unwrap(),
                &mut samples,
            )
            .unwrap();
        }
        assert!(
            samples.is_sorted_by(|a, b| a.t < b.t),
            "samples are out of order"
        );
        model.add(&index.labels(&entry).unwrap(), &samples);
    }
    model
}

fn merged(dirs: &[PathBuf], out: &Path, func: MergeFunc, threads: usize) -> Option<PathBuf> {
    let inputs: Vec<Block> = dirs.iter().map(|dir| Block::open(dir).unwrap()).collect();
    let id = BlockId::new(1000, threads as u128);
    let options = CompactOptions {
        id,
        func,
        segment_bytes: 4096,
        threads,
        with_tombstones: true,
        budget: Budget::unlimited("test"),
    };
    match compact(&inputs, out, None, &options).unwrap() {
        Compacted::Block { dir, .. } => Some(dir),
        Compacted::Empty => None,
    }
}

fn check(whole: &Model, parts: &[Part]) {
    let dir = tempfile::tempdir().unwrap();
    let mut want = Model::default();
    let mut inputs = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let mut left = Model::default();
        for (labels, series) in &whole.0 {
            left.add(labels, &samples(series, part));
            for &(min, max) in &part.deleted {
                left.delete(labels, Interval::new(Millis(min), Millis(max)));
            }
        }
        want = Model::merged([&want, &left]);
        inputs.extend(write(dir.path(), number as u64, whole, part));
    }
    want.0.retain(|_, series| !series.is_empty());
    if inputs.is_empty() {
        return;
    }
    let outs: Vec<_> = [1, 2, 5]
        .map(|threads| merged(&inputs, dir.path(), MergeFunc::OneToOne, threads))
        .into();
    let Some(first) = &outs[0] else {
        assert_eq!(want.samples(), 0, "samples were lost");
        return;
    };
    assert_eq!(read(first).difference(&want), None);
    let index = fs::read(first.join(INDEX)).unwrap();
    for other in &outs[1..] {
        assert_eq!(
            fs::read(other.as_ref().unwrap().join(INDEX)).unwrap(),
            index
        );
    }
}

fn only_floats(mut model: Model) -> Model {
    for series in model.0.values_mut() {
        series.retain(|_, value| matches!(value, Value::Float(_)));
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn merging_parts_of_a_whole_gives_their_union_without_what_they_deleted(
        whole in strategy::model(RANGE, 6, 400).prop_map(only_floats),
        parts in prop::collection::vec(part(), 1..5),
    ) {
        check(&whole, &parts);
    }

    #[test]
    fn merging_parts_with_histograms_gives_their_union(
        whole in strategy::model(RANGE, 4, 200),
        mut parts in prop::collection::vec(part(), 1..4),
    ) {
        for part in &mut parts {
            part.deleted.clear();
        }
        check(&whole, &parts);
    }

    #[test]
    fn a_block_merged_with_its_copy_is_itself(
        whole in strategy::model(RANGE, 4, 300),
        every in 1..3_usize,
    ) {
        let part = Part { every, from: 0, to: RANGE.max.0, deleted: Vec::new() };
        let dir = tempfile::tempdir().unwrap();
        let copies = [1, 2].map(|number| write(dir.path(), number, &whole, &part));
        if let [Some(one), Some(two)] = copies {
            for func in [MergeFunc::OneToOne, MergeFunc::Penalty] {
                let out = merged(&[one.clone(), two.clone()], &dir.path().join(format!("{func:?}")), func, 2).unwrap();
                prop_assert_eq!(read(&out).difference(&read(&one)), None);
            }
        }
    }
}
