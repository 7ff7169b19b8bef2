//! The chunks of whole downsampled blocks are those of Thanos, byte for byte, except where Thanos loses windows.
//!
//! Thanos loses windows of a histogram series where a histogram cannot follow in its chunk: then some chunk has fewer
//! windows in `sum` or in the counter than in `count`. Of such series only the counts are compared, which are complete.

use std::collections::BTreeMap;

use compactor::downsample::{Downsampler, SeriesChunk};
use serde_json::Value as Json;
use tsdb::block::reader::Block;
use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{Chunk, ChunkView, Encoding, decode, sample_count};
use tsdb::label::Labels;
use tsdb::meta::Resolution;
use tsdb::sample::Sample;
use tsdb::segment::SegmentReader;
use tsdb::testing::golden;

/// All series of a block with their chunks.
fn series_of(block: &Json) -> Vec<(Labels, Vec<Chunk>)> {
    let dir = golden::path("blocks").join(block.as_str().expect("a directory"));
    let block = Block::open(&dir).expect("a block");
    let index = block.index_reader().expect("an index");
    let segments: Vec<_> = block
        .map_segments()
        .expect("segments")
        .into_iter()
        .map(|bytes| SegmentReader::open(bytes).expect("a segment"))
        .collect();
    let mut all = Vec::new();
    for series in index.all_series().expect("series") {
        let (_, entry) = series.expect("a series");
        let chunks = entry.chunks.iter().map(|meta| {
            let segment = &segments[meta.reference.segment() as usize];
            let view = segment.chunk(meta.reference.offset()).expect("a chunk");
            Chunk {
                min: meta.min,
                max: meta.max,
                encoding: view.encoding,
                payload: view.payload.to_vec(),
            }
        });
        all.push((index.labels(&entry).expect("labels"), chunks.collect()));
    }
    all
}

fn part<'a>(chunk: &'a Chunk, aggregate: Aggregate) -> Option<ChunkView<'a>> {
    AggregateView::parse(&chunk.payload)
        .expect("an aggregate chunk")
        .get(aggregate)
}

/// Whether Thanos lost windows of this histogram chunk.
fn has_lost_windows(chunk: &Chunk) -> bool {
    let len = |aggregate| part(chunk, aggregate).map(|part| sample_count(part).expect("a chunk"));
    let counter = part(chunk, Aggregate::Counter).map(|part| part.encoding);
    counter == Some(Encoding::FloatHistogram)
        && [Aggregate::Sum, Aggregate::Counter]
            .into_iter()
            .any(|aggregate| len(aggregate) < len(Aggregate::Count))
}

fn samples(chunks: &[Chunk], aggregate: Aggregate) -> Vec<Sample> {
    let mut samples = Vec::new();
    for part in chunks.iter().filter_map(|chunk| part(chunk, aggregate)) {
        decode(part, &mut samples).expect("a sound aggregate");
    }
    samples
}

fn total(samples: &[Sample]) -> f64 {
    let value = |sample: &Sample| match sample.value {
        tsdb::sample::Value::Float(v) => v,
        _ => panic!("counts are floats"),
    };
    samples.iter().map(value).sum()
}

/// What must hold where Thanos loses windows: we count as many samples, and each aggregate has all windows.
fn check_complete(got: &[Chunk], want: &[Chunk], place: &str) {
    let counts = samples(got, Aggregate::Count);
    let wanted = samples(want, Aggregate::Count);
    assert!(
        (total(&counts) - total(&wanted)).abs() < 0.5,
        "{place}: samples"
    );
    let stamps = |samples: &[Sample]| samples.iter().map(|sample| sample.t).collect::<Vec<_>>();
    assert_eq!(
        stamps(&counts),
        stamps(&samples(got, Aggregate::Sum)),
        "{place}: sums"
    );
    assert_eq!(
        stamps(&counts),
        stamps(&samples(got, Aggregate::Counter)),
        "{place}: counters"
    );
    assert!(
        got.windows(2).all(|pair| pair[0].max < pair[1].min),
        "{place}: overlap"
    );
}

/// The series of the case's input that come out with chunks.
fn downsampled(case: &Json) -> Vec<(Labels, Vec<Chunk>)> {
    let to = Resolution(case["params"]["resolution"].as_i64().expect("a resolution"));
    let mut downsampler = Downsampler::new();
    let mut all = Vec::new();
    for (labels, chunks) in series_of(&case["inputs"][0]) {
        let chunks: Vec<_> = chunks.iter().map(SeriesChunk::from).collect();
        let mut out = Vec::new();
        let result = match to {
            Resolution::ONE_HOUR => downsampler.aggregates(&chunks, to, &mut out),
            _ => downsampler.raw(&chunks, to, &mut out),
        };
        result.unwrap_or_else(|error| panic!("{} {labels}: {}", case["name"], error.chain()));
        if !out.is_empty() {
            all.push((labels, out));
        }
    }
    all
}

fn cases() -> Vec<Json> {
    let text = std::fs::read_to_string(golden::path("blocks/cases.json")).expect("cases");
    let cases: Vec<Json> = serde_json::from_str(&text).expect("JSON");
    let is_there = |dir: &Json| {
        let dir = dir.as_str().expect("a directory");
        golden::path("blocks").join(dir).exists()
    };
    cases
        .into_iter()
        .filter(|case| case["op"] == "downsample")
        .filter(|case| {
            case["inputs"]
                .as_array()
                .expect("inputs")
                .iter()
                .all(is_there)
        })
        .filter(|case| {
            case["outputs"]
                .as_array()
                .expect("outputs")
                .iter()
                .all(is_there)
        })
        .collect()
}

#[test]
fn golden_blocks_are_downsampled_byte_for_byte() {
    let (mut same, mut completed) = (0, 0);
    for case in cases() {
        let Some(output) = case["outputs"].get(0) else {
            continue;
        };
        let want = series_of(output);
        let got = downsampled(&case);
        let labels = |all: &[(Labels, Vec<Chunk>)]| -> Vec<_> {
            all.iter().map(|(labels, _)| labels.to_string()).collect()
        };
        assert_eq!(labels(&got), labels(&want), "{}", case["name"]);
        let input: BTreeMap<_, _> = series_of(&case["inputs"][0]).into_iter().collect();
        for ((labels, got), (_, want)) in got.iter().zip(&want) {
            let place = format!("{} {labels}", case["name"]);
            let is_lossy =
                |chunk: &Chunk| chunk.encoding == Encoding::Aggregate && has_lost_windows(chunk);
            if input[labels].iter().any(is_lossy) {
                continue;
            }
            if want.iter().any(has_lost_windows) {
                completed += 1;
                check_complete(got, want, &place);
            } else {
                same += 1;
                assert!(got == want, "{place}: other chunks");
            }
        }
    }
    assert!(same > 0, "no block was compared");
    assert!(
        completed <= same,
        "{completed} series lose windows upstream"
    );
}

#[test]
fn golden_blocks_that_make_thanos_panic_are_downsampled_whole() {
    for case in cases() {
        if case["outputs"].get(0).is_some()
            || !case["error"]
                .as_str()
                .is_some_and(|text| text.contains("panic"))
        {
            continue;
        }
        for (labels, chunks) in downsampled(&case) {
            check_complete(&chunks, &chunks, &format!("{} {labels}", case["name"]));
        }
    }
}
