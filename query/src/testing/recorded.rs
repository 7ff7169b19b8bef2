//! Recorded values: JSON to values, and whether an answer agrees with a recorded one.
//!
//! Two floats agree where both are NaN, where they are equal, or where their difference is below a millionth of their
//! size. Histograms are compared without empty buckets: layout exactly, counts and sums as floats. Hints count only where
//! the record says so.

use std::sync::Arc;

use serde_json::Value as Json;
use tsdb::float::STALE_NAN_BITS;
use tsdb::histogram::{FloatHistogram, ResetHint, Span};
use tsdb::label::Labels;

use crate::value::{FloatPoint, HistogramPoint, Sample, SampleValue, Series, Value};

/// What is wrong with a record.
pub type Malformed = String;

fn list(json: &Json) -> Result<&Vec<Json>, Malformed> {
    json.as_array().ok_or_else(|| format!("no list: {json}"))
}

fn integer(json: &Json) -> Result<i64, Malformed> {
    json.as_i64().ok_or_else(|| format!("no integer: {json}"))
}

/// A string.
///
/// # Errors
/// Where it is none.
pub fn text(json: &Json) -> Result<&str, Malformed> {
    json.as_str().ok_or_else(|| format!("no string: {json}"))
}

fn float(json: &Json) -> Result<f64, Malformed> {
    match text(json)? {
        "stale" => Ok(f64::from_bits(STALE_NAN_BITS)),
        text => text.parse().map_err(|_error| format!("no float: {json}")),
    }
}

fn floats(json: &Json) -> Result<Vec<f64>, Malformed> {
    list(json)?.iter().map(float).collect()
}

fn spans(json: &Json) -> Result<Vec<Span>, Malformed> {
    let span = |json: &Json| {
        let offset = integer(&json[0])?;
        let length = integer(&json[1])?;
        Ok(Span {
            offset: i32::try_from(offset).map_err(|_error| format!("no offset: {json}"))?,
            length: u32::try_from(length).map_err(|_error| format!("no length: {json}"))?,
        })
    };
    list(json)?.iter().map(span).collect()
}

fn histogram(json: &Json) -> Result<FloatHistogram, Malformed> {
    let hint = match text(&json["counter_reset_hint"])? {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        other => return Err(format!("no hint: {other}")),
    };
    Ok(FloatHistogram {
        hint,
        schema: i32::try_from(integer(&json["schema"])?)
            .map_err(|_error| format!("no schema: {json}"))?,
        zero_threshold: float(&json["zero_threshold"])?,
        zero_count: float(&json["zero_count"])?,
        count: float(&json["count"])?,
        sum: float(&json["sum"])?,
        positive_spans: spans(&json["positive_spans"])?,
        negative_spans: spans(&json["negative_spans"])?,
        positive_buckets: floats(&json["positive_buckets"])?,
        negative_buckets: floats(&json["negative_buckets"])?,
        custom_bounds: floats(&json["custom_values"])?,
    })
}

/// A float or a histogram.
///
/// # Errors
/// Where it is neither.
pub fn sample_value(json: &Json) -> Result<SampleValue, Malformed> {
    if json.is_object() {
        return Ok(SampleValue::Histogram(Arc::new(histogram(json)?)));
    }
    float(json).map(SampleValue::Float)
}

/// A set of labels.
///
/// # Errors
/// Where it is none.
pub fn labels(json: &Json) -> Result<Labels, Malformed> {
    let object = json
        .as_object()
        .ok_or_else(|| format!("no labels: {json}"))?;
    let pairs: Result<Vec<_>, _> = object
        .iter()
        .map(|(name, value)| Ok::<_, Malformed>((name.as_str(), text(value)?)))
        .collect();
    Ok(Labels::from_pairs(pairs?))
}

/// The value of an answer.
///
/// # Errors
/// Where it is none.
pub fn value(json: &Json) -> Result<Value, Malformed> {
    let result = &json["result"];
    Ok(match text(&json["type"])? {
        "scalar" => Value::Scalar(FloatPoint {
            t: integer(&result[0])?,
            v: float(&result[1])?,
        }),
        "string" => Value::String {
            t: integer(&result[0])?,
            text: text(&result[1])?.to_owned(),
        },
        "vector" => Value::Vector(list(result)?.iter().map(sample).collect::<Result<_, _>>()?),
        "matrix" => Value::Matrix(list(result)?.iter().map(series).collect::<Result<_, _>>()?),
        other => return Err(format!("no type: {other}")),
    })
}

