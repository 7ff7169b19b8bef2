//! JSON as the Prometheus API writes it: strings, label sets, native histograms, values.
//!
//! ```text
//! vector   [{"metric":{…},"value":[t,"v"]}, {"metric":{…},"histogram":[t,{…}]}, …]
//! matrix   [{"metric":{…},"values":[[t,"v"],…],"histograms":[[t,{…}],…]}, …]        an absent list is left out
//! scalar   [t,"v"]      string   [t,"text"]
//! histogram {"count":"n","sum":"x","buckets":[[b,"low","high","n"],…]}               b: what the bounds include
//! ```
//!
//! Text is appended to a buffer and never becomes a tree. Two kinds of strings: label sets are written as they are, all
//! else with `<`, `>`, `&` and the line separators of Unicode escaped, so that it may stand in a page. Number forms are in
//! [`super::number`]; the envelope is in [`super::reply`].

use tsdb::histogram::{FloatHistogram, bounds};
use tsdb::label::Labels;
use tsdb::time::Millis;

use super::number;
use crate::value::{FloatPoint, HistogramPoint, Sample, SampleValue, Series};

/// A string that may stand in a page.
pub fn string(out: &mut Vec<u8>, text: &str) {
    quoted(out, text, true);
}

/// A string of a label set.
pub fn label_string(out: &mut Vec<u8>, text: &str) {
    quoted(out, text, false);
}

fn quoted(out: &mut Vec<u8>, text: &str, for_pages: bool) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let is_plain = match byte {
            b'"' | b'\\' | 0..0x20 => false,
            b'<' | b'>' | b'&' => !for_pages,
            0xE2 => !(for_pages && is_separator(&bytes[at..])),
            _ => true,
        };
        if is_plain {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + escape(out, &bytes[at..]);
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// U+2028 and U+2029, which end a line in JavaScript.
fn is_separator(bytes: &[u8]) -> bool {
    matches!(bytes, [0xE2, 0x80, 0xA8 | 0xA9, ..])
}

/// Writes the escape of the character at the start of `bytes`; gives its length.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let short = match bytes[0] {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0xE2 => {
            let last = if bytes[2] == 0xA8 { b'8' } else { b'9' };
            out.extend_from_slice(b"\\u202");
            out.push(last);
            return 3;
        }
        byte => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return 1;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
    1
}

/// A list: what `write` does for each item, with commas between.
pub fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// A list of strings.
pub fn strings<S: AsRef<str>>(out: &mut Vec<u8>, items: impl IntoIterator<Item = S>) {
    list(out, items, |out, item| string(out, item.as_ref()));
}

/// `,"name":`, without the comma at the start of an object.
pub fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    string(out, name);
    out.push(b':');
}

/// `"name":"text"` of an object.
pub fn text_field(out: &mut Vec<u8>, name: &str, text: &str) {
    key(out, name);
    string(out, text);
}

/// `"name":number` of an object.
pub fn number_field(out: &mut Vec<u8>, name: &str, value: f64) {
    key(out, name);
    number::sample(out, value);
}

/// `"name":"2024-01-18T08:00:00Z"` of an object; no time is the year 1, as Go has it.
pub fn time_field(out: &mut Vec<u8>, name: &str, time: Option<Millis>) {
    let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time.0).ok());
    let text = time.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |time| time.to_string(),
    );
    text_field(out, name, &text);
}

/// A label set.
pub fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        label_string(out, name);
        out.push(b':');
        label_string(out, value);
    }
    out.push(b'}');
}

/// A float in quotes, since JSON has no infinities.
pub fn quoted_float(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    number::sample(out, value);
    out.push(b'"');
}

/// A native histogram; empty buckets are left out.
pub fn histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    out.extend_from_slice(b"{\"count\":");
    quoted_float(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    quoted_float(out, histogram.sum);
    let mut is_first = true;
    for_each_bucket(histogram, |bucket| {
        if bucket.count == 0.0 {
            return;
        }
        out.extend_from_slice(if is_first { b",\"buckets\":[" } else { b"," });
        is_first = false;
        out.extend_from_slice(&[b'[', b'0' + bucket.inclusion as u8, b',']);
        quoted_float(out, bucket.low);
        out.push(b',');
        quoted_float(out, bucket.high);
        out.push(b',');
        quoted_float(out, bucket.count);
        out.push(b']');
    });
    if !is_first {
        out.push(b']');
    }
    out.push(b'}');
}

