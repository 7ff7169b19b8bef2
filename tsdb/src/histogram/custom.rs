//! Custom bounds: what two histograms have in common, and counts between fewer bounds.
//!
//! A bucket goes to the nearest common bound at or above its own, so what is counted below a common bound stays exact.

use super::bounds::upper;
use super::{FloatHistogram, Span};
use crate::float::add;

/// Whether two arrays of custom bounds are equal, by value.
#[must_use]
pub fn custom_bounds_match(left: &[f64], right: &[f64]) -> bool {
    left == right
}

/// The bounds that both have; both ascend.
#[must_use]
pub(super) fn common(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut right = right.iter().copied().peekable();
    let mut common = left.to_vec();
    common.retain(|bound| {
        while right.next_if(|other| other < bound).is_some() {}
        right.next_if_eq(bound).is_some()
    });
    common
}

impl FloatHistogram {
    /// The same observations between fewer custom bounds, each of which this has.
    #[must_use]
    pub(super) fn rebounded(&self, bounds: &[f64]) -> Self {
        let counts = self.rolled_up(bounds);
        let length = u32::try_from(counts.len()).expect("no more bounds than a histogram has");
        Self {
            positive_spans: vec![Span { offset: 0, length }],
            positive_buckets: counts,
            custom_bounds: bounds.to_vec(),
            negative_spans: Vec::new(),
            negative_buckets: Vec::new(),
            ..*self
        }
    }

    /// Counts of custom buckets between fewer bounds, and behind the last.
    pub(super) fn rolled_up(&self, bounds: &[f64]) -> Vec<f64> {
        let mut side = self.positive().peekable();
        let within =
            |index: i32, bound: f64| upper(self.schema, index, &self.custom_bounds) <= bound;
        bounds
            .iter()
            .copied()
            .chain([f64::INFINITY])
            .map(|bound| {
                let mut count = 0.0;
                while let Some((_, more)) = side.next_if(|(index, _)| within(*index, bound)) {
                    count = add(count, more);
                }
                count
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::CUSTOM_BUCKETS_SCHEMA;

    #[test]
    fn common_bounds_are_those_of_both() {
        fn check(left: &[f64], right: &[f64], want: &[f64]) {
            assert_eq!(common(left, right), want);
            assert_eq!(common(right, left), want);
        }
        check(&[1.0, 2.0, 3.0], &[0.0, 2.0, 3.0, 4.0], &[2.0, 3.0]);
        check(&[1.0], &[2.0], &[]);
        check(&[], &[1.0], &[]);
        check(&[f64::NEG_INFINITY, 0.0], &[-0.0, 5.0], &[0.0]);
    }

    #[test]
    fn buckets_go_to_the_next_common_bound() {
        let histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: 15.0,
            custom_bounds: vec![1.0, 2.0, 3.0],
            positive_spans: vec![
                Span {
                    offset: 0,
                    length: 1,
                },
                Span {
                    offset: 1,
                    length: 2,
                },
            ],
            positive_buckets: vec![1.0, 4.0, 8.0],
            ..FloatHistogram::default()
        };
        let fewer = histogram.rebounded(&[2.0]);
        assert_eq!(fewer.positive_buckets, [1.0, 12.0]);
        assert_eq!(fewer.custom_bounds, [2.0]);
        assert_eq!(histogram.rebounded(&[]).positive_buckets, [13.0]);
    }
}
