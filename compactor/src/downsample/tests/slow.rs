//! The rule in plain, one sample at a time into maps, against what downsampling makes: at five minutes and at one hour.
//!
//! A window may be cut in two by the border of chunks, so windows are compared as sums over all chunks; counters as a reader
//! joins them. Values are whole, so every sum is exact.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tsdb::chunk::aggregate::Aggregate;
use tsdb::chunk::{Chunk, encode_samples};
use tsdb::histogram::{FloatHistogram, Span};
use tsdb::meta::Resolution;
use tsdb::sample::{Sample, Value};

use super::{FIVE, HOUR, five_minutes, one_hour, raw_chunks, samples};

/// Buckets, and two more for the count and the sum of observations.
type Buckets = [f64; 5];

fn float(sample: &Sample) -> f64 {
    match sample.value {
        Value::Float(value) => value,
        _ => panic!("a float was expected at {}", sample.t),
    }
}

/// What the chunks say of each window, folded where a window lies in two chunks.
fn windows(
    chunks: &[Chunk],
    aggregate: Aggregate,
    to: Resolution,
    fold: fn(f64, f64) -> f64,
) -> BTreeMap<i64, f64> {
    let mut windows = BTreeMap::new();
    for sample in chunks.iter().flat_map(|chunk| samples(chunk, aggregate)) {
        let value = float(&sample);
        let window = windows.entry(sample.t / to.0);
        window
            .and_modify(|old| *old = fold(*old, value))
            .or_insert(value);
    }
    windows
}

/// The joined counter at the end of each window, and its last true value.
fn counter(chunks: &[Chunk], to: Resolution) -> (BTreeMap<i64, f64>, f64) {
    let mut windows = BTreeMap::new();
    let (mut total, mut last): (f64, Option<(i64, f64)>) = (0.0, None);
    for sample in chunks
        .iter()
        .flat_map(|chunk| samples(chunk, Aggregate::Counter))
    {
        let value = float(&sample);
        match last {
            None => total = value,
            Some((t, before)) if sample.t > t => {
                total += if value < before {
                    value
                } else {
                    value - before
                };
            }
            // The sample that repeats the last time has the true value, and adds nothing.
            Some(_) => {}
        }
        last = Some((sample.t, value));
        windows.insert(sample.t / to.0, total);
    }
    (windows, last.unwrap().1)
}

fn check_floats(raw: &[(i64, f64)], chunks: &[Chunk], to: Resolution) {
    let mut want: [BTreeMap<i64, f64>; 5] = Default::default();
    let (mut total, mut last) = (0.0, 0.0);
    for &(t, v) in raw {
        total += if v < last { v } else { v - last };
        last = v;
        let [count, sum, min, max, counter] = want.each_mut().map(|map| map.entry(t / to.0));
        *count.or_default() += 1.0;
        *sum.or_default() += v;
        min.and_modify(|old| *old = old.min(v)).or_insert(v);
        max.and_modify(|old| *old = old.max(v)).or_insert(v);
        counter.insert_entry(total);
    }
    let add: fn(f64, f64) -> f64 = |a, b| a + b;
    let folds = [
        (Aggregate::Count, add),
        (Aggregate::Sum, add),
        (Aggregate::Min, f64::min),
        (Aggregate::Max, f64::max),
    ];
    for ((aggregate, fold), want) in folds.into_iter().zip(&want) {
        assert_eq!(&windows(chunks, aggregate, to, fold), want, "{aggregate:?}");
    }
    assert_eq!(counter(chunks, to), (want[4].clone(), last));
}

/// Times that go forward, now and then by hours.
fn steps() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => Just(60_000_i64),
        3 => 1..400_000_i64,
        1 => (0..3_i64).prop_map(|hours| hours * 3_600_000 + 1),
    ]
}

fn times<T>(steps: Vec<(i64, T)>) -> impl Iterator<Item = (i64, T)> {
    steps.into_iter().scan(1_000_000_i64, |t, (step, value)| {
        *t += step;
        Some((*t, value))
    })
}

