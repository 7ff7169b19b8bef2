//! Values as Prometheus prints them: floats like Go's `%g`, histograms as a list of their buckets.

use std::io::Write as _;

use tsdb::float::Shortest;
use tsdb::sample::Value;

/// Appends a value.
pub(super) fn put(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Float(value) => write!(text, "{}", Shortest(*value)),
        Value::Histogram(histogram) => write!(text, "{histogram}"),
        Value::FloatHistogram(histogram) => write!(text, "{histogram}"),
    }
    .expect("a vector takes all");
}
