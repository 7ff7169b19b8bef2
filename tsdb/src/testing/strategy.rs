//! Strategies for property tests: labels, samples, histograms, whole blocks.
//!
//! Names and values come from few letters, so that series of two blocks often meet; times are near one another, so that
//! samples do. What is rare in life is common here: NaN payloads, stale markers, gaps, resets, layouts that grow.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::model::Model;
use crate::histogram::{
    CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, HistogramOf, ResetHint, Span,
};
use crate::label::{Labels, METRIC_NAME};
use crate::sample::{STALE_NAN_BITS, Sample, Value};
use crate::time::TimeRange;

/// Label sets with a metric name, from few letters.
pub fn labels() -> impl Strategy<Value = Labels> {
    ("[ab]{1,2}", btree_map("[A-Zc-e]", "[a-c]{1,2}", 0..4)).prop_map(|(name, pairs)| {
        let mut labels = Labels::from_pairs(pairs);
        labels.set(METRIC_NAME, &name);
        labels
    })
}

/// Label sets with any text: UTF-8, quotes, long values.
pub fn odd_labels() -> impl Strategy<Value = Labels> {
    let text = prop_oneof![4 => "\\PC{1,8}", 1 => "[\\n\"\\\\ {}=,]{1,4}", 1 => "x{300,400}"];
    btree_map("\\PC{1,8}", text, 1..5).prop_map(Labels::from_pairs)
}

/// Floats, many of them special.
pub fn float() -> impl Strategy<Value = f64> {
    let special = [
        0,
        1 << 63,
        STALE_NAN_BITS,
        0x7FF8_0000_0000_0001,
        0xFFF8_0000_0000_0000,
        0x7FF0_0000_0000_0000,
        0xFFF0_0000_0000_0000,
        1,
        0x7FEF_FFFF_FFFF_FFFF,
    ];
    prop_oneof![
        4 => (-1000_i32..1000).prop_map(f64::from),
        2 => (-1000_i32..1000).prop_map(|n| f64::from(n) / 100.0),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => proptest::sample::select(special.to_vec()).prop_map(f64::from_bits),
    ]
}

/// Distances between two samples: mostly regular, some jittered, some gaps.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(15_000_i64),
        2 => 14_990_i64..15_010,
        1 => 1_i64..1_000_000,
    ]
}

/// Ascending times from `start` on, at most `max` of them.
pub fn times(start: i64, max: usize) -> impl Strategy<Value = Vec<i64>> {
    (0_i64..60_000, vec(step(), 1..=max)).prop_map(move |(offset, steps)| {
        let before = start + offset;
        let sums = steps.iter().scan(before, |t, step| {
            let now = *t;
            *t += step;
            Some(now)
        });
        sums.collect()
    })
}

fn with_times<V: std::fmt::Debug + Clone>(
    start: i64,
    max: usize,
    values: impl Strategy<Value = Vec<V>>,
    wrap: fn(V) -> Value,
) -> impl Strategy<Value = Vec<Sample>> {
    (times(start, max), values).prop_map(move |(ts, values)| {
        ts.into_iter()
            .zip(values)
            .map(|(t, value)| Sample {
                t,
                value: wrap(value),
            })
            .collect()
    })
}

/// At most `max` floats from `start` on.
pub fn float_samples(start: i64, max: usize) -> impl Strategy<Value = Vec<Sample>> {
    with_times(start, max, vec(float(), max), Value::Float)
}

/// At most `max` integer histograms from `start` on: growing, reset, gauges, stale, of few schemas.
pub fn histogram_samples(start: i64, max: usize) -> impl Strategy<Value = Vec<Sample>> {
    with_times(start, max, histograms(max), |histogram| {
        Value::Histogram(Box::new(histogram))
    })
}

/// At most `max` float histograms from `start` on.
pub fn float_histogram_samples(start: i64, max: usize) -> impl Strategy<Value = Vec<Sample>> {
    with_times(start, max, histograms(max), |histogram| {
        Value::FloatHistogram(Box::new(to_float(&histogram)))
    })
}

/// At most `max` samples from `start` on, of one kind or of kinds that change.
pub fn samples(start: i64, max: usize) -> impl Strategy<Value = Vec<Sample>> {
    let mixed = (
        float_samples(start, max),
        histogram_samples(start, max),
        vec(any::<bool>(), max),
    )
        .prop_map(|(floats, histograms, choice)| {
            let pairs = floats.into_iter().zip(histograms).zip(choice);
            pairs
                .map(|((float, histogram), choice)| Sample {
                    t: float.t,
                    value: if choice { float.value } else { histogram.value },
                })
                .collect()
        });
    prop_oneof![
        6 => float_samples(start, max),
        2 => histogram_samples(start, max),
        2 => float_histogram_samples(start, max),
        1 => mixed,
    ]
}

/// What happens to a histogram between two samples.
#[derive(Debug, Clone)]
enum Event {
    Observe {
        positive: bool,
        index: i32,
        count: u32,
    },
    Zero(u32),
    Reset,
    Stale,
    Schema(i32),
    Gauge(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (any::<bool>(), -6_i32..12, 1_u32..50)
            .prop_map(|(positive, index, count)| Event::Observe { positive, index, count }),
        2 => (1_u32..20).prop_map(Event::Zero),
        1 => Just(Event::Reset),
        1 => Just(Event::Stale),
        1 => prop_oneof![Just(CUSTOM_BUCKETS_SCHEMA), -4_i32..=8].prop_map(Event::Schema),
        1 => any::<bool>().prop_map(Event::Gauge),
    ]
}

/// The state that the events change.
#[derive(Debug, Default)]
struct Observed {
    schema: i32,
    gauge: bool,
    zero: u32,
    sides: [BTreeMap<i32, u32>; 2],
}

