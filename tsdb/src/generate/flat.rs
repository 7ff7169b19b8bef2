//! One metric with as many series as wanted, each with a few samples a block: what costs by series and by value, not by sample.
//!
//! ```text
//! {__name__="wide", id="i-000000042", zone="z5"}
//! ```
//!
//! `id` is different in every series and `zone` one of eight. Labels and values are pure functions of seed, number and time, as in
//! [`super`]; series in the order of their numbers are in label order, and so are the strings of [`Flat::symbols`].

use std::iter::once;

use super::stream::mix;
use crate::error::{Error, Result};
use crate::label::{Labels, METRIC_NAME};
use crate::time::{Millis, TimeRange};

/// Name of the metric.
pub const METRIC: &str = "wide";

/// Values of the label `zone`.
const ZONES: u64 = 8;

/// A shape of data that has a name in the benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A million series of two samples.
    Wide,
    /// Five million values of one label, a sample each.
    Cardinality,
    /// Ten thousand blocks of 500 series.
    Many,
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flat {
    /// Values and zones follow from it.
    pub seed: u64,
    /// Number of series, the same in each block.
    pub series: u32,
    /// Samples of a series in each block.
    pub samples: u32,
    /// First time of the first block.
    pub start: Millis,
    /// Length of a block.
    pub block_duration: Millis,
    /// Number of blocks, end to end.
    pub blocks: u32,
}

impl Flat {
    /// The data of a shape, in blocks of two hours.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let (series, samples, blocks) = match shape {
            Shape::Wide => (1_000_000, 2, 1),
            Shape::Cardinality => (5_000_000, 1, 1),
            Shape::Many => (500, 2, 10_000),
        };
        Self {
            seed: 1,
            series,
            samples,
            start: Millis(1_700_006_400_000),
            block_duration: Millis(7_200_000),
            blocks,
        }
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// Where there would be no series, more than have a place in the names, no room for the samples, or no time for the blocks.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: &str| Err(Error::Invalid(format!("generator: {why}")));
        if self.series == 0 || self.series > SERIES_MAX {
            return refuse("series must be from 1 to 1000000000");
        }
        if self.blocks == 0 || self.samples == 0 {
            return refuse("blocks and samples must be at least 1");
        }
        if self.block_duration.0 < i64::from(self.samples) {
            return refuse("a block must have a millisecond for each sample");
        }
        let length = self.block_duration.0.checked_mul(i64::from(self.blocks));
        let end = length.and_then(|length| self.start.0.checked_add(length));
        match end {
            Some(_) => Ok(()),
            None => refuse("the last block ends after the end of time"),
        }
    }

    /// Range of the block with this zero-based index.
    #[must_use]
    pub fn range(&self, block: u32) -> TimeRange {
        let min = self.start.0 + self.block_duration.0 * i64::from(block);
        TimeRange::new(Millis(min), Millis(min + self.block_duration.0))
    }

    /// Every string that occurs in the labels, ascending.
    pub fn symbols(&self) -> impl Iterator<Item = String> + '_ {
        let known = |text: &str| once(text.to_owned());
        let ids = (0..self.series).map(id);
        let zones = (0..ZONES).map(zone);
        let after = known("id").chain(known(METRIC)).chain(zones);
        known(METRIC_NAME)
            .chain(ids)
            .chain(after)
            .chain(known("zone"))
    }

    /// Labels of the series with this number.
    #[must_use]
    pub fn labels(&self, number: u32) -> Labels {
        let at = mix(self.seed, number.into()) % ZONES;
        let pairs = [
            (METRIC_NAME, METRIC.to_owned()),
            ("id", id(number)),
            ("zone", zone(at)),
        ];
        Labels::from_pairs(pairs)
    }

    /// Appends the samples of one series in one block: evenly spaced, the first where the series' own offset is.
    pub fn fill(&self, number: u32, block: u32, ts: &mut Vec<i64>, vs: &mut Vec<f64>) {
        let step = self.block_duration.0 / i64::from(self.samples);
        let key = mix(self.seed ^ u64::from(number), u64::from(block));
        let first = self.range(block).min.0 + (key >> 1).cast_signed() % step;
        for at in 0..self.samples {
            ts.push(first + step * i64::from(at));
            let value = mix(key, at.into()) >> 44;
            vs.push(value as f64);
        }
    }
}

/// Numbers that have a place in the names.
const SERIES_MAX: u32 = 1_000_000_000;

fn id(number: u32) -> String {
    format!("i-{number:09}")
}

fn zone(number: u64) -> String {
    format!("z{number}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn small() -> Flat {
        Flat {
            series: 100,
            samples: 3,
            blocks: 2,
            ..Flat::new(Shape::Wide)
        }
    }

    #[test]
    fn series_are_in_label_order_and_their_strings_are_the_symbols() {
        let flat = small();
        let labels: Vec<Labels> = (0..100).map(|number| flat.labels(number)).collect();
        assert!(labels.is_sorted_by(|a, b| a < b));
        let strings: BTreeSet<String> = labels
            .iter()
            .flat_map(|labels| labels.iter().flat_map(|(name, value)| [name, value]))
            .map(str::to_owned)
            .collect();
        assert!(flat.symbols().eq(strings), "{:?}", flat.symbols().last());
    }

    #[test]
    fn samples_lie_in_their_block_and_follow_from_the_seed() {
        let fill = |flat: &Flat, block| {
            let (mut ts, mut vs) = (Vec::new(), Vec::new());
            flat.fill(7, block, &mut ts, &mut vs);
            assert!(ts.is_sorted_by(|a, b| a < b));
            let range = flat.range(block);
            assert!(ts.iter().all(|t| range.min.0 <= *t && *t < range.max.0));
            (ts, vs)
        };
        let flat = small();
        assert_eq!(fill(&flat, 1), fill(&flat, 1));
        assert_ne!(fill(&flat, 0).1, fill(&flat, 1).1);
        let other = Flat { seed: 2, ..small() };
        assert_ne!(fill(&flat, 0).1, fill(&other, 0).1);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        fn check(change: impl Fn(&mut Flat), fits: bool) {
            let mut flat = small();
            change(&mut flat);
            assert_eq!(flat.check().is_ok(), fits, "{flat:?}");
        }
        check(|_| {}, true);
        check(|flat| flat.series = 0, false);
        check(|flat| flat.series = SERIES_MAX + 1, false);
        check(|flat| flat.blocks = 0, false);
        check(|flat| flat.block_duration = Millis(2), false);
        check(|flat| flat.block_duration = Millis(3), true);
        check(|flat| flat.start = Millis::MAX, false);
    }
}
