//! Local blocks as sources of series: the conformance suite over golden blocks.
//!
//! Their external labels and tombstones are part of the truth, which is read here the slow way.

use std::path::{Path, PathBuf};

use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::label::Labels;
use tsdb::source::{SeriesSource, conformance};
use tsdb::testing::golden;
use tsdb::testing::model::Model;

/// What a block holds, read the slow way: after deletions and before.
fn truth(dir: &Path, external: &Labels) -> (Model, Model) {
    let block = Block::open(dir).expect("the block opens");
    let index = block.index_reader().expect("the index is sound");
    let segments = block.map_segments().expect("the segments can be mapped");
    let (mut model, mut listed) = (Model::default(), Model::default());
    for series in index.all_series().expect("the index is sound") {
        let (reference, entry) = series.expect("series are sound");
        let mut labels = index.labels(&entry).expect("labels are sound");
        for (name, value) in external.iter() {
            labels.set(name, value);
        }
        let mut samples = Vec::new();
        for chunk in &entry.chunks {
            let bytes = &segments[chunk.reference.segment() as usize][..];
            let segment = tsdb::segment::SegmentReader::open(bytes).expect("the segment is sound");
            let view = segment
                .chunk(chunk.reference.offset())
                .expect("records are sound");
            tsdb::chunk::decode(view, &mut samples).expect("chunks are sound");
        }
        model.add(&labels, &samples);
        listed.add(&labels, &samples);
        let deleted = tsdb::merge::input::Input::tombstones(&block).get(reference);
        for interval in deleted.iter().flat_map(|deleted| deleted.as_slice()) {
            model.delete(&labels, *interval);
        }
    }
    (model, listed)
}

fn check(dir: &Path) {
    let block = Block::open(dir).expect("the block opens");
    let source = BlockSource::open(&block).expect("the block can be mapped");
    let external = source.info().external.first().cloned().unwrap_or_default();
    let (truth, listed) = truth(dir, &external);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime starts");
    runtime.block_on(conformance::check(&source, &truth, &listed));
}

#[test]
fn golden_blocks_are_sources() {
    let mut checked = 0;
    for set in ["floats", "hist", "tombs", "overlap"] {
        let root = golden::root().join("blocks").join(set).join("in");
        let entries = std::fs::read_dir(&root).into_iter().flatten();
        let dirs = entries.map(|entry| entry.expect("the corpus is readable").path());
        let whole = |dir: &PathBuf| {
            ["index", "chunks", "meta.json"]
                .iter()
                .all(|name| dir.join(name).exists())
        };
        for dir in dirs.filter(whole).take(2) {
            check(&dir);
            checked += 1;
        }
    }
    assert!(checked > 0, "the corpus has no block");
}
