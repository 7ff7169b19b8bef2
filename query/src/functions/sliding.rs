//! Sums and extremes of windows that overlap, without looking at every sample again: a queue of two stacks.
//!
//! ```text
//! samples    a b c d e f g h
//! window       [--------)
//! suffixes     b+c+d  c+d  d  |  back e+f       suffix of the first sample, then back, is the window
//! ```
//!
//! Windows only move forwards. When the first sample of a window has no suffix any more, all suffixes of the window are
//! made anew; so each sample is folded twice, however long windows are. Sums are folded with what they lost, and only
//! where no order of adding can overflow.

use super::over_time::Compensated;
use crate::exec::window::Series;

/// Windows that are shorter than so many steps are folded sample by sample, in the order of Prometheus.
const STEPS_MIN: i64 = 8;
/// No sum of samples below it reaches infinity.
const SUMMABLE: f64 = 1e290;

/// What several samples have in common; joining does not depend on how they are grouped.
pub(super) trait Fold: Copy {
    /// That of one sample.
    fn of(value: f64) -> Self;
    /// That of these and those after them.
    fn join(self, later: Self) -> Self;
}

impl Fold for Compensated {
    fn of(value: f64) -> Self {
        Self {
            sum: value,
            lost: 0.0,
        }
    }

    #[inline]
    fn join(mut self, later: Self) -> Self {
        self.add(later.sum);
        self.lost += later.lost;
        self
    }
}

/// The greatest, or the least where `LEAST`; NaN only if there is no number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extreme<const LEAST: bool>(pub(super) f64);

impl<const LEAST: bool> Fold for Extreme<LEAST> {
    fn of(value: f64) -> Self {
        Self(value)
    }

    #[inline]
    fn join(self, later: Self) -> Self {
        let better = if LEAST {
            later.0 < self.0
        } else {
            later.0 > self.0
        };
        if better || self.0.is_nan() {
            later
        } else {
            self
        }
    }
}

/// The windows of one series.
pub(super) struct Sliding<'v, F> {
    v: &'v [f64],
    /// From the sample before `middle` down to the first of the window.
    suffixes: Vec<F>,
    middle: usize,
    /// Those from `middle` to `end`.
    back: Option<F>,
    end: usize,
}

impl<'v, F: Fold> Sliding<'v, F> {
    pub(super) fn new(v: &'v [f64]) -> Self {
        Self {
            v,
            suffixes: Vec::new(),
            middle: 0,
            back: None,
            end: 0,
        }
    }

    /// That of `count` samples from `first` on; none of none.
    pub(super) fn fold(&mut self, first: usize, count: usize) -> Option<F> {
        let end = first + count;
        if first >= self.middle {
            self.suffixes.clear();
            for value in self.v[first..end].iter().rev() {
                let one = F::of(*value);
                let suffix = self.suffixes.last().map_or(one, |later| one.join(*later));
                self.suffixes.push(suffix);
            }
            (self.middle, self.end, self.back) = (end, end, None);
        }
        for value in &self.v[self.end..end.max(self.end)] {
            let one = F::of(*value);
            self.back = Some(self.back.map_or(one, |back| back.join(one)));
        }
        self.end = self.end.max(end);
        let front = self.middle.checked_sub(first + 1);
        let front = self.suffixes.get(front?)?;
        Some(self.back.map_or(*front, |back| front.join(back)))
    }
}

/// Whether windows are long enough to slide.
pub(super) fn is_long(series: &Series<'_, '_>) -> bool {
    let grid = series.grid();
    grid.steps > 1 && series.look.range / STEPS_MIN >= grid.step.max(1)
}

/// Whether the samples can be added in any order.
pub(super) fn is_summable(v: &[f64]) -> bool {
    v.iter().all(|value| value.abs() < SUMMABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::over_time::{greatest, least, sum};

    #[test]
    fn sliding_is_the_same_as_looking_at_all_samples() {
        fn check(v: &[f64], windows: &[(usize, usize)]) {
            let mut sums = Sliding::<Compensated>::new(v);
            let mut low = Sliding::<Extreme<true>>::new(v);
            let mut high = Sliding::<Extreme<false>>::new(v);
            for (first, end) in windows {
                let (slice, count) = (&v[*first..*end], end - first);
                let got = sums.fold(*first, count).unwrap().total();
                assert!((got - sum(slice)).abs() < 1e-9, "{first} {end} {got}");
                let got = low.fold(*first, count).unwrap().0;
                assert_eq!(got.to_bits(), least(slice).to_bits(), "{first} {end}");
                let got = high.fold(*first, count).unwrap().0;
                assert_eq!(got.to_bits(), greatest(slice).to_bits(), "{first} {end}");
            }
        }
        let v: Vec<f64> = (0..40).map(|at| f64::from(at * 7 % 11) - 4.5).collect();
        let moving = |width: usize, by: usize| -> Vec<(usize, usize)> {
            (0..(40 - width) / by)
                .map(|at| (at * by, at * by + width))
                .collect()
        };
        check(&v, &moving(10, 1));
        check(&v, &moving(3, 2));
        check(&v, &moving(2, 5));
        check(
            &v,
            &[(0, 1), (0, 4), (2, 4), (2, 9), (8, 9), (30, 40), (30, 40)],
        );
        check(&[1.0, 1e100, 3.0, -1e100, 2.0], &[(0, 4), (0, 5), (1, 5)]);
        check(&[1.0, -0.0, 0.0, 5.0], &[(0, 3), (1, 3), (1, 4)]);
    }

    #[test]
    fn an_empty_window_has_nothing() {
        let mut sliding = Sliding::<Compensated>::new(&[1.0, 2.0]);
        assert!(sliding.fold(0, 0).is_none());
        assert!(sliding.fold(0, 2).is_some());
        assert!(sliding.fold(2, 0).is_none());
    }
}
