//! A series and its values as one line of text.
//!
//! ```text
//! series   = [ name ] [ "{" labels "}" ] { space position }
//! position = "_" [ "x" n ]                                  n times no sample
//!          | value [ "x" n ]                                n + 1 times the same
//!          | value ("+" | "-") step "x" n                   n + 1 samples, each the one before and the step
//! value    = [sign] number | [sign] "inf" | "nan" | "stale" | histogram        both of one kind
//! ```
//!
//! Histograms are in [`histogram`]. Error texts and positions are those of Prometheus, which recorded lines check.

pub mod histogram;
mod reader;

use std::sync::Arc;

use tsdb::float::STALE_NAN_BITS;
use tsdb::histogram::FloatHistogram;
use tsdb::label::{Labels, METRIC_NAME};

use self::reader::{POSITIONS_MAX, Reader, Result};
use crate::error::ParseErrors;
use crate::syntax::quote;

/// What stands at one position of a series.
#[derive(Debug, Clone)]
pub enum Position {
    /// No sample.
    Omitted,
    /// A float; the stale marker is one.
    Float(f64),
    /// A histogram, and whether its reset hint was written.
    Histogram(Arc<FloatHistogram>, bool),
}

/// A series with the values of its positions.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// Its labels.
    pub labels: Labels,
    /// One by one.
    pub values: Vec<Position>,
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub fn parse_series(text: &str) -> std::result::Result<Described, ParseErrors> {
    let mut reader = Reader::new(text);
    let labels = labels(&mut reader)?;
    let mut values = Vec::new();
    while reader.space() {
        if reader.peek().is_some() {
            position(&mut reader, &mut values)?;
        }
    }
    match reader.peek() {
        None => Ok(Described { labels, values }),
        // Nothing was understood, or labels go on without a space.
        Some(_) if values.is_empty() => Err(reader.unexpected()),
        Some(_) => Err(match reader.token() {
            Some(token) => reader.fail(reader.at, format!("unexpected {token}")),
            None => reader.stray(),
        }),
    }
}

fn labels(reader: &mut Reader<'_>) -> Result<Labels> {
    let name = |at: usize, c: char| {
        c.is_ascii_alphabetic() || c == '_' || c == ':' || at > 0 && c.is_ascii_digit()
    };
    let metric = reader.run(name);
    let mut pairs = Vec::new();
    if reader.take("{") {
        loop {
            reader.space();
            if reader.take("}") {
                break;
            }
            pairs.push(label(reader)?);
            reader.space();
            if !reader.take(",") && reader.peek() != Some('}') {
                return Err(out_of_place(reader, "expected \",\" or \"}\""));
            }
        }
    }
    if !metric.is_empty() {
        // The name before the braces wins.
        pairs.retain(|(name, _)| name != METRIC_NAME);
        pairs.push((METRIC_NAME.to_owned(), metric.to_owned()));
    }
    let borrowed = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Labels::from_pairs(borrowed))
}

/// `name="value"`, or a quoted metric name alone.
fn label(reader: &mut Reader<'_>) -> Result<(String, String)> {
    let is_quoted = matches!(reader.peek(), Some('"' | '\''));
    let name = if is_quoted {
        reader.string()?
    } else {
        reader.word().to_owned()
    };
    if name.is_empty() {
        return Err(out_of_place(reader, "expected identifier or \"}\""));
    }
    reader.space();
    if is_quoted && matches!(reader.peek(), Some(',' | '}')) {
        return Ok((METRIC_NAME.to_owned(), name));
    }
    if reader.rest().starts_with("=~") || !reader.take("=") {
        return Err(out_of_place(reader, "expected \"=\""));
    }
    reader.space();
    if !matches!(reader.peek(), Some('"' | '\'')) {
        return Err(out_of_place(reader, "expected string"));
    }
    Ok((name, reader.string()?))
}

fn out_of_place(reader: &Reader<'_>, wanted: &str) -> ParseErrors {
    let operator = ["=~", "!~", "!="]
        .into_iter()
        .find(|op| reader.rest().starts_with(op));
    let found = match (operator, reader.peek()) {
        (Some(operator), _) => format!("<op:{operator}>"),
        (None, Some(c)) => format!("character {}", quote::character(c)),
        (None, None) => "end of input".to_owned(),
    };
    reader.fail(
        reader.at,
        format!("unexpected {found} in label set, {wanted}"),
    )
}

fn position(reader: &mut Reader<'_>, values: &mut Vec<Position>) -> Result<()> {
    match reader.peek() {
        Some('_') => {
            reader.take("_");
            let count = if reader.take("x") {
                bounded(reader)?
            } else {
                1
            };
            values.extend((0..count).map(|_| Position::Omitted));
            Ok(())
        }
        Some('{') if reader.rest().starts_with("{{") => histograms(reader, values),
        Some('x') => Err(reader.fail(reader.at, "unexpected \"x\"".to_owned())),
        _ => floats(reader, values),
    }
}

