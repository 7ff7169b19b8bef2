//! Quantiles and fractions of classic histograms: cumulative counts of series that differ in `le` only.
//!
//! Counts come from series that were scraped, summed and extrapolated apart, so a wider bucket may count less than a
//! narrower one. Differences of rounding are snapped silently, others are lifted and reported as a [`Repair`].

use super::outside;

/// Counts this close, relative to each other, are equal: what floats lose in aggregations.
const TOLERANCE: f64 = 1e-12;

/// One cumulative bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    /// Its `le`.
    pub upper: f64,
    /// Observations at or below it.
    pub count: f64,
}

/// What was wrong with counts that fell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repair {
    /// Lowest bound whose count was lifted.
    pub from: f64,
    /// Highest bound whose count was lifted.
    pub to: f64,
    /// Largest lift.
    pub difference: f64,
}

/// The bound that an `le` label means.
#[must_use]
pub fn bound(le: &str) -> Option<f64> {
    // What Rust takes and Go does not, or the other way round, is no bound anyone writes.
    le.parse().ok()
}

/// The value below which the share `q` of the observations lies. The buckets may come in any order; they are sorted, merged
/// and repaired in place, so that a second call finds nothing to repair.
#[must_use]
pub fn quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Repair>) {
    if let Some(value) = outside(q) {
        return (value, None);
    }
    if !merge(buckets) {
        return (f64::NAN, None);
    }
    let repair = repair(buckets);
    (quantile_of(q, buckets), repair)
}

fn quantile_of(q: f64, buckets: &[ClassicBucket]) -> f64 {
    let [explicit @ .., last] = buckets else {
        return f64::NAN;
    };
    let Some(highest) = explicit.last() else {
        return f64::NAN;
    };
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let rank = q * last.count;
    let at = explicit.partition_point(|bucket| bucket.count < rank);
    let Some(bucket) = explicit.get(at) else {
        return highest.upper;
    };
    let (start, before) = match at.checked_sub(1).map(|at| explicit[at]) {
        Some(previous) => (previous.upper, previous.count),
        None if bucket.upper <= 0.0 => return bucket.upper,
        None => (0.0, 0.0),
    };
    start + (bucket.upper - start) * ((rank - before) / (bucket.count - before))
}

/// The share of observations between two values. The buckets may come in any order; they are sorted and merged in place.
#[must_use]
pub fn fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !merge(buckets) {
        return f64::NAN;
    }
    let total = buckets.last().map_or(f64::NAN, |last| last.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |value| f64::min(count_below(value, buckets), total);
    (below(upper) - below(lower)) / total
}

/// Observations at or below `value`, which in a bucket lie evenly, but in an open one all at its bound.
fn count_below(value: f64, buckets: &[ClassicBucket]) -> f64 {
    let at = buckets.partition_point(|bucket| bucket.upper <= value);
    let previous = at.checked_sub(1).map(|at| buckets[at]);
    let Some(bucket) = buckets.get(at) else {
        return previous.map_or(0.0, |last| last.count);
    };
    let (start, before) = match previous {
        Some(previous) => (previous.upper, previous.count),
        None if value == f64::NEG_INFINITY => return 0.0,
        None if bucket.upper <= 0.0 => return bucket.count,
        None => (0.0, 0.0),
    };
    if bucket.upper == f64::INFINITY || value <= start {
        return before;
    }
    before + (bucket.count - before) * ((value - start) / (bucket.upper - start))
}

/// Sorts by bound and adds up buckets of one bound; whether the last is the one of all observations.
#[expect(clippy::float_cmp, reason = "bounds were written, not computed")]
fn merge(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|next, kept| {
        let is_same = next.upper == kept.upper;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    buckets
        .last()
        .is_some_and(|last| last.upper == f64::INFINITY)
}

/// Lifts counts that are below the one before.
fn repair(buckets: &mut [ClassicBucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let (first, rest) = buckets.split_first_mut()?;
    let mut highest = first.count;
    for bucket in rest {
        if nearly_equal(bucket.count, highest) {
            bucket.count = highest;
        } else if bucket.count < highest {
            let difference = highest - bucket.count;
            bucket.count = highest;
            let so_far = repair.get_or_insert(Repair {
                from: bucket.upper,
                to: bucket.upper,
                difference,
            });
            so_far.to = bucket.upper;
            so_far.difference = so_far.difference.max(difference);
        } else {
            highest = bucket.count;
        }
    }
    repair
}

#[expect(
    clippy::float_cmp,
    reason = "equal infinities have no difference to compare"
)]
fn nearly_equal(a: f64, b: f64) -> bool {
    let (difference, scale) = ((a - b).abs(), a.abs() + b.abs());
    if a == b {
        true
    } else if a == 0.0 || b == 0.0 || scale < f64::MIN_POSITIVE {
        difference < TOLERANCE * f64::MIN_POSITIVE
    } else {
        difference / scale.min(f64::MAX) < TOLERANCE
    }
}
