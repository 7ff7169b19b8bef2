//! Quantiles and fractions of native histograms.
//!
//! A quantile is looked for from the nearer end, so that few counts are added up; observations of NaN are in the total but
//! in no bucket and count as larger than everything, so that a histogram with them is walked from below.

use tsdb::histogram::FloatHistogram;

use super::bucket::Bucket;
use super::outside;

/// What observations of NaN did to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NanEffect {
    /// The quantile lies among them.
    ResultIsNan,
    /// It is higher than it would be without them.
    SkewedHigher,
}

/// The value below which the share `q` of the observations lies, and what observations of NaN did to it.
#[must_use]
pub fn quantile(q: f64, histogram: &FloatHistogram) -> (f64, Option<NanEffect>) {
    if let Some(value) = outside(q) {
        return (value, None);
    }
    if histogram.count == 0.0 {
        return (f64::NAN, None);
    }
    let has_nan = histogram.sum.is_nan();
    let from_below = has_nan || q < 0.5;
    let found = if from_below {
        find(histogram, histogram.ascending(), q * histogram.count)
    } else {
        find(
            histogram,
            histogram.descending(),
            (1.0 - q) * histogram.count,
        )
    };
    match found {
        Found::At(bucket, share) => {
            let share = if from_below { share } else { 1.0 - share };
            let effect = has_nan.then_some(NanEffect::SkewedHigher);
            (bucket.value_at(share), effect)
        }
        Found::Beyond(_) if has_nan => (f64::NAN, Some(NanEffect::ResultIsNan)),
        Found::Beyond(upper) => (upper, None),
    }
}

enum Found {
    /// In this bucket, behind this share of it.
    At(Bucket, f64),
    /// Behind all buckets; the upper bound of the last.
    Beyond(f64),
}

fn find(
    histogram: &FloatHistogram,
    places: impl Iterator<Item = (tsdb::histogram::order::Place, f64)>,
    rank: f64,
) -> Found {
    let mut before = 0.0;
    let mut last = None;
    for (place, count) in places.filter(|(_, count)| *count != 0.0) {
        // Rounding may lift the count of all buckets above the total.
        let reached = f64::min(before + count, histogram.count);
        if before + count >= rank {
            let share = (rank - (reached - count)) / count;
            return Found::At(Bucket::new(histogram, place, count), share);
        }
        before += count;
        last = Some((place, count));
    }
    Found::Beyond(last.map_or(0.0, |(place, count)| {
        Bucket::new(histogram, place, count).upper
    }))
}

/// The share of observations between two values, and whether observations of NaN, which lie nowhere, are among the rest.
#[must_use]
pub fn fraction(lower: f64, upper: f64, histogram: &FloatHistogram) -> (f64, bool) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let (mut below_lower, mut below_upper) = (0.0, 0.0);
    for (place, count) in histogram.ascending() {
        let bucket = Bucket::new(histogram, place, count);
        below_lower += bucket.share_below(lower) * count;
        below_upper += bucket.share_below(upper) * count;
    }
    let total = histogram.count;
    let share = (f64::min(below_upper, total) - f64::min(below_lower, total)) / total;
    (share, histogram.sum.is_nan())
}
