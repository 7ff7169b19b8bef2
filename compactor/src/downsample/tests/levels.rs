//! The hour made at once is the hour made of the finished five-minute chunks.

use proptest::prelude::*;
use tsdb::sample::STALE_NAN_BITS;

use super::*;
use tsdb::chunk::encode_samples;
use tsdb::histogram::Histogram;
use tsdb::sample::Value;

fn check(chunks: &[Chunk]) -> Result<(), TestCaseError> {
    let mut downsampler = Downsampler::new();
    let (mut five, mut at_once) = (Vec::new(), Vec::new());
    // Whatever it did before.
    let other = raw_chunks(&[(1, 1.0), (900_000, 2.0)]);
    downsampler.raw(&views(&other), FIVE, &mut five).unwrap();
    five.clear();
    downsampler.raw(&views(chunks), FIVE, &mut five).unwrap();
    downsampler.last_made(&five, HOUR, &mut at_once).unwrap();
    let want = if five.is_empty() {
        Vec::new()
    } else {
        one_hour(&five)
    };
    prop_assert_eq!(at_once, want);
    Ok(())
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0..1000_i32).prop_map(f64::from),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::NAN),
        1 => Just(f64::from_bits(STALE_NAN_BITS)),
    ]
}

proptest! {
    #[test]
    fn the_hour_made_at_once_is_that_made_of_the_chunks(
        steps in prop::collection::vec((prop_oneof![5 => Just(60_000_i64), 1 => 1..20_000_000_i64], value()), 1..600)
    ) {
        let mut t = 0;
        let samples: Vec<_> = steps.into_iter().map(|(step, v)| {
            t += step;
            (t, v)
        }).collect();
        check(&raw_chunks(&samples))?;
    }
}

#[test]
fn a_series_that_becomes_a_histogram_goes_through_its_chunks() {
    let histogram = |t| Sample {
        t,
        value: Value::Histogram(Box::new(Histogram {
            count: 3,
            zero_count: 3,
            ..Histogram::default()
        })),
    };
    let floats = (0..30).map(|minute| Sample::float(minute * 60_000, 1.0));
    let histograms = (30..60).map(|minute| histogram(minute * 60_000));
    let samples: Vec<Sample> = floats.chain(histograms).collect();
    check(&encode_samples(&samples).unwrap()).unwrap();
}
