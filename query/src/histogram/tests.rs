//! Histograms beside lists of observations, and the edges where buckets are open.

use proptest::prelude::*;
use tsdb::histogram::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Span};

use super::classic::{self, ClassicBucket, Repair};
use super::native::{NanEffect, fraction, quantile};
use super::trim::{Keep, trim};

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        custom_bounds: bounds.to_vec(),
        count: counts.iter().sum(),
        positive_spans: vec![Span {
            offset: 0,
            length: u32::try_from(counts.len()).unwrap(),
        }],
        positive_buckets: counts.to_vec(),
        ..FloatHistogram::default()
    }
}

/// Exponential buckets from index 0 on; schema 0 has the bounds 0.5, 1, 2, 4 and so on.
fn exponential(positive: &[f64], zero_count: f64, negative: &[f64]) -> FloatHistogram {
    let span = |counts: &[f64]| Span {
        offset: 0,
        length: u32::try_from(counts.len()).unwrap(),
    };
    FloatHistogram {
        zero_threshold: 0.25,
        zero_count,
        count: positive.iter().chain(negative).sum::<f64>() + zero_count,
        positive_spans: vec![span(positive)],
        positive_buckets: positive.to_vec(),
        negative_spans: vec![span(negative)],
        negative_buckets: negative.to_vec(),
        ..FloatHistogram::default()
    }
}

fn near(got: f64, want: f64) -> bool {
    got == want || got.is_nan() && want.is_nan() || (got - want).abs() < 1e-9 * want.abs().max(1.0)
}

#[test]
fn quantiles_interpolate_by_the_kind_of_bucket() {
    fn check(histogram: &FloatHistogram, q: f64, want: f64) {
        let (got, _) = quantile(q, histogram);
        assert!(near(got, want), "{q} of {histogram}: {got}, not {want}");
    }
    let both = exponential(&[2.0, 2.0], 2.0, &[2.0]);
    check(&both, 0.0, -1.0);
    check(&both, 0.125, -(0.5_f64.sqrt()));
    check(&both, 0.375, 0.0);
    check(&both, 1.0, 2.0);
    check(&both, 0.875, 2.0_f64.sqrt());
    check(&both, -0.1, f64::NEG_INFINITY);
    check(&both, 1.1, f64::INFINITY);
    check(&both, f64::NAN, f64::NAN);
    check(&exponential(&[2.0], 2.0, &[]), 0.25, 0.125);
    check(&exponential(&[], 2.0, &[2.0]), 0.75, -0.125);
    check(&exponential(&[], 0.0, &[]), 0.5, f64::NAN);
    let custom = custom(&[-1.0, 1.0], &[1.0, 2.0, 1.0]);
    check(&custom, 0.1, -1.0);
    check(&custom, 0.5, 0.0);
    check(&custom, 0.9, 1.0);
}

#[test]
fn a_tie_is_broken_from_the_nearer_end() {
    // Buckets (0.5, 1] and (4, 8], nothing in between.
    let gap = exponential(&[1.0, 0.0, 0.0, 1.0], 0.0, &[]);
    assert!(near(quantile(0.499_999_999_999, &gap).0, 1.0));
    assert!(near(quantile(0.5, &gap).0, 4.0));
}

#[test]
fn observations_of_nan_are_above_everything() {
    let mut histogram = exponential(&[3.0], 0.0, &[]);
    histogram.count = 4.0;
    histogram.sum = f64::NAN;
    assert_eq!(quantile(0.5, &histogram).1, Some(NanEffect::SkewedHigher));
    let (value, effect) = quantile(0.9, &histogram);
    assert!(value.is_nan() && effect == Some(NanEffect::ResultIsNan));
    assert_eq!(
        fraction(f64::NEG_INFINITY, f64::INFINITY, &histogram),
        (0.75, true)
    );
}

#[test]
fn fractions_count_open_buckets_whole() {
    fn check(histogram: &FloatHistogram, lower: f64, upper: f64, want: f64) {
        let (got, _) = fraction(lower, upper, histogram);
        assert!(near(got, want), "{lower} {upper} of {histogram}: {got}");
        if histogram.is_custom() {
            let mut count = 0.0;
            let bounds = histogram.custom_bounds.iter().chain([&f64::INFINITY]);
            let mut buckets: Vec<_> = bounds
                .zip(&histogram.positive_buckets)
                .map(|(upper, more)| {
                    count += more;
                    ClassicBucket {
                        upper: *upper,
                        count,
                    }
                })
                .collect();
            let got = classic::fraction(lower, upper, &mut buckets);
            assert!(
                near(got, want),
                "classic {lower} {upper} of {histogram}: {got}"
            );
        }
    }
    let positive = custom(&[1.0, 2.0], &[2.0, 2.0, 4.0]);
    check(&positive, 0.0, 0.5, 0.125);
    check(&positive, -5.0, 1.5, 0.375);
    check(&positive, 3.0, 9.0, 0.0);
    check(&positive, 3.0, f64::INFINITY, 0.5);
    check(&positive, 2.0, 2.0, 0.0);
    check(&positive, f64::NAN, 2.0, f64::NAN);
    let negative = custom(&[-2.0, 2.0], &[2.0, 4.0, 2.0]);
    check(&negative, -9.0, 0.0, 0.25);
    check(&negative, f64::NEG_INFINITY, 0.0, 0.5);
    check(
        &exponential(&[4.0], 2.0, &[2.0]),
        0.0,
        2.0_f64.sqrt() / 2.0,
        0.375,
    );
}

