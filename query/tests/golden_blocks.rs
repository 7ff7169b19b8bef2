//! Recorded evaluations of Prometheus 3.14 on the engine over real blocks: one, three in a row, two that overlap, and two
//! equal replicas of which one is followed at a time.
//!
//! Blocks hold no start times, so lines that need them are left out here.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use query::config::Config;
use query::engine::Engine;
use query::error::{Error, Result};
use query::naive::{DataSample, DataSeries};
use query::request::{Answer, Request};
use query::storage::sources::SourceStorage;
use query::testing::corpus::{Filter, evaluate_all, root};
use query::testing::dataset::DataSet;
use query::testing::evaluator::Evaluator;
use query::value::SampleValue;
use tempfile::TempDir;
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::chunk::encode::encode_samples;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, ThanosMeta};
use tsdb::sample::{Sample, Value};
use tsdb::source::SeriesSource;
use tsdb::time::Millis;

/// How a data set lies in blocks.
#[derive(Clone, Copy)]
enum Layout {
    One,
    Split,
    Overlapping,
    Replicas,
}

/// The label that tells replicas apart.
const REPLICA: &str = "copy";

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::One => "one block",
            Self::Split => "split in time",
            Self::Overlapping => "overlapping",
            Self::Replicas => "replicas",
        }
    }

    /// The times of each block, and its replica, for samples of some times.
    fn blocks(self, times: Range<i64>) -> Vec<(Range<i64>, &'static str)> {
        let third = (times.end - times.start) / 3;
        let (start, end) = (times.start, times.end);
        let (early, late) = (start + third, start + 2 * third);
        match self {
            Self::One => vec![(times, "")],
            Self::Split => vec![(start..early, ""), (early..late, ""), (late..end, "")],
            Self::Overlapping => vec![(start..late, ""), (early..end, "")],
            Self::Replicas => vec![(times.clone(), "a"), (times, "b")],
        }
    }
}

/// The engine over blocks, which are written when a data set is met first.
struct OverBlocks {
    layout: Layout,
    dir: TempDir,
    runtime: tokio::runtime::Runtime,
    engines: Mutex<HashMap<usize, Engine>>,
}

impl OverBlocks {
    fn new(layout: Layout) -> Self {
        Self {
            layout,
            dir: tempfile::tempdir().unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            engines: Mutex::default(),
        }
    }

    fn engine(&self, data: &DataSet) -> Engine {
        let mut engines = self.engines.lock().unwrap();
        // Data sets stay where they are as long as the corpus is run.
        let key = data
            .series
            .first()
            .map_or(0, |series| Arc::as_ptr(series) as usize);
        let next = engines.len() as u128;
        let engine = engines.entry(key).or_insert_with(|| {
            let storage = SourceStorage {
                sources: Arc::new(self.sources(data, next)),
                replica_labels: match self.layout {
                    Layout::Replicas => vec![REPLICA.to_owned()],
                    _ => Vec::new(),
                },
            };
            let config = Config {
                threads: 1,
                ..Config::default()
            };
            Engine::new(config, Arc::new(storage)).unwrap()
        });
        engine.clone()
    }

    fn sources(&self, data: &DataSet, number: u128) -> Vec<Arc<dyn SeriesSource>> {
        let times = || {
            data.series
                .iter()
                .flat_map(|series| &series.samples)
                .map(|sample| sample.t)
        };
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return Vec::new();
        };
        let blocks = self.layout.blocks(first..last + 1).into_iter().enumerate();
        let sources = blocks.filter_map(|(at, (times, replica))| {
            let id = BlockId::new(1, number * 8 + at as u128);
            write(self.dir.path(), id, data, (times, replica))
        });
        sources.collect()
    }
}

fn write(
    dir: &Path,
    id: BlockId,
    data: &DataSet,
    (times, replica): (Range<i64>, &str),
) -> Option<Arc<dyn SeriesSource>> {
    let strings = data.series.iter().flat_map(|series| series.labels.iter());
    let symbols = symbol_table(strings.flat_map(|(name, value)| [name, value])).unwrap();
    let mut builder = BlockBuilder::create(dir, id, symbols, 1 << 20).unwrap();
    for series in &data.series {
        let samples = samples(series, &times);
        builder
            .series(&series.labels, &encode_samples(&samples).unwrap())
            .unwrap();
    }
    let mut thanos = ThanosMeta::default();
    if !replica.is_empty() {
        thanos.labels = Labels::from_pairs([(REPLICA, replica)]);
    }
    let meta = BlockMeta {
        ulid: id,
        min_time: Millis(times.start),
        max_time: Millis(times.end),
        thanos: Some(thanos),
        ..BlockMeta::default()
    };
    let (path, _) = builder.finish(meta, true).unwrap()?;
    let block = Block::open(&path).unwrap();
    Some(Arc::new(BlockSource::open(&block).unwrap()))
}

fn samples(series: &DataSeries, times: &Range<i64>) -> Vec<Sample> {
    let inside = series
        .samples
        .iter()
        .filter(|sample| times.contains(&sample.t));
    let sample = |sample: &DataSample| Sample {
        t: sample.t,
        value: match &sample.value {
            SampleValue::Float(value) => Value::Float(*value),
            SampleValue::Histogram(h) => Value::FloatHistogram(Box::new((**h).clone())),
        },
    };
    inside.map(sample).collect()
}

impl Evaluator for OverBlocks {
    fn name(&self) -> &'static str {
        self.layout.name()
    }

    fn evaluate(&self, request: &Request, data: &DataSet) -> Result<Answer> {
        let mut samples = data.series.iter().flat_map(|series| &series.samples);
        if request.features.start_timestamps && samples.any(|sample| sample.start.is_some()) {
            let text = "start timestamps in blocks: not supported by this engine yet";
            return Err(Error::Execution(text.to_owned()));
        }
        let engine = self.engine(data);
        self.runtime.block_on(engine.run(request.clone()))
    }
}

/// Lines that differ here differ over data at hand, too; fewer, as some need start times. Goes down, never up.
const FAILURES_MAX: usize = 4;
const FAILURES_SHOWN: usize = 5;

fn check(layout: Layout) {
    let evaluator = OverBlocks::new(layout);
    let report = evaluate_all(&root(), &[&evaluator], &Filter::from_env()).unwrap();
    let total = report.total();
    assert!(total.passed > 0, "nothing was run");
    let failed = total.failures.len();
    let text = report.text(FAILURES_SHOWN);
    assert!(failed <= FAILURES_MAX, "{failed} lines differ\n{text}");
}

#[test]
fn golden_evaluations_agree_over_one_block() {
    check(Layout::One);
}

#[test]
fn golden_evaluations_agree_over_blocks_split_in_time() {
    check(Layout::Split);
}

#[test]
fn golden_evaluations_agree_over_overlapping_blocks() {
    check(Layout::Overlapping);
}

#[test]
fn golden_evaluations_agree_over_equal_replicas() {
    check(Layout::Replicas);
}
