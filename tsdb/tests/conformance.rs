//! Local blocks as sources of series: the conformance suite over golden blocks.
//!
//! Their external labels and tombstones are part of the truth, which is read here the slow way. A downsampled block is checked
//! as a source of one aggregate at a time.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;

use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::budget::Budget;
use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::label::Labels;
use tsdb::meta::Resolution;
use tsdb::source::{
    LabelNames, LabelValues, Names, Select, SeriesSource, SeriesStream, SourceInfo, conformance,
};
use tsdb::testing::golden;
use tsdb::testing::model::Model;

/// A block of which only one aggregate is asked for.
struct OneAggregate(BlockSource, Aggregate);

impl OneAggregate {
    async fn selected(&self, request: &Select, budget: &Budget) -> tsdb::Result<SeriesStream> {
        let request = Select {
            max_resolution: Resolution::ONE_HOUR,
            aggregates: vec![self.1],
            ..request.clone()
        };
        self.0.select(&request, budget).await
    }
}

impl SeriesSource for OneAggregate {
    fn info(&self) -> SourceInfo {
        self.0.info()
    }

    fn select<'a>(
        &'a self,
        request: &'a Select,
        budget: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<SeriesStream>> {
        Box::pin(self.selected(request, budget))
    }

    fn label_names<'a>(
        &'a self,
        request: &'a LabelNames,
        budget: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<Names>> {
        self.0.label_names(request, budget)
    }

    fn label_values<'a>(
        &'a self,
        request: &'a LabelValues,
        budget: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<Names>> {
        self.0.label_values(request, budget)
    }
}

/// What a block holds, one aggregate of it where it is downsampled, read the slow way: after deletions and before.
fn truth(dir: &Path, external: &Labels, aggregate: Option<Aggregate>) -> (Model, Model) {
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
            let Some(aggregate) = aggregate else {
                tsdb::chunk::decode(view, &mut samples).expect("chunks are sound");
                continue;
            };
            let parts = AggregateView::parse(view.payload).expect("chunks are sound");
            if let Some(part) = parts.get(aggregate) {
                tsdb::chunk::decode(part, &mut samples).expect("chunks are sound");
            }
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

fn check(dir: &Path, aggregate: Option<Aggregate>) {
    let block = Block::open(dir).expect("the block opens");
    let source = BlockSource::open(&block).expect("the block can be mapped");
    let external = source.info().external.first().cloned().unwrap_or_default();
    let (truth, listed) = truth(dir, &external, aggregate);
    let source: Box<dyn SeriesSource> = match aggregate {
        Some(aggregate) => Box::new(OneAggregate(source, aggregate)),
        None => Box::new(source),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime starts");
    runtime.block_on(conformance::check(&*source, &truth, &listed));
}

/// Whole blocks somewhere below a directory, at most `most`.
fn blocks(dir: &Path, most: usize) -> Vec<PathBuf> {
    let is_whole = |dir: &Path| {
        let files = ["index", "chunks", "meta.json"];
        files.iter().all(|name| dir.join(name).exists())
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("the corpus is readable").path();
        if is_whole(&path) {
            found.push(path);
        } else if path.is_dir() {
            found.extend(blocks(&path, most));
        }
    }
    found.sort();
    found.truncate(most);
    found
}

#[test]
fn golden_blocks_are_sources() {
    let mut checked = 0;
    for set in ["floats", "hist", "tombs", "overlap"] {
        let root = golden::root().join("blocks").join(set).join("in");
        for dir in blocks(&root, 2) {
            check(&dir, None);
            checked += 1;
        }
    }
    assert!(checked > 0, "the corpus has no block");
}

#[test]
fn golden_downsampled_blocks_are_sources_of_their_aggregates() {
    let found = blocks(&golden::path("blocks/down/out"), 4);
    assert!(!found.is_empty(), "the corpus has no downsampled block");
    for dir in found {
        // Every series has these two, floats and histograms alike.
        for aggregate in [Aggregate::Count, Aggregate::Sum] {
            check(&dir, Some(aggregate));
        }
    }
}
