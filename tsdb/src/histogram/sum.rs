//! Sums and means of many histograms that keep what large counts would swallow of small ones.
//!
//! Beside the sum lies a second histogram with the rounding errors of every number in the first ([`add_compensated`]). Most
//! histograms of a series have one layout: then a step is three loops over equal slices. Else both sides come to the
//! coarser schema, the wider zero bucket, the common bounds, and to a layout that has the buckets of all. The result has
//! the observations of [`FloatHistogram::add`], but not its spans: it answers a query and is never stored.

use std::borrow::Cow;

use super::bounds::lower;
use super::ops::{Combined, combined_hint, leading};
use super::order::{spread, union};
use super::{FloatHistogram, ResetHint, Span};
use crate::error::Result;
use crate::float::add_compensated;

/// A running sum of histograms.
#[derive(Debug, Clone)]
pub struct HistogramSum {
    sum: FloatHistogram,
    /// Rounding errors, in the layout of `sum`.
    error: FloatHistogram,
    saw_reset: bool,
    saw_no_reset: bool,
}

impl HistogramSum {
    /// The sum of one histogram.
    #[must_use]
    pub fn new(first: &FloatHistogram) -> Self {
        let mut error = first.clone();
        error.mul(0.0);
        // Where the first counts infinity, the product is no number.
        for count in numbers(&mut error) {
            *count = 0.0;
        }
        Self {
            sum: first.clone(),
            error,
            saw_reset: first.hint == ResetHint::Reset,
            saw_no_reset: first.hint == ResetHint::NotReset,
        }
    }

    /// Adds one more. Hints conflict as soon as any two of all added so far do.
    ///
    /// # Errors
    /// Where one has custom bounds and the other has none; nothing changed then.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined> {
        let mut other = Cow::Borrowed(other);
        let bounds_reconciled = self.sum.share_bounds(&mut other)?;
        self.sum.hint = combined_hint(self.sum.hint, other.hint);
        self.saw_reset |= other.hint == ResetHint::Reset;
        self.saw_no_reset |= other.hint == ResetHint::NotReset;
        if bounds_reconciled {
            self.error = self.error.rebounded(&self.sum.custom_bounds);
        }
        if !self.has_layout_of(&other) {
            self.meet(&mut other);
        }
        let pairs = numbers(&mut self.sum).zip(numbers(&mut self.error));
        for ((sum, error), more) in pairs.zip(counts(&other)) {
            (*sum, *error) = add_compensated(*sum, *error, more);
        }
        Ok(Combined {
            hints_conflict: self.saw_reset && self.saw_no_reset,
            bounds_reconciled,
        })
    }

    /// Adds all that a later sum has, what it lost included.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn merge(&mut self, later: &Self) -> Result<Combined> {
        let combined = self.add(&later.sum)?;
        let mut error = later.error.clone();
        error.hint = later.sum.hint;
        self.add(&error)?;
        self.saw_reset |= later.saw_reset;
        self.saw_no_reset |= later.saw_no_reset;
        Ok(Combined {
            hints_conflict: self.saw_reset && self.saw_no_reset,
            ..combined
        })
    }

    /// The sum, without empty buckets.
    #[must_use]
    pub fn finish(mut self) -> FloatHistogram {
        for (sum, error) in numbers(&mut self.sum).zip(counts(&self.error)) {
            *sum += error;
        }
        self.sum.compact();
        self.sum
    }

    fn has_layout_of(&self, other: &FloatHistogram) -> bool {
        let sum = &self.sum;
        sum.schema == other.schema
            && sum.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && sum.positive_spans == other.positive_spans
            && sum.negative_spans == other.negative_spans
            && sum.positive_buckets.len() == other.positive_buckets.len()
            && sum.negative_buckets.len() == other.negative_buckets.len()
    }

    /// Brings sum, errors and `other` to one layout.
    fn meet(&mut self, other: &mut Cow<'_, FloatHistogram>) {
        let (sum, error) = (&mut self.sum, &mut self.error);
        if !sum.is_custom() {
            let zero_count = sum.reconcile_zero(other);
            error.sink(sum.zero_threshold);
            let schema = sum.schema.min(other.schema);
            sum.reduce(schema);
            error.reduce(schema);
            let other = other.to_mut();
            other.reduce(schema);
            other.zero_count = zero_count;
            other.zero_threshold = sum.zero_threshold;
            other.drop_swallowed();
        }
        let other = other.to_mut();
        let positive = union(&sum.positive_spans, &error.positive_spans);
        let positive = union(&positive, &other.positive_spans);
        let negative = union(&sum.negative_spans, &error.negative_spans);
        let negative = union(&negative, &other.negative_spans);
        for histogram in [sum, error, other] {
            histogram.lay_out(&positive, &negative);
        }
    }

    fn scale(&mut self, factor: f64) {
        self.sum.mul(factor);
        self.error.mul(factor);
    }
}

