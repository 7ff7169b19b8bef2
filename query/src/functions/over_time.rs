//! What the samples of a window have in common: sums, means, extremes, spread, quantiles, first and last, counts.
//!
//! Sums are compensated ([`Compensated`]); means are sums over counts until a sum would overflow. Sums over a part of the
//! series are not differences of running totals, because those cancel. Sums and means of histograms are those of `tsdb`.

use super::native::{Total, told};
use super::sliding::{Extreme, Sliding, is_long, is_summable};
use super::{Entry, Name, window};
use crate::annotation::{Annotation, HistogramOperation};
use crate::error::Result;
use crate::exec::window::{Series, Window};

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    let entry = match name {
        "sum_over_time" => window(|series| total(series, false))?,
        "avg_over_time" => window(|series| total(series, true))?,
        "min_over_time" => window(|series| extreme::<true>(series, least))?,
        "max_over_time" => window(|series| extreme::<false>(series, greatest))?,
        "stddev_over_time" => window(|series| series.floats(|w| variance(w.v).sqrt()))?,
        "stdvar_over_time" => window(|series| series.floats(|w| variance(w.v)))?,
        "quantile_over_time" => window(quantile_over_time)?,
        "mad_over_time" => window(|series| series.floats(|w| deviation(w.v)))?,
        "count_over_time" => window(count)?,
        "present_over_time" => window(present)?,
        "last_over_time" => kept(|series| pick(series, true))?,
        "first_over_time" => kept(|series| pick(series, false))?,
        "ts_of_last_over_time" => window(|series| time_of(series, true))?,
        "ts_of_first_over_time" => window(|series| time_of(series, false))?,
        "ts_of_max_over_time" => {
            window(|series| series.floats(|w| time_of_extreme(&w, |a, b| a >= b)))?
        }
        "ts_of_min_over_time" => {
            window(|series| series.floats(|w| time_of_extreme(&w, |a, b| a <= b)))?
        }
        _ => return None,
    };
    Some(entry)
}

fn kept(body: super::WindowBody) -> Option<Entry> {
    let entry = window(body)?;
    Some(Entry {
        name: Name::Kept,
        ..entry
    })
}

/// A sum and what was lost in it (Neumaier).
#[derive(Debug, Clone, Copy, Default)]
pub struct Compensated {
    /// The sum.
    pub sum: f64,
    /// What to add to it.
    pub lost: f64,
}

impl Compensated {
    /// Adds one number; an infinite sum has lost nothing.
    #[inline]
    pub fn add(&mut self, x: f64) {
        let total = self.sum + x;
        // Choices instead of branches, which neighbouring cells would not share.
        let (large, small) = if self.sum.abs() >= x.abs() {
            (self.sum, x)
        } else {
            (x, self.sum)
        };
        let lost = self.lost + ((large - total) + small);
        self.lost = if total.is_infinite() { 0.0 } else { lost };
        self.sum = total;
    }