/// Which bounds belong to a bucket, by the numbers of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inclusion {
    OpenLeft = 0,
    OpenRight = 1,
    Closed = 3,
}

struct Bucket {
    low: f64,
    high: f64,
    inclusion: Inclusion,
    count: f64,
}

/// Buckets from the lowest to the highest.
fn for_each_bucket(histogram: &FloatHistogram, mut take: impl FnMut(Bucket)) {
    let (schema, custom) = (histogram.schema, &histogram.custom_bounds);
    let negative: Vec<(i32, f64)> = histogram.negative().collect();
    for (index, count) in negative.into_iter().rev() {
        take(Bucket {
            low: -bounds::upper(schema, index, custom),
            high: -bounds::lower(schema, index, custom),
            inclusion: Inclusion::OpenRight,
            count,
        });
    }
    // Prometheus shows no negative count here, as a difference of histograms may have it.
    if histogram.zero_count > 0.0 {
        take(Bucket {
            low: -histogram.zero_threshold,
            high: histogram.zero_threshold,
            inclusion: Inclusion::Closed,
            count: histogram.zero_count,
        });
    }
    for (index, count) in histogram.positive() {
        let (low, high) = (
            bounds::lower(schema, index, custom),
            bounds::upper(schema, index, custom),
        );
        // The lowest custom bucket reaches down to, and the only one includes, what is infinitely small.
        let is_closed = low.is_infinite() && low < 0.0;
        let inclusion = if is_closed {
            Inclusion::Closed
        } else {
            Inclusion::OpenLeft
        };
        take(Bucket {
            low,
            high,
            inclusion,
            count,
        });
    }
}

fn float_pair(out: &mut Vec<u8>, point: FloatPoint) {
    out.push(b'[');
    number::timestamp(out, point.t);
    out.push(b',');
    quoted_float(out, point.v);
    out.push(b']');
}

fn histogram_pair(out: &mut Vec<u8>, t: i64, value: &FloatHistogram) {
    out.push(b'[');
    number::timestamp(out, t);
    out.push(b',');
    histogram(out, value);
    out.push(b']');
}

/// An element of a vector.
pub fn sample(out: &mut Vec<u8>, sample: &Sample) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(v) => {
            out.extend_from_slice(b",\"value\":");
            float_pair(out, FloatPoint { t: sample.t, v: *v });
        }
        SampleValue::Histogram(value) => {
            out.extend_from_slice(b",\"histogram\":");
            histogram_pair(out, sample.t, value);
        }
    }
    out.push(b'}');
}

/// A row of a matrix.
pub fn series(out: &mut Vec<u8>, series: &Series) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, &series.labels);
    if !series.floats.is_empty() {
        out.extend_from_slice(b",\"values\":");
        list(out, series.floats.iter(), |out, point| {
            float_pair(out, *point);
        });
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":");
        let pair =
            |out: &mut Vec<u8>, point: &HistogramPoint| histogram_pair(out, point.t, &point.h);
        list(out, series.histograms.iter(), pair);
    }
    out.push(b'}');
}

/// A scalar with its time.
pub fn scalar(out: &mut Vec<u8>, point: FloatPoint) {
    out.push(b'[');
    number::scalar_timestamp(out, point.t);
    out.extend_from_slice(b",\"");
    number::plain(out, point.v);
    out.extend_from_slice(b"\"]");
}

/// A string with its time.
pub fn timed_string(out: &mut Vec<u8>, t: i64, text: &str) {
    out.push(b'[');
    number::scalar_timestamp(out, t);
    out.push(b',');
    string(out, text);
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        fn check(text: &str, page: &str, label: &str) {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), page);
            let mut out = Vec::new();
            label_string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), label);
        }
        check("é☃", "\"é☃\"", "\"é☃\"");
        check("<&>", r#""\u003c\u0026\u003e""#, "\"<&>\"");
        check("\u{2028}", r#""\u2028""#, "\"\u{2028}\"");
        check("a\"\\\n\u{1}", r#""a\"\\\n\u0001""#, r#""a\"\\\n\u0001""#);
    }
}
