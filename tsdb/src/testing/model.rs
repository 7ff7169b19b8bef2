//! A block as two maps: the naive truth that merging, deleting and cutting are compared with.
//!
//! Values compare by their bits, so that `-0.0` differs from `0.0` and a NaN equals itself; see [`same`].

use std::collections::BTreeMap;

use crate::histogram::{FloatHistogram, Histogram, HistogramOf};
use crate::label::Labels;
use crate::sample::{Sample, Value};
use crate::time::{Interval, Millis, TimeRange};

/// Series by name, samples by time.
#[derive(Debug, Clone, Default)]
pub struct Model(pub BTreeMap<Labels, BTreeMap<i64, Value>>);

impl Model {
    /// Adds samples; where one is there already, it stays.
    pub fn add(&mut self, labels: &Labels, samples: &[Sample]) {
        let series = self.0.entry(labels.clone()).or_default();
        for sample in samples {
            series
                .entry(sample.t)
                .or_insert_with(|| sample.value.clone());
        }
    }

    /// The union; of samples at the same time the one of the first model wins.
    #[must_use]
    pub fn merged<'a>(models: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut union = Self::default();
        for model in models {
            for (labels, samples) in &model.0 {
                let series = union.0.entry(labels.clone()).or_default();
                for (t, value) in samples {
                    series.entry(*t).or_insert_with(|| value.clone());
                }
            }
        }
        union
    }

    /// Removes a series' samples inside `interval`, and the series where none is left.
    pub fn delete(&mut self, labels: &Labels, interval: Interval) {
        if let Some(series) = self.0.get_mut(labels) {
            series.retain(|t, _| !interval.contains(Millis(*t)));
        }
        self.drop_empty();
    }

    /// Removes all samples outside `range`.
    pub fn cut(&mut self, range: TimeRange) {
        for series in self.0.values_mut() {
            series.retain(|t, _| range.min.0 <= *t && *t < range.max.0);
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        self.0.retain(|_, series| !series.is_empty());
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// First and last time, none where there is no sample.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let times = || self.0.values().flat_map(BTreeMap::keys).copied();
        Some(Interval::new(
            Millis(times().min()?),
            Millis(times().max()?),
        ))
    }

    /// Where two models differ, in words; none where they are the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if let Some(labels) = self.0.keys().find(|labels| !other.0.contains_key(labels)) {
            return Some(format!("{labels} is only in the first"));
        }
        if let Some(labels) = other.0.keys().find(|labels| !self.0.contains_key(labels)) {
            return Some(format!("{labels} is only in the second"));
        }
        for (labels, series) in &self.0 {
            let twin = &other.0[labels];
            let times: Vec<_> = series.keys().chain(twin.keys()).collect();
            for t in times {
                match (series.get(t), twin.get(t)) {
                    (Some(a), Some(b)) if same(a, b) => {}
                    (a, b) => return Some(format!("{labels} at {t}: {a:?} and {b:?}")),
                }
            }
        }
        None
    }
}

/// Whether two values are the same: floats by their bits, histograms by what they say, not by their layout or hint.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Histogram(a), Value::Histogram(b)) => {
            same_head(a, b)
                && (a.is_stale() || (a.count, a.zero_count) == (b.count, b.zero_count))
                && (a.is_stale() || integer_buckets(a) == integer_buckets(b))
        }
        (Value::FloatHistogram(a), Value::FloatHistogram(b)) => {
            let counts = |h: &FloatHistogram| [h.count, h.zero_count].map(f64::to_bits);
            same_head(a, b)
                && (a.is_stale() || counts(a) == counts(b))
                && (a.is_stale() || float_buckets(a) == float_buckets(b))
        }
        _ => false,
    }
}

fn same_head<C, B>(a: &HistogramOf<C, B>, b: &HistogramOf<C, B>) -> bool {
    let bits = |bounds: &[f64]| -> Vec<u64> { bounds.iter().map(|b| b.to_bits()).collect() };
    if a.is_stale() || b.is_stale() {
        return a.is_stale() && b.is_stale();
    }
    (a.schema, a.sum.to_bits(), a.zero_threshold.to_bits())
        == (b.schema, b.sum.to_bits(), b.zero_threshold.to_bits())
        && bits(&a.custom_bounds) == bits(&b.custom_bounds)
}

/// Absolute counts by side (negative first) and index, without empty buckets.
#[must_use]
pub fn integer_buckets(histogram: &Histogram) -> BTreeMap<(bool, i64), i64> {
    let mut buckets = BTreeMap::new();
    for (positive, indices, differences) in [
        (
            true,
            indices(&histogram.positive_spans),
            &histogram.positive_buckets,
        ),
        (
            false,
            indices(&histogram.negative_spans),
            &histogram.negative_buckets,
        ),
    ] {
        let mut count = 0_i64;
        for (index, difference) in indices.into_iter().zip(differences) {
            count = count.wrapping_add(*difference);
            buckets.insert((positive, index), count);
        }
    }
    buckets.retain(|_, count| *count != 0);
    buckets
}

/// Bits of the counts by side (negative first) and index, without empty buckets.
#[must_use]
pub fn float_buckets(histogram: &FloatHistogram) -> BTreeMap<(bool, i64), u64> {
    let mut buckets = BTreeMap::new();
    for (positive, indices, counts) in [
        (
            true,
            indices(&histogram.positive_spans),
            &histogram.positive_buckets,
        ),
        (
            false,
            indices(&histogram.negative_spans),
            &histogram.negative_buckets,
        ),
    ] {
        let bits = counts.iter().map(|count| count.to_bits());
        buckets.extend(indices.into_iter().map(|index| (positive, index)).zip(bits));
    }
    buckets.retain(|_, bits| *bits << 1 != 0);
    buckets
}

fn indices(spans: &[crate::histogram::Span]) -> Vec<i64> {
    let mut indices = Vec::new();
    let mut index = 0_i64;
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            indices.push(index);
            index += 1;
        }
    }
    indices
}