fn histograms(count: usize) -> impl Strategy<Value = Vec<Histogram>> {
    vec(vec(event(), 1..4), count).prop_map(|steps| {
        let mut observed = Observed::default();
        steps
            .into_iter()
            .map(|events| observed.after(events))
            .collect()
    })
}

impl Observed {
    fn after(&mut self, events: Vec<Event>) -> Histogram {
        let mut stale = false;
        for event in events {
            match event {
                Event::Stale => stale = true,
                other => self.apply(&other),
            }
        }
        if stale {
            return Histogram {
                sum: f64::from_bits(STALE_NAN_BITS),
                ..Histogram::default()
            };
        }
        self.histogram()
    }

    fn apply(&mut self, event: &Event) {
        let custom = self.schema == CUSTOM_BUCKETS_SCHEMA;
        match *event {
            Event::Observe { index, count, .. } if custom => {
                *self.sides[1].entry(index.rem_euclid(4)).or_default() += count;
            }
            Event::Observe {
                positive,
                index,
                count,
            } => *self.sides[usize::from(positive)].entry(index).or_default() += count,
            Event::Zero(_) if custom => {}
            Event::Zero(count) => self.zero += count,
            Event::Reset | Event::Stale => self.clear(self.schema),
            Event::Schema(schema) => self.clear(schema),
            Event::Gauge(gauge) => self.gauge = gauge,
        }
    }

    fn clear(&mut self, schema: i32) {
        *self = Self {
            schema,
            gauge: self.gauge,
            ..Self::default()
        };
    }

    fn histogram(&self) -> Histogram {
        let custom = self.schema == CUSTOM_BUCKETS_SCHEMA;
        let [negative, positive] = &self.sides;
        let buckets = negative.values().chain(positive.values());
        let count: u64 = buckets.map(|count| u64::from(*count)).sum();
        let (positive_spans, positive_buckets) = layout(positive);
        let (negative_spans, negative_buckets) = layout(negative);
        Histogram {
            hint: if self.gauge {
                ResetHint::Gauge
            } else {
                ResetHint::Unknown
            },
            schema: self.schema,
            zero_threshold: if custom { 0.0 } else { 1e-128 },
            zero_count: u64::from(self.zero),
            count: count + u64::from(self.zero),
            sum: f64::from(u32::try_from(count % 1_000_000).expect("below a million")) * 0.5,
            positive_spans,
            negative_spans,
            positive_buckets,
            negative_buckets,
            custom_bounds: if custom { vec![0.1, 1.0, 2.5] } else { vec![] },
        }
    }
}

/// Spans and differences of the buckets that were ever observed.
fn layout(buckets: &BTreeMap<i32, u32>) -> (Vec<Span>, Vec<i64>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut differences = Vec::new();
    let (mut end, mut before) = (0, 0);
    for (&index, &count) in buckets {
        match spans.last_mut() {
            Some(span) if index == end => span.length += 1,
            _ => spans.push(Span {
                offset: index - end,
                length: 1,
            }),
        }
        end = index + 1;
        differences.push(i64::from(count) - before);
        before = i64::from(count);
    }
    (spans, differences)
}

/// The same histogram with float counts.
#[must_use]
pub fn to_float(histogram: &Histogram) -> FloatHistogram {
    let absolute = |differences: &[i64]| -> Vec<f64> {
        let sums = differences.iter().scan(0, |count, difference| {
            *count += difference;
            Some(*count as f64)
        });
        sums.collect()
    };
    HistogramOf {
        hint: histogram.hint,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count: histogram.zero_count as f64,
        count: histogram.count as f64,
        sum: histogram.sum,
        positive_spans: histogram.positive_spans.clone(),
        negative_spans: histogram.negative_spans.clone(),
        positive_buckets: absolute(&histogram.positive_buckets),
        negative_buckets: absolute(&histogram.negative_buckets),
        custom_bounds: histogram.custom_bounds.clone(),
    }
}

/// A block of at most `series` series of at most `max` samples each, all inside `range`.
pub fn model(range: TimeRange, series: usize, max: usize) -> impl Strategy<Value = Model> {
    btree_map(labels(), samples(range.min.0, max), 0..=series).prop_map(move |series| {
        let mut model = Model::default();
        for (labels, samples) in series {
            model.add(&labels, &samples);
        }
        model.cut(range);
        model
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    proptest! {
        #[test]
        fn models_stay_inside_their_range(model in model(TimeRange::new(Millis(0), Millis(100_000)), 4, 20)) {
            if let Some(interval) = model.interval() {
                prop_assert!(0 <= interval.min.0 && interval.max.0 < 100_000);
            }
            prop_assert!(model.difference(&model.clone()).is_none());
        }

        #[test]
        fn counts_of_histograms_are_the_sum_of_their_buckets(samples in histogram_samples(0, 20)) {
            for sample in samples {
                let Value::Histogram(histogram) = &sample.value else { panic!("asked for histograms") };
                let buckets = crate::testing::model::integer_buckets(histogram);
                let sum: i64 = buckets.values().sum();
                prop_assert_eq!(sum.cast_unsigned() + histogram.zero_count, histogram.count);
            }
        }

        #[test]
        fn the_first_model_wins(
            a in model(TimeRange::new(Millis(0), Millis(100_000)), 3, 8),
            b in model(TimeRange::new(Millis(0), Millis(100_000)), 3, 8),
        ) {
            let union = Model::merged([&a, &b]);
            for (labels, samples) in &a.0 {
                for (t, value) in samples {
                    prop_assert!(crate::testing::model::same(&union.0[labels][t], value));
                }
            }
            prop_assert!(union.samples() <= a.samples() + b.samples());
            prop_assert!(union.samples() >= a.samples().max(b.samples()));
        }
    }
}
