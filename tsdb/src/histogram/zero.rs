//! The zero bucket: how it grows, and how two histograms come to share one.
//!
//! A zero bucket takes all absolute values up to its threshold. Widening it swallows the buckets below the new
//! threshold; where the threshold would fall inside a bucket that counts something, it moves out to that bucket's bound.
//! The order of the additions is part of the result, since counts are floats.

use super::FloatHistogram;
use super::bounds::{lower, upper};
use crate::float::add;

impl FloatHistogram {
    /// Zero count and threshold after widening the zero bucket to `threshold` or, where needed, a little further.
    /// A threshold below the present one changes nothing.
    #[must_use]
    pub fn widened_zero(&self, mut threshold: f64) -> (f64, f64) {
        if threshold <= self.zero_threshold {
            return (self.zero_count, self.zero_threshold);
        }
        loop {
            let (count, positive) = self.swallow(self.zero_count, threshold, self.positive());
            threshold = positive.unwrap_or(threshold);
            let (count, negative) = self.swallow(count, threshold, self.negative());
            let Some(further) = negative else {
                return (count, threshold);
            };
            // The positive side must be looked at again, up to the new threshold.
            threshold = further;
        }
    }

    /// Adds to `count` what one side has below `threshold`; gives the bound of a populated bucket that it falls into.
    fn swallow(
        &self,
        mut count: f64,
        threshold: f64,
        side: impl Iterator<Item = (i32, f64)>,
    ) -> (f64, Option<f64>) {
        for (index, bucket) in side {
            if lower(self.schema, index, &self.custom_bounds) >= threshold {
                break;
            }
            count = add(count, bucket);
            let bound = upper(self.schema, index, &self.custom_bounds);
            if bound > threshold {
                return (count, (bucket != 0.0).then_some(bound));
            }
        }
        (count, None)
    }

    /// Widens this zero bucket until it fits a widened one of `other`, and gives the zero count of that one.
    pub(super) fn reconcile_zero(&mut self, other: &Self) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        // Each turn raises a threshold to a bound further out, and there are finitely many. NaN ends it at once.
        loop {
            if self.zero_threshold > threshold {
                (count, threshold) = other.widened_zero(self.zero_threshold);
            } else if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.widened_zero(threshold);
                self.trim_zero();
            } else {
                return count;
            }
        }
    }

    /// Drops what now lies in the zero bucket, and all other buckets without a count.
    fn trim_zero(&mut self) {
        let threshold = self.zero_threshold;
        let below =
            |index: &(i32, f64)| lower(self.schema, index.0, &self.custom_bounds) < threshold;
        let positive = self.positive().take_while(below).count();
        let negative = self.negative().take_while(below).count();
        self.positive_buckets[..positive].fill(0.0);
        self.negative_buckets[..negative].fill(0.0);
        self.compact();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Span;

    fn histogram(threshold: f64, buckets: &[f64]) -> FloatHistogram {
        FloatHistogram {
            zero_threshold: threshold,
            zero_count: 1.0,
            positive_spans: vec![Span {
                offset: 0,
                length: 3,
            }],
            positive_buckets: buckets.to_vec(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn a_threshold_inside_a_populated_bucket_moves_to_its_bound() {
        fn check(threshold: f64, buckets: [f64; 3], want: (f64, f64)) {
            let positive = histogram(0.001, &buckets);
            assert_eq!(positive.widened_zero(threshold), want);
            let negative = FloatHistogram {
                negative_spans: positive.positive_spans.clone(),
                negative_buckets: positive.positive_buckets.clone(),
                positive_spans: vec![],
                positive_buckets: vec![],
                ..positive
            };
            assert_eq!(negative.widened_zero(threshold), want);
        }
        // Buckets (0.5, 1], (1, 2], (2, 4].
        check(0.0001, [2.0, 4.0, 8.0], (1.0, 0.001));
        check(0.5, [2.0, 4.0, 8.0], (1.0, 0.5));
        check(0.6, [2.0, 4.0, 8.0], (3.0, 1.0));
        check(0.6, [0.0, 4.0, 8.0], (1.0, 0.6));
        check(2.0, [2.0, 4.0, 8.0], (7.0, 2.0));
        check(100.0, [2.0, 4.0, 8.0], (15.0, 100.0));
    }

    #[test]
    fn a_negative_bucket_pushes_the_threshold_over_positive_ones() {
        let mut both = histogram(0.001, &[2.0, 4.0, 8.0]);
        both.negative_spans = vec![Span {
            offset: 1,
            length: 1,
        }];
        both.negative_buckets = vec![16.0];
        // 1.5 lies in the positive bucket up to 2, which the negative one up to 2 fits.
        assert_eq!(both.widened_zero(1.5), (1.0 + 2.0 + 4.0 + 16.0, 2.0));
        both.schema = -1;
        // Buckets (0.25, 1], (1, 4], (4, 16] and -(1, 4].
        both.positive_buckets[1] = 0.0;
        assert_eq!(both.widened_zero(1.5), (1.0 + 2.0 + 16.0, 4.0));
    }

    #[test]
    fn reconciliation_ends_for_any_threshold() {
        for threshold in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let mut left = histogram(1.0, &[1.0, 1.0, 1.0]);
            left.reconcile_zero(&histogram(threshold, &[1.0, 1.0, 1.0]));
            let mut left = histogram(threshold, &[1.0, 1.0, 1.0]);
            left.reconcile_zero(&histogram(1.0, &[1.0, 1.0, 1.0]));
        }
    }
}