/// A running mean: a sum as long as that is finite, then an incremental mean.
#[derive(Debug, Clone)]
pub struct HistogramMean {
    sum: HistogramSum,
    count: f64,
    is_incremental: bool,
}

impl HistogramMean {
    /// The mean of one histogram.
    #[must_use]
    pub fn new(first: &FloatHistogram) -> Self {
        Self {
            sum: HistogramSum::new(first),
            count: 1.0,
            is_incremental: false,
        }
    }

    /// Takes in one more. Hints conflict as soon as any two of all added so far do.
    ///
    /// # Errors
    /// Where one has custom bounds and the other has none; nothing changed then.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined> {
        let before = self.count;
        if !self.is_incremental && may_overflow(&self.sum.sum, other) {
            let mut sum = self.sum.clone();
            let combined = sum.add(other)?;
            if counts(&sum.sum).all(|count| !count.is_infinite()) {
                (self.sum, self.count) = (sum, before + 1.0);
                return Ok(combined);
            }
            self.sum.sum.div(before);
            self.sum.error.div(before);
            self.is_incremental = true;
        }
        let combined = if self.is_incremental {
            let mut part = other.clone();
            part.div(before + 1.0);
            let mut mean = self.sum.clone();
            mean.scale(before / (before + 1.0));
            let combined = mean.add(&part)?;
            self.sum = mean;
            combined
        } else {
            self.sum.add(other)?
        };
        self.count = before + 1.0;
        Ok(combined)
    }

    /// Takes in all that a later mean has.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn merge(&mut self, later: &Self) -> Result<Combined> {
        let count = self.count + later.count;
        if !self.is_incremental && !later.is_incremental {
            let mut sum = self.sum.clone();
            let combined = sum.merge(&later.sum)?;
            if counts(&sum.sum).all(|count| !count.is_infinite()) {
                (self.sum, self.count) = (sum, count);
                return Ok(combined);
            }
        }
        let weighed = |mean: &Self| {
            let of = if mean.is_incremental { mean.count } else { 1.0 };
            let mut sum = mean.sum.clone();
            sum.scale(of / count);
            sum
        };
        let mut mean = weighed(self);
        let combined = mean.merge(&weighed(later))?;
        *self = Self {
            sum: mean,
            count,
            is_incremental: true,
        };
        Ok(combined)
    }

    /// The mean, without empty buckets.
    #[must_use]
    pub fn finish(mut self) -> FloatHistogram {
        if !self.is_incremental {
            self.sum.sum.div(self.count);
            self.sum.error.div(self.count);
        }
        self.sum.finish()
    }
}

/// Whether adding could make a number infinite.
fn may_overflow(left: &FloatHistogram, right: &FloatHistogram) -> bool {
    let largest = |of| counts(of).map(f64::abs).fold(0.0, f64::max);
    (largest(left) + largest(right)).is_infinite()
}

/// Every number that a sum adds, in one order.
fn numbers(of: &mut FloatHistogram) -> impl Iterator<Item = &mut f64> {
    [&mut of.zero_count, &mut of.count, &mut of.sum]
        .into_iter()
        .chain(&mut of.positive_buckets)
        .chain(&mut of.negative_buckets)
}