fn sample(json: &Json) -> Result<Sample, Malformed> {
    let value = json.get("h").unwrap_or(&json["v"]);
    Ok(Sample {
        labels: labels(&json["labels"])?,
        t: integer(&json["t"])?,
        value: sample_value(value)?,
    })
}

fn series(json: &Json) -> Result<Series, Malformed> {
    let mut series = Series {
        labels: labels(&json["labels"])?,
        ..Series::default()
    };
    for kind in ["floats", "histograms"] {
        for point in json
            .get(kind)
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            series.push(integer(&point[0])?, sample_value(&point[1])?);
        }
    }
    Ok(series)
}

fn floats_agree(a: f64, b: f64) -> bool {
    const TOLERANCE: f64 = 1e-6;
    if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (difference, size) = ((a - b).abs(), a.abs() + b.abs());
    if a.abs() == 0.0 || b.abs() == 0.0 || size < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    a.is_finite() && b.is_finite() && difference / size.min(f64::MAX) < TOLERANCE
}

fn all_agree(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| floats_agree(*a, *b))
}

fn histograms_agree(a: &FloatHistogram, b: &FloatHistogram, hints: bool) -> bool {
    let (mut a, mut b) = (a.clone(), b.clone());
    a.compact();
    b.compact();
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.custom_bounds == b.custom_bounds
        && all_agree(&a.positive_buckets, &b.positive_buckets)
        && all_agree(&a.negative_buckets, &b.negative_buckets)
        && all_agree(
            &[a.zero_count, a.count, a.sum],
            &[b.zero_count, b.count, b.sum],
        )
        && (!hints || a.hint == b.hint)
}

/// Whether two samples agree.
pub(super) fn values_agree(a: &SampleValue, b: &SampleValue, hints: bool) -> bool {
    match (a, b) {
        (SampleValue::Float(a), SampleValue::Float(b)) => floats_agree(*a, *b),
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => histograms_agree(a, b, hints),
        _ => false,
    }
}

/// How answers are compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Hints of histograms count.
    pub hints: bool,
    /// The order of a vector counts.
    pub order: bool,
    /// Times do not count.
    pub any_time: bool,
}

/// Whether an answer agrees with a recorded one.
#[must_use]
pub fn agree(got: &Value, want: &Value, rules: Rules) -> bool {
    let same_time = |a: i64, b: i64| rules.any_time || a == b;
    match (got, want) {
        (Value::Scalar(a), Value::Scalar(b)) => same_time(a.t, b.t) && floats_agree(a.v, b.v),
        (Value::String { t: a, text: x }, Value::String { t: b, text: y }) => {
            same_time(*a, *b) && x == y
        }
        (Value::Vector(a), Value::Vector(b)) => {
            let in_order = a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| values_agree(&a.value, &b.value, rules.hints));
            let mut sides = [a.iter().collect::<Vec<_>>(), b.iter().collect()];
            for side in &mut sides {
                side.sort_by(|a, b| a.labels.cmp(&b.labels));
            }
            (in_order || !rules.order)
                && a.len() == b.len()
                && sides[0].iter().zip(&sides[1]).all(|(a, b)| {
                    a.labels == b.labels
                        && same_time(a.t, b.t)
                        && values_agree(&a.value, &b.value, rules.hints)
                })
        }
        (Value::Matrix(a), Value::Matrix(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| rows_agree(a, b, rules.hints))
        }
        _ => false,
    }
}

fn rows_agree(a: &Series, b: &Series, hints: bool) -> bool {
    let float = |(a, b): (&FloatPoint, &FloatPoint)| a.t == b.t && floats_agree(a.v, b.v);
    let histogram = |(a, b): (&HistogramPoint, &HistogramPoint)| {
        a.t == b.t && histograms_agree(&a.h, &b.h, hints)
    };
    a.labels == b.labels
        && a.floats.len() == b.floats.len()
        && a.histograms.len() == b.histograms.len()
        && a.floats.iter().zip(&b.floats).all(float)
        && a.histograms.iter().zip(&b.histograms).all(histogram)
}