    /// The sum with what was lost.
    #[must_use]
    pub fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// The least or the greatest of each window.
fn extreme<const LEAST: bool>(series: &mut Series<'_, '_>, plain: fn(&[f64]) -> f64) -> Result<()> {
    if !is_long(series) {
        return series.floats(|window| plain(window.v));
    }
    let mut sliding = Sliding::<Extreme<LEAST>>::new(&series.columns.v);
    series.floats(|window| {
        let found = sliding.fold(window.first, window.v.len());
        found.map_or(f64::NAN, |Extreme(value)| value)
    })
}

/// The sum or the mean of each window, of floats or of histograms.
fn total(series: &mut Series<'_, '_>, is_mean: bool) -> Result<()> {
    let slides = is_long(series) && is_summable(&series.columns.v);
    let mut sliding = slides.then(|| Sliding::<Compensated>::new(&series.columns.v));
    series.windows(|series, window| {
        if window.is_mixed() {
            series.note_metric(Annotation::MixedTypes);
        } else if let Some(sum) = slid(&mut sliding, &window) {
            let value = if is_mean {
                let count = as_float(window.v.len());
                sum.sum / count + sum.lost / count
            } else {
                sum.total()
            };
            series.out.set(window.step, value);
        } else if window.histograms.is_empty() {
            let value = if is_mean {
                mean_of(&window)
            } else {
                sum(window.v)
            };
            series.out.set(window.step, value);
        } else {
            total_of_histograms(series, window, is_mean);
        }
        Ok(())
    })
}

fn slid(
    sliding: &mut Option<Sliding<'_, Compensated>>,
    window: &Window<'_>,
) -> Option<Compensated> {
    let sliding = sliding.as_mut()?;
    sliding.fold(window.first, window.v.len())
}

fn total_of_histograms(series: &mut Series<'_, '_>, window: Window<'_>, is_mean: bool) {
    let Some((first, rest)) = window.histograms.split_first() else {
        return;
    };
    let mut total = Total::new(&first.h, is_mean);
    for sample in rest {
        let Some(combined) = total.add(&sample.h) else {
            series.note_metric(Annotation::MixedSchemas);
            return;
        };
        for annotation in told(combined, HistogramOperation::Aggregation) {
            series.note(annotation);
        }
    }
    series.out.set_histogram(window.step, total.finish());
}

/// The compensated sum.
#[must_use]
pub fn sum(v: &[f64]) -> f64 {
    let mut total = Compensated::default();
    for x in v {
        total.add(*x);
    }
    if total.sum.is_infinite() {
        total.sum
    } else {
        total.total()
    }
}

/// The mean of the floats of a window; of means of others as if it had their samples.
fn mean_of(window: &Window<'_>) -> f64 {
    if window.weights.is_empty() {
        return mean(window.v);
    }
    let parts = window.v.iter().zip(window.weights);
    let parts: Vec<f64> = parts.map(|(mean, count)| mean * count).collect();
    sum(&parts) / sum(window.weights)
}

/// The mean of some numbers: a sum over a count until that would overflow, then a running mean.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mean {
    sum: Compensated,
    mean: Option<Compensated>,
    count: f64,
}

impl Mean {
    /// Takes one more.
    #[inline]
    pub fn add(&mut self, x: f64) {
        self.count += 1.0;
        if self.mean.is_none() {
            let mut next = self.sum;
            next.add(x);
            if self.count < 2.0 || !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            let before = self.count - 1.0;
            self.mean = Some(Compensated {
                sum: self.sum.sum / before,
                lost: self.sum.lost / before,
            });
        }
        if let Some(mean) = &mut self.mean {
            let share = (self.count - 1.0) / self.count;
            let mut next = Compensated {
                sum: mean.sum * share,
                lost: mean.lost * share,
            };
            next.add(x / self.count);
            *mean = next;
        }
    }

    /// Takes those of another, which come later.
    pub fn merge(&mut self, later: Self) {
        if later.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = later;
            return;
        }
        let count = self.count + later.count;
        if self.mean.is_none() && later.mean.is_none() {
            let mut next = self.sum;
            next.add(later.sum.sum);
            next.lost += later.sum.lost;
            if !next.sum.is_infinite() {
                self.sum = next;
                self.count = count;
                return;
            }
        }
        let (a, b) = (self.as_mean(), later.as_mean());
        let mut next = Compensated {
            sum: a.sum * (self.count / count),
            lost: a.lost * (self.count / count),
        };
        next.add(b.sum * (later.count / count));
        next.lost += b.lost * (later.count / count);
        self.mean = Some(next);
        self.count = count;
    }

    fn as_mean(&self) -> Compensated {
        self.mean.unwrap_or(Compensated {
            sum: self.sum.sum / self.count,
            lost: self.sum.lost / self.count,
        })
    }

    /// The mean.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.as_mean().total()
    }
}

/// The mean.
#[must_use]
pub fn mean(v: &[f64]) -> f64 {
    let mut mean = Mean::default();
    for x in v {
        mean.add(*x);
    }
    mean.value()
}

/// The least number; NaN only if there is no other.
#[must_use]
pub fn least(v: &[f64]) -> f64 {
    v.iter().copied().fold(
        f64::NAN,
        |best, x| if x < best || best.is_nan() { x } else { best },
    )
}

/// The greatest number; NaN only if there is no other.
#[must_use]
pub fn greatest(v: &[f64]) -> f64 {
    v.iter().copied().fold(
        f64::NAN,
        |best, x| if x > best || best.is_nan() { x } else { best },
    )
}

/// The population variance, by compensated running means.
#[must_use]
pub fn variance(v: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Compensated::default(), Compensated::default());
    let mut count = 0.0;
    for x in v {
        count += 1.0;
        let delta = x - mean.total();
        mean.add(delta / count);
        squares.add(delta * (x - mean.total()));
    }
    squares.total() / count
}

