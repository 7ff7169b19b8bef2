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
use query::syntax::{
    AggregateOp, Options, json, number, parse, parse_selector, pretty, quote, types,
};
use serde_json::Value;
use tsdb::matcher::{Matcher, Regex};

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
    } else if ast(tree) != line["ast"] || line.get("ast_error").is_some() != json(tree).is_err() {
        Some("ast")
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

/// The tree as the API gives it, null where JSON has no form for it.
fn ast(tree: &Tree) -> Value {
    json(tree).map_or(Value::Null, |text| {
        serde_json::from_str(&text).expect("a tree is written as JSON")
    })
}

fn invalid(line: &Value, errors: &ParseErrors) -> Option<&'static str> {
    let got: Vec<Value> = errors
        .errors()
        .iter()
        .map(|error| {
            let (start, end) = (error.span.start, error.span.end);
            serde_json::json!({"start": start, "end": end, "message": error.message})
        })
        .collect();
    let want = line["errors"].as_array().expect("a list of errors");
    if want[0] != got[0] {
        Some("first error")
    } else if line["error"] != errors.to_string() {
        Some("text")
    } else if *want != got {
        Some(FURTHER_ERRORS)
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
            invalid(line, &errors).map(|what| (what, format!("{:?}", errors.errors())))
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
    for (what, cases) in &failures {
        println!("{what}: {}", cases.len());
        for case in cases.iter().take(FAILURES_SHOWN) {
            println!("  {case}");
        }
    }
    let count = |what| failures.get(what).map_or(0, Vec::len);
    assert!(count("refused") <= REFUSED_MAX, "more strings are refused");
    assert!(
        count(FURTHER_ERRORS) <= FURTHER_ERRORS_MAX,
        "what is said after the first error has moved away from Prometheus"
    );
    let known = count("refused") + count(FURTHER_ERRORS);
    let failed: usize = failures.values().map(Vec::len).sum();
    assert_eq!(failed, known, "of {} lines", lines.len());
}

const FAILURES_SHOWN: usize = 20;
/// Lines with a string that is not UTF-8, which is refused here.
const REFUSED_MAX: usize = 5;
const FURTHER_ERRORS: &str = "further errors";
/// Lines where Prometheus' generated parser recovers and stumbles again; ours stops at the first syntax error. The API
/// shows the first one only.
const FURTHER_ERRORS_MAX: usize = 351;

fn matchers(matchers: &[Matcher]) -> Value {
    matchers
        .iter()
        .map(|matcher| {
            let kind = matcher.kind().operator();
            serde_json::json!({"name": matcher.name(), "type": kind, "value": matcher.value()})
        })
        .collect()
}

#[test]
fn golden_selectors_are_read_as_prometheus_reads_them() {
    let Some(corpus) = corpus() else {
        return;
    };
    for line in lines(&corpus.join("selectors.jsonl")) {
        let input = text_of(&line["input"]);
        match parse_selector(input) {
            Ok(got) => assert_eq!(matchers(&got), line["matchers"], "{input}"),
            // Strings are UTF-8 here, as the documentation of `quote` says.
            Err(_) if input.contains("\\xff") => assert_eq!(line["ok"], true),
            Err(errors) => assert_eq!(line["error"], errors.to_string(), "{input}"),
        }
    }
}

#[test]
fn golden_patterns_match_what_prometheus_matches() {
    let Some(corpus) = corpus() else {
        return;
    };
    for line in lines(&corpus.join("regex.jsonl.gz")) {
        let pattern = text_of(&line["pattern"]);
        let regex = Regex::new(pattern);
        assert_eq!(regex.is_ok(), line["ok"] == true, "{line}");
        let Ok(regex) = regex else {
            continue;
        };
        for (list, want) in [("match", true), ("no_match", false)] {
            for text in line[list].as_array().expect("a list of strings") {
                let text = text_of(text);
                assert_eq!(
                    regex.is_match(text),
                    want,
                    "{} {}",
                    pattern,
                    quote::text(text)
                );
            }
        }
    }
}
