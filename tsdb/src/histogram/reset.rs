//! Did a counter start again between two histograms?
//!
//! The hint decides where it is known; else anything that shrank does: a count, the resolution's coarseness, the zero
//! bucket, a bucket. Compares as Prometheus does, with its two peculiarities: sides one after the other, and once the
//! newer histogram has no bucket at or behind the older one's, only that one bucket of the older is looked at.

use super::bounds::upper;
use super::custom::{common, custom_bounds_match};
use super::ops::target_index;
use super::{FloatHistogram, ResetHint};

impl FloatHistogram {
    /// Whether a counter was reset between `previous` and this.
    #[must_use]
    #[expect(
        clippy::float_cmp,
        reason = "the bound of a bucket either is the threshold or is not"
    )]
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.is_custom() {
            if !previous.is_custom() {
                return true;
            }
            if !custom_bounds_match(&self.custom_bounds, &previous.custom_bounds) {
                return self.custom_decreased(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.widened_zero(self.zero_threshold);
        // By value: a threshold that is NaN fits nothing.
        threshold != self.zero_threshold
            || self.zero_count < zero_count
            || decreased(
                self.visible(self.positive(), self),
                previous.visible(previous.positive(), self),
            )
            || decreased(
                self.visible(self.negative(), self),
                previous.visible(previous.negative(), self),
            )
    }

    /// One side of this at the resolution of `like`, without what lies in the zero bucket of `like`.
    fn visible<'a>(
        &'a self,
        side: impl Iterator<Item = (i32, f64)> + 'a,
        like: &'a Self,
    ) -> impl Iterator<Item = (i32, f64)> + 'a {
        let mut side = side.peekable();
        let shift = self.schema.saturating_sub(like.schema);
        let merged = std::iter::from_fn(move || {
            let (index, mut count) = side.next()?;
            let index = target_index(index, shift);
            while let Some((_, more)) =
                side.next_if(|next| shift > 0 && target_index(next.0, shift) == index)
            {
                count += more;
            }
            Some((index, count))
        });
        merged.skip_while(|(index, _)| {
            !like.is_custom() && upper(like.schema, *index, &[]) <= like.zero_threshold
        })
    }

    /// Whether a bucket shrank between the bounds that both have.
    fn custom_decreased(&self, previous: &Self) -> bool {
        let common = common(&self.custom_bounds, &previous.custom_bounds);
        let (counts, before) = (self.rolled_up(&common), previous.rolled_up(&common));
        counts
            .iter()
            .zip(&before)
            .any(|(count, before)| count < before)
    }
}

/// Whether a populated bucket of `previous` is missing in `current`, or lower there.
fn decreased(
    mut current: impl Iterator<Item = (i32, f64)>,
    previous: impl Iterator<Item = (i32, f64)>,
) -> bool {
    let mut candidate = current.next();
    for (index, count) in previous {
        while candidate.is_some_and(|(at, _)| at < index) {
            candidate = current.next();
        }
        match candidate {
            Some((at, now)) if at == index => {
                if now < count {
                    return true;
                }
            }
            Some(_) => {
                if count != 0.0 {
                    return true;
                }
            }
            None => return count != 0.0,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};

    fn side(buckets: &[f64]) -> FloatHistogram {
        FloatHistogram {
            positive_spans: vec![Span {
                offset: 0,
                length: u32::try_from(buckets.len()).unwrap(),
            }],
            positive_buckets: buckets.to_vec(),
            count: 100.0,
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn a_known_hint_decides() {
        let (more, less) = (side(&[2.0]), side(&[1.0]));
        for (hint, want) in [(ResetHint::Reset, true), (ResetHint::NotReset, false)] {
            assert_eq!(
                FloatHistogram {
                    hint,
                    ..more.clone()
                }
                .detect_reset(&less),
                want
            );
            assert_eq!(
                FloatHistogram {
                    hint,
                    ..less.clone()
                }
                .detect_reset(&more),
                want
            );
        }
    }

    #[test]
    fn a_bucket_that_shrank_is_a_reset() {
        fn check(now: &[f64], before: &[f64], want: bool) {
            assert_eq!(
                side(now).detect_reset(&side(before)),
                want,
                "{now:?} {before:?}"
            );
        }
        check(&[1.0, 2.0], &[1.0, 2.0], false);
        check(&[1.0, 1.0], &[1.0, 2.0], true);
        check(&[1.0], &[1.0, 2.0], true);
        check(&[1.0], &[1.0, 0.0], false);
        check(&[], &[], false);
        check(&[], &[1.0], true);
        // The peculiarity: a populated bucket behind an empty one is overlooked.
        check(&[1.0], &[1.0, 0.0, 7.0], false);
        check(&[], &[0.0, 7.0], false);
    }

    #[test]
    fn a_finer_schema_is_a_reset_and_a_coarser_one_is_compared() {
        let before = FloatHistogram {
            schema: 1,
            ..side(&[1.0, 2.0, 3.0])
        };
        // Indices 0, 1, 2 of schema 1 lie in 0, 1, 1 of schema 0.
        assert!(!side(&[1.0, 5.0]).detect_reset(&before));
        assert!(side(&[1.0, 4.0]).detect_reset(&before));
        assert!(before.detect_reset(&side(&[0.0])));
    }

    #[test]
    fn a_zero_bucket_that_swallows_part_of_a_bucket_is_a_reset() {
        fn check(threshold: f64, zero_count: f64, want: bool) {
            let now = FloatHistogram {
                zero_threshold: threshold,
                zero_count,
                ..side(&[0.0, 2.0])
            };
            let before = side(&[1.0, 2.0]);
            assert_eq!(now.detect_reset(&before), want, "{threshold} {zero_count}");
        }
        // Buckets (0.5, 1], (1, 2].
        check(1.0, 1.0, false);
        check(1.0, 0.5, true);
        check(0.75, 1.0, true);
        check(0.5, 1.0, true);
        check(f64::NAN, 1.0, true);
        check(-1.0, 1.0, true);
    }

    #[test]
    fn other_custom_bounds_are_compared_where_both_have_them() {
        fn check(now: &[f64], want: bool) {
            let custom = |bounds: &[f64], buckets: &[f64]| FloatHistogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                custom_bounds: bounds.to_vec(),
                ..side(buckets)
            };
            let before = custom(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0, 1.0]);
            assert_eq!(
                custom(&[1.0, 3.0], now).detect_reset(&before),
                want,
                "{now:?}"
            );
        }
        check(&[1.0, 2.0, 1.0], false);
        check(&[1.0, 1.0, 1.0], true);
        check(&[1.0, 2.0, 0.0], true);
        let mut exponential = side(&[9.0]);
        exponential.schema = 0;
        let custom = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            ..side(&[9.0])
        };
        assert!(custom.detect_reset(&exponential));
        assert!(exponential.detect_reset(&custom));
    }
}
