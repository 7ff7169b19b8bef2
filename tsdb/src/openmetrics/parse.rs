//! One line of OpenMetrics text, understood without copying: see [`super`] for its form.
//!
//! The text that names a series is checked here and turned into labels only on demand ([`Row::labels`]), so that whoever has
//! seen the same text before pays nothing for it.

use std::borrow::Cow;
use std::str;

use crate::label::{Labels, METRIC_NAME};

/// Bits of the NaN that the text `NaN` means.
pub const NORMAL_NAN_BITS: u64 = 0x7FF8_0000_0000_0001;

/// What is wrong with a line, in words.
pub type Result<T> = std::result::Result<T, String>;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Line<'a> {
    /// Type, help or unit of a family.
    Meta,
    /// The end of the text.
    Eof,
    /// A sample.
    Row(Row<'a>),
}

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The text that names the series: metric name and braces.
    pub series: &'a str,
    /// Milliseconds since the epoch.
    pub t: i64,
    /// The value.
    pub v: f64,
}

impl Row<'_> {
    /// The labels that the text names; those with an empty value are left out.
    ///
    /// # Errors
    /// Where a label occurs twice, or there is none.
    pub fn labels(&self) -> Result<Labels> {
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        walk_series(self.series, &mut |name, value| {
            pairs.push((unescape(name), unescape(value)));
        })?;
        pairs.sort();
        if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("label {:?} occurs twice", pair[0].0));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        if pairs.is_empty() {
            return Err("a series without labels".into());
        }
        Ok(Labels::from_pairs(pairs))
    }
}

/// Understands one line, given without its line feed.
///
/// # Errors
/// The reason, in words.
pub fn line(bytes: &[u8]) -> Result<Line<'_>> {
    line_after(bytes, "")
}

/// The same; where the line names the series `last`, which was understood before, that is not looked at again.
///
/// # Errors
/// The reason, in words.
pub fn line_after<'a>(bytes: &'a [u8], last: &str) -> Result<Line<'a>> {
    let text = str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    if let Some(comment) = text.strip_prefix('#') {
        return self::comment(comment);
    }
    let len = match text.strip_prefix(last) {
        Some(rest) if !last.is_empty() && rest.starts_with(' ') => last.len(),
        _ => walk_series(text, &mut |_, _| {})?,
    };
    let (series, rest) = text.split_at(len);
    let (v, rest) = word(rest).ok_or("expected one space and a value after the series")?;
    let v = float(v)?;
    let (t, rest) =
        word(rest).ok_or("expected a timestamp: samples without one cannot be imported")?;
    if !(rest.is_empty() || rest.starts_with(" # {")) {
        return Err(format!("unexpected {rest:?} after the timestamp"));
    }
    let v = if v.is_nan() {
        f64::from_bits(NORMAL_NAN_BITS)
    } else {
        v
    };
    Ok(Line::Row(Row {
        series,
        t: millis(t)?,
        v,
    }))
}

/// What follows `#`.
fn comment(text: &str) -> Result<Line<'_>> {
    if text == " EOF" {
        return Ok(Line::Eof);
    }
    let refuse = || "expected '# TYPE', '# HELP', '# UNIT' or '# EOF'".to_owned();
    let (kind, rest) = text
        .strip_prefix(' ')
        .and_then(|text| text.split_once(' '))
        .ok_or_else(refuse)?;
    let (name, rest) = family_name(rest)?;
    // The text may be empty: `# HELP name ` and `# UNIT name ` are fine.
    let words = rest.strip_prefix(' ').unwrap_or(rest);
    match kind {
        "TYPE" if TYPES.contains(&words) => Ok(Line::Meta),
        "TYPE" => Err(format!("unknown type {words:?}")),
        "UNIT" if words.is_empty() || ends_with_unit(&name, words) => Ok(Line::Meta),
        "UNIT" => Err(format!("unit {words:?} is not a suffix of {name:?}")),
        "HELP" => Ok(Line::Meta),
        _ => Err(refuse()),
    }
}

const TYPES: [&str; 9] = [
    "counter",
    "gauge",
    "gaugehistogram",
    "histogram",
    "info",
    "stateset",
    "summary",
    "unknown",
    "untyped",
];

fn ends_with_unit(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit)
        .is_some_and(|head| head.ends_with('_') && head.len() > 1)
}

