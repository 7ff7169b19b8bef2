//! The language against what Prometheus 3.14 said: durations and functions everywhere, whole expressions where
//! `STRATAL_GOLDEN` names the corpus.
//!
//! `parse.jsonl.gz` may not be copied here, so without the corpus the committed selection in `testdata/promql` is all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use query::error::ParseErrors;
use query::syntax::ast::{Expr, Tree};
use query::syntax::function::FUNCTIONS;
use query::syntax::{AggregateOp, Options, number, parse, pretty, types};
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    std::env::var_os("STRATAL_GOLDEN").map(|root| Path::new(&root).join("promql"))
}

fn root() -> PathBuf {
    corpus().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql"))
}

fn read(path: &Path) -> String {
    if path.extension().is_some_and(|extension| extension == "gz") {
        let output = Command::new("gzip")
            .arg("-dc")
            .arg(path)
            .output()
            .expect("gzip runs");
        assert!(output.status.success(), "{} is a gzip file", path.display());
        return String::from_utf8(output.stdout).expect("golden data is UTF-8");
    }
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines(path: &Path) -> Vec<Value> {
    let lines: Vec<Value> = read(path)
        .lines()
        .map(|line| serde_json::from_str(line).expect("golden lines are JSON"))
        .collect();
    assert!(!lines.is_empty(), "{} is empty", path.display());
    lines
}

#[test]
fn golden_durations_are_read_and_printed_as_prometheus_does() {
    for line in lines(&root().join("durations.jsonl")) {
        let got = number::parse_duration(line["input"].as_str().unwrap());
        if line["ok"] == true {
            let millis = got.unwrap() / 1_000_000;
            assert_eq!(Some(millis), line["ms"].as_i64(), "{line}");
            assert_eq!(
                number::print_duration(millis),
                line["printed"].as_str().unwrap(),
                "{line}"
            );
        } else {
            assert_eq!(got.unwrap_err(), line["error"].as_str().unwrap(), "{line}");
        }
    }
}

#[test]
fn golden_functions_and_aggregations_are_all_known() {
    let golden: Value = serde_json::from_str(&read(&root().join("functions.json"))).unwrap();
    let functions = golden["functions"].as_array().unwrap();
    assert_eq!(functions.len(), FUNCTIONS.len());
    for (want, got) in functions.iter().zip(&FUNCTIONS) {
        assert_eq!(want["name"], got.name);
        let args: Vec<_> = got.args.iter().map(|arg| arg.name()).collect();
        assert_eq!(want["args"], serde_json::json!(args), "{want}");
        assert_eq!(want["variadic"], got.variadic, "{want}");
        assert_eq!(want["return"], got.returns.name(), "{want}");
        assert_eq!(want["experimental"], got.is_experimental(), "{want}");
        assert_eq!(want["at_modifier_unsafe"], got.depends_on_time(), "{want}");
        assert_eq!(want["allows_anchored"], got.allows_anchored(), "{want}");
        assert_eq!(want["allows_smoothed"], got.allows_smoothed(), "{want}");
    }
    let aggregators = golden["aggregators"].as_array().unwrap();
    assert_eq!(aggregators.len(), AggregateOp::ALL.len());
    for (want, got) in aggregators.iter().zip(AggregateOp::ALL) {
        assert_eq!(want["name"], got.text());
        assert_eq!(want["experimental"], got.is_experimental(), "{want}");
        let param = match (got.has_param(), got.has_scalar_param()) {
            (_, true) => "scalar",
            (true, false) => "string",
            (false, false) => "none",
        };
        assert_eq!(want["param"], param, "{want}");
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn options(line: &Value) -> Options {
    let mut options = Options::default();
    for flag in line["flags"].as_array().expect("a list of flags") {
        assert!(options.enable(text_of(flag)), "unknown flag {flag}");
    }
    options
}

fn kind(expr: &Expr) -> &'static str {
    match expr {
        Expr::Number { .. } => "numberLiteral",
        Expr::String(_) => "stringLiteral",
        Expr::Vector(_) => "vectorSelector",
        Expr::Matrix { .. } => "matrixSelector",
        Expr::Subquery(_) => "subquery",
        Expr::Call { .. } => "call",
        Expr::Aggregate(_) => "aggregation",
        Expr::Binary(_) => "binaryExpr",
        Expr::Unary { .. } => "unaryExpr",
        Expr::Paren(_) => "parenExpr",
        Expr::Duration(_) => "durationExpr",
    }
}

fn nodes(tree: &Tree) -> Value {
    tree.walk()
        .into_iter()
        .map(|id| {
            let span = tree.span(id);
            serde_json::json!([kind(tree.expr(id)), span.start, span.end])
        })
        .collect()
}

/// What differs from a valid line.
fn valid(line: &Value, tree: &Tree) -> Option<&'static str> {
    let text = tree.to_string();
    if types::types(tree)[tree.root().index()].name() != line["type"] {
        Some("type")
    } else if nodes(tree) != line["nodes"] {
        Some("nodes")
    } else if line.get("no_round_trip").is_some() {
        // The printer of Prometheus slips there; what matters is that ours does not.
        None
    } else if text != text_of(&line["string"]) {
        Some("string")
    } else if pretty(tree) != text_of(&line["pretty"]) {
        Some("pretty")
    } else if parse(&text, options(line)).is_ok_and(|again| again.to_string() == text) {
        None
    } else {
        Some("round trip")
    }
}

fn invalid(line: &Value, errors: &ParseErrors) -> Option<&'static str> {
    let (want, got) = (&line["errors"][0], &errors.errors()[0]);
    if want["message"] != got.message.as_str() {
        Some("message")
    } else if (want["start"].as_u64(), want["end"].as_u64())
        != (Some(got.span.start as u64), Some(got.span.end as u64))
    {
        Some("range")
    } else if line["error"] != errors.to_string() {
        Some("text")
    } else {
        None
    }
}

