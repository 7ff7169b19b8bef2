//! Values as Go prints them: floats like `%g`, histograms as a list of their buckets.
//!
//! ```text
//! float       shortest digits; with an exponent, of at least two digits, below 1e-4 and from 1e6 on
//! histogram   {count:N, sum:S, negative buckets from the far end, zero bucket, positive buckets}, empty buckets left out
//! bucket      [lower,upper]:count, with round brackets where a bound does not belong to it
//! ```

use std::fmt::Display;

use tsdb::histogram::{HistogramOf, bounds};
use tsdb::sample::Value;

/// Appends a value.
pub(super) fn put(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Float(value) => text.extend_from_slice(float(*value).as_bytes()),
        Value::Histogram(histogram) => {
            let negative = histogram
                .negative()
                .map(|(at, count)| (at, count.to_string()));
            let positive = histogram
                .positive()
                .map(|(at, count)| (at, count.to_string()));
            let zero = histogram.zero_count.to_string();
            let sides = [negative.collect(), positive.collect()];
            put_histogram(text, histogram, (histogram.count, &zero), sides);
        }
        Value::FloatHistogram(histogram) => {
            let negative = histogram.negative().map(|(at, count)| (at, float(count)));
            let positive = histogram.positive().map(|(at, count)| (at, float(count)));
            let zero = float(histogram.zero_count);
            let sides = [negative.collect(), positive.collect()];
            put_histogram(text, histogram, (float(histogram.count), &zero), sides);
        }
    }
}

/// Indices and counts of one side's buckets.
type Side = Vec<(i32, String)>;

fn put_histogram<C, B>(
    text: &mut Vec<u8>,
    histogram: &HistogramOf<C, B>,
    (count, zero): (impl Display, &str),
    [negative, positive]: [Side; 2],
) {
    let mut put = |piece: String| text.extend_from_slice(piece.as_bytes());
    put(format!("{{count:{count}, sum:{}", float(histogram.sum)));
    let bounds = |index: i32| {
        let custom = &histogram.custom_bounds;
        let lower = bounds::lower(histogram.schema, index, custom);
        (lower, bounds::upper(histogram.schema, index, custom))
    };
    let is_empty = |count: &str| count.trim_start_matches('-') == "0";
    for (index, count) in negative.iter().rev().filter(|(_, count)| !is_empty(count)) {
        let (lower, upper) = bounds(*index);
        put(format!(", [{},{}):{count}", float(-upper), float(-lower)));
    }
    if !is_empty(zero) {
        let bound = histogram.zero_threshold;
        put(format!(", [{},{}]:{zero}", float(-bound), float(bound)));
    }
    for (index, count) in positive.iter().filter(|(_, count)| !is_empty(count)) {
        let (lower, upper) = bounds(*index);
        let open = if lower < 0.0 { '[' } else { '(' };
        put(format!(
            ", {open}{},{}]:{count}",
            float(lower),
            float(upper)
        ));
    }
    put("}".to_owned());
}

/// A float as Go's `%g` prints it.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if (-4..DIGITS_MAX).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Numbers with more digits before the point get an exponent.
const DIGITS_MAX: i32 = 6;

#[cfg(test)]
mod tests {
    use tsdb::histogram::{Histogram, Span};

    use super::*;

    #[test]
    fn floats_are_those_of_go() {
        for (value, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (999_999.5, "999999.5"),
            (1_000_146.0, "1.000146e+06"),
            (1e22, "1e+22"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(float(value), want);
        }
    }

    #[test]
    fn histograms_list_their_buckets_from_low_to_high() {
        let side = vec![Span {
            offset: 0,
            length: 2,
        }];
        let histogram = Histogram {
            count: 6,
            sum: 18.4,
            zero_count: 2,
            zero_threshold: 0.001,
            positive_spans: side.clone(),
            positive_buckets: vec![1, 1],
            negative_spans: side,
            negative_buckets: vec![1, -1],
            ..Histogram::default()
        };
        let mut text = Vec::new();
        put(&mut text, &Value::Histogram(Box::new(histogram)));
        let want = "{count:6, sum:18.4, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1, (1,2]:2}";
        assert_eq!(String::from_utf8(text).unwrap(), want);
    }
}
