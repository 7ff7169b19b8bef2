//! What a query cost, as the API tells it: times of six phases, and samples.
//!
//! ```text
//! {"timings":{"evalTotalTime":…,"resultSortTime":…,"queryPreparationTime":…,"innerEvalTime":…,"execQueueTime":…,"execTotalTime":…},
//!  "samples":{"totalQueryableSamplesPerStep":[[t,n],…],"totalQueryableSamples":n,"samplesReadPerStep":…,"samplesRead":n,"peakSamples":n}}
//! ```
//!
//! Times are seconds. The lists by step are there only where they were asked for.

use super::dialect::Dialect;
use super::{json, number};
use crate::exec::cost::Cost;
use crate::plan::Grid;

/// The cost of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    timings: [(&'static str, f64); 6],
    /// Samples that all windows held together.
    queryable: u64,
    /// Samples that no earlier step had looked at.
    read: u64,
    /// Most samples that had to be held at one time.
    peak: u64,
    /// Time, samples in windows, samples read.
    steps: Vec<(i64, u64, u64)>,
}

impl Stats {
    /// What is told of `cost`; by step where its grid is given.
    #[must_use]
    pub fn new(cost: &Cost, by_step: Option<Grid>) -> Self {
        let inner = cost.evaluation_nanos;
        let evaluation = cost.preparation_nanos + inner + cost.sorting_nanos;
        let timings = [
            ("evalTotalTime", evaluation),
            ("resultSortTime", cost.sorting_nanos),
            ("queryPreparationTime", cost.preparation_nanos),
            ("innerEvalTime", inner),
            ("execQueueTime", cost.queue_nanos),
            ("execTotalTime", cost.queue_nanos + evaluation),
        ];
        let times = by_step.into_iter().flat_map(Grid::times);
        let steps = times.zip(&cost.steps);
        Self {
            timings: timings.map(|(name, nanos)| (name, seconds(nanos))),
            queryable: cost.steps.iter().map(|step| step.0).sum(),
            read: cost.steps.iter().map(|step| step.1).sum(),
            peak: cost.peak_samples,
            steps: steps.map(|(time, step)| (time, step.0, step.1)).collect(),
        }
    }

    /// Appends the object.
    pub fn write(&self, out: &mut Vec<u8>, dialect: Dialect) {
        out.extend_from_slice(b"{\"timings\":{");
        for (name, seconds) in self.timings {
            json::number_field(out, name, seconds);
        }
        out.extend_from_slice(b"},\"samples\":{");
        self.write_steps(out, "totalQueryableSamplesPerStep", |step| step.1);
        count(out, "totalQueryableSamples", self.queryable);
        if dialect.tells_samples_read() {
            self.write_steps(out, "samplesReadPerStep", |step| step.2);
            count(out, "samplesRead", self.read);
        }
        count(out, "peakSamples", self.peak);
        out.extend_from_slice(b"}}");
    }

    fn write_steps(&self, out: &mut Vec<u8>, name: &str, value: fn(&(i64, u64, u64)) -> u64) {
        if self.steps.is_empty() {
            return;
        }
        json::key(out, name);
        json::list(out, &self.steps, |out, step| {
            out.push(b'[');
            number::timestamp(out, step.0);
            out.push(b',');
            number::unsigned(out, value(step));
            out.push(b']');
        });
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody waits for 2^53 nanoseconds, which are 104 days"
)]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn count(out: &mut Vec<u8>, name: &str, value: u64) {
    json::key(out, name);
    number::unsigned(out, value);
}
