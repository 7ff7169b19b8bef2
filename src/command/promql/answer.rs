//! Answers as text, the way `promtool query` prints them.
//!
//! ```text
//! vector   up{instance="a", job="b"} => 1 @[1435781451.781]
//! matrix   up{instance="a", job="b"} =>
//!          1 @[1435781430.781]
//!          0 @[1435781445.781]
//! scalar   scalar: 1 @[1435781451.781]
//! series   {__name__="up", instance="a", job="b"}
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use query::syntax::{number, quote};
use serde::Deserialize;
use serde_json::value::RawValue;

type Metric = BTreeMap<String, String>;
/// A time in seconds and a number as text.
type Point = (f64, String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    result_type: String,
    result: Box<RawValue>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Metric,
    value: Option<Point>,
    histogram: Option<(f64, Histogram)>,
}

#[derive(Deserialize)]
struct Series {
    metric: Metric,
    #[serde(default)]
    values: Vec<Point>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

#[derive(Deserialize)]
struct Histogram {
    count: String,
    sum: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

/// The answer to an instant or range query.
///
/// # Errors
/// Where it has another form than the API gives it.
pub(super) fn value(data: &str, as_json: bool) -> anyhow::Result<String> {
    let value: Value = serde_json::from_str(data).context("the answer")?;
    let result = value.result.get();
    if as_json {
        return Ok(format!("{result}\n"));
    }
    let mut out = String::new();
    match value.result_type.as_str() {
        "vector" => {
            for sample in serde_json::from_str::<Vec<Sample>>(result)? {
                let name = metric(&sample.metric);
                let value = sample.value.iter().map(point);
                let value = value.chain(sample.histogram.iter().map(histogram));
                value.for_each(|value| line(&mut out, &format!("{name} => {value}")));
            }
        }
        "matrix" => {
            for series in serde_json::from_str::<Vec<Series>>(result)? {
                line(&mut out, &format!("{} =>", metric(&series.metric)));
                let values = series.values.iter().map(point);
                let values = values.chain(series.histograms.iter().map(histogram));
                values.for_each(|value| line(&mut out, &value));
            }
        }
        "scalar" => {
            let scalar: Point = serde_json::from_str(result)?;
            line(&mut out, &format!("scalar: {}", point(&scalar)));
        }
        "string" => line(&mut out, &serde_json::from_str::<Point>(result)?.1),
        other => bail!("no result is called {other}"),
    }
    Ok(out)
}

/// The answer to a question for series.
///
/// # Errors
/// Where it is no list of label sets.
pub(super) fn series(data: &str) -> anyhow::Result<String> {
    let series: Vec<Metric> = serde_json::from_str(data).context("the answer")?;
    let mut out = String::new();
    for labels in series {
        line(&mut out, &format!("{{{}}}", pairs(labels.iter())));
    }
    Ok(out)
}

/// The answer to a question for the values of a label.
///
/// # Errors
/// Where it is no list of strings.
pub(super) fn labels(data: &str) -> anyhow::Result<String> {
    let values: Vec<String> = serde_json::from_str(data).context("the answer")?;
    let mut out = String::new();
    values.iter().for_each(|value| line(&mut out, value));
    Ok(out)
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn metric(metric: &Metric) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let rest = metric.iter().filter(|(label, _)| *label != "__name__");
    let labels = pairs(rest);
    if labels.is_empty() && !name.is_empty() {
        return name.to_owned();
    }
    format!("{name}{{{labels}}}")
}

fn pairs<'l>(labels: impl Iterator<Item = (&'l String, &'l String)>) -> String {
    let pairs = labels.map(|(name, value)| format!("{name}={}", quote::text(value)));
    pairs.collect::<Vec<_>>().join(", ")
}

/// A number of the API, without the exponent that it may have there.
fn plain(text: &str) -> String {
    text.parse()
        .map_or_else(|_error| text.to_owned(), number::print_number)
}

fn point((t, value): &Point) -> String {
    format!("{} @[{}]", plain(value), number::print_number(*t))
}

fn histogram((t, histogram): &(f64, Histogram)) -> String {
    let decimal = |text: &str| text.parse().map_or(f64::NAN, |value: f64| value);
    let (count, sum) = (decimal(&histogram.count), decimal(&histogram.sum));
    let mut out = format!("Count: {count:.6}, Sum: {sum:.6}, Buckets: [");
    for (at, (bounds, lower, upper, count)) in histogram.buckets.iter().enumerate() {
        let separator = if at == 0 { "" } else { " " };
        let open = if matches!(bounds, 1 | 3) { '[' } else { '(' };
        let close = if matches!(bounds, 0 | 3) { ']' } else { ')' };
        let [lower, upper] = [lower, upper].map(|bound| number::print_general(decimal(bound)));
        let count = plain(count);
        write!(out, "{separator}{open}{lower},{upper}{close}:{count}")
            .expect("a String takes all text");
    }
    write!(out, "] @[{}]", number::print_number(*t)).expect("a String takes all text");
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_look_as_promtool_prints_them() {
        fn check(kind: &str, result: &str, want: &str) {
            let data = format!(r#"{{"resultType":"{kind}","result":{result}}}"#);
            assert_eq!(super::value(&data, false).unwrap(), want, "{result}");
            let json = format!("{result}\n");
            assert_eq!(super::value(&data, true).unwrap(), json);
        }
        check(
            "vector",
            r#"[{"metric":{"__name__":"up","job":"a\"b","instance":"x"},"value":[1.5,"1e+21"]},{"metric":{},"value":[1,"+Inf"]},{"metric":{"__name__":"up"},"value":[0.001,"-0"]}]"#,
            "up{instance=\"x\", job=\"a\\\"b\"} => 1000000000000000000000 @[1.5]\n{} => +Inf @[1]\nup => -0 @[0.001]\n",
        );
        check(
            "matrix",
            r#"[{"metric":{"a":"b"},"values":[[1,"1e-07"],[2,"NaN"]]}]"#,
            "{a=\"b\"} =>\n0.0000001 @[1]\nNaN @[2]\n",
        );
        check("scalar", r#"[1.25,"3"]"#, "scalar: 3 @[1.25]\n");
        check("string", r#"[1,"text"]"#, "text\n");
        check(
            "vector",
            r#"[{"metric":{"__name__":"h"},"histogram":[1,{"count":"5","sum":"2.5","buckets":[[0,"0.5","1","2"],[3,"-1","1","3"]]}]}]"#,
            "h => Count: 5.000000, Sum: 2.500000, Buckets: [(0.5,1]:2 [-1,1]:3] @[1]\n",
        );
    }
}
