//! A tree as JSON, as `/api/v1/parse_query` gives it.
//!
//! ```text
//! every node is an object with its kind as "type"; keys stand in the order of the alphabet, times are milliseconds
//! {"expr":{…},"grouping":["job"],"op":"sum","param":null,"type":"aggregation","without":false}
//! ```
//!
//! Written piece by piece from a stack of what is still to come, for a chain of operators is as deep as it is long and
//! neither recursion nor a tree of JSON values would hold it.

use std::borrow::Cow;
use std::fmt::Write as _;

use tsdb::float::Shortest;
use tsdb::matcher::Matcher;

use super::ast::{
    Aggregate, At, Binary, Cardinality, Expr, Length, Matching, Moment, NodeId, Subquery, Tree,
    VectorSelector,
};
use super::function::Function;
use super::number::print_number;

/// A number that JSON has no form for; only fill values can be one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("json: unsupported value: {0}")]
pub struct Unsupported(Shortest);

/// Writes a tree.
///
/// # Errors
/// Where a fill value is NaN or infinite.
pub fn json(tree: &Tree) -> Result<String, Unsupported> {
    let mut writer = Writer {
        tree,
        pieces: Vec::new(),
    };
    let mut out = String::new();
    let mut todo = vec![Piece::Node(tree.root())];
    while let Some(piece) = todo.pop() {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Node(id) => {
                writer.node(id)?;
                todo.extend(writer.pieces.drain(..).rev());
            }
            Piece::Length(id) => {
                writer.length_node(id);
                todo.extend(writer.pieces.drain(..).rev());
            }
        }
    }
    Ok(out)
}

/// What is still to be written.
enum Piece {
    Text(Cow<'static, str>),
    Node(NodeId),
    /// A node inside a duration, where numbers say whether they were written as one.
    Length(NodeId),
}

struct Writer<'t> {
    tree: &'t Tree,
    pieces: Vec<Piece>,
}

