//! Lanes of one series to its columns: one replica is followed at a time.
//!
//! Which one is decided by penalty ([`tsdb::merge::dedup`]). Under functions of counters a replica that is behind when the
//! stream changes over to it is lifted by what it lacks, because it is the same counter, scraped earlier: without that each
//! change back would look like a reset.

use tsdb::merge::dedup;
use tsdb::sample::Value;

use super::Reading;
use super::columns::Columns;
use super::lane::Lane;

/// Appends the samples of the lanes, of which there are some.
pub(crate) fn fold(lanes: &[Lane], reading: Reading, into: &mut Columns) {
    if let [lane] = lanes {
        (0..lane.samples.len()).for_each(|at| lane.copy(at, 0.0, into));
        return;
    }
    let times = lanes
        .iter()
        .map(|lane| lane.samples.iter().map(|sample| sample.t).collect());
    let times: Vec<Vec<i64>> = times.collect();
    let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
    let mut picks = Vec::new();
    dedup::penalty(&times, &mut picks);
    let mut lifts = vec![0.0; lanes.len()];
    let mut before: Option<(usize, f64)> = None;
    for pick in picks {
        let lane = &lanes[pick.input];
        if let (Reading::Counter, Value::Float(value)) = (reading, &lane.samples[pick.sample].value)
        {
            let lift: &mut f64 = &mut lifts[pick.input];
            if let Some((input, last)) = before
                && input != pick.input
                && last > value + *lift
            {
                *lift += last - (value + *lift);
            }
            // A gap in one replica says nothing about where the counter stands.
            if !value.is_nan() {
                before = Some((pick.input, value + *lift));
            }
        }
        lane.copy(pick.sample, lifts[pick.input], into);
    }
    if !into.weights.is_empty() {
        into.weights.resize(into.v.len(), 1.0);
    }
}

#[cfg(test)]
mod tests {
    use tsdb::sample::Sample;

    use super::*;

    fn lane(samples: &[(i64, f64)]) -> Lane {
        let samples = samples.iter().map(|(t, v)| Sample::float(*t, *v));
        Lane {
            samples: samples.collect(),
            ..Lane::default()
        }
    }

    #[test]
    fn a_replica_that_is_behind_is_lifted_under_functions_of_counters_only() {
        fn check(reading: Reading, want: &[f64]) {
            let lanes = [
                lane(&[(0, 100.0), (10_000, 110.0), (140_000, 190.0)]),
                lane(&[
                    (2_000, 90.0),
                    (12_000, 95.0),
                    (50_000, 99.0),
                    (60_000, 109.0),
                ]),
            ];
            let mut columns = Columns::default();
            fold(&lanes, reading, &mut columns);
            assert_eq!(
                columns.t,
                [0, 10_000, 50_000, 60_000, 140_000],
                "{reading:?}"
            );
            assert_eq!(columns.v, want, "{reading:?}");
        }
        check(Reading::Counter, &[100.0, 110.0, 110.0, 120.0, 190.0]);
        check(Reading::Average, &[100.0, 110.0, 99.0, 109.0, 190.0]);
    }
}