#[test]
fn trimming_keeps_a_share_of_the_cut_bucket() {
    fn check(histogram: &FloatHistogram, keep: Keep, value: f64, count: f64, sum: f64) {
        let got = trim(histogram, keep, value);
        let is_right = near(got.count, count) && near(got.sum, sum);
        assert!(is_right, "{keep:?} {value} of {histogram}: {got}");
    }
    use Keep::{Above, Below};
    let positive = custom(&[4.0, 8.0], &[1.0, 2.0, 3.0]);
    check(&positive, Below, 6.0, 2.0, 2.0 + 5.0);
    check(&positive, Above, 6.0, 4.0, 7.0 + 24.0);
    check(&positive, Above, 10.0, 3.0, 30.0);
    check(&positive, Below, f64::INFINITY, 6.0, 0.0);
    check(&positive, Below, f64::NEG_INFINITY, 0.0, 0.0);
    check(&positive, Above, -1.0, 5.0, 12.0 + 24.0);
    let negative = custom(&[-4.0], &[1.0, 2.0]);
    check(&negative, Below, -8.0, 1.0, -8.0);
    check(&negative, Above, -8.0, 2.0, -8.0);
    check(&negative, Above, -2.0, 2.0, -4.0);
    let both = exponential(&[2.0, 2.0], 2.0, &[2.0]);
    check(&both, Below, 0.0, 3.0, -2.0 * 0.5_f64.sqrt() - 0.125);
    check(&both, Above, 2.0_f64.sqrt(), 1.0, 2.0_f64.powf(0.75));
}

#[test]
fn falling_counts_are_lifted_and_reported() {
    let mut buckets: Vec<_> = [(1.0, 2.0), (2.0, 1.0), (3.0, 2.0), (f64::INFINITY, 0.5)]
        .map(|(upper, count)| ClassicBucket { upper, count })
        .into();
    let want = Repair {
        from: 2.0,
        to: f64::INFINITY,
        difference: 1.5,
    };
    assert_eq!(classic::quantile(0.5, &mut buckets), (0.5, Some(want)));
    assert_eq!(classic::quantile(0.5, &mut buckets), (0.5, None));
    buckets[2].count *= 1.0 - 1e-13;
    assert_eq!(classic::quantile(1.0, &mut buckets), (1.0, None));
    buckets.pop();
    assert!(classic::quantile(0.5, &mut buckets).0.is_nan());
}

fn observations() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        (0..200_i32).prop_map(|value| f64::from(value) / 10.0 + 0.05),
        1..60,
    )
}

fn cumulative(observations: &[f64], bounds: &[f64]) -> Vec<ClassicBucket> {
    let count = |upper: f64| {
        let below = observations.iter().filter(|value| **value <= upper).count();
        u32::try_from(below).map_or(0.0, f64::from)
    };
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    bounds
        .map(|upper| ClassicBucket {
            upper,
            count: count(upper),
        })
        .collect()
}

const BOUNDS: [f64; 5] = [1.0, 2.5, 5.0, 10.0, 25.0];

proptest! {
    #[test]
    fn classic_and_custom_histograms_of_the_same_data_agree(
        observations in observations(), q in 0.0..=1.0_f64, lower in 0.0..30.0_f64, width in 0.0..30.0_f64,
    ) {
        let mut buckets = cumulative(&observations, &BOUNDS);
        let mut counts: Vec<f64> = buckets.iter().map(|bucket| bucket.count).collect();
        for at in (1..counts.len()).rev() {
            counts[at] -= counts[at - 1];
        }
        let native = custom(&BOUNDS, &counts);
        let exact = observations.iter().copied().fold(0.0, f64::max);
        let (got, _) = quantile(q, &native);
        let (classic, repair) = classic::quantile(q, &mut buckets);
        prop_assert!(repair.is_none());
        prop_assert!(got <= BOUNDS.into_iter().find(|bound| *bound >= exact).unwrap());
        // Between two populated buckets either bound of the gap is right.
        let share = |value| fraction(f64::NEG_INFINITY, value, &native).0;
        prop_assert!((share(got) - share(classic)).abs() < 1e-9, "{} {}", got, classic);
        let upper = lower + width;
        let (by_native, by_classic) = (fraction(lower, upper, &native).0, classic::fraction(lower, upper, &mut buckets));
        prop_assert!((by_native - by_classic).abs() < 1e-9, "{} {}", by_native, by_classic);
    }

    #[test]
    fn both_parts_of_a_cut_make_the_whole(
        positive in prop::collection::vec(0..9_u8, 1..6),
        negative in prop::collection::vec(0..9_u8, 1..6),
        zero_count in 0..9_u8,
        cut in -40.0..40.0_f64,
    ) {
        let floats = |counts: &[u8]| counts.iter().copied().map(f64::from).collect::<Vec<_>>();
        let whole = exponential(&floats(&positive), f64::from(zero_count), &floats(&negative));
        let (below, above) = (trim(&whole, Keep::Below, cut), trim(&whole, Keep::Above, cut));
        prop_assert!((below.count + above.count - whole.count).abs() < 1e-9);
        let share = fraction(f64::NEG_INFINITY, cut, &whole).0;
        if whole.count > 0.0 {
            prop_assert!((share * whole.count - below.count).abs() < 1e-9);
        }
    }
}
