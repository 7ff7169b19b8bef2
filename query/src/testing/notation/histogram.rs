//! A native histogram as text: `{{schema:1 count:3 sum:4 offset:-1 buckets:[1 0 2]}}`.
//!
//! Every key may be left out, and stands at most once. `buckets` and `n_buckets` are counts, not differences, from index
//! `offset` (`n_offset`) on; `z_bucket` is the zero bucket, `z_bucket_w` how far it reaches.

use tsdb::histogram::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, ResetHint, Span};

use super::reader::{Reader, Result};
use crate::syntax::quote;

/// Keys, in the order in which Prometheus' grammar numbers them.
const KEYS: [&str; 11] = [
    "sum",
    "count",
    "schema",
    "offset",
    "n_offset",
    "buckets",
    "n_buckets",
    "z_bucket",
    "z_bucket_w",
    "custom_values",
    "counter_reset_hint",
];
/// The number of the first.
const FIRST_KEY: usize = 57_370;

/// Reads a histogram from its braces on; and whether its hint was written.
pub(super) fn parse(reader: &mut Reader<'_>) -> Result<(FloatHistogram, bool)> {
    reader.take("{{");
    let mut histogram = empty();
    let (mut offset, mut negative_offset) = (0, 0);
    let mut seen: Vec<&str> = Vec::new();
    if reader.space() && reader.peek() != Some('}') {
        return Err(misplaced(reader));
    }
    while !reader.take("}}") {
        let from = reader.at;
        let word = reader.word();
        let Some(key) = KEYS.into_iter().find(|key| *key == word) else {
            return Err(bad(reader, from, word));
        };
        if seen.contains(&key) {
            let key = quote::text(key);
            return Err(reader.fail(0, format!("duplicate key {key} in histogram")));
        }
        seen.push(key);
        if !reader.take(":") {
            return Err(incomplete(reader));
        }
        match key {
            "schema" => histogram.schema = integer(reader)?,
            "offset" => offset = integer(reader)?,
            "n_offset" => negative_offset = integer(reader)?,
            "sum" => histogram.sum = float(reader)?,
            "count" => histogram.count = float(reader)?,
            "z_bucket" => histogram.zero_count = float(reader)?,
            "z_bucket_w" => histogram.zero_threshold = float(reader)?,
            "buckets" => histogram.positive_buckets = list(reader)?,
            "n_buckets" => histogram.negative_buckets = list(reader)?,
            "custom_values" => histogram.custom_bounds = list(reader)?,
            _ => histogram.hint = hint(reader)?,
        }
        if !reader.space() && !reader.rest().starts_with("}}") {
            return Err(incomplete(reader));
        }
    }
    histogram.positive_spans = spans(offset, histogram.positive_buckets.len());
    histogram.negative_spans = spans(negative_offset, histogram.negative_buckets.len());
    Ok((histogram, seen.contains(&"counter_reset_hint")))
}

/// `base + step` or `base - step`.
///
/// # Errors
/// Where the step is coarser than the base, or only one has custom buckets.
pub(super) fn stepped(
    base: &FloatHistogram,
    step: &FloatHistogram,
    is_negative: bool,
) -> std::result::Result<FloatHistogram, String> {
    if let Some(schema) = [step.schema, base.schema]
        .into_iter()
        .find(|schema| !is_known(*schema))
    {
        return Err(format!(
            "error combining histograms: unknown schema {schema}"
        ));
    }
    if step.schema < base.schema {
        let (from, to) = (step.schema, base.schema);
        return Err(format!(
            "error combining histograms: cannot merge from schema {from} to {to}"
        ));
    }
    let mut sum = base.clone();
    let combined = if is_negative {
        sum.sub(step)
    } else {
        sum.add(step)
    };
    combined.map_err(|error| format!("error combining histograms: {error}"))?;
    Ok(sum)
}

fn is_known(schema: i32) -> bool {
    schema == CUSTOM_BUCKETS_SCHEMA || (-4..=8).contains(&schema)
}

fn empty() -> FloatHistogram {
    FloatHistogram {
        hint: ResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive_spans: Vec::new(),
        negative_spans: Vec::new(),
        positive_buckets: Vec::new(),
        negative_buckets: Vec::new(),
        custom_bounds: Vec::new(),
    }
}

fn spans(offset: i32, length: usize) -> Vec<Span> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    match length {
        0 => Vec::new(),
        _ => vec![Span { offset, length }],
    }
}

fn integer(reader: &mut Reader<'_>) -> Result<i32> {
    let is_negative = reader.take("-");
    let from = reader.at;
    let size = reader.count()?;
    let size = i32::try_from(size)
        .map_err(|_error| reader.fail(from, "number out of range".to_owned()))?;
    Ok(if is_negative { -size } else { size })
}

fn float(reader: &mut Reader<'_>) -> Result<f64> {
    let is_negative = !reader.take("+") && reader.take("-");
    let value = super::unsigned(reader)?;
    Ok(if is_negative { -value } else { value })
}

/// At least one number.
fn list(reader: &mut Reader<'_>) -> Result<Vec<f64>> {
    if !reader.take("[") {
        return Err(reader.unexpected());
    }
    let mut numbers = vec![float(reader)?];
    while !reader.take("]") {
        if !reader.space() {
            return Err(incomplete(reader));
        }
        if reader.peek() != Some(']') {
            numbers.push(float(reader)?);
        }
    }
    Ok(numbers)
}

fn hint(reader: &mut Reader<'_>) -> Result<ResetHint> {
    let from = reader.at;
    let word = reader.word();
    match word {
        "unknown" => Ok(ResetHint::Unknown),
        "reset" => Ok(ResetHint::Reset),
        "not_reset" => Ok(ResetHint::NotReset),
        "gauge" => Ok(ResetHint::Gauge),
        _ => Err(bad(reader, from, word)),
    }
}

fn bad(reader: &Reader<'_>, from: usize, word: &str) -> crate::error::ParseErrors {
    if word.is_empty() {
        return incomplete(reader);
    }
    let word = quote::text(word);
    reader.fail(from, format!("bad histogram descriptor found: {word}"))
}

fn incomplete(reader: &Reader<'_>) -> crate::error::ParseErrors {
    let found = reader
        .peek()
        .map_or_else(|| "end of input".to_owned(), quote::character);
    reader.fail(
        reader.at,
        format!("histogram description incomplete unexpected: {found}"),
    )
}

/// A key after white space, which Prometheus names by the number of its token.
fn misplaced(reader: &Reader<'_>) -> crate::error::ParseErrors {
    let word = reader.clone().word();
    match KEYS.iter().position(|key| *key == word) {
        Some(at) => {
            let (item, word) = (FIRST_KEY + at, quote::text(word));
            let message = format!("unexpected \"<Item {item}>\" {word} in series values");
            reader.fail(reader.at, message)
        }
        None => bad(reader, reader.at, word),
    }
}
