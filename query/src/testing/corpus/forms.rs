//! Lines about how single things are written: numbers, times, histograms, escaped names, series.

use serde_json::Value as Json;

use super::super::notation::{Position, parse_series};
use super::super::recorded::{self, Malformed};
use crate::http::{escape, json, number};
use crate::syntax::number as literal;
use crate::value::SampleValue;

/// What is wrong where `got` is not the text of a field.
pub(super) fn compare(line: &Json, field: &str, got: &str) -> Option<String> {
    (line[field] != got).then(|| format!("{field}: got {got:?}"))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) fn number(line: &Json) -> Vec<String> {
    let bits = line["bits"].as_str().unwrap_or_default();
    let Ok(bits) = u64::from_str_radix(bits, 16) else {
        return vec!["no bits".to_owned()];
    };
    let value = f64::from_bits(bits);
    let forms = [
        ("sample", text(|out| number::sample(out, value))),
        ("plain", text(|out| number::plain(out, value))),
        ("shortest_g", literal::print_general(value)),
    ];
    let differs = |(field, got): (&str, String)| compare(line, field, &got);
    forms.into_iter().filter_map(differs).collect()
}

pub(super) fn timestamp(line: &Json) -> Vec<String> {
    let Some(Ok(t)) = line["t_ms"].as_str().map(str::parse) else {
        return vec!["no t_ms".to_owned()];
    };
    let forms = [
        ("sample", text(|out| number::timestamp(out, t))),
        ("scalar", text(|out| number::scalar_timestamp(out, t))),
    ];
    let differs = |(field, got): (&str, String)| compare(line, field, &got);
    forms.into_iter().filter_map(differs).collect()
}

/// The histogram in the forms of the API and of messages; and the test form, read back.
pub(super) fn histogram(line: &Json) -> Vec<String> {
    let histogram = match recorded::sample_value(&line["histogram"]) {
        Ok(SampleValue::Histogram(histogram)) => histogram,
        other => return vec![format!("no histogram: {other:?}")],
    };
    let api = text(|out| json::histogram(out, &histogram));
    let mut complaints: Vec<String> = compare(line, "json", &api)
        .into_iter()
        .chain(compare(line, "string", &histogram.to_string()))
        .collect();
    let series = format!("m {}", line["test_expression"].as_str().unwrap_or_default());
    match parse_series(&series).map(|series| series.values) {
        Ok(values) => {
            if let [Position::Histogram(got, _)] = &values[..] {
                let want = SampleValue::Histogram(histogram);
                let got = SampleValue::Histogram(std::sync::Arc::clone(got));
                if !recorded::values_agree(&got, &want, false) {
                    complaints.push(format!("test_expression: read {got:?}"));
                }
            } else {
                complaints.push(format!("test_expression: read {values:?}"));
            }
        }
        Err(error) => complaints.push(format!("test_expression: {error}")),
    }
    complaints
}

pub(super) fn escaped_name(line: &Json) -> Vec<String> {
    let escaped = line["escaped"].as_str().unwrap_or_default();
    let name = line["name"].as_str();
    let forwards = name.and_then(|name| compare(line, "escaped", &escape::escape(name)));
    let backwards = compare(line, "unescaped", &escape::unescape(escaped));
    forwards.into_iter().chain(backwards).collect()
}

pub(super) fn series(line: &Json) -> Vec<String> {
    let got = parse_series(line["input"].as_str().unwrap_or_default());
    let got = match got {
        Ok(got) if line["ok"] == true => got,
        Ok(got) => return vec![format!("no error, got {got:?}")],
        Err(error) => {
            return compare(line, "error", &error.to_string())
                .into_iter()
                .collect();
        }
    };
    let want = match wanted(line) {
        Ok(want) => want,
        Err(why) => return vec![why],
    };
    // As text, where NaN is equal to itself.
    let (got, want) = (format!("{got:?}"), format!("{want:?}"));
    if got == want {
        Vec::new()
    } else {
        vec![format!("got {got}\n    not {want}")]
    }
}

fn wanted(line: &Json) -> Result<super::super::notation::Described, Malformed> {
    let position = |json: &Json| {
        if json.is_null() {
            return Ok(Position::Omitted);
        }
        let value = json.get("h").unwrap_or(json);
        Ok::<_, Malformed>(match recorded::sample_value(value)? {
            SampleValue::Float(value) => Position::Float(value),
            SampleValue::Histogram(h) => Position::Histogram(h, json["hint_set"] == true),
        })
    };
    let values = line["values"].as_array().ok_or("no values")?;
    Ok(super::super::notation::Described {
        labels: recorded::labels(&line["labels"])?,
        values: values.iter().map(position).collect::<Result<_, _>>()?,
    })
}