fn histogram(buckets: [u32; 3]) -> FloatHistogram {
    let buckets = buckets.map(f64::from);
    let count = buckets.iter().sum();
    FloatHistogram {
        schema: 1,
        zero_threshold: 1e-128,
        count,
        sum: buckets[0] + buckets[1] * 2.0 + buckets[2] * 3.0,
        positive_spans: vec![Span {
            offset: 0,
            length: 3,
        }],
        positive_buckets: buckets.to_vec(),
        ..FloatHistogram::default()
    }
}

fn flat(histogram: &FloatHistogram) -> Buckets {
    let mut flat = [0.0; 5];
    for (index, count) in histogram.positive() {
        flat[usize::try_from(index).unwrap()] += count;
    }
    [flat[3], flat[4]] = [histogram.count, histogram.sum];
    flat
}

fn add(to: &mut Buckets, other: Buckets) {
    for (to, other) in to.iter_mut().zip(other) {
        *to += other;
    }
}

/// The histograms of an aggregate by window: summed, or the last where `is_total`.
fn histograms(
    chunks: &[Chunk],
    aggregate: Aggregate,
    to: Resolution,
    is_total: bool,
) -> BTreeMap<i64, Buckets> {
    let mut windows: BTreeMap<i64, Buckets> = BTreeMap::new();
    for sample in chunks.iter().flat_map(|chunk| samples(chunk, aggregate)) {
        let Value::FloatHistogram(histogram) = &sample.value else {
            panic!("a histogram was expected at {}", sample.t);
        };
        let window = windows.entry(sample.t / to.0).or_default();
        if is_total {
            *window = Buckets::default();
        }
        add(window, flat(histogram));
    }
    windows
}

fn check_histograms(raw: &[(i64, [u32; 3])], chunks: &[Chunk], to: Resolution) {
    let (mut counts, mut sums, mut totals) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut total = Buckets::default();
    let mut last = [0; 3];
    for &(t, buckets) in raw {
        let fell = buckets.iter().zip(last).any(|(now, before)| *now < before);
        let growth = if fell {
            buckets
        } else {
            [0, 1, 2].map(|at| buckets[at] - last[at])
        };
        last = buckets;
        add(&mut total, flat(&histogram(growth)));
        *counts.entry(t / to.0).or_insert(0.0) += 1.0;
        add(sums.entry(t / to.0).or_default(), flat(&histogram(buckets)));
        totals.insert(t / to.0, total);
    }
    assert_eq!(windows(chunks, Aggregate::Count, to, |a, b| a + b), counts);
    assert_eq!(histograms(chunks, Aggregate::Sum, to, false), sums);
    // Each chunk's total begins anew, so only that of a single chunk can be compared so simply.
    if chunks.len() == 1 {
        assert_eq!(histograms(chunks, Aggregate::Counter, to, true), totals);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn windows_of_floats_are_those_of_the_slow_rule(
        steps in prop::collection::vec((steps(), prop_oneof![8 => 50..100_u32, 1 => 0..50_u32]), 1..900),
    ) {
        let raw: Vec<_> = times(steps).map(|(t, v)| (t, f64::from(v))).collect();
        let mut distinct = raw;
        distinct.dedup_by_key(|(t, _)| *t);
        let five = five_minutes(&raw_chunks(&distinct));
        check_floats(&distinct, &five, FIVE);
        check_floats(&distinct, &one_hour(&five), HOUR);
    }

    #[test]
    fn windows_of_histograms_are_those_of_the_slow_rule(
        steps in prop::collection::vec((steps(), (prop::array::uniform3(0..9_u32), 0..12_u32)), 1..300),
    ) {
        let mut buckets = [0; 3];
        let mut raw: Vec<_> = times(steps).map(|(t, (growth, dice))| {
            // Now and then a counter begins anew.
            let base = if dice == 0 { [0; 3] } else { buckets };
            buckets = [0, 1, 2].map(|at| base[at] + growth[at]);
            (t, buckets)
        }).collect();
        raw.dedup_by_key(|(t, _)| *t);
        let samples: Vec<_> = raw.iter().map(|&(t, buckets)| Sample {
            t,
            value: Value::FloatHistogram(Box::new(histogram(buckets))),
        }).collect();
        let five = five_minutes(&encode_samples(&samples).unwrap());
        check_histograms(&raw, &five, FIVE);
        check_histograms(&raw, &one_hour(&five), HOUR);
    }
}
