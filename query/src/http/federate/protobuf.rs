//! The page as `MetricFamily` messages, each after its length.
//!
//! ```text
//! MetricFamily  name 1 | type 3 | metric 4 …                 type: 3 untyped, 4 histogram, 5 gauge histogram
//! Metric        label 1 … | untyped 5 { value 1 } | timestamp_ms 6 | histogram 7
//! LabelPair     name 1 | value 2
//! Histogram     sum 2 | bucket 3 … | count 4 | schema 5 | zero_threshold 6 | zero_count 8
//!               negative: span 9 …, count 11 …   positive: span 12 …, count 14 …
//! Bucket        upper_bound 2 | cumulative_count 4        Span  offset 1 | length 2
//! ```
//!
//! The messages are proto2: what is known is written, also where it is zero. Histograms with custom bounds become classic
//! ones, which is all that this form has for them.

use tsdb::histogram::{FloatHistogram, ResetHint, Span};
use tsdb::label::Labels;
use tsdb::sample::{Sample, Value};

use super::super::proto;
use super::{Newest, Page};

const UNTYPED: u64 = 3;
const HISTOGRAM: u64 = 4;
const GAUGE_HISTOGRAM: u64 = 5;

pub(super) fn write(page: &Page, newest: &Newest) -> Vec<u8> {
    let mut out = Vec::new();
    let mut family: Option<(&str, u64, Vec<u8>)> = None;
    for ((name, labels), sample) in newest {
        let (value, kind) = typed(sample);
        let is_same = family
            .as_ref()
            .is_some_and(|(known, of, _)| *known == name && *of == kind);
        if !is_same {
            finish(&mut out, family.take());
            let mut body = Vec::new();
            text_always(&mut body, 1, &page.escaping.apply(name));
            number_always(&mut body, 3, kind);
            family = Some((name, kind, body));
        }
        if let Some((_, _, body)) = &mut family {
            proto::message(body, 4, |out| metric(out, page, labels, sample.t, &value));
        }
    }
    finish(&mut out, family);
    out
}

fn finish(out: &mut Vec<u8>, family: Option<(&str, u64, Vec<u8>)>) {
    if let Some((_, _, body)) = family {
        proto::varint(out, body.len() as u64);
        out.extend_from_slice(&body);
    }
}

enum Typed {
    Float(f64),
    Histogram(FloatHistogram),
}

fn typed(sample: &Sample) -> (Typed, u64) {
    let histogram = match &sample.value {
        Value::Float(value) => return (Typed::Float(*value), UNTYPED),
        Value::Histogram(histogram) => histogram.to_float(),
        Value::FloatHistogram(histogram) => (**histogram).clone(),
    };
    let kind = if histogram.hint == ResetHint::Gauge {
        GAUGE_HISTOGRAM
    } else {
        HISTOGRAM
    };
    (Typed::Histogram(histogram), kind)
}

fn metric(out: &mut Vec<u8>, page: &Page, labels: &Labels, t: i64, value: &Typed) {
    for (name, value) in page.labels(labels) {
        proto::message(out, 1, |out| {
            text_always(out, 1, &name);
            text_always(out, 2, value);
        });
    }
    if let Typed::Float(value) = value {
        proto::message(out, 5, |out| proto::double_always(out, 1, *value));
    }
    number_always(out, 6, t.cast_unsigned());
    if let Typed::Histogram(histogram) = value {
        proto::message(out, 7, |out| write_histogram(out, histogram));
    }
}

fn write_histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    proto::double_always(out, 2, histogram.sum);
    if histogram.is_custom() {
        write_classic(out, histogram);
        proto::double_always(out, 4, histogram.count);
        return;
    }
    proto::double_always(out, 4, histogram.count);
    zigzag_always(out, 5, histogram.schema);
    proto::double_always(out, 6, histogram.zero_threshold);
    proto::double_always(out, 8, histogram.zero_count);
    write_side(
        out,
        (9, 11),
        &histogram.negative_spans,
        &histogram.negative_buckets,
    );
    write_side(
        out,
        (12, 14),
        &histogram.positive_spans,
        &histogram.positive_buckets,
    );
}

fn write_side(out: &mut Vec<u8>, fields: (u32, u32), spans: &[Span], counts: &[f64]) {
    for span in spans {
        proto::message(out, fields.0, |out| {
            zigzag_always(out, 1, span.offset);
            number_always(out, 2, u64::from(span.length));
        });
    }
    for count in counts {
        proto::double_always(out, fields.1, *count);
    }
}

/// Cumulative buckets, one for each bound.
fn write_classic(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    let mut counts = histogram.positive().peekable();
    let mut cumulative = 0.0;
    for (at, bound) in histogram.custom_bounds.iter().enumerate() {
        while let Some((index, count)) = counts.peek().copied() {
            if usize::try_from(index).is_ok_and(|index| index > at) {
                break;
            }
            cumulative += count;
            counts.next();
        }
        proto::message(out, 3, |out| {
            proto::double_always(out, 2, *bound);
            proto::double_always(out, 4, cumulative);
        });
    }
}

fn text_always(out: &mut Vec<u8>, field: u32, text: &str) {
    proto::message(out, field, |out| out.extend_from_slice(text.as_bytes()));
}

fn number_always(out: &mut Vec<u8>, field: u32, value: u64) {
    proto::varint(out, u64::from(field) << 3);
    proto::varint(out, value);
}

fn zigzag_always(out: &mut Vec<u8>, field: u32, value: i32) {
    let value = i64::from(value);
    number_always(out, field, ((value << 1) ^ (value >> 63)).cast_unsigned());
}
