//! What is in a block of the bucket: every promise of its format, and every sample against the truth.

use tsdb::block::check::{Files, check};
use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{ChunkView, xor};
use tsdb::index::reader::IndexReader;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::segment::SegmentReader;

use crate::fleet::Truth;
use crate::store::Objects;

/// Makes sure that the block is sound and holds exactly what its sources held.
pub(crate) fn check_block(meta: &BlockMeta, objects: &Objects, truth: &Truth) {
    let file = |name: &str| &objects[&format!("{}/{name}", meta.ulid)][..];
    let segments = [("000001".to_owned(), file("chunks/000001"))];
    let (_, findings) = check(Files {
        meta: Some(meta),
        index: Some(file("index")),
        segments: &segments,
        tombstones: None,
    });
    assert!(
        !findings.is_damaged(),
        "{}: {}",
        meta.ulid,
        findings.list[0]
    );
    let index = IndexReader::open(file("index")).unwrap();
    let segment = SegmentReader::open(segments[0].1).unwrap();
    let mut series = 0;
    for entry in index.all_series().unwrap() {
        let (_, entry) = entry.unwrap();
        let chunks = entry.chunks.iter();
        let chunks: Vec<_> = chunks
            .map(|chunk| segment.chunk(chunk.reference.offset()).unwrap())
            .collect();
        if meta.resolution() == Resolution::RAW {
            check_raw(meta, &chunks, truth, series);
        } else {
            check_downsampled(meta, &chunks, truth, series);
        }
        series += 1;
    }
    assert_eq!(series, truth.len(), "series of {}", meta.ulid);
}

fn check_raw(meta: &BlockMeta, chunks: &[ChunkView<'_>], truth: &Truth, series: usize) {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    for chunk in chunks {
        xor::decode(chunk.payload, &mut ts, &mut vs).unwrap();
    }
    let want: Vec<_> = truth[series].keys().copied().collect();
    assert_eq!(ts, want, "times of series {series} of {}", meta.ulid);
    for (t, v) in ts.iter().zip(vs) {
        let scraped = truth[series][t].contains(&v);
        assert!(scraped, "{}: {v} at {t} was never scraped", meta.ulid);
    }
}

fn check_downsampled(meta: &BlockMeta, chunks: &[ChunkView<'_>], truth: &Truth, series: usize) {
    let total = |aggregate: Aggregate| -> f64 {
        let (mut ts, mut vs) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let view = AggregateView::parse(chunk.payload).unwrap();
            let part = view.get(aggregate).unwrap();
            xor::decode(part.payload, &mut ts, &mut vs).unwrap();
        }
        assert!(ts.is_sorted_by(|a, b| a < b), "windows of {}", meta.ulid);
        vs.iter().sum()
    };
    let truth = &truth[series];
    let want = u32::try_from(truth.len()).unwrap();
    let count = total(Aggregate::Count);
    assert!(
        count.total_cmp(&f64::from(want)).is_eq(),
        "{}: {count} samples are counted of {want}",
        meta.ulid
    );
    let sum = total(Aggregate::Sum);
    let bound = |choose: fn(f64, f64) -> f64| -> f64 {
        let values = truth
            .values()
            .map(|values| values.iter().copied().reduce(choose));
        values.map(Option::unwrap).sum()
    };
    let (low, high) = (bound(f64::min), bound(f64::max));
    assert!(low <= sum && sum <= high, "{}: sum {sum}", meta.ulid);
}