fn counts(of: &FloatHistogram) -> impl Iterator<Item = f64> + '_ {
    [of.zero_count, of.count, of.sum]
        .into_iter()
        .chain(of.positive_buckets.iter().copied())
        .chain(of.negative_buckets.iter().copied())
}

impl FloatHistogram {
    /// Moves every bucket that begins below `threshold` into the zero bucket.
    fn sink(&mut self, threshold: f64) {
        let below = |index: &(i32, f64)| lower(self.schema, index.0, &[]) < threshold;
        let positive = self.positive().take_while(below).count();
        let negative = self.negative().take_while(below).count();
        if threshold > self.zero_threshold {
            let swallowed = self.positive_buckets[..positive]
                .iter_mut()
                .chain(&mut self.negative_buckets[..negative]);
            for count in swallowed {
                self.zero_count += std::mem::take(count);
            }
            self.zero_threshold = threshold;
        }
    }

    /// Empties the buckets that lie in the zero bucket already: they are counted there.
    fn drop_swallowed(&mut self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let sides = [
            (&self.positive_spans, &mut self.positive_buckets),
            (&self.negative_spans, &mut self.negative_buckets),
        ];
        for (spans, counts) in sides {
            let swallowed = leading(schema, threshold, spans, counts);
            counts[..swallowed].fill(0.0);
        }
    }

    fn lay_out(&mut self, positive: &[Span], negative: &[Span]) {
        self.positive_buckets = spread(&self.positive_spans, &self.positive_buckets, positive);
        self.negative_buckets = spread(&self.negative_spans, &self.negative_buckets, negative);
        self.positive_spans = positive.to_vec();
        self.negative_spans = negative.to_vec();
    }
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "where the arithmetic is exact, so is the comparison"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::histogram::CUSTOM_BUCKETS_SCHEMA;

