//! Sums against the layout rules, against a count of observations, and over hostile layouts.

use proptest::prelude::*;

use super::*;
use crate::histogram::CUSTOM_BUCKETS_SCHEMA;

fn spans(spans: &[(i32, u32)]) -> Vec<Span> {
    let span = |&(offset, length)| Span { offset, length };
    spans.iter().map(span).collect()
}

fn positive(layout: &[(i32, u32)], buckets: &[f64]) -> FloatHistogram {
    FloatHistogram {
        positive_spans: spans(layout),
        positive_buckets: buckets.to_vec(),
        ..FloatHistogram::default()
    }
}

#[test]
fn buckets_are_inserted_where_the_layout_rules_say() {
    fn check(at: &[(i32, u32)], want: &[(i32, u32)], want_buckets: &[f64]) {
        let mut sum = positive(&[(2, 2), (3, 1)], &[1.0, 2.0, 3.0]);
        let length: u32 = at.iter().map(|span| span.1).sum();
        let buckets = vec![10.0; length as usize];
        sum.add(&positive(at, &buckets)).unwrap();
        assert_eq!(sum.positive_spans, spans(want), "{at:?}");
        assert_eq!(sum.positive_buckets, want_buckets, "{at:?}");
    }
    // The receiver has the indices 2 3, 7.
    check(&[], &[(2, 2), (3, 1)], &[1.0, 2.0, 3.0]);
    check(&[(3, 1)], &[(2, 2), (3, 1)], &[1.0, 12.0, 3.0]);
    check(&[(0, 1)], &[(0, 1), (1, 2), (3, 1)], &[10.0, 1.0, 2.0, 3.0]);
    check(&[(1, 1)], &[(1, 3), (3, 1)], &[10.0, 1.0, 2.0, 3.0]);
    check(
        &[(0, 2)],
        &[(0, 2), (0, 2), (3, 1)],
        &[10.0, 10.0, 1.0, 2.0, 3.0],
    );
    check(&[(4, 1)], &[(2, 3), (2, 1)], &[1.0, 2.0, 10.0, 3.0]);
    check(&[(5, 1)], &[(2, 2), (1, 1), (1, 1)], &[1.0, 2.0, 10.0, 3.0]);
    check(&[(6, 1)], &[(2, 2), (2, 2)], &[1.0, 2.0, 10.0, 3.0]);
    check(
        &[(4, 3)],
        &[(2, 5), (0, 1)],
        &[1.0, 2.0, 10.0, 10.0, 10.0, 3.0],
    );
    check(&[(8, 1)], &[(2, 2), (3, 2)], &[1.0, 2.0, 3.0, 10.0]);
    check(
        &[(9, 2)],
        &[(2, 2), (3, 1), (1, 2)],
        &[1.0, 2.0, 3.0, 10.0, 10.0],
    );
}

#[test]
fn an_empty_receiver_takes_the_layout_normalised() {
    let mut sum = positive(&[], &[]);
    sum.add(&positive(&[(1, 1), (0, 1), (2, 1)], &[1.0, 2.0, 3.0]))
        .unwrap();
    assert_eq!(sum.positive_spans, spans(&[(1, 2), (2, 1)]));
}

#[test]
fn a_difference_keeps_empty_buckets() {
    let mut difference = positive(&[(2, 1)], &[1.0]);
    difference.sub(&positive(&[(2, 2)], &[1.0, 0.0])).unwrap();
    assert_eq!(difference.positive_spans, spans(&[(2, 2)]));
    let bits: Vec<u64> = difference
        .positive_buckets
        .iter()
        .map(|b| b.to_bits())
        .collect();
    assert_eq!(bits, [0, (-0.0_f64).to_bits()]);
}

#[test]
fn buckets_inside_the_zero_bucket_are_not_inserted() {
    let mut sum = positive(&[(3, 1)], &[1.0]);
    sum.zero_threshold = 2.0;
    // Buckets (0.5, 1], (1, 2], (2, 4].
    sum.add(&positive(&[(0, 3)], &[1.0, 2.0, 4.0])).unwrap();
    assert_eq!(sum.zero_count, 3.0);
    assert_eq!(sum.positive_spans, spans(&[(2, 2)]));
    assert_eq!(sum.positive_buckets, [4.0, 1.0]);
}

#[test]
fn schemas_meet_at_the_coarser_one() {
    let fine = FloatHistogram {
        schema: 2,
        hint: ResetHint::NotReset,
        ..positive(
            &[(-4, 4), (1, 3), (2, 1)],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        )
    };
    let coarse = fine.copy_to_schema(1);
    // Indices -4 -3 -2 -1 1 2 3 6 become -2 -1 -1 0 1 1 2 3.
    assert_eq!(coarse.positive_spans, spans(&[(-2, 6)]));
    assert_eq!(coarse.positive_buckets, [1.0, 5.0, 4.0, 11.0, 7.0, 8.0]);
    assert_eq!((coarse.schema, coarse.hint), (1, ResetHint::Unknown));
    assert_eq!(fine.copy_to_schema(2), fine);
    let (mut left, mut right) = (fine.clone(), coarse.clone());
    left.add(&coarse).unwrap();
    right.add(&fine).unwrap();
    assert_eq!(left.positive_buckets, right.positive_buckets);
    assert_eq!((left.schema, right.schema), (1, 1));
}

#[test]
fn hints_combine() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    let table = [
        (Unknown, Unknown, Unknown),
        (Reset, Reset, Reset),
        (Gauge, Reset, Gauge),
        (Unknown, Gauge, Gauge),
        (Unknown, NotReset, Unknown),
        (Reset, NotReset, Unknown),
    ];
    for (left, right, want) in table {
        assert_eq!(combined_hint(left, right), want);
        assert_eq!(combined_hint(right, left), want);
    }
}

