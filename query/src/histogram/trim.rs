//! Native histograms cut at a value: `h </ v` keeps what lies below, `h >/ v` what lies above.
//!
//! The bucket that holds the value keeps a share of its count. Count and sum are made up anew from the buckets, but only
//! where one lost something; else they stay as exact as they were.

use tsdb::histogram::FloatHistogram;
use tsdb::histogram::order::Place;

use super::bucket::Bucket;

/// Which part is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// `</`.
    Below,
    /// `>/`.
    Above,
}

/// The part of a histogram below or above `value`.
#[must_use]
pub fn trim(histogram: &FloatHistogram, keep: Keep, value: f64) -> FloatHistogram {
    let (mut count, mut sum, mut is_trimmed) = (0.0, 0.0, false);
    let mut kept_of = |place: Place, old: f64| {
        if old == 0.0 {
            return old;
        }
        let bucket = Bucket::new(histogram, place, old);
        let (kept, center) = match place {
            // Only the zero bucket is ever cut at no number; of the others none lies below or above it.
            Place::Positive(_) | Place::Negative(_) if value.is_nan() => (0.0, 0.0),
            _ => part(&bucket, keep, value),
        };
        is_trimmed |= kept.to_bits() != old.to_bits();
        if kept != 0.0 {
            count += kept;
            sum += kept * center;
        }
        kept
    };
    let positive: Vec<f64> = histogram
        .positive()
        .map(|(at, old)| kept_of(Place::Positive(at), old))
        .collect();
    let negative: Vec<f64> = histogram
        .negative()
        .map(|(at, old)| kept_of(Place::Negative(at), old))
        .collect();
    let zero_count = kept_of(Place::Zero, histogram.zero_count);
    if !is_trimmed {
        return histogram.clone();
    }
    let mut trimmed = FloatHistogram {
        count,
        sum,
        zero_count,
        positive_buckets: positive,
        negative_buckets: negative,
        ..histogram.clone()
    };
    trimmed.compact();
    trimmed
}

/// What is kept of a bucket: its count, and the value that stands for it.
fn part(bucket: &Bucket, keep: Keep, value: f64) -> (f64, f64) {
    let below = bucket.share_below(value);
    match keep {
        Keep::Below => {
            let to = bucket.upper.min(value);
            (bucket.count * below, bucket.center(bucket.lower, to))
        }
        // As upstream has it, everything below the first custom bound goes as soon as something negative is cut off.
        Keep::Above if bucket.is_bottomless && cuts_bottom(bucket, value) => (0.0, 0.0),
        Keep::Above => {
            let from = bucket.lower.max(value);
            (
                bucket.count * (1.0 - below),
                bucket.center(from, bucket.upper),
            )
        }
    }
}

fn cuts_bottom(bucket: &Bucket, value: f64) -> bool {
    value > f64::NEG_INFINITY && (value < 0.0 || bucket.upper == f64::INFINITY)
}
