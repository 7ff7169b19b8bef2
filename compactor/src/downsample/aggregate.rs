//! Windows of floats: count, sum, min, max, and the running total of a counter.
//!
//! Sums go from left to right, since their bits depend on it. A window's min and max start from the greatest and the
//! least finite float, so a window of only +Inf has a finite min, as in Thanos. The running total goes on across the
//! windows of a batch and adds a value whole where it fell. Windows are made of samples ([`Windows::append`]), or, for the
//! level above, of the windows themselves ([`Windows::fold`], [`Windows::append_counter`]).

use std::ops::Range;

use tsdb::meta::Resolution;
use tsdb::sample::ARITHMETIC_NAN_BITS;

use super::window::{run_len, window_end};

/// Windows of one batch after another as columns.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// The stamps, ascending.
    pub(super) ts: Vec<i64>,
    pub(super) count: Vec<f64>,
    pub(super) sum: Vec<f64>,
    pub(super) min: Vec<f64>,
    pub(super) max: Vec<f64>,
    /// Running total at the end of each window.
    pub(super) counter: Vec<f64>,
}

impl Windows {
    /// Appends the windows of a batch of samples, whose times never descend.
    pub(super) fn append(&mut self, ts: &[i64], vs: &[f64], resolution: Resolution) {
        let (Some(&last_t), Some(&first_v)) = (ts.last(), vs.first()) else {
            return;
        };
        // So that `first_v` minus itself adds nothing; but a total of -0.0 or Inf needs the first sample taken out.
        let mut state = Running {
            counter: first_v,
            last: first_v,
        };
        let mut is_first = true;
        let (mut ts, mut vs) = (ts, vs);
        let mut guess = 0;
        while let Some(&t) = ts.first() {
            let end = window_end(t, resolution).min(last_t);
            let len = window_len(ts, end, guess);
            guess = len;
            let (window, rest) = vs.split_at(len);
            self.ts.push(end);
            self.push(window, &mut state, is_first);
            is_first = false;
            (ts, vs) = (&ts[len..], rest);
        }
    }

    /// Appends the windows of a counter: stamps and running totals, no other column.
    pub(super) fn append_counter(&mut self, ts: &[i64], vs: &[f64], resolution: Resolution) {
        let (Some(&last_t), Some(&first)) = (ts.last(), vs.first()) else {
            return;
        };
        let mut state = Running {
            counter: first,
            last: first,
        };
        let mut start = 0;
        while start < ts.len() {
            let end = window_end(ts[start], resolution).min(last_t);
            let stop = start + run_len(&ts[start..], end).max(1);
            vs[start.max(1)..stop].iter().for_each(|&v| state.add(v));
            self.ts.push(end);
            self.counter.push(settled(state.counter));
            start = stop;
        }
    }

    /// Replaces the windows by coarser ones, each made of finer ones of one batch. Counters do not add up like that, and are left out.
    pub(super) fn fold(&mut self, fine: &Self, batch: Range<usize>, resolution: Resolution) {
        self.clear();
        let Some(&last_t) = fine.ts[batch.clone()].last() else {
            return;
        };
        let mut start = batch.start;
        while start < batch.end {
            let end = window_end(fine.ts[start], resolution).min(last_t);
            let stop = start + run_len(&fine.ts[start..batch.end], end).max(1);
            let window = start..stop;
            self.ts.push(end);
            self.count.push(sum(&fine.count[window.clone()]));
            self.sum.push(sum(&fine.sum[window.clone()]));
            let (min, max) = (&fine.min[window.clone()], &fine.max[window]);
            let least = |min: f64, &v: &f64| if v < min { v } else { min };
            let greatest = |max: f64, &v: &f64| if v > max { v } else { max };
            self.min.push(min.iter().fold(f64::MAX, least));
            self.max.push(max.iter().fold(f64::MIN, greatest));
            start = stop;
        }
    }

    pub(super) fn clear(&mut self) {
        self.ts.clear();
        for column in [
            &mut self.count,
            &mut self.sum,
            &mut self.min,
            &mut self.max,
            &mut self.counter,
        ] {
            column.clear();
        }
    }

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a window has fewer samples than 2^53"
    )]
    fn push(&mut self, window: &[f64], state: &mut Running, is_first: bool) {
        let (mut sum, mut min, mut max) = (0.0, f64::MAX, f64::MIN);
        let mut running = *state;
        let mut add = |v: f64| {
            sum += v;
            min = if v < min { v } else { min };
            max = if v > max { v } else { max };
        };
        let mut values = window.iter().copied();
        if is_first && let Some(v) = values.next() {
            add(v);
        }
        for v in values {
            add(v);
            running.add(v);
        }
        *state = running;
        self.count.push(window.len() as f64);
        self.sum
            .push(if sum.is_nan() { nan_sum(window) } else { sum });
        self.min.push(min);
        self.max.push(max);
        self.counter.push(settled(running.counter));
    }
}

/// Number of samples up to `end`, which is not before the first; regular series have as many as in the window before.
#[inline]
fn window_len(ts: &[i64], end: i64, guess: usize) -> usize {
    if let Some([inside, outside]) = guess
        .checked_sub(1)
        .and_then(|last| ts.get(last..guess + 1))
        && *inside <= end
        && *outside > end
    {
        return guess;
    }
    run_len(ts, end).max(1)
}

/// Running total of a counter.
#[derive(Debug, Clone, Copy)]
struct Running {
    counter: f64,
    last: f64,
}

impl Running {
    #[inline(always)]
    fn add(&mut self, v: f64) {
        let growth = v - self.last;
        self.counter += if v < self.last { v } else { growth };
        self.last = v;
    }
}