impl Writer<'_> {
    fn text(&mut self, text: impl Into<Cow<'static, str>>) {
        self.pieces.push(Piece::Text(text.into()));
    }

    fn child(&mut self, key: &'static str, id: NodeId) {
        self.text(key);
        self.pieces.push(Piece::Node(id));
    }

    fn node(&mut self, id: NodeId) -> Result<(), Unsupported> {
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Number { value, .. } => self.text(format!(
                r#"{{"type":"numberLiteral","val":"{}"}}"#,
                print_number(*value)
            )),
            Expr::String(text) => self.text(format!(
                r#"{{"type":"stringLiteral","val":{}}}"#,
                quoted(text)
            )),
            Expr::Vector(selector) => self.selector(selector, None),
            Expr::Matrix { selector, range } => {
                if let Expr::Vector(selector) = tree.expr(*selector) {
                    self.selector(selector, Some(*range));
                }
            }
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Call { function, args } => self.call(function, args),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Unary { negative, expr } => {
                self.child(r#"{"expr":"#, *expr);
                let sign = if *negative { '-' } else { '+' };
                self.text(format!(r#","op":"{sign}","type":"unaryExpr"}}"#));
            }
            Expr::Paren(expr) => {
                self.child(r#"{"expr":"#, *expr);
                self.text(r#","type":"parenExpr"}"#);
            }
            Expr::Duration(_) => self.length_node(id),
        }
        Ok(())
    }

    fn length_node(&mut self, id: NodeId) {
        match self.tree.expr(id) {
            Expr::Number { value, duration } => self.text(format!(
                r#"{{"duration":{duration},"type":"numberLiteral","val":"{}"}}"#,
                print_number(*value)
            )),
            Expr::Duration(duration) => {
                self.length_child(r#"{"lhs":"#, duration.lhs);
                self.text(format!(r#","op":"{}""#, duration.op.text()));
                self.length_child(r#","rhs":"#, duration.rhs);
                let wrapped = duration.wrapped;
                self.text(format!(r#","type":"durationExpr","wrapped":{wrapped}}}"#));
            }
            _ => self.text("null"),
        }
    }

    fn length_child(&mut self, key: &'static str, id: Option<NodeId>) {
        self.text(key);
        self.pieces
            .push(id.map_or(Piece::Text("null".into()), Piece::Length));
    }

    /// A length under its own key, and what computes it under another.
    fn length(&mut self, key: &str, expr_key: &'static str, length: Length) {
        self.text(format!("{key}{}", length.millis()));
        self.length_child(expr_key, length.expr);
    }

    fn offset(&mut self, key: &str, moment: Moment) {
        self.length(key, r#","offsetExpr":"#, moment.offset);
    }

    fn range(&mut self, range: Length) {
        self.length(r#","range":"#, r#","rangeExpr":"#, range);
    }

    fn selector(&mut self, selector: &VectorSelector, range: Option<Length>) {
        let name = quoted(selector.name.as_deref().unwrap_or_default());
        let (anchored, smoothed) = (selector.anchored, selector.smoothed);
        let matchers = list(&selector.matchers, matcher);
        self.offset(
            &format!(r#"{{"anchored":{anchored},"matchers":{matchers},"name":{name},"offset":"#),
            selector.moment,
        );
        let kind = if let Some(range) = range {
            self.range(range);
            "matrixSelector"
        } else {
            "vectorSelector"
        };
        let (time, bound) = pinned(selector.moment.at);
        self.text(format!(
            r#","smoothed":{smoothed},"startOrEnd":{bound},"timestamp":{time},"type":"{kind}"}}"#
        ));
    }

    fn subquery(&mut self, subquery: &Subquery) {
        self.child(r#"{"expr":"#, subquery.expr);
        self.offset(r#","offset":"#, subquery.moment);
        self.range(subquery.range);
        let (time, bound) = pinned(subquery.moment.at);
        self.length(
            &format!(r#","startOrEnd":{bound},"step":"#),
            r#","stepExpr":"#,
            subquery.step,
        );
        self.text(format!(r#","timestamp":{time},"type":"subquery"}}"#));
    }

    fn call(&mut self, function: &Function, args: &[NodeId]) {
        self.text(r#"{"args":["#);
        for (place, arg) in args.iter().enumerate() {
            self.child(if place == 0 { "" } else { "," }, *arg);
        }
        let types = list(function.args, |arg| quoted(arg.name()));
        let (name, returns) = (function.name, function.returns.name());
        let variadic = function.variadic;
        self.text(format!(
            r#"],"func":{{"argTypes":{types},"name":"{name}","returnType":"{returns}","variadic":{variadic}}},"type":"call"}}"#
        ));
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.child(r#"{"expr":"#, aggregate.expr);
        let grouping = list(&aggregate.grouping, |label| quoted(label));
        let op = aggregate.op.text();
        self.text(format!(r#","grouping":{grouping},"op":"{op}","param":"#));
        let none = Piece::Text("null".into());
        self.pieces.push(aggregate.param.map_or(none, Piece::Node));
        let without = aggregate.without;
        self.text(format!(r#","type":"aggregation","without":{without}}}"#));
    }

    fn binary(&mut self, binary: &Binary) -> Result<(), Unsupported> {
        let return_bool = binary.return_bool;
        self.text(format!(r#"{{"bool":{return_bool}"#));
        self.child(r#","lhs":"#, binary.lhs);
        let matching = match &binary.matching {
            Some(matching) => matching_json(matching)?,
            None => "null".to_owned(),
        };
        let op = quoted(binary.op.text());
        self.text(format!(r#","matching":{matching},"op":{op}"#));
        self.child(r#","rhs":"#, binary.rhs);
        self.text(r#","type":"binaryExpr"}"#);
        Ok(())
    }
}

fn matching_json(matching: &Matching) -> Result<String, Unsupported> {
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let (left, right) = (fill(matching.fill_left)?, fill(matching.fill_right)?);
    let include = list(&matching.include, |label| quoted(label));
    let labels = list(&matching.labels, |label| quoted(label));
    let on = matching.on;
    Ok(format!(
        r#"{{"card":"{cardinality}","fillValues":{{"lhs":{left},"rhs":{right}}},"include":{include},"labels":{labels},"on":{on}}}"#
    ))
}

fn fill(value: Option<f64>) -> Result<String, Unsupported> {
    match value {
        None => Ok("null".to_owned()),
        Some(value) if value.is_finite() => Ok(value.to_string()),
        Some(value) => Err(Unsupported(Shortest(value))),
    }
}

/// `timestamp` and `startOrEnd`.
fn pinned(at: Option<At>) -> (String, &'static str) {
    let null = || "null".to_owned();
    match at {
        None => (null(), "null"),
        Some(At::Time(millis)) => (millis.to_string(), "null"),
        Some(At::Start) => (null(), r#""start""#),
        Some(At::End) => (null(), r#""end""#),
    }
}

fn matcher(matcher: &Matcher) -> String {
    let (name, value) = (quoted(matcher.name()), quoted(matcher.value()));
    let operator = matcher.kind().operator();
    format!(r#"{{"name":{name},"type":"{operator}","value":{value}}}"#)
}

fn list<T>(items: &[T], item: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(item).collect();
    format!("[{}]", items.join(","))
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..=' ' if c != ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes all");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Options, parse};
    use super::*;

    #[test]
    fn a_tree_of_any_depth_is_written() {
        let chain = vec!["a"; 100_000].join("+");
        let text = json(&parse(&chain, Options::default()).unwrap()).unwrap();
        assert_eq!(text.matches("binaryExpr").count(), 99_999);
    }

    #[test]
    fn strings_are_escaped() {
        let tree = parse(r#""a\"\\\n\x01é""#, Options::default()).unwrap();
        let want = r#"{"type":"stringLiteral","val":"a\"\\\n\u0001é"}"#;
        assert_eq!(json(&tree).unwrap(), want);
    }

    #[test]
    fn a_fill_value_that_is_no_number_has_no_form() {
        let options = Options {
            fill_modifiers: true,
            ..Options::default()
        };
        let refused = |text| {
            json(&parse(text, options).unwrap())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(refused("a + fill(NaN) b"), "json: unsupported value: NaN");
        assert_eq!(refused("a + fill(-Inf) b"), "json: unsupported value: -Inf");
    }
}