fn family_name(text: &str) -> Result<(Cow<'_, str>, &str)> {
    if text.starts_with('"') {
        let (name, rest) = quoted(text)?;
        return Ok((unescape(name), rest));
    }
    let len = metric_name_len(text);
    if len == 0 {
        return Err(format!("expected a metric name at {text:?}"));
    }
    let (name, rest) = text.split_at(len);
    Ok((Cow::Borrowed(name), rest))
}

/// Takes one space and what follows up to the next.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(' ')?;
    let len = text.find(' ').unwrap_or(text.len());
    (len > 0).then(|| text.split_at(len))
}

/// Reads a number as Go does, without hexadecimal and underscores.
fn float(text: &str) -> Result<f64> {
    let refuse = || format!("{text:?} is not a number");
    let v: f64 = text.parse().map_err(|_error| refuse())?;
    let letter = text
        .trim_start_matches(['+', '-'])
        .starts_with(|first: char| first.is_ascii_alphabetic());
    // Go refuses numbers too large for a float, and a sign before NaN.
    let signed = text.starts_with(['+', '-']);
    if (v.is_infinite() && !letter) || (v.is_nan() && signed) {
        return Err(refuse());
    }
    Ok(v)
}

/// Seconds to milliseconds, truncated as Prometheus does.
#[expect(
    clippy::cast_possible_truncation,
    reason = "truncation is meant, the range is checked"
)]
pub(super) fn millis(seconds: &str) -> Result<i64> {
    let millis = float(seconds)? * 1000.0;
    // Two to the power 63, the first float that is too large.
    if millis.abs() < 9_223_372_036_854_775_808.0 {
        return Ok(millis as i64);
    }
    Err(format!("timestamp {seconds:?} is out of range"))
}

/// Walks over the text of a series and returns its length; `pair` gets each name and value, still escaped.
fn walk_series<'a>(text: &'a str, pair: &mut impl FnMut(&'a str, &'a str)) -> Result<usize> {
    let len = metric_name_len(text);
    let (name, rest) = text.split_at(len);
    if len > 0 {
        pair(METRIC_NAME, name);
    }
    let Some(mut rest) = rest.strip_prefix('{') else {
        return if len > 0 {
            Ok(len)
        } else {
            Err(format!("expected a metric name at {text:?}"))
        };
    };
    let mut named = len > 0;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return if named {
                Ok(text.len() - after.len())
            } else {
                Err("a series without a metric name".into())
            };
        }
        let (label, after) = label(rest)?;
        match label {
            (name, Some(value)) => pair(name, value),
            (_, None) if named => return Err("a second metric name".into()),
            (name, None) => {
                named = true;
                pair(METRIC_NAME, name);
            }
        }
        // A comma before the brace is allowed.
        rest = after.strip_prefix(',').unwrap_or(after);
        if rest.len() == after.len() && !rest.starts_with('}') {
            return Err(format!("expected ',' or '}}' at {rest:?}"));
        }
    }
}

/// Takes `name="value"`, or `"name"` alone, which is a metric name.
fn label(text: &str) -> Result<((&str, Option<&str>), &str)> {
    let is_quoted = text.starts_with('"');
    let (name, rest) = if is_quoted {
        quoted(text)?
    } else {
        let len = name_len(text, false);
        if len == 0 {
            return Err(format!("expected a label name at {text:?}"));
        }
        text.split_at(len)
    };
    if let Some(rest) = rest.strip_prefix('=') {
        let (value, rest) = quoted(rest)?;
        return Ok(((name, Some(value)), rest));
    }
    if is_quoted && rest.starts_with([',', '}']) {
        return Ok(((name, None), rest));
    }
    Err(format!("expected '=' at {rest:?}"))
}

/// Takes a quoted string and returns what is between the quotes.
fn quoted(text: &str) -> Result<(&str, &str)> {
    let body = text
        .strip_prefix('"')
        .ok_or_else(|| format!("expected a quoted string at {text:?}"))?;
    let mut escaped = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok((&body[..at], &body[at + 1..])),
            _ => {}
        }
    }
    Err(format!("no closing quote after {text:?}"))
}

fn metric_name_len(text: &str) -> usize {
    name_len(text, true)
}

/// Length of a name without quotes; only metric names may have colons.
fn name_len(text: &str, colons: bool) -> usize {
    let fits = |at: usize, byte: u8| {
        byte == b'_'
            || byte.is_ascii_alphabetic()
            || (colons && byte == b':')
            || (at > 0 && byte.is_ascii_digit())
    };
    text.bytes()
        .enumerate()
        .position(|(at, byte)| !fits(at, byte))
        .unwrap_or(text.len())
}

