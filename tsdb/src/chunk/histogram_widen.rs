//! Two layouts become one: which buckets each side lacks, and putting them in.
//!
//! ```text
//! chunk       1 2 . 4        indices of the chunk's buckets
//! histogram   1 . 3 4        indices of the next histogram's
//! forward         3          the chunk lacks it: all its samples must be written again
//! backward      2            the histogram lacks it: it gets an empty bucket
//! ```
//!
//! Only indices count: empty spans, and spans without a gap between them, mean nothing. In a counter, a bucket that shrank
//! is a reset, and so is a populated one that is gone. Used by [`super::histogram_append`].

use std::iter::Peekable;

use crate::histogram::Span;

/// What one side needs so that chunk and histogram have the same buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inserts {
    /// Buckets that the chunk lacks.
    pub forward: Vec<i32>,
    /// Buckets that the histogram lacks.
    pub backward: Vec<i32>,
}

impl Inserts {
    fn is_empty(&self) -> bool {
        self.forward.is_empty() && self.backward.is_empty()
    }
}

/// Compares one side of a chunk's last sample with that of the next histogram; nothing if `counter` and it was reset.
pub fn compare<T: Copy + PartialOrd + Default>(
    chunk: impl Iterator<Item = (i32, T)>,
    histogram: impl Iterator<Item = (i32, T)>,
    counter: bool,
) -> Option<Inserts> {
    let (mut chunk, mut histogram) = (chunk.peekable(), histogram.peekable());
    let mut inserts = Inserts::default();
    loop {
        match (chunk.peek().copied(), histogram.peek().copied()) {
            (Some((index, old)), Some((at, new))) if index == at => {
                if counter && old > new {
                    return None;
                }
                chunk.next();
                histogram.next();
            }
            (Some((index, old)), other) if other.is_none_or(|(at, _)| index < at) => {
                if counter && old != T::default() {
                    return None;
                }
                inserts.backward.push(index);
                chunk.next();
            }
            (_, Some((at, _))) => {
                inserts.forward.push(at);
                histogram.next();
            }
            (_, None) => return Some(inserts),
        }
    }
}

/// Whether [`widen`] can carry out what [`compare`] found: with nothing to insert always, else where indices ascend.
#[must_use]
pub fn is_feasible(inserts: &Inserts, chunk: &[Span], histogram: &[Span]) -> bool {
    inserts.is_empty() || (is_ascending(chunk) && is_ascending(histogram))
}

fn is_ascending(spans: &[Span]) -> bool {
    let mut end = 0_i64;
    spans.iter().enumerate().all(|(at, span)| {
        end += i64::from(span.offset) + i64::from(span.length);
        (at == 0 || span.offset >= 0) && end <= i64::from(i32::MAX)
    })
}

/// The buckets of one side with empty ones at the indices of `inserts`, both ascending.
pub fn widen<T: Default>(
    buckets: impl Iterator<Item = (i32, T)>,
    inserts: &[i32],
) -> impl Iterator<Item = (i32, T)> {
    let mut buckets = buckets.peekable();
    let mut inserts = inserts.iter().copied().peekable();
    std::iter::from_fn(move || next_of(&mut buckets, &mut inserts))
}

fn next_of<T: Default>(
    buckets: &mut Peekable<impl Iterator<Item = (i32, T)>>,
    inserts: &mut Peekable<impl Iterator<Item = i32>>,
) -> Option<(i32, T)> {
    let next = buckets.peek().map(|bucket| bucket.0);
    let insert = inserts.next_if(|index| next.is_none_or(|next| *index < next));
    insert
        .map(|index| (index, T::default()))
        .or_else(|| buckets.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(buckets: &[(i32, i64)]) -> impl Iterator<Item = (i32, i64)> + '_ {
        buckets.iter().copied()
    }

    #[test]
    fn each_side_gets_what_it_lacks() {
        let chunk = [(1, 5), (2, 0), (4, 7)];
        let histogram = [(0, 1), (1, 5), (3, 2), (4, 9)];
        let inserts = compare(side(&chunk), side(&histogram), true).unwrap();
        assert_eq!(inserts.forward, [0, 3]);
        assert_eq!(inserts.backward, [2]);
        let chunk: Vec<_> = widen(side(&chunk), &inserts.forward).collect();
        let histogram: Vec<_> = widen(side(&histogram), &inserts.backward).collect();
        assert_eq!(chunk, [(0, 0), (1, 5), (2, 0), (3, 0), (4, 7)]);
        assert_eq!(histogram, [(0, 1), (1, 5), (2, 0), (3, 2), (4, 9)]);
    }

    #[test]
    fn a_counter_whose_bucket_shrank_was_reset() {
        fn check(chunk: &[(i32, i64)], histogram: &[(i32, i64)], reset: bool) {
            assert_eq!(compare(side(chunk), side(histogram), true).is_none(), reset);
            assert!(compare(side(chunk), side(histogram), false).is_some());
        }
        check(&[(1, 5)], &[(1, 5)], false);
        check(&[(1, 5)], &[(1, 4)], true);
        check(&[(1, 5)], &[], true);
        check(&[(1, 0)], &[], false);
        check(&[], &[(1, 5)], false);
        check(&[(1, 5), (9, 1)], &[(1, 5), (8, 1)], true);
    }

    #[test]
    fn indices_that_do_not_ascend_are_not_widened() {
        let span = |offset, length| Span { offset, length };
        let inserts = Inserts {
            forward: vec![1],
            backward: vec![],
        };
        let good = [span(-5, 2), span(0, 1)];
        assert!(is_feasible(&inserts, &good, &good));
        assert!(!is_feasible(&inserts, &good, &[span(0, 2), span(-1, 1)]));
        assert!(!is_feasible(&inserts, &[span(i32::MAX, 2)], &good));
        assert!(is_feasible(
            &Inserts::default(),
            &[span(i32::MAX, 2)],
            &good
        ));
    }
}
