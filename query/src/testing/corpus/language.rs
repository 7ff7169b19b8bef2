//! Lines about the language: expressions, selectors, patterns, durations, and which words it has.

use serde_json::Value as Json;
use tsdb::matcher::{Matcher, Regex};

use super::forms::compare;
use crate::error::ParseErrors;
use crate::syntax::ast::{Expr, Tree};
use crate::syntax::function::FUNCTIONS;
use crate::syntax::{
    AggregateOp, BinaryOp, Options, json, number, parse, parse_selector, pretty, quote, types,
};

pub(super) fn duration(line: &Json) -> Vec<String> {
    match number::parse_duration(text(&line["input"])) {
        Ok(nanos) => {
            let millis = nanos / 1_000_000;
            let printed = compare(line, "printed", &number::print_duration(millis));
            let wrong = (line["ms"] != millis).then(|| format!("ms: got {millis}"));
            wrong.into_iter().chain(printed).collect()
        }
        Err(why) => compare(line, "error", &why).into_iter().collect(),
    }
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

pub(super) fn selector(line: &Json) -> Vec<String> {
    match parse_selector(text(&line["input"])) {
        Ok(got) => {
            let got = matchers(&got);
            let agrees = got == line["matchers"];
            (!agrees)
                .then(|| format!("got {got}"))
                .into_iter()
                .collect()
        }
        Err(errors) => compare(line, "error", &errors.to_string())
            .into_iter()
            .collect(),
    }
}

fn matchers(matchers: &[Matcher]) -> Json {
    let matcher = |matcher: &Matcher| {
        let kind = matcher.kind().operator();
        serde_json::json!({"name": matcher.name(), "type": kind, "value": matcher.value()})
    };
    matchers.iter().map(matcher).collect()
}

pub(super) fn pattern(line: &Json) -> Vec<String> {
    let regex = match Regex::new(text(&line["pattern"])) {
        Ok(regex) if line["ok"] == true => regex,
        Err(_) if line["ok"] == false => return Vec::new(),
        other => return vec![format!("got {other:?}")],
    };
    let mut complaints = Vec::new();
    for (list, want) in [("match", true), ("no_match", false)] {
        for subject in line[list].as_array().into_iter().flatten().map(text) {
            if regex.is_match(subject) != want {
                complaints.push(format!("{list}: {}", quote::text(subject)));
            }
        }
    }
    complaints
}

/// A function, an aggregation, an operator or a keyword that the language must have.
pub(super) fn known(entry: &Json) -> Vec<String> {
    let (list, entry) = (text(&entry["list"]), &entry["entry"]);
    let name = entry["name"].as_str().unwrap_or(text(entry));
    let got = match list {
        "functions" => function(name),
        "aggregators" => aggregation(name),
        "operators" => operator(name),
        "keywords" => keyword(name),
        _ => None,
    };
    let Some(got) = got else {
        return vec![format!("{list}: {name} is not known")];
    };
    let facts = got.as_object().into_iter().flatten();
    let wrong = facts.filter(|(fact, got)| entry[fact.as_str()] != **got);
    wrong
        .map(|(fact, got)| format!("{name} {fact}: got {got}"))
        .collect()
}

fn function(name: &str) -> Option<Json> {
    let got = FUNCTIONS.iter().find(|function| function.name == name)?;
    let args: Vec<_> = got.args.iter().map(|arg| arg.name()).collect();
    Some(serde_json::json!({
        "args": args,
        "variadic": got.variadic,
        "return": got.returns.name(),
        "experimental": got.is_experimental(),
        "at_modifier_unsafe": got.depends_on_time(),
        "allows_anchored": got.allows_anchored(),
        "allows_smoothed": got.allows_smoothed(),
    }))
}

fn aggregation(name: &str) -> Option<Json> {
    let got = AggregateOp::ALL.into_iter().find(|op| op.text() == name)?;
    let param = match (got.has_param(), got.has_scalar_param()) {
        (_, true) => "scalar",
        (true, false) => "string",
        (false, false) => "none",
    };
    Some(serde_json::json!({"experimental": got.is_experimental(), "param": param}))
}

fn operator(name: &str) -> Option<Json> {
    if matches!(name, "=~" | "!~" | "@") {
        // Of matchers and modifiers: never between values.
        let is_read = parse(&format!("a{{b{name}'c'}}"), Options::default()).is_ok();
        let is_modifier = parse(&format!("a {name} 1"), Options::default()).is_ok();
        return (is_read || is_modifier)
            .then(|| serde_json::json!({"comparison": false, "set": false}));
    }
    let got = BinaryOp::ALL.into_iter().find(|op| op.text() == name)?;
    Some(serde_json::json!({"comparison": got.is_comparison(), "set": got.is_set()}))
}

/// A keyword is one where an expression that needs it is understood.
fn keyword(name: &str) -> Option<Json> {
    let example = match name {
        "anchored" => "rate(a[1m] anchored)",
        "smoothed" => "rate(a[1m] smoothed)",
        "bool" => "a == bool b",
        "by" => "sum by (c) (a)",
        "without" => "sum without (c) (a)",
        "fill" => "a + fill(0) b",
        "fill_left" => "a + fill_left(0) b",
        "fill_right" => "a + fill_right(0) b",
        "group_left" => "a * on (c) group_left b",
        "group_right" => "a * on (c) group_right b",
        "ignoring" => "a * ignoring (c) b",
        "on" => "a * on (c) b",
        "offset" => "a offset 1m",
        _ => return None,
    };
    let options = Options {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        x_functions: false,
    };
    parse(example, options).ok().map(|_| serde_json::json!({}))
}

pub(super) fn expression(line: &Json) -> Vec<String> {
    let mut options = Options::default();
    for flag in line["flags"].as_array().into_iter().flatten().map(text) {
        if !options.enable(flag) {
            return vec![format!("unknown flag {flag}")];
        }
    }
    match (parse(text(&line["input"]), options), line["ok"] == true) {
        (Ok(tree), true) => valid(line, &tree, options),
        (Err(errors), false) => invalid(line, &errors),
        (Ok(tree), false) => vec![format!("accepted: {tree}")],
        (Err(errors), true) => vec![format!("refused: {errors}")],
    }
}

/// What differs from a valid line.
fn valid(line: &Json, tree: &Tree, options: Options) -> Vec<String> {
    let printed = tree.to_string();
    let mut complaints = Vec::new();
    complaints.extend(compare(
        line,
        "type",
        types::types(tree)[tree.root().index()].name(),
    ));
    let nodes = nodes(tree);
    if nodes != line["nodes"] {
        complaints.push(format!("nodes: got {nodes}"));
    }
    let ast = ast(tree);
    if ast != line["ast"] || line.get("ast_error").is_some() != json(tree).is_err() {
        complaints.push(format!("ast: got {ast}"));
    }
    if line.get("no_round_trip").is_none() {
        // Elsewhere the printer of Prometheus slips; what matters is that ours does not.
        complaints.extend(compare(line, "string", &printed));
        complaints.extend(compare(line, "pretty", &pretty(tree)));
    }
    if !parse(&printed, options).is_ok_and(|again| again.to_string() == printed) {
        complaints.push(format!("does not read back: {printed}"));
    }
    complaints
}

/// The tree as the API gives it, null where JSON has no form for it.
fn ast(tree: &Tree) -> Json {
    let text = json(tree).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn nodes(tree: &Tree) -> Json {
    let node = |id| {
        let span = tree.span(id);
        serde_json::json!([kind(tree.expr(id)), span.start, span.end])
    };
    tree.walk().into_iter().map(node).collect()
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

fn invalid(line: &Json, errors: &ParseErrors) -> Vec<String> {
    let error = |error: &crate::error::ParseError| {
        let (start, end) = (error.span.start, error.span.end);
        serde_json::json!({"start": start, "end": end, "message": error.message})
    };
    let got: Json = errors.errors().iter().map(error).collect();
    let mut complaints: Vec<String> = compare(line, "error", &errors.to_string())
        .into_iter()
        .collect();
    if got[0] != line["errors"][0] {
        complaints.push(format!("first error: got {}", got[0]));
    } else if got != line["errors"] {
        complaints.push(format!("further errors: got {got}"));
    }
    complaints
}
