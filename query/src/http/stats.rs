//! What a query cost, as the API tells it: times of six phases, and samples.

use super::json;
use super::number;

/// Seconds of each phase.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Evaluation, with its preparation and the sorting of the result.
    pub evaluation: f64,
    /// Sorting the result.
    pub result_sort: f64,
    /// Finding the series.
    pub preparation: f64,
    /// Evaluation alone.
    pub inner_evaluation: f64,
    /// Waiting for a turn.
    pub queue: f64,
    /// All of it.
    pub total: f64,
}

/// The cost of a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// Seconds.
    pub timings: Timings,
    /// Samples that all windows held together.
    pub queryable_samples: u64,
    /// Samples read.
    pub samples_read: u64,
    /// Most samples in memory at one time.
    pub peak_samples: u64,
    /// By step, where that was counted: time, samples in windows, samples read.
    pub steps: Vec<(i64, u64, u64)>,
}

impl Stats {
    /// Appends the object.
    pub fn write(&self, out: &mut Vec<u8>) {
        let timings = [
            ("evalTotalTime", self.timings.evaluation),
            ("resultSortTime", self.timings.result_sort),
            ("queryPreparationTime", self.timings.preparation),
            ("innerEvalTime", self.timings.inner_evaluation),
            ("execQueueTime", self.timings.queue),
            ("execTotalTime", self.timings.total),
        ];
        out.extend_from_slice(b"{\"timings\":{");
        for (name, seconds) in timings {
            json::number_field(out, name, seconds);
        }
        out.extend_from_slice(b"},\"samples\":{");
        self.write_steps(out, "totalQueryableSamplesPerStep", |step| step.1);
        count(out, "totalQueryableSamples", self.queryable_samples);
        self.write_steps(out, "samplesReadPerStep", |step| step.2);
        count(out, "samplesRead", self.samples_read);
        count(out, "peakSamples", self.peak_samples);
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

fn count(out: &mut Vec<u8>, name: &str, value: u64) {
    json::key(out, name);
    number::unsigned(out, value);
}
