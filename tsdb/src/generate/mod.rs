//! Generated data for benches, demos and tests: what a fleet of scraped targets would have stored.
//!
//! Each target has the same 212 series ([`catalog`]): counters with resets, gauges, walks, constants, histograms. A value is a
//! pure function of seed, target, series and scrape ([`stream`]), and so is the time of a scrape ([`schedule`]); nothing
//! depends on what was generated before. So one long block holds the samples of the short ones it covers, a replica sees the
//! same values at other times, and the output is the same on every platform: integers, and divisions that IEEE 754 fixes.
//!
//! A target may be replaced where a block ends (churn): its successor has another instance and pod, and a new generation.
//! [`Generator::block`] yields the series of one block in label order, [`Generator::families`] leads through all blocks by
//! metric family. Data of other shapes is in [`flat`]. Memory is bounded by one series' samples and one row per target.

pub mod catalog;
pub mod flat;
mod labels;
mod schedule;
mod stream;

use catalog::{FAMILIES, Family, Metric};
use schedule::Schedule;
use stream::{Stream, mix};

use crate::error::{Error, Result};
use crate::label::{Labels, METRIC_NAME};
use crate::time::{Millis, TimeRange};

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Everything random follows from it.
    pub seed: u64,
    /// Number of targets, of 212 series each.
    pub targets: u32,
    /// Time between two scrapes of a target.
    pub interval: Millis,
    /// First time of the first block.
    pub start: Millis,
    /// Length of a block.
    pub block_duration: Millis,
    /// Number of blocks, end to end.
    pub blocks: u32,
    /// Targets replaced at each border between blocks, per million.
    pub churn_ppm: u32,
    /// Which of a group of equal scrapers this is: same values, other times.
    pub replica: u32,
    /// Scrapes that come some milliseconds late or early, per million.
    pub jitter_ppm: u32,
    /// Scrapes that failed, per million.
    pub missing_ppm: u32,
}

impl Default for Config {
    /// Set A of the benches: ten targets every 15 s, eleven blocks of two hours.
    fn default() -> Self {
        Self {
            seed: 1,
            targets: 10,
            interval: Millis(15_000),
            start: Millis(1_700_006_400_000),
            block_duration: Millis(7_200_000),
            blocks: 11,
            churn_ppm: 0,
            replica: 0,
            jitter_ppm: 20_000,
            missing_ppm: 500,
        }
    }
}

/// Targets of all generations: the low three bytes of their addresses.
const INSTANCES_MAX: u64 = 1 << 24;

/// Yields the blocks of a [`Config`].
#[derive(Debug, Clone)]
pub struct Generator {
    config: Config,
}

impl Generator {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// Where a number is zero that must not be, or the whole leaves the range of time or of addresses.
    pub fn new(config: Config) -> Result<Self> {
        let refuse = |why: &str| Err(Error::Invalid(format!("generator: {why}")));
        if config.targets == 0 || config.blocks == 0 {
            return refuse("targets and blocks must be at least 1");
        }
        if config.interval < Millis(schedule::INTERVAL_MIN_MS) {
            return refuse("the interval must be at least 100 ms");
        }
        if config.block_duration < config.interval {
            return refuse("a block must be at least one interval long");
        }
        let length = config
            .block_duration
            .0
            .checked_mul(i64::from(config.blocks));
        if length
            .and_then(|length| config.start.0.checked_add(length))
            .is_none()
        {
            return refuse("the last block ends after the end of time");
        }
        if u64::from(config.targets) * u64::from(config.blocks) > INSTANCES_MAX {
            return refuse("targets times blocks must be at most 16777216");
        }
        Ok(Self { config })
    }

    /// What is generated.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Range of the block with this zero-based index.
    #[must_use]
    pub fn range(&self, block: u32) -> TimeRange {
        let duration = self.config.block_duration.0;
        let min = self.config.start.0 + duration * i64::from(block);
        TimeRange::new(Millis(min), Millis(min + duration))
    }

