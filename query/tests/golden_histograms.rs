//! Histograms against what Prometheus 3.14 said: their text, and quantiles, fractions and trims of single series.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use query::histogram::{native, trim};
use query::syntax::ast::{Expr, Tree};
use query::syntax::{BinaryOp, Options, parse};
use serde_json::Value;
use tsdb::histogram::{FloatHistogram, ResetHint, Span};

fn corpus() -> Option<PathBuf> {
    std::env::var_os("STRATAL_GOLDEN").map(|root| Path::new(&root).join("promql"))
}

fn lines(path: &Path) -> Vec<Value> {
    let text = if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        assert!(output.status.success(), "{} is a gzip file", path.display());
        String::from_utf8(output.stdout).unwrap()
    } else {
        std::fs::read_to_string(path).unwrap()
    };
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!lines.is_empty(), "{} is empty", path.display());
    lines
}

fn float(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(float).collect()
}

fn spans(value: &Value) -> Vec<Span> {
    let number = |value: &Value| value.as_i64().unwrap();
    let span = |pair: &Value| Span {
        offset: i32::try_from(number(&pair[0])).unwrap(),
        length: u32::try_from(number(&pair[1])).unwrap(),
    };
    value.as_array().unwrap().iter().map(span).collect()
}

fn histogram(value: &Value) -> FloatHistogram {
    FloatHistogram {
        hint: match value["counter_reset_hint"].as_str().unwrap() {
            "reset" => ResetHint::Reset,
            "not_reset" => ResetHint::NotReset,
            "gauge" => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        },
        schema: i32::try_from(value["schema"].as_i64().unwrap()).unwrap(),
        zero_threshold: float(&value["zero_threshold"]),
        zero_count: float(&value["zero_count"]),
        count: float(&value["count"]),
        sum: float(&value["sum"]),
        positive_spans: spans(&value["positive_spans"]),
        negative_spans: spans(&value["negative_spans"]),
        positive_buckets: floats(&value["positive_buckets"]),
        negative_buckets: floats(&value["negative_buckets"]),
        custom_bounds: floats(&value["custom_values"]),
    }
}

#[test]
fn golden_histograms_are_shown_as_prometheus_shows_them() {
    let Some(corpus) = corpus() else {
        return;
    };
    for line in lines(&corpus.join("json_histograms.jsonl")) {
        let got = histogram(&line["histogram"]).to_string();
        assert_eq!(got, line["string"].as_str().unwrap());
    }
}

/// The newest sample of each series of one name, by data set.
fn samples(corpus: &Path) -> HashMap<(String, String), Vec<Value>> {
    let mut samples: HashMap<_, Vec<Value>> = HashMap::new();
    for line in lines(&corpus.join("datasets/corpus-native_histograms.jsonl.gz")) {
        let (dataset, name) = (&line["dataset"], &line["labels"]["__name__"]);
        let key = (text(dataset).to_owned(), text(name).to_owned());
        samples
            .entry(key)
            .or_default()
            .push(line["samples"].clone());
    }
    samples
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A computation over one histogram.
enum Ask {
    Quantile(f64),
    Fraction(f64, f64),
    Trim(trim::Keep, f64),
}

/// What an expression over a plain selector asks, and the name it selects; none where it is more complicated.
fn ask(tree: &Tree) -> Option<(Ask, &str)> {
    let name = |id| match tree.expr(id) {
        Expr::Vector(selector) if selector.matchers.len() == 1 => selector.name.as_deref(),
        _ => None,
    };
    let number = |id| match tree.expr(id) {
        Expr::Number { value, .. } => Some(*value),
        _ => None,
    };
    match tree.expr(tree.root()) {
        Expr::Call { function, args } if function.name == "histogram_quantile" => {
            Some((Ask::Quantile(number(args[0])?), name(args[1])?))
        }
        Expr::Call { function, args } if function.name == "histogram_fraction" => Some((
            Ask::Fraction(number(args[0])?, number(args[1])?),
            name(args[2])?,
        )),
        Expr::Binary(binary) => {
            let keep = match binary.op {
                BinaryOp::TrimUpper => trim::Keep::Below,
                BinaryOp::TrimLower => trim::Keep::Above,
                _ => return None,
            };
            Some((Ask::Trim(keep, number(binary.rhs)?), name(binary.lhs)?))
        }
        _ => None,
    }
}

fn near(got: f64, want: f64) -> bool {
    let scale = (got.abs() + want.abs()).min(f64::MAX);
    got.to_bits() == want.to_bits()
        || got.is_nan() && want.is_nan()
        || (got - want).abs() <= 1e-9 * scale
}

fn check(ask: &Ask, input: &FloatHistogram, result: &Value) -> bool {
    match ask {
        Ask::Quantile(q) => near(native::quantile(*q, input).0, float(&result["v"])),
        Ask::Fraction(lower, upper) => near(
            native::fraction(*lower, *upper, input).0,
            float(&result["v"]),
        ),
        Ask::Trim(keep, value) => {
            let (mut got, mut want) = (trim::trim(input, *keep, *value), histogram(&result["h"]));
            got.compact();
            want.compact();
            let numbers = |of: &FloatHistogram| {
                let totals = [of.count, of.sum, of.zero_count];
                [
                    &totals,
                    of.positive_buckets.as_slice(),
                    &of.negative_buckets,
                ]
                .concat()
            };
            got.positive_spans == want.positive_spans
                && got.negative_spans == want.negative_spans
                && std::iter::zip(numbers(&got), numbers(&want)).all(|(got, want)| near(got, want))
        }
    }
}

#[test]
fn golden_single_histograms_are_evaluated_as_prometheus_does() {
    let Some(corpus) = corpus() else {
        return;
    };
    let samples = samples(&corpus);
    let (mut checked, mut failures) = (0, Vec::new());
    for line in lines(&corpus.join("evals.jsonl.gz")) {
        let expr = text(&line["expr"]);
        let Ok(tree) = parse(expr, Options::default()) else {
            continue;
        };
        let Some((ask, name)) = ask(&tree) else {
            continue;
        };
        let key = (text(&line["dataset"]).to_owned(), name.to_owned());
        // With one series and one result there is nothing to match.
        let (Some([series]), Some([result])) = (
            samples.get(&key).map(Vec::as_slice),
            line["expect"]["result"].as_array().map(Vec::as_slice),
        ) else {
            continue;
        };
        let newest = series
            .as_array()
            .unwrap()
            .iter()
            .rfind(|sample| sample[0].as_i64() <= line["time_ms"].as_i64());
        let Some(input) = newest.filter(|sample| sample[1].is_object()) else {
            continue;
        };
        checked += 1;
        if !check(&ask, &histogram(&input[1]), result) {
            failures.push(format!("{expr} {result} of {}", histogram(&input[1])));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(checked > 100, "only {checked} lines were simple enough");
}