    fn histogram(schema: i32, threshold: f64, first: i32, buckets: &[f64]) -> FloatHistogram {
        let length = u32::try_from(buckets.len()).unwrap();
        FloatHistogram {
            schema,
            zero_threshold: threshold,
            zero_count: 1.0,
            count: buckets.iter().sum::<f64>() + 1.0,
            sum: 7.0,
            positive_spans: vec![Span {
                offset: first,
                length,
            }],
            positive_buckets: buckets.to_vec(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn small_counts_survive_beside_large_ones() {
        let of = |buckets: &[f64]| histogram(0, 0.0, 1, buckets);
        let mut sum = HistogramSum::new(&of(&[1.0, 3.0]));
        sum.add(&of(&[1e100, 4.0])).unwrap();
        sum.add(&histogram(1, 0.0, 3, &[1.0])).unwrap();
        sum.add(&of(&[-1e100])).unwrap();
        let sum = sum.finish();
        assert_eq!(sum.positive_buckets, [1.0, 8.0]);
        assert_eq!(
            sum.positive_spans,
            [Span {
                offset: 1,
                length: 2
            }]
        );
        // The counts of the inputs were floats too: 1e100 has swallowed the 4 and the 1 before they were added.
        assert_eq!(sum.count, 7.0);
    }

    #[test]
    fn a_mean_is_finite_where_the_sum_is_not() {
        let of = |count: f64| histogram(0, 0.0, 1, &[count]);
        let mut mean = HistogramMean::new(&of(f64::MAX));
        for _ in 0..3 {
            mean.add(&of(f64::MAX)).unwrap();
        }
        let mean = mean.finish();
        let ratio = mean.positive_buckets[0] / f64::MAX;
        assert!((ratio - 1.0).abs() < 1e-12, "{ratio}");
        assert_eq!(mean.zero_count, 1.0);
    }

    #[test]
    fn hints_conflict_even_with_others_between() {
        let hinted = |hint| FloatHistogram {
            hint,
            ..histogram(0, 0.0, 1, &[1.0])
        };
        let mut sum = HistogramSum::new(&hinted(ResetHint::Reset));
        assert!(!sum.add(&hinted(ResetHint::Gauge)).unwrap().hints_conflict);
        assert!(
            sum.add(&hinted(ResetHint::NotReset))
                .unwrap()
                .hints_conflict
        );
        assert_eq!(sum.finish().hint, ResetHint::Gauge);
    }

    #[test]
    fn different_custom_bounds_meet_at_the_common_ones() {
        let custom = |bounds: &[f64], buckets: &[f64]| FloatHistogram {
            custom_bounds: bounds.to_vec(),
            zero_count: 0.0,
            ..histogram(CUSTOM_BUCKETS_SCHEMA, 0.0, 0, buckets)
        };
        let mut sum = HistogramSum::new(&custom(&[1.0, 2.0], &[1.0, 2.0, 4.0]));
        let same = sum.add(&custom(&[1.0, 2.0], &[1.0])).unwrap();
        assert!(!same.bounds_reconciled);
        let other = sum.add(&custom(&[2.0, 3.0], &[8.0, 0.0, 16.0])).unwrap();
        assert!(other.bounds_reconciled);
        assert!(sum.add(&histogram(0, 0.0, 0, &[1.0])).is_err());
        let sum = sum.finish();
        assert_eq!(sum.custom_bounds, [2.0]);
        assert_eq!(sum.positive_buckets, [12.0, 20.0]);
    }

    fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
        let threshold = prop_oneof![Just(0.0), Just(0.001), Just(0.7), Just(3.0)];
        let counts = prop::collection::vec((0..9_u8).prop_map(f64::from), 1..6);
        (-2..3_i32, threshold, -8..8_i32, counts, any::<bool>()).prop_map(
            |(schema, threshold, first, counts, mirrored)| {
                let mut histogram = histogram(schema, threshold, first, &counts);
                if mirrored {
                    histogram.negative_spans = histogram.positive_spans.clone();
                    histogram.negative_buckets = histogram.positive_buckets.clone();
                }
                histogram
            },
        )
    }

    #[test]
    fn parts_of_a_sum_come_together_with_what_each_lost() {
        let of = |count: f64| histogram(0, 0.0, 1, &[count]);
        let sum = |counts: [f64; 2]| {
            let mut sum = HistogramSum::new(&of(counts[0]));
            sum.add(&of(counts[1])).unwrap();
            sum
        };
        let mut total = sum([1.0, 1e100]);
        total.merge(&sum([3.0, -1e100])).unwrap();
        assert_eq!(total.finish().positive_buckets, [4.0]);
    }

    #[test]
    fn parts_of_a_mean_weigh_as_much_as_they_hold() {
        fn check(left: &[f64], right: &[f64], want: f64) {
            let mean = |counts: &[f64]| {
                let mut mean = HistogramMean::new(&histogram(0, 0.0, 1, &counts[..1]));
                for count in &counts[1..] {
                    mean.add(&histogram(0, 0.0, 1, &[*count])).unwrap();
                }
                mean
            };
            let mut total = mean(left);
            total.merge(&mean(right)).unwrap();
            let got = total.finish().positive_buckets[0];
            assert!((got / want - 1.0).abs() < 1e-12, "{got} {want}");
        }
        check(&[1.0, 2.0], &[6.0], 3.0);
        check(&[f64::MAX], &[f64::MAX, f64::MAX], f64::MAX);
    }

    proptest! {
        #[test]
        fn whole_numbers_add_up_as_they_do_without_compensation(
            first in any_histogram(), rest in prop::collection::vec(any_histogram(), 0..5),
        ) {
            let (mut sum, mut plain) = (HistogramSum::new(&first), first);
            for histogram in &rest {
                sum.add(histogram).unwrap();
                plain.add(histogram).unwrap();
            }
            let sum = sum.finish();
            plain.compact();
            prop_assert!(sum.equals(&plain), "{} {}", sum, plain);
        }
    }
}
