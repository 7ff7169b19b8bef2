//! Sums and means of floats that lose little, whatever the order of magnitude.
//!
//! A [`Sum`] carries what rounding took away beside it (Neumaier's variant of compensated summation); the carry starts
//! again at nothing once the sum is infinite. A [`Mean`] is a sum divided at the end, until the sum would overflow; from
//! then on it is updated value by value.

/// A compensated sum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    /// The sum as floats give it.
    pub(super) total: f64,
    /// What rounding took away.
    pub(super) carry: f64,
}

impl Sum {
    pub(super) fn of(first: f64) -> Self {
        Self {
            total: first,
            carry: 0.0,
        }
    }

    pub(super) fn plus(self, value: f64) -> Self {
        let total = self.total + value;
        let carry = if total.is_infinite() {
            0.0
        } else if self.total.abs() >= value.abs() {
            self.carry + ((self.total - total) + value)
        } else {
            self.carry + ((value - total) + self.total)
        };
        Self { total, carry }
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            total: self.total * factor,
            carry: self.carry * factor,
        }
    }

    pub(super) fn value(self) -> f64 {
        self.total + self.carry
    }
}

/// The mean of some values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    sum: Sum,
    count: f64,
    /// Whether `sum` is the mean already.
    is_incremental: bool,
}

impl Mean {
    pub(super) fn of(first: f64) -> Self {
        Self {
            sum: Sum::of(first),
            count: 1.0,
            is_incremental: false,
        }
    }

    pub(super) fn plus(mut self, value: f64) -> Self {
        let before = self.count;
        self.count += 1.0;
        if !self.is_incremental {
            let sum = self.sum.plus(value);
            if !sum.total.is_infinite() {
                self.sum = sum;
                return self;
            }
            self.is_incremental = true;
            self.sum = Sum {
                total: self.sum.total / before,
                carry: self.sum.carry / before,
            };
        }
        self.sum = self
            .sum
            .scaled(before / self.count)
            .plus(value / self.count);
        self
    }

    pub(super) fn value(self) -> f64 {
        if self.is_incremental {
            return self.sum.value();
        }
        self.sum.total / self.count + self.sum.carry / self.count
    }
}

/// Whether a value can be averaged; a spread over one that cannot is NaN.
pub(super) fn spread_start(first: f64) -> f64 {
    if first.is_finite() { 0.0 } else { f64::NAN }
}

/// The value below which `quantile` of the values lie, between two neighbours where it falls there. NaN sorts first.
pub(super) fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| {
        b.is_nan()
            .cmp(&a.is_nan())
            .then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let last = values.len() - 1;
    let rank = quantile * last_as_float(last);
    let below = floor_index(rank).min(last);
    let above = (below + 1).min(last);
    let weight = rank - rank.floor();
    values[below] * (1.0 - weight) + values[above] * weight
}

#[expect(clippy::cast_precision_loss, reason = "no vector has 2^53 elements")]
pub(super) fn last_as_float(index: usize) -> f64 {
    index as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is between zero and the number of values"
)]
fn floor_index(rank: f64) -> usize {
    rank.floor() as usize
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the results are exact")]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_takes_from_a_sum_comes_back() {
        let sum = [1e100, 1.0, -1e100]
            .into_iter()
            .fold(Sum::of(1.0), Sum::plus);
        assert_eq!(sum.value(), 2.0);
        let sum = Sum::of(f64::INFINITY).plus(1.0);
        assert_eq!(sum.value(), f64::INFINITY);
    }

    #[test]
    fn a_mean_of_huge_values_does_not_overflow() {
        let mean = [f64::MAX, f64::MAX, f64::MAX]
            .into_iter()
            .fold(Mean::of(f64::MAX), Mean::plus);
        assert!((1.0 - mean.value() / f64::MAX).abs() < 1e-15);
        let mean = [4.0, 6.0].into_iter().fold(Mean::of(2.0), Mean::plus);
        assert_eq!(mean.value(), 4.0);
    }

    #[test]
    fn a_quantile_lies_between_two_neighbours() {
        fn check(at: f64, values: &[f64], want: f64) {
            let got = quantile(at, &mut values.to_vec());
            assert!(got == want || (got.is_nan() && want.is_nan()), "{at} {got}");
        }
        check(0.5, &[3.0, 1.0], 2.0);
        check(0.75, &[4.0, 2.0, 0.0], 3.0);
        check(1.0, &[1.0, 5.0], 5.0);
        check(1.1, &[1.0], f64::INFINITY);
        check(-0.1, &[1.0], f64::NEG_INFINITY);
        check(0.0, &[1.0, f64::NAN], f64::NAN);
        check(0.5, &[], f64::NAN);
    }
}
