//! Small blocks, and what is printed of them.

use std::path::PathBuf;

use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::chunk::aggregate::{self, Aggregate};
use tsdb::chunk::{Chunk, Encoding, encode_samples, xor};
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::BlockMeta;
use tsdb::sample::Sample;
use tsdb::time::Millis;

use super::*;

/// A block of the series `{__name__="up"}` with these chunks.
fn block(parent: &Path, chunks: &[Chunk]) -> PathBuf {
    let labels = Labels::from_pairs([("__name__", "up")]);
    let symbols = symbol_table(["__name__", "up"]).unwrap();
    let id = BlockId::new(1, 1);
    let mut builder = BlockBuilder::create(parent, id, symbols, 1 << 20).unwrap();
    builder.series(&labels, chunks).unwrap();
    let meta = BlockMeta {
        ulid: id,
        max_time: Millis(1000),
        ..BlockMeta::default()
    };
    builder.finish(meta, true).unwrap().unwrap().0
}

fn dumped(dir: &Path, options: &Options) -> String {
    let mut out = Vec::new();
    run(dir, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn samples_of_wanted_times_are_lines() {
    let parent = tempfile::tempdir().unwrap();
    let samples = [(1, 0.5), (2, 2e6), (3, f64::NAN)].map(|(t, v)| Sample::float(t, v));
    let dir = block(parent.path(), &encode_samples(&samples).unwrap());
    let options = Options {
        times: Interval::new(Millis(2), Millis(3)),
        ..Options::default()
    };
    let want = "{__name__=\"up\"} 2e+06 2\n{__name__=\"up\"} NaN 3\n";
    assert_eq!(dumped(&dir, &options), want);
}

#[test]
fn a_downsampled_series_is_printed_once_per_aggregate() {
    let parent = tempfile::tempdir().unwrap();
    let count = xor::encode(&[100, 200], &[4.0, 3.0]);
    let counter = xor::encode(&[10, 200, 200], &[1.0, 9.0, 9.0]);
    let mut parts: [Option<(Encoding, &[u8])>; 5] = [None; 5];
    parts[Aggregate::Count as usize] = Some((Encoding::Xor, &count));
    parts[Aggregate::Counter as usize] = Some((Encoding::Xor, &counter));
    let chunk = Chunk {
        min: 100,
        max: 200,
        encoding: Encoding::Aggregate,
        payload: aggregate::encode(parts),
    };
    let dir = block(parent.path(), &[chunk]);
    let want = "\
        {__aggregate__=\"count\", __name__=\"up\"} 4 100\n\
        {__aggregate__=\"count\", __name__=\"up\"} 3 200\n\
        {__aggregate__=\"counter\", __name__=\"up\"} 1 10\n\
        {__aggregate__=\"counter\", __name__=\"up\"} 9 200\n\
        {__aggregate__=\"counter\", __name__=\"up\"} 9 200\n";
    assert_eq!(dumped(&dir, &Options::default()), want);
}

#[test]
fn what_lies_before_the_damage_is_printed() {
    let parent = tempfile::tempdir().unwrap();
    let samples = [Sample::float(1, 0.5)];
    let dir = block(parent.path(), &encode_samples(&samples).unwrap());
    let segment = dir.join("chunks/000001");
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let error = run(&dir, &Options::default(), &mut Vec::new()).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("Checksum"), "{text}");
}
