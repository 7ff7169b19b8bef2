//! All buckets of a histogram in the order of the values they hold: negative side, zero bucket, positive side.
//!
//! A histogram whose spans promise another number of buckets than it has shows none of that side from behind.

use super::buckets::indices;
use super::{FloatHistogram, Span};

/// Which bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A negative one, by index.
    Negative(i32),
    /// The zero bucket.
    Zero,
    /// A positive one, by index.
    Positive(i32),
}

impl FloatHistogram {
    /// Buckets and their counts from the lowest values to the highest; the zero bucket only where its count is above zero.
    pub fn ascending(&self) -> impl Iterator<Item = (Place, f64)> + '_ {
        let negative = backwards(&self.negative_spans, &self.negative_buckets);
        negative
            .map(|(index, count)| (Place::Negative(index), count))
            .chain(self.zero())
            .chain(self.positive().map(positive))
    }

    /// Buckets and their counts from the highest values to the lowest.
    pub fn descending(&self) -> impl Iterator<Item = (Place, f64)> + '_ {
        let negative = self.negative();
        backwards(&self.positive_spans, &self.positive_buckets)
            .map(positive)
            .chain(self.zero())
            .chain(negative.map(|(index, count)| (Place::Negative(index), count)))
    }

    fn zero(&self) -> Option<(Place, f64)> {
        (self.zero_count > 0.0).then_some((Place::Zero, self.zero_count))
    }
}

fn positive((index, count): (i32, f64)) -> (Place, f64) {
    (Place::Positive(index), count)
}

/// Index and count of each bucket of a side, the farthest from zero first.
fn backwards<'a>(
    spans: &'a [Span],
    counts: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + use<'a> {
    let promised: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    let is_sound = u64::try_from(counts.len()).is_ok_and(|len| len == promised);
    let counts = if is_sound { counts } else { &[] };
    let end = spans.iter().fold(0_i32, |end, span| {
        end.wrapping_add(span.offset)
            .wrapping_add_unsigned(span.length)
    });
    spans
        .iter()
        .rev()
        .scan(end, |end, span| {
            let start = end.wrapping_sub_unsigned(span.length);
            *end = start.wrapping_sub(span.offset);
            Some((start, span.length))
        })
        .flat_map(|(start, length)| {
            (0..length)
                .rev()
                .map(move |at| start.wrapping_add_unsigned(at))
        })
        .zip(counts.iter().rev().copied())
}

/// The normal spans of the indices that either of two layouts has; both ascend.
#[must_use]
pub(super) fn union(left: &[Span], right: &[Span]) -> Vec<Span> {
    let (mut left, mut right) = (indices(left).peekable(), indices(right).peekable());
    super::buckets::spans_of(std::iter::from_fn(|| {
        let (Some(a), Some(b)) = (left.peek(), right.peek()) else {
            return left.next().or_else(|| right.next());
        };
        let (takes_left, takes_right) = (a <= b, b <= a);
        let other = if takes_right { right.next() } else { None };
        if takes_left { left.next() } else { other }
    }))
}

/// The counts of one layout laid out as another that has all its indices; both ascend.
#[must_use]
pub(super) fn spread(spans: &[Span], counts: &[f64], onto: &[Span]) -> Vec<f64> {
    let mut from = indices(spans).zip(counts.iter().copied()).peekable();
    indices(onto)
        .map(|index| {
            from.next_if(|(at, _)| *at == index)
                .map_or(0.0, |(_, count)| count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::buckets::spans_of;

    fn span(offset: i32, length: u32) -> Span {
        Span { offset, length }
    }

    fn histogram() -> FloatHistogram {
        FloatHistogram {
            zero_count: 5.0,
            negative_spans: vec![span(1, 2)],
            negative_buckets: vec![2.0, 1.0],
            positive_spans: vec![span(-1, 1), span(0, 1), span(2, 2)],
            positive_buckets: vec![6.0, 7.0, 8.0, 9.0],
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn values_ascend_through_zero_and_descend_the_same_way() {
        use Place::{Negative, Positive, Zero};
        let ascending: Vec<_> = histogram().ascending().collect();
        let places = [
            Negative(2),
            Negative(1),
            Zero,
            Positive(-1),
            Positive(0),
            Positive(3),
            Positive(4),
        ];
        let counts = [1.0, 2.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(
            ascending,
            places.into_iter().zip(counts).collect::<Vec<_>>()
        );
        let mut descending: Vec<_> = histogram().descending().collect();
        descending.reverse();
        assert_eq!(ascending, descending);
    }

    #[test]
    fn layouts_that_promise_too_much_do_no_harm() {
        let mut broken = histogram();
        broken.positive_spans = vec![span(i32::MAX, u32::MAX); 3];
        assert_eq!(broken.descending().count(), 3);
        assert_eq!(broken.ascending().count(), 7);
    }

    #[test]
    fn a_union_has_the_indices_of_both() {
        let (left, right) = (
            spans_of([1, 2, 7].into_iter()),
            spans_of([0, 2, 3].into_iter()),
        );
        let both = union(&left, &right);
        assert_eq!(both, spans_of([0, 1, 2, 3, 7].into_iter()));
        let spread = spread(&left, &[10.0, 20.0, 70.0], &both);
        assert_eq!(spread, [0.0, 10.0, 20.0, 0.0, 70.0]);
    }
}