fn bounded(reader: &mut Reader<'_>) -> Result<u64> {
    let from = reader.at;
    let count = reader.count()?;
    if count > POSITIONS_MAX {
        let message = format!("a series has at most {POSITIONS_MAX} positions");
        return Err(reader.fail(from, message));
    }
    Ok(count)
}

/// The sign of a step, if one follows.
fn step_sign(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.take("+") {
        Some(false)
    } else {
        reader.take("-").then_some(true)
    }
}

/// `x n`, which must follow a step.
fn times(reader: &mut Reader<'_>) -> Result<u64> {
    if reader.take("x") {
        bounded(reader)
    } else {
        Err(reader.unexpected())
    }
}

fn floats(reader: &mut Reader<'_>, values: &mut Vec<Position>) -> Result<()> {
    let is_negative = !reader.take("+") && reader.take("-");
    let mut value = unsigned(reader)?;
    if is_negative {
        value = -value;
    }
    let (step, count) = match step_sign(reader) {
        Some(is_negative) => {
            let step = reader.number()?;
            (if is_negative { -step } else { step }, times(reader)?)
        }
        None if reader.take("x") => (0.0, bounded(reader)?),
        None => (0.0, 0),
    };
    values.push(Position::Float(value));
    for _ in 0..count {
        if step != 0.0 {
            value += step;
        }
        values.push(Position::Float(value));
    }
    Ok(())
}

/// A number, `inf`, `nan` or `stale`.
fn unsigned(reader: &mut Reader<'_>) -> Result<f64> {
    if !reader
        .peek()
        .is_some_and(|c| c.is_ascii_alphabetic() && c != 'x')
    {
        return reader.number();
    }
    let from = reader.at;
    let word = reader.word();
    match word {
        "stale" => Ok(f64::from_bits(STALE_NAN_BITS)),
        _ if word.eq_ignore_ascii_case("inf") => Ok(f64::INFINITY),
        _ if word.eq_ignore_ascii_case("nan") => Ok(f64::NAN),
        _ => {
            let word = quote::text(word);
            let message = format!(
                "unexpected identifier {word} in series values, expected number or \"stale\""
            );
            Err(reader.fail(from, message))
        }
    }
}

/// Where the digits begin that end here.
fn counted_from(reader: &Reader<'_>) -> usize {
    let before = reader.before();
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    reader.at - digits
}

fn histograms(reader: &mut Reader<'_>, values: &mut Vec<Position>) -> Result<()> {
    let (first, hint_set) = histogram::parse(reader)?;
    let (step, count) = match step_sign(reader) {
        Some(is_negative) => {
            if !reader.rest().starts_with("{{") {
                return Err(reader.unexpected());
            }
            let step = histogram::parse(reader)?.0;
            (Some((step, is_negative)), times(reader)?)
        }
        None if reader.take("x") => (None, bounded(reader)?),
        None => (None, 0),
    };
    let last_token = counted_from(reader);
    let mut value = Arc::new(first);
    values.push(Position::Histogram(Arc::clone(&value), hint_set));
    for _ in 0..count {
        if let Some((step, is_negative)) = &step {
            let stepped = histogram::stepped(&value, step, *is_negative);
            value = Arc::new(stepped.map_err(|why| reader.fail(last_token, why))?);
        }
        values.push(Position::Histogram(Arc::clone(&value), hint_set));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_repeated_stepped_and_left_out() {
        fn check(text: &str, want: &str) {
            let line = parse_series(text).expect("the line is well formed");
            let value = |position: &Position| match position {
                Position::Omitted => "_".to_owned(),
                Position::Float(value) => value.to_string(),
                Position::Histogram(histogram, _) => histogram.to_string(),
            };
            let got: Vec<String> = line.values.iter().map(value).collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
        check("up", "");
        check("up 1 _ 2x1 -3+2x2 _x2 inf", "1 _ 2 2 -3 -1 1 _ _ inf");
        check("up{a='b'} 10-4x1", "10 6");
        check(
            "up {{count:1 sum:2}}x1",
            "{count:1, sum:2} {count:1, sum:2}",
        );
        check(
            "up {{count:1 buckets:[1]}}+{{count:2 offset:1 buckets:[2]}}x1",
            "{count:1, sum:0, (0.5,1]:1} {count:3, sum:0, (0.5,1]:1, (1,2]:2}",
        );
    }

    #[test]
    fn a_repetition_cannot_take_all_memory() {
        let error = parse_series("up 1x99999999999").expect_err("it is too long");
        assert!(error.to_string().contains("at most 1000000 positions"));
    }
}
