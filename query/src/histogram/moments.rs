//! Variance of native histograms, as if all observations of a bucket lay at its middle.

use tsdb::float::add_compensated;
use tsdb::histogram::FloatHistogram;
use tsdb::histogram::bounds::{lower, upper};
use tsdb::histogram::order::Place;

/// The population variance around the true mean; its root is the standard deviation.
#[must_use]
pub fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let (sum, error) = histogram
        .ascending()
        .filter(|(_, count)| *count != 0.0)
        .fold((0.0, 0.0), |(sum, error), (place, count)| {
            let deviation = middle(histogram, place) - mean;
            add_compensated(sum, error, count * deviation * deviation)
        });
    (sum + error) / histogram.count
}

/// Arithmetic between custom bounds, geometric between exponential ones.
fn middle(histogram: &FloatHistogram, place: Place) -> f64 {
    let (schema, custom) = (histogram.schema, histogram.custom_bounds.as_slice());
    let between = |at| (lower(schema, at, custom), upper(schema, at, custom));
    match place {
        Place::Zero => 0.0,
        Place::Positive(at) if histogram.is_custom() => {
            let (from, to) = between(at);
            (from + to) / 2.0
        }
        Place::Positive(at) => {
            let (from, to) = between(at);
            (from * to).sqrt()
        }
        Place::Negative(at) => {
            let (from, to) = between(at);
            -(from * to).sqrt()
        }
    }
}