/// What differs from a line of `parse.jsonl`, and what we say.
fn differs(line: &Value) -> Option<(&'static str, String)> {
    let input = text_of(&line["input"]);
    match (parse(input, options(line)), line["ok"] == true) {
        (Ok(tree), true) => {
            valid(line, &tree).map(|what| (what, format!("{tree} {}", nodes(&tree))))
        }
        (Err(errors), false) => {
            invalid(line, &errors).map(|what| (what, format!("{:?}", errors.errors()[0])))
        }
        (Ok(tree), false) => Some(("accepted", tree.to_string())),
        // Strings are UTF-8 here, as the documentation of `quote` says.
        (Err(errors), true) => Some(("refused", errors.to_string())),
    }
}

#[test]
fn golden_expressions_are_understood_and_printed_as_prometheus_does() {
    let Some(corpus) = corpus() else {
        return;
    };
    let lines = lines(&corpus.join("parse.jsonl.gz"));
    let mut failures = BTreeMap::<_, Vec<String>>::new();
    for line in &lines {
        if let Some((what, got)) = differs(line) {
            let want = if line["ok"] == true {
                &line["string"]
            } else {
                &line["errors"]
            };
            failures
                .entry(what)
                .or_default()
                .push(format!("{} want {want} got {got}", line["input"]));
        }
    }
    let failed: usize = failures.values().map(Vec::len).sum();
    for (what, cases) in &failures {
        println!("{what}: {}", cases.len());
        for case in cases.iter().take(FAILURES_SHOWN) {
            println!("  {case}");
        }
    }
    println!("{} passed, {failed} failed", lines.len() - failed);
    assert!(
        failed <= FAILURES_MAX,
        "{failed} of {} lines differ",
        lines.len()
    );
}

const FAILURES_SHOWN: usize = 20;
/// Lines with a string that is not UTF-8, which is refused here.
const FAILURES_MAX: usize = 5;