#[test]
fn what_cannot_be_added_is_refused_unchanged() {
    let exponential = positive(&[(0, 1)], &[1.0]);
    let custom = |bound| FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        custom_bounds: vec![bound],
        ..exponential.clone()
    };
    for (mut left, right) in [
        (custom(1.0), exponential.clone()),
        (exponential.clone(), custom(1.0)),
    ] {
        let before = left.clone();
        assert!(left.add(&right).is_err());
        assert_eq!(left, before);
    }
    let mut sum = custom(1.0);
    assert_eq!(sum.add(&custom(1.0)).unwrap(), Combined::default());
    assert_eq!(sum.positive_buckets, [2.0]);
    assert!(sum.add(&custom(2.0)).unwrap().bounds_reconciled);
    assert_eq!(
        (sum.positive_buckets, sum.custom_bounds),
        (vec![3.0], vec![])
    );
}

#[test]
fn factors_and_divisors_scale_every_number() {
    let mut histogram = FloatHistogram {
        zero_count: 2.0,
        count: 6.0,
        sum: 8.0,
        ..positive(&[(0, 1)], &[4.0])
    };
    histogram.mul(0.5);
    assert_eq!(
        (histogram.count, histogram.sum, histogram.zero_count),
        (3.0, 4.0, 1.0)
    );
    assert_eq!(
        (histogram.positive_buckets[0], histogram.hint),
        (2.0, ResetHint::Unknown)
    );
    histogram.div(-1.0);
    assert_eq!(
        (histogram.positive_buckets[0], histogram.hint),
        (-2.0, ResetHint::Gauge)
    );
    histogram.div(0.0);
    assert_eq!(
        (histogram.count, histogram.positive_buckets.len()),
        (f64::NEG_INFINITY, 0)
    );
}

#[test]
fn integer_counts_become_floats() {
    let histogram = Histogram {
        count: u64::MAX,
        positive_spans: spans(&[(0, 3)]),
        positive_buckets: vec![3, -1, i64::MAX],
        ..Histogram::default()
    };
    let float = histogram.to_float();
    assert_eq!(float.count, 18_446_744_073_709_551_615.0);
    assert_eq!(
        float.positive_buckets,
        [3.0, 2.0, -9_223_372_036_854_775_807.0]
    );
}

fn side() -> impl Strategy<Value = (Vec<Span>, Vec<f64>)> {
    let span = (0..4_i32, 1..4_u32);
    (prop::collection::vec(span, 0..5), -20..20_i32).prop_map(|(mut list, first)| {
        if let Some(span) = list.first_mut() {
            span.0 = first;
        }
        let length: u32 = list.iter().map(|span| span.1).sum();
        let counts = (0..length).map(|at| f64::from(at * 7 % 5)).collect();
        (spans(&list), counts)
    })
}

fn any_spans() -> impl Strategy<Value = (Vec<Span>, Vec<f64>)> {
    let span = (any::<i32>(), 0..4_u32);
    prop::collection::vec(span, 0..5).prop_map(|list| {
        let length: u32 = list.iter().map(|span| span.1).sum();
        (spans(&list), vec![1.0; length as usize])
    })
}

type Parts = (i32, f64, (Vec<Span>, Vec<f64>), (Vec<Span>, Vec<f64>));

fn build((schema, zero_threshold, positive, negative): Parts) -> FloatHistogram {
    let total: f64 = positive.1.iter().chain(&negative.1).sum();
    FloatHistogram {
        schema,
        zero_threshold,
        zero_count: 1.0,
        count: total + 1.0,
        positive_spans: positive.0,
        positive_buckets: positive.1,
        negative_spans: negative.0,
        negative_buckets: negative.1,
        ..FloatHistogram::default()
    }
}

fn sound() -> impl Strategy<Value = FloatHistogram> {
    let threshold = prop_oneof![Just(0.0), Just(0.001), Just(0.7), Just(3.0)];
    (-2..3_i32, threshold, side(), side()).prop_map(build)
}

fn hostile() -> impl Strategy<Value = FloatHistogram> {
    (-9..53_i32, any::<f64>(), any_spans(), any_spans()).prop_map(build)
}

proptest! {
    #[test]
    fn a_sum_counts_every_observation_once(left in sound(), right in sound()) {
        let mut sum = left.clone();
        sum.add(&right).unwrap();
        let counted = |of: &FloatHistogram| {
            of.zero_count + of.positive_buckets.iter().chain(&of.negative_buckets).sum::<f64>()
        };
        prop_assert_eq!(sum.count, left.count + right.count);
        // Buckets that lie in a zero bucket from the start are counted nowhere, as upstream has it.
        if left.zero_threshold == 0.0 && right.zero_threshold == 0.0 {
            prop_assert_eq!(counted(&sum), sum.count);
        }
        let indices: Vec<_> = buckets::indices(&sum.positive_spans).collect();
        prop_assert!(indices.is_sorted_by(|a, b| a < b), "{:?}", indices);
        prop_assert_eq!(indices.len(), sum.positive_buckets.len());
    }

    #[test]
    fn a_sum_is_no_reset(left in sound(), right in sound()) {
        let mut sum = left.clone();
        sum.add(&right).unwrap();
        if left.zero_threshold == right.zero_threshold {
            prop_assert!(!sum.detect_reset(&left));
        }
    }

    #[test]
    fn hostile_layouts_do_no_harm(left in hostile(), right in hostile()) {
        let mut sum = left.clone();
        sum.add(&right).unwrap();
        sum.sub(&left).unwrap();
        let _ = left.detect_reset(&right);
        let _ = left.copy_to_schema(-9).detect_reset(&sum);
    }
}
