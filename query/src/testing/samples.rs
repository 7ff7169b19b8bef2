//! Data sets made from a seed: what storage holds on bad days.
//!
//! Per job and instance: `req_total` (a counter with resets), `temp` (a gauge), `odd` (NaN, infinities, extremes), `lat`
//! (exponential histograms, of another schema now and then), `size` (custom ones, whose bounds differ between jobs), `level`
//! (gauge histograms), `mix` (both kinds in one series), `lat_bucket` (classic ones, not always ascending). Besides one
//! `team` per job and one `target_info` per instance. All with jitter, gaps and stale markers.

use std::sync::Arc;

use tsdb::float::STALE_NAN_BITS;
use tsdb::histogram::{FloatHistogram, ResetHint, Span};
use tsdb::label::Labels;

use super::dataset::DataSet;
use crate::naive::{DataSample, DataSeries};
use crate::value::SampleValue;

/// Samples per series.
const SAMPLES: i64 = 80;
/// Distance of the samples, milliseconds.
const SCRAPE: i64 = 15_000;
/// Time of the last sample at most.
pub const END: i64 = SAMPLES * SCRAPE;

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ mixed >> 29
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).unwrap_or(0)
    }

    fn one_in(&mut self, chances: u32) -> bool {
        self.below(chances) == 0
    }
}

/// The data set of a seed.
#[must_use]
pub fn generated(seed: u64) -> DataSet {
    let mut dice = Dice(seed);
    let mut set = DataSet::default();
    for job in ["a", "b"] {
        add(
            &mut set,
            &mut dice,
            &[("__name__", "team"), ("job", job), ("lead", "x")],
            one,
        );
        for instance in ["0", "1"] {
            let of =
                |name: &'static str| [("__name__", name), ("instance", instance), ("job", job)];
            let kinds: [(&str, Make); 7] = [
                ("req_total", counter),
                ("temp", gauge),
                ("odd", odd),
                ("lat", exponential),
                ("size", if job == "a" { custom } else { custom_finer }),
                ("level", level),
                ("mix", mixed),
            ];
            for (name, make) in kinds {
                add(&mut set, &mut dice, &of(name), make);
            }
            let [name, instance, job] = of("target_info");
            add(
                &mut set,
                &mut dice,
                &[name, instance, job, ("version", "1")],
                one,
            );
            for le in ["0.1", "1", "+Inf"] {
                add(
                    &mut set,
                    &mut dice,
                    &[("__name__", "lat_bucket"), instance, job, ("le", le)],
                    counter,
                );
            }
        }
    }
    set.series.sort_by(|a, b| a.labels.cmp(&b.labels));
    set
}

/// Makes the next value, given the one before.
type Make = fn(&mut Dice, Option<&SampleValue>) -> SampleValue;

fn add(set: &mut DataSet, dice: &mut Dice, labels: &[(&str, &str)], make: Make) {
    let has_starts = dice.one_in(4);
    let mut samples: Vec<DataSample> = Vec::new();
    let mut last = None;
    let mut start = 0;
    for at in 0..SAMPLES {
        if dice.one_in(12) {
            continue;
        }
        let t = at * SCRAPE + i64::from(dice.below(3000));
        if dice.one_in(25) {
            samples.push(sample(
                t,
                None,
                SampleValue::Float(f64::from_bits(STALE_NAN_BITS)),
            ));
            continue;
        }
        let value = make(dice, last.as_ref());
        if dice.one_in(20) {
            start = t - 5000;
        }
        samples.push(sample(
            t,
            (has_starts && start > 0).then_some(start),
            value.clone(),
        ));
        last = Some(value);
    }
    set.series.push(Arc::new(DataSeries {
        labels: Arc::new(Labels::from_pairs(labels.iter().copied())),
        samples,
    }));
}

fn sample(t: i64, start: Option<i64>, value: SampleValue) -> DataSample {
    DataSample { t, start, value }
}

fn one(_: &mut Dice, _: Option<&SampleValue>) -> SampleValue {
    SampleValue::Float(1.0)
}

fn counter(dice: &mut Dice, last: Option<&SampleValue>) -> SampleValue {
    let last = last.and_then(SampleValue::float).unwrap_or(0.0);
    let from = if dice.one_in(15) { 0.0 } else { last };
    SampleValue::Float(from + f64::from(dice.below(40)) / 4.0)
}

fn gauge(dice: &mut Dice, _: Option<&SampleValue>) -> SampleValue {
    SampleValue::Float(f64::from(dice.below(4000)) / 8.0 - 250.0)
}

fn odd(dice: &mut Dice, _: Option<&SampleValue>) -> SampleValue {
    const ODD: [f64; 10] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1e300,
        -1e300,
        5e-324,
        1.0,
        -3.5,
    ];
    SampleValue::Float(ODD[dice.below(10) as usize])
}

/// The same histogram with some more observations, or a new one.
fn grown(dice: &mut Dice, last: Option<&SampleValue>, layout: &FloatHistogram) -> SampleValue {
    let last = last
        .and_then(SampleValue::histogram)
        .filter(|last| last.schema == layout.schema);
    let mut histogram = match last {
        Some(last) if !dice.one_in(15) => (**last).clone(),
        _ => layout.clone(),
    };
    for count in &mut histogram.positive_buckets {
        *count += f64::from(dice.below(5));
    }
    histogram.zero_count += if histogram.is_custom() {
        0.0
    } else {
        f64::from(dice.below(2))
    };
    histogram.count = histogram.positive_buckets.iter().sum::<f64>() + histogram.zero_count;
    histogram.sum += f64::from(dice.below(100)) / 4.0;
    SampleValue::Histogram(Arc::new(histogram))
}

fn layout(schema: i32, custom_bounds: &[f64], length: u32) -> FloatHistogram {
    FloatHistogram {
        hint: ResetHint::Unknown,
        schema,
        zero_threshold: if custom_bounds.is_empty() { 0.001 } else { 0.0 },
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive_spans: vec![Span { offset: 0, length }],
        negative_spans: Vec::new(),
        positive_buckets: vec![0.0; length as usize],
        negative_buckets: Vec::new(),
        custom_bounds: custom_bounds.to_vec(),
    }
}

fn exponential(dice: &mut Dice, last: Option<&SampleValue>) -> SampleValue {
    let schema = if dice.one_in(20) { 1 } else { 0 };
    grown(dice, last, &layout(schema, &[], 4))
}

fn custom(dice: &mut Dice, last: Option<&SampleValue>) -> SampleValue {
    grown(dice, last, &layout(-53, &[1.0, 5.0], 3))
}

fn custom_finer(dice: &mut Dice, last: Option<&SampleValue>) -> SampleValue {
    grown(dice, last, &layout(-53, &[1.0, 2.0, 5.0], 4))
}

fn level(dice: &mut Dice, _: Option<&SampleValue>) -> SampleValue {
    let mut layout = layout(0, &[], 3);
    layout.hint = ResetHint::Gauge;
    grown(dice, None, &layout)
}

fn mixed(dice: &mut Dice, last: Option<&SampleValue>) -> SampleValue {
    if dice.one_in(3) {
        gauge(dice, last)
    } else {
        exponential(dice, last)
    }
}