/// `value`, with the bits that Go's arithmetic on amd64 gives a NaN that was none before.
#[inline]
fn settled(value: f64) -> f64 {
    if value.is_nan() {
        f64::from_bits(ARITHMETIC_NAN_BITS)
    } else {
        value
    }
}

/// The sum of a window.
fn sum(window: &[f64]) -> f64 {
    let sum = window.iter().fold(0.0, |sum, v| sum + v);
    if sum.is_nan() { nan_sum(window) } else { sum }
}

/// The sum of a window where it is NaN: the first NaN among the values as a quiet one, or one born from infinities.
#[cold]
fn nan_sum(window: &[f64]) -> f64 {
    let mut sum = 0.0;
    for &v in window {
        if v.is_nan() {
            return f64::from_bits(v.to_bits() | 1 << 51);
        }
        sum += v;
        if f64::is_nan(sum) {
            break;
        }
    }
    settled(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as it is stated, one sample at a time.
    fn slowly(samples: &[(i64, f64)], resolution: Resolution) -> Vec<(i64, [f64; 5])> {
        let Some(&(last_t, _)) = samples.last() else {
            return Vec::new();
        };
        let mut out: Vec<(i64, [f64; 5])> = Vec::new();
        let (mut total, mut counter, mut last) = (0, 0.0, 0.0);
        for &(t, v) in samples {
            if out.last().is_none_or(|(end, _)| t > *end) {
                let end = window_end(t, resolution).min(last_t);
                out.push((end, [0.0, 0.0, f64::MAX, f64::MIN, 0.0]));
            }
            if total == 0 {
                counter = v;
            } else if v < last {
                counter += v;
            } else {
                counter += v - last;
            }
            total += 1;
            last = v;
            let (_, [count, sum, min, max, running]) = out.last_mut().unwrap();
            *count += 1.0;
            *sum += v;
            if v < *min {
                *min = v;
            }
            if v > *max {
                *max = v;
            }
            *running = counter;
        }
        out
    }

    fn bits(v: f64) -> u64 {
        settled(v).to_bits()
    }

    fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let step = prop_oneof![6 => Just(60_000_i64), 2 => 0..70_000_i64, 1 => 0..2_000_000_i64];
        let value = prop_oneof![
            6 => (0..100_i32).prop_map(f64::from),
            1 => Just(-0.0),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NEG_INFINITY),
            1 => any::<f64>().prop_filter("numbers only", |v| !v.is_nan()),
        ];
        prop::collection::vec((step, value), 0..100).prop_map(|steps| {
            let mut t = 0;
            let next = |(step, v)| {
                t += step;
                (t, v)
            };
            steps.into_iter().map(next).collect()
        })
    }

    proptest! {
        #[test]
        fn windows_are_those_of_the_slow_rule(samples in samples(), minutes in 1..90_i64) {
            let resolution = Resolution(minutes * 60_000);
            let (ts, vs): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
            let mut windows = Windows::default();
            windows.append(&ts, &vs, resolution);
            let want = slowly(&samples, resolution);
            prop_assert_eq!(windows.ts.len(), want.len());
            for (at, (end, values)) in want.into_iter().enumerate() {
                prop_assert_eq!(windows.ts[at], end);
                let got = [
                    windows.count[at],
                    windows.sum[at],
                    windows.min[at],
                    windows.max[at],
                    windows.counter[at],
                ];
                prop_assert_eq!(got.map(f64::to_bits), values.map(bits), "window {}", end);
            }
        }
    }

    proptest! {
        #[test]
        fn coarser_windows_are_those_of_each_column_alone(samples in samples(), minutes in 1..90_i64) {
            let (ts, vs): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
            let mut fine = Windows::default();
            fine.append(&ts, &vs, Resolution(minutes * 60_000));
            let to = Resolution(minutes * 7 * 60_000);
            let mut coarse = Windows::default();
            coarse.fold(&fine, 0..fine.ts.len(), to);
            let alone = |column: &[f64]| {
                let mut windows = Windows::default();
                windows.append(&fine.ts, column, to);
                windows
            };
            let equal = |got: &[f64], want: &[f64]| {
                got.iter().map(|v| v.to_bits()).eq(want.iter().map(|v| v.to_bits()))
            };
            prop_assert_eq!(&coarse.ts, &alone(&fine.sum).ts);
            prop_assert!(equal(&coarse.count, &alone(&fine.count).sum));
            prop_assert!(equal(&coarse.sum, &alone(&fine.sum).sum));
            prop_assert!(equal(&coarse.min, &alone(&fine.min).min));
            prop_assert!(equal(&coarse.max, &alone(&fine.max).max));
            let mut counter = Windows::default();
            counter.append_counter(&fine.ts, &fine.counter, to);
            prop_assert_eq!(&counter.ts, &coarse.ts);
            prop_assert!(equal(&counter.counter, &alone(&fine.counter).counter));
        }
    }

    #[test]
    fn a_nan_keeps_its_payload_and_one_from_infinities_has_the_bits_of_go() {
        fn check(vs: &[f64], want: u64) {
            let ts = vec![0; vs.len()];
            let mut windows = Windows::default();
            windows.append(&ts, vs, Resolution::FIVE_MINUTES);
            assert_eq!(windows.sum[0].to_bits(), want, "{vs:?}");
        }
        let signalling = f64::from_bits(0x7FF0_0000_0000_1234);
        check(&[1.0, signalling, f64::NAN], 0x7FF8_0000_0000_1234);
        let infinities = [f64::INFINITY, f64::NEG_INFINITY, signalling];
        check(&infinities, ARITHMETIC_NAN_BITS);
    }
}