    /// The block with this zero-based index.
    #[must_use]
    pub fn block(&self, block: u32) -> Block<'_> {
        let mut targets: Vec<Target> = (0..self.config.targets)
            .map(|number| self.target(number, self.generation(number, block)))
            .collect();
        targets.sort_by(|a, b| a.instance.cmp(&b.instance));
        Block {
            generator: self,
            range: self.range(block),
            targets,
        }
    }

    /// Metric families in the order of their names.
    pub fn families(&self) -> impl Iterator<Item = &'static Family> {
        FAMILIES.iter()
    }

    /// The lives of one target, in order: who it was, and when.
    #[must_use]
    pub fn lives(&self, number: u32) -> Vec<(Target, TimeRange)> {
        let mut lives: Vec<(Target, TimeRange)> = Vec::new();
        for block in 0..self.config.blocks {
            let generation = self.generation(number, block);
            let range = self.range(block);
            match lives.last_mut() {
                Some((target, life)) if target.generation == generation => life.max = range.max,
                _ => lives.push((self.target(number, generation), range)),
            }
        }
        lives
    }

    /// One series of one target.
    #[must_use]
    pub fn series<'a>(
        &'a self,
        target: &'a Target,
        metric: &'static Metric,
        variant: usize,
    ) -> Series<'a> {
        Series {
            generator: self,
            target,
            metric,
            variant,
        }
    }

    /// How often the target was replaced before `block`.
    fn generation(&self, number: u32, block: u32) -> u32 {
        let churned = |border: &u32| {
            let key = mix(
                self.config.seed ^ CHURN,
                u64::from(number) << 32 | u64::from(*border),
            );
            key % 1_000_000 < u64::from(self.config.churn_ppm)
        };
        let borders = (1..=block).filter(churned).count();
        u32::try_from(borders).expect("there are at most `block` borders")
    }

    fn target(&self, number: u32, generation: u32) -> Target {
        let life = number + generation * self.config.targets;
        let [_, a, b, c] = life.to_be_bytes();
        let key = mix(self.config.seed ^ TARGET, u64::from(life));
        let job = JOBS[number as usize % JOBS.len()];
        Target {
            number,
            generation,
            key,
            job,
            namespace: NAMESPACES[number as usize / JOBS.len() % NAMESPACES.len()],
            instance: format!("10.{a}.{b}.{c}:9100"),
            pod: format!("{job}-{:08x}-{number}", key >> 32),
        }
    }
}

const CHURN: u64 = 0x0063_6875_726e;
const TARGET: u64 = 0x7461_7267_6574;
const JOBS: [&str; 5] = ["api", "db", "node", "queue", "web"];
const NAMESPACES: [&str; 4] = ["batch", "default", "edge", "prod"];

/// One scraped process during one life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Zero-based.
    pub number: u32,
    /// How many others had the number before.
    pub generation: u32,
    key: u64,
    job: &'static str,
    namespace: &'static str,
    instance: String,
    pod: String,
}

/// One block's worth of series.
#[derive(Debug)]
pub struct Block<'a> {
    generator: &'a Generator,
    /// Half-open range of the samples.
    pub range: TimeRange,
    /// Ascending by instance.
    targets: Vec<Target>,
}

impl Block<'_> {
    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len() * catalog::SERIES_PER_TARGET
    }

    /// Whether there is no series; never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// All series in label order.
    pub fn series(&self) -> impl Iterator<Item = Series<'_>> {
        FAMILIES
            .iter()
            .flat_map(|family| family.metrics)
            .flat_map(|metric| self.series_of(metric))
    }

    /// The series of one metric. Names of labels decide what changes fastest: the variant where it comes after `instance`.
    fn series_of(&self, metric: &'static Metric) -> impl Iterator<Item = Series<'_>> {
        let (variants, targets) = (metric.variants(), self.targets.len());
        (0..variants * targets).map(move |at| {
            let (target, variant) = if metric.variant_comes_first() {
                (at % targets, at / targets)
            } else {
                (at / variants, at % variants)
            };
            self.generator
                .series(&self.targets[target], metric, variant)
        })
    }

    /// Every string that occurs in the labels, ascending.
    #[must_use]
    pub fn symbols(&self) -> Vec<String> {
        let mut symbols = std::collections::BTreeSet::new();
        let mut take = |text: &str| {
            if !symbols.contains(text) {
                symbols.insert(text.to_owned());
            }
        };
        for series in self.series() {
            for (name, value) in series.labels().iter() {
                take(name);
                take(value);
            }
        }
        symbols.into_iter().collect()
    }
}

/// One series of one target.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    generator: &'a Generator,
    target: &'a Target,
    metric: &'static Metric,
    variant: usize,
}

impl Series<'_> {
    /// Its name.
    #[must_use]
    pub fn labels(&self) -> Labels {
        let target = self.target;
        let mut pairs = vec![
            (METRIC_NAME, self.metric.name.to_owned()),
            ("instance", target.instance.clone()),
            ("job", target.job.to_owned()),
            ("namespace", target.namespace.to_owned()),
            ("pod", target.pod.clone()),
        ];
        if let Some(label) = self.metric.label {
            pairs.push((label.name, label.values[self.variant].to_owned()));
        }
        let extras = self.metric.extras.iter();
        pairs.extend(extras.map(|extra| (extra.name, extra.value(target.key))));
        Labels::from_pairs(pairs)
    }

    /// Appends the samples whose time lies in `range`.
    pub fn fill(&self, range: TimeRange, ts: &mut Vec<i64>, vs: &mut Vec<f64>) {
        let config = &self.generator.config;
        let stream = Stream::new(self.target.key, self.metric, self.variant);
        for (slot, t) in Schedule::new(config, self.target).scrapes(range) {
            ts.push(t);
            vs.push(stream.at(slot));
        }
    }
}

#[cfg(test)]
mod tests;
