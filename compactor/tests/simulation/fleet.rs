//! The servers that upload: two streams of two replicas each, blocks one after the other, and what is in every block.
//!
//! Pairs of samples a minute apart, so that windows of five minutes hold more than one. What a block holds is a function of its
//! stream, replica and range; so is what anything made of it must hold.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::chunk::encode_samples;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, ThanosMeta};
use tsdb::sample::{Sample, Value};
use tsdb::time::Millis;

pub(crate) const HOUR: i64 = Millis::HOUR.0;
/// Where all data begins: a border of two weeks.
pub(crate) const START: i64 = 1_300 * 14 * 24 * HOUR;
const STEP: usize = 20 * 60_000;
const PAIR: i64 = 60_000;
const SERIES: [&str; 2] = ["down", "up"];
const CLUSTERS: [&str; 2] = ["east", "west"];
const REPLICAS: [&str; 2] = ["a", "b"];

/// Times and the values that may stand there, per series.
pub(crate) type Truth = [BTreeMap<i64, Vec<f64>>; 2];

/// An uploaded block, as its server made it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) stream: usize,
    replica: usize,
    pub(crate) times: Range<i64>,
}

/// The servers.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// Length of the uploaded blocks.
    block: i64,
    /// How much later the second replica scrapes than the first.
    lag: i64,
    /// Next number of each server's blocks.
    next: [[i64; 2]; 2],
    pub(crate) sources: BTreeMap<BlockId, Source>,
}

impl Fleet {
    pub(crate) fn new(block: i64, lag: i64) -> Self {
        Self {
            block,
            lag,
            next: [[0; 2]; 2],
            sources: BTreeMap::new(),
        }
    }

    /// The next block of a server.
    pub(crate) fn cut(&mut self, stream: usize, replica: usize, id: BlockId) {
        let number = self.next[stream][replica];
        self.next[stream][replica] += 1;
        let min = START + number * self.block;
        let times = min..min + self.block;
        let source = Source {
            stream,
            replica,
            times,
        };
        self.sources.insert(id, source);
    }

    /// Adds what is in a block to what is true.
    fn tell(&self, source: &Source, truth: &mut Truth) {
        let lag = if source.replica == 0 { 0 } else { self.lag };
        for (series, truth) in truth.iter_mut().enumerate() {
            for start in source.times.clone().step_by(STEP) {
                for t in [start + lag, start + lag + PAIR] {
                    truth.entry(t).or_default().push(value(t, series, source));
                }
            }
        }
    }

    /// What a block made of these sources must hold.
    pub(crate) fn truth<'a>(&self, sources: impl IntoIterator<Item = &'a BlockId>) -> Truth {
        let mut truth = Truth::default();
        for source in sources {
            self.tell(&self.sources[source], &mut truth);
        }
        truth
    }

    /// Writes the block `id` into `parent`, as a sidecar would.
    pub(crate) fn write(&self, id: BlockId, parent: &Path) -> PathBuf {
        let source = &self.sources[&id];
        let mut truth = Truth::default();
        self.tell(source, &mut truth);
        let symbols = symbol_table([&["__name__"][..], &SERIES].concat()).unwrap();
        let mut builder = BlockBuilder::create(parent, id, symbols, 512 << 20).unwrap();
        for (name, samples) in SERIES.iter().zip(truth) {
            let samples: Vec<_> = samples
                .into_iter()
                .map(|(t, values)| Sample {
                    t,
                    value: Value::Float(values[0]),
                })
                .collect();
            let mut chunks = Vec::new();
            // As a head cuts them.
            for samples in samples.chunks(120) {
                chunks.extend(encode_samples(samples).unwrap());
            }
            let labels = Labels::from_pairs([("__name__", *name)]);
            builder.series(&labels, &chunks).unwrap();
        }
        let mut meta = BlockMeta {
            ulid: id,
            min_time: Millis(source.times.start),
            max_time: Millis(source.times.end),
            thanos: Some(ThanosMeta {
                labels: Labels::from_pairs([
                    ("cluster", CLUSTERS[source.stream]),
                    ("replica", REPLICAS[source.replica]),
                ]),
                source: "sidecar".into(),
                ..ThanosMeta::default()
            }),
            ..BlockMeta::default()
        };
        meta.compaction.level = 1;
        meta.compaction.sources = vec![id];
        builder.finish(meta, false).unwrap().unwrap().0
    }
}

/// Whole quarters, so that sums are exact.
fn value(t: i64, series: usize, source: &Source) -> f64 {
    let minute = u32::try_from((t - START) / 60_000 % 10_000).unwrap();
    let (series, replica) = (
        u32::try_from(series).unwrap(),
        u32::try_from(source.replica).unwrap(),
    );
    f64::from(minute * 4 + series * 2 + replica) / 4.0
}
