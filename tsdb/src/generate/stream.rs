//! What a series shows at a scrape: a pure function of its key and the scrape's slot.
//!
//! A counter at slot `n` of its run is `n x rate + noise(n)` with noise below `rate`, so it never falls inside a run; a run ends
//! with the process, and all counters of a target start again. A walk is the sum of noises of growing period and height. All is
//! fixed point in 64 bits; the last step to a float is exact, or one division.

use xxhash_rust::xxh64::xxh64;

use super::catalog::{Kind, Metric};
use super::labels::SHARES;

/// Rates are in this fraction of one.
const FRACTION_BITS: u32 = 8;

/// Mixes two numbers into one that looks random.
#[inline]
pub(super) fn mix(key: u64, number: u64) -> u64 {
    let mut x = key ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// One series' values.
pub(super) struct Stream {
    shape: Shape,
    key: u64,
    /// Slots in a run of the process.
    run: i64,
    /// Slots of the first run that were before slot 0.
    phase: i64,
    /// Increase in a slot, in [`FRACTION_BITS`].
    rate: u64,
}

/// A [`Kind`] with its arguments settled.
enum Shape {
    Counter,
    Hundredths,
    Pages,
    Level,
    Walk,
    Constant(f64),
    Entropy,
    /// Of 1024 observations, so many.
    Share(u64),
    /// Thousandths that an observation has on average.
    Sum(u64),
}

impl Stream {
    pub(super) fn new(target: u64, metric: &Metric, variant: usize) -> Self {
        // Buckets, count and sum of one histogram tell of the same observations.
        let (name, number) = match metric.kind {
            Kind::Buckets | Kind::Count | Kind::Sum => (histogram_name(metric.name), 0),
            _ => (metric.name, variant as u64),
        };
        let key = mix(target ^ xxh64(name.as_bytes(), 0), number);
        let (shape, rate_bits) = match metric.kind {
            Kind::Counter(bits) => (Shape::Counter, bits),
            Kind::Hundredths(bits) => (Shape::Hundredths, bits),
            Kind::Pages => (Shape::Pages, 1),
            Kind::Level => (Shape::Level, 1),
            Kind::Walk => (Shape::Walk, 1),
            Kind::Constant(value) => (Shape::Constant(value), 1),
            Kind::Entropy => (Shape::Entropy, 1),
            Kind::Buckets => (Shape::Share(SHARES[variant]), HISTOGRAM_RATE_BITS),
            Kind::Count => (Shape::Share(SHARES[0]), HISTOGRAM_RATE_BITS),
            Kind::Sum => (Shape::Sum(5 + key % 200), HISTOGRAM_RATE_BITS),
        };
        let run = 1_500 + (target >> 20).cast_signed() % 6_000;
        let scale = mix(key, 1) % u64::from(rate_bits);
        Self {
            shape,
            key,
            run,
            phase: (target >> 40).cast_signed() % run,
            rate: 1 + mix(key, 2) % (2 << scale),
        }
    }

    /// The value at `slot`.
    #[inline]
    pub(super) fn at(&self, slot: i64) -> f64 {
        match self.shape {
            Shape::Counter => self.count(slot) as f64,
            Shape::Hundredths => self.count(slot) as f64 / 100.0,
            Shape::Pages => ((1 << 18) + self.walk(slot, 11) / 16 * 16) as f64 * 4096.0,
            Shape::Level => (500 + self.walk(slot, 3)) as f64,
            Shape::Walk => (5_000 + self.walk(slot, 5)) as f64 / 100.0,
            Shape::Constant(value) => value,
            Shape::Entropy => {
                let fraction = mix(self.key, slot.cast_unsigned()) >> 12;
                f64::from_bits(1.0_f64.to_bits() | fraction) - 1.0
            }
            Shape::Share(share) => ((self.count(slot) * share) >> 10) as f64,
            Shape::Sum(thousandths) => (self.count(slot) * thousandths) as f64 / 1000.0,
        }
    }

    /// What a counter has counted.
    #[inline]
    fn count(&self, slot: i64) -> u64 {
        let age = slot.wrapping_add(self.phase).rem_euclid(self.run);
        let noise = mix(self.key, slot.cast_unsigned()) % self.rate;
        (age.cast_unsigned() * self.rate + noise) >> FRACTION_BITS
    }

    /// A walk around 0, of steps of about two to the power `height_bits`.
    #[inline]
    fn walk(&self, slot: i64, height_bits: u32) -> i64 {
        OCTAVES
            .iter()
            .map(|&octave| self.noise(slot, octave, height_bits + octave / 2))
            .sum()
    }

    /// Noise that changes direction every two to the power `period_bits` slots, straight in between.
    #[inline]
    fn noise(&self, slot: i64, period_bits: u32, height_bits: u32) -> i64 {
        let knot = slot >> period_bits;
        let key = self.key ^ u64::from(period_bits) << 58;
        let height = |knot: i64| {
            let random = mix(key, knot.cast_unsigned()) >> (64 - height_bits - 1);
            random.cast_signed() - (1 << height_bits)
        };
        let (from, to) = (height(knot), height(knot.wrapping_add(1)));
        let part = slot - (knot << period_bits);
        from + (((to - from) * part) >> period_bits)
    }
}

/// Observations come at up to two to this power, in [`FRACTION_BITS`], in a slot.
const HISTOGRAM_RATE_BITS: u8 = 22;

/// Periods of the noises in a walk, as powers of two.
const OCTAVES: [u32; 5] = [0, 3, 6, 9, 12];

/// The family's name.
fn histogram_name(metric: &str) -> &str {
    ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| metric.strip_suffix(suffix))
        .unwrap_or(metric)
}
