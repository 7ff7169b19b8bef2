//! Whether two histograms hold the same observations.
//!
//! Compared are schema, zero bucket, bounds, totals and every bucket that counts something; not the hint, and not how
//! the spans lie. Floats are equal where their bits are, or where both are NaN.

use super::FloatHistogram;
use super::custom::custom_bounds_match;

impl FloatHistogram {
    /// Whether this holds the same observations in the same buckets as `other`.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        let totals = |of: &Self| [of.count, of.sum, of.zero_count];
        self.schema == other.schema
            && totals(self)
                .into_iter()
                .zip(totals(other))
                .all(|(a, b)| same(a, b))
            && same(self.zero_threshold, other.zero_threshold)
            && (!self.is_custom() || custom_bounds_match(&self.custom_bounds, &other.custom_bounds))
            && same_side(self.positive(), other.positive())
            && same_side(self.negative(), other.negative())
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn same_side(
    left: impl Iterator<Item = (i32, f64)>,
    right: impl Iterator<Item = (i32, f64)>,
) -> bool {
    let mut left = left.filter(|(_, count)| *count != 0.0);
    let mut right = right.filter(|(_, count)| *count != 0.0);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some((at, a)), Some((index, b))) if at == index && same(a, b) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{ResetHint, Span};

    #[test]
    fn layout_and_hint_do_not_count_but_every_number_does() {
        let span = |offset, length| Span { offset, length };
        let histogram = FloatHistogram {
            count: 3.0,
            sum: f64::NAN,
            positive_spans: vec![span(0, 3)],
            positive_buckets: vec![1.0, 0.0, 2.0],
            ..FloatHistogram::default()
        };
        let same = FloatHistogram {
            hint: ResetHint::Gauge,
            sum: -f64::NAN,
            positive_spans: vec![span(0, 1), span(1, 1)],
            positive_buckets: vec![1.0, 2.0],
            negative_spans: vec![span(0, 1)],
            negative_buckets: vec![-0.0],
            ..histogram.clone()
        };
        assert!(histogram.equals(&same) && same.equals(&histogram));
        let edits: [fn(&mut FloatHistogram); 6] = [
            |h| h.schema = 1,
            |h| h.count = 4.0,
            |h| h.sum = 0.0,
            |h| h.zero_threshold = 1.0,
            |h| h.positive_buckets[2] = 3.0,
            |h| h.positive_buckets[1] = 1.0,
        ];
        for edit in edits {
            let mut other = histogram.clone();
            edit(&mut other);
            assert!(
                !histogram.equals(&other) && !other.equals(&histogram),
                "{other:?}"
            );
        }
    }
}