/// Undoes `\\`, `\"` and `\n`; other backslashes stay.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (meant, taken) = match after.bytes().next() {
            Some(b'\\') => ('\\', 1),
            Some(b'"') => ('"', 1),
            Some(b'n') => ('\n', 1),
            _ => ('\\', 0),
        };
        plain.push(meant);
        rest = &after[taken..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row<'_> {
        match line(text.as_bytes()) {
            Ok(Line::Row(row)) => row,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn series_have_their_labels() {
        fn check(text: &str, want: &[(&str, &str)]) {
            let line = format!("{text} 1 2");
            let labels = row(&line).labels().unwrap();
            assert_eq!(labels, Labels::from_pairs(want.iter().copied()), "{text}");
            assert_eq!(row(&line).series, text);
        }
        check("up", &[("__name__", "up")]);
        check("a:b{}", &[("__name__", "a:b")]);
        check("up{a=\"b\"}", &[("__name__", "up"), ("a", "b")]);
        check(
            "up{b=\"2\",a=\"1\",}",
            &[("__name__", "up"), ("a", "1"), ("b", "2")],
        );
        check("up{a=\"\"}", &[("__name__", "up")]);
        check(
            "{\"x.y\",\"l.m\"=\"} 1\"}",
            &[("__name__", "x.y"), ("l.m", "} 1")],
        );
        check("{a=\"1\",\"x.y\"}", &[("__name__", "x.y"), ("a", "1")]);
        check(
            r#"up{a="\\n\n\"\x,"}"#,
            &[("__name__", "up"), ("a", "\\n\n\"\\x,")],
        );
    }

    #[test]
    fn values_and_times_are_read_as_go_reads_them() {
        fn check(text: &str, t: i64, v: f64) {
            let line = format!("up {text}");
            assert_eq!(
                (row(&line).t, row(&line).v.to_bits()),
                (t, v.to_bits()),
                "{text}"
            );
        }
        check("1 2", 2000, 1.0);
        check("-.5e3 1.5", 1500, -500.0);
        check("+Inf -1.25", -1250, f64::INFINITY);
        check("-infinity 1e3", 1_000_000, f64::NEG_INFINITY);
        check("nan 0", 0, f64::from_bits(NORMAL_NAN_BITS));
        check("1 1.1 # {trace=\"x\"} 0.5 1.1", 1100, 1.0);
        check("1 4.035", 4035, 1.0);
        check("1 1.001", 1000, 1.0);
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        fn check(text: &str, want: &str) {
            let got = line(text.as_bytes());
            let error = got.and_then(|line| match line {
                Line::Row(row) => row.labels().map(|_labels| ()),
                _ => Ok(()),
            });
            assert!(
                error.as_ref().is_err_and(|error| error.contains(want)),
                "{text:?}: {error:?}"
            );
        }
        check("", "metric name");
        check("up 1", "timestamp");
        check("up", "value");
        check("up  1 2", "value");
        check("up 1 2 ", "after the timestamp");
        check("up 1 2 3", "after the timestamp");
        check("up{ a=\"b\"} 1 2", "label name");
        check("up{a=\"b\" } 1 2", "',' or '}'");
        check("up{a=\"b} 1 2", "closing quote");
        check("up{a} 1 2", "'='");
        check("up{\"x\"} 1 2", "second metric name");
        check("{a=\"b\"} 1 2", "without a metric name");
        check("up{a=\"1\",a=\"2\"} 1 2", "twice");
        check("up 0x1p3 2", "not a number");
        check("up 1_000 2", "not a number");
        check("up 1e999 2", "not a number");
        check("up +nan 2", "not a number");
        check("up 1 NaN", "out of range");
        check("up 1 1e300", "out of range");
        check("# comment here", "expected '# TYPE'");
        check("#EOF", "expected '# TYPE'");
        check("# TYPE up thing", "unknown type");
        check("# UNIT up seconds", "suffix");
    }

    #[test]
    fn comments_are_meta_or_the_end() {
        for text in [
            "# TYPE up gauge",
            "# HELP up is it \\n up?",
            "# HELP up ",
            "# UNIT up_seconds seconds",
            "# UNIT up ",
            "# TYPE \"x.y\" info",
        ] {
            assert_eq!(line(text.as_bytes()), Ok(Line::Meta), "{text}");
        }
        assert_eq!(line(b"# EOF"), Ok(Line::Eof));
        assert!(line(b"up{a=\"\xFF\"} 1 2").is_err());
    }
}