/// The φ-quantile of numbers, which are sorted for it; NaN is the least.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks lie between 0 and the number of samples"
)]
pub fn quantile(q: f64, v: &mut [f64]) -> f64 {
    if v.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    v.sort_unstable_by(|a, b| {
        b.is_nan()
            .cmp(&a.is_nan())
            .then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let rank = q * (v.len() - 1) as f64;
    let low = rank.floor().max(0.0) as usize;
    let high = (low + 1).min(v.len() - 1);
    let weight = rank - rank.floor();
    v[low] * (1.0 - weight) + v[high] * weight
}

fn quantile_over_time(series: &mut Series<'_, '_>) -> Result<()> {
    let phi = series.args.scalars[0];
    let span = series.args.arg_spans.first().copied().unwrap_or_default();
    let mut buffer = Vec::new();
    series.windows(|series, window| {
        let q = phi[window.step];
        if window.v.is_empty() {
            return Ok(());
        }
        if !(0.0..=1.0).contains(&q) {
            series.notes.add(Annotation::InvalidQuantile(q), span);
        }
        if window.is_mixed() {
            // Said of the first argument, which here is no range.
            let metric = series.metric.to_owned();
            let note = Annotation::HistogramIgnoredInMixedRange(metric);
            series.notes.add(note, span);
        }
        buffer.clear();
        buffer.extend_from_slice(window.v);
        series.out.set(window.step, quantile(q, &mut buffer));
        Ok(())
    })
}

/// The median distance to the median.
fn deviation(v: &[f64]) -> f64 {
    let mut sorted = v.to_vec();
    let median = quantile(0.5, &mut sorted);
    for x in &mut sorted {
        *x = (*x - median).abs();
    }
    quantile(0.5, &mut sorted)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a window has far fewer than 2^53 samples"
)]
pub(super) fn as_float(count: usize) -> f64 {
    count as f64
}

fn count(series: &mut Series<'_, '_>) -> Result<()> {
    series.windows(|series, window| {
        let floats = if window.weights.is_empty() {
            as_float(window.v.len())
        } else {
            sum(window.weights)
        };
        let count = floats + as_float(window.histograms.len());
        series.out.set(window.step, count);
        Ok(())
    })
}

fn present(series: &mut Series<'_, '_>) -> Result<()> {
    series.windows(|series, window| {
        series.out.set(window.step, 1.0);
        Ok(())
    })
}

/// The last sample, or the first.
fn pick(series: &mut Series<'_, '_>, last: bool) -> Result<()> {
    series.windows(|series, window| {
        let at = |len: usize| if last { len.wrapping_sub(1) } else { 0 };
        let float = window.t.get(at(window.t.len()));
        let histogram = window.histograms.get(at(window.histograms.len()));
        match (float, histogram) {
            (Some(t), Some(sample)) if (*t > sample.t) != last => {
                series
                    .out
                    .set_histogram(window.step, std::sync::Arc::clone(&sample.h));
            }
            (Some(_), _) => series.out.set(window.step, window.v[at(window.v.len())]),
            (None, Some(sample)) => series
                .out
                .set_histogram(window.step, std::sync::Arc::clone(&sample.h)),
            (None, None) => {}
        }
        Ok(())
    })
}

fn time_of(series: &mut Series<'_, '_>, last: bool) -> Result<()> {
    series.windows(|series, window| {
        let float = if last {
            window.t.last()
        } else {
            window.t.first()
        };
        let histogram = if last {
            window.histograms.last()
        } else {
            window.histograms.first()
        };
        let times = [float.copied(), histogram.map(|sample| sample.t)];
        let times = times.into_iter().flatten();
        let t = if last { times.max() } else { times.min() };
        if let Some(t) = t {
            series.out.set(window.step, super::rate::seconds(t));
        }
        Ok(())
    })
}

/// Time of the last among the extreme samples; any number is preferred to NaN.
fn time_of_extreme(window: &Window<'_>, as_good: impl Fn(f64, f64) -> bool) -> f64 {
    let mut best = 0;
    for at in 1..window.v.len() {
        if as_good(window.v[at], window.v[best]) || window.v[best].is_nan() {
            best = at;
        }
    }
    super::rate::seconds(window.t[best])
}
