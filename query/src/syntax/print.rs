//! A tree as text in one line: the canonical form, which parses back to the same tree.
//!
//! Matchers are sorted, groupings stand before the arguments, numbers have no exponent, durations their largest units.
//! A node is a list of [`Piece`]s, text or another node; a stack of pieces replaces recursion, and the widths of all
//! nodes come from one pass bottom up. The form in many lines is [`mod@super::pretty`].

use std::borrow::Cow;

use tsdb::label::{METRIC_NAME, is_legacy_name};

use super::ast::{
    Aggregate, At, Binary, Cardinality, DurationExpr, DurationOp, Expr, Length, Matching, Moment,
    NodeId, Subquery, Tree, VectorSelector,
};
use super::{number, quote};

/// A part of a printed node.
pub(super) enum Piece {
    Text(Cow<'static, str>),
    Node(NodeId),
}

fn text(text: impl Into<Cow<'static, str>>) -> Piece {
    Piece::Text(text.into())
}

impl std::fmt::Display for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&print(self, self.root()))
    }
}

/// A node in one line.
#[must_use]
pub fn print(tree: &Tree, id: NodeId) -> String {
    let mut out = String::new();
    let mut stack = vec![Piece::Node(id)];
    while let Some(piece) = stack.pop() {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Node(id) => {
                let before = stack.len();
                pieces(tree, id, &mut stack);
                stack[before..].reverse();
            }
        }
    }
    out
}

/// Bytes of every node in one line, by position in the arena.
pub(super) fn widths(tree: &Tree) -> Vec<usize> {
    let mut widths = vec![0; tree.nodes().len()];
    let mut out = Vec::new();
    // Lengths first: that of an `offset` comes later in the arena than its selector.
    for lengths in [true, false] {
        for (index, node) in tree.nodes().iter().enumerate() {
            if matches!(node.expr, Expr::Number { .. } | Expr::Duration(_)) != lengths {
                continue;
            }
            out.clear();
            expr_pieces(tree, &node.expr, &mut out);
            let width = out.iter().map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Node(id) => widths[id.index()],
            });
            widths[index] = width.sum();
        }
    }
    widths
}

fn pieces(tree: &Tree, id: NodeId, out: &mut Vec<Piece>) {
    expr_pieces(tree, tree.expr(id), out);
}

fn expr_pieces(tree: &Tree, expr: &Expr, out: &mut Vec<Piece>) {
    match expr {
        Expr::Number {
            value,
            duration: true,
        } => {
            out.push(text(number::print_duration(
                number::nanos(*value) / 1_000_000,
            )));
        }
        Expr::Number { value, .. } => out.push(text(number::print_number(*value))),
        Expr::String(string) => out.push(text(quote::text(string))),
        Expr::Vector(vector) => {
            out.push(text(selector(vector)));
            at(vector.moment, out);
            extension(vector, out);
            offset(vector.moment, out);
        }
        Expr::Matrix { selector, range } => matrix(tree.expr(*selector), *range, out),
        Expr::Subquery(subquery) => {
            out.push(Piece::Node(subquery.expr));
            subquery_suffix(subquery, out);
        }
        Expr::Call { function, args } => {
            out.extend([text(function.name), text("(")]);
            list(args, out);
            out.push(text(")"));
        }
        Expr::Aggregate(aggregate) => {
            out.push(text(aggregate_head(aggregate)));
            out.push(text("("));
            let args: Vec<NodeId> = aggregate
                .param
                .into_iter()
                .chain([aggregate.expr])
                .collect();
            list(&args, out);
            out.push(text(")"));
        }
        Expr::Binary(binary) => self::binary(binary, out),
        Expr::Unary { negative, expr } => {
            out.extend([text(if *negative { "-" } else { "+" }), Piece::Node(*expr)]);
        }
        Expr::Paren(expr) => out.extend([text("("), Piece::Node(*expr), text(")")]),
        Expr::Duration(duration) => self::duration(*duration, out),
    }
}

fn matrix(selected: &Expr, range: Length, out: &mut Vec<Piece>) {
    if let Expr::Vector(vector) = selected {
        out.extend([text(selector(vector)), text("[")]);
        length(range, out);
        out.push(text("]"));
        extension(vector, out);
        moment(vector.moment, out);
    }
}

fn binary(binary: &Binary, out: &mut Vec<Piece>) {
    out.extend([
        Piece::Node(binary.lhs),
        text(" "),
        text(operator(binary)),
        text(" "),
        Piece::Node(binary.rhs),
    ]);
}

fn list(args: &[NodeId], out: &mut Vec<Piece>) {
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(text(", "));
        }
        out.push(Piece::Node(*arg));
    }
}

fn duration(duration: DurationExpr, out: &mut Vec<Piece>) {
    let DurationExpr {
        op,
        lhs,
        rhs,
        wrapped,
    } = duration;
    let node = |side: Option<NodeId>| side.map(Piece::Node);
    if wrapped {
        out.push(text("("));
    }
    match op {
        DurationOp::Step | DurationOp::Range => out.extend([text(op.text()), text("()")]),
        DurationOp::MinOf | DurationOp::MaxOf => {
            out.extend([text(op.text()), text("(")]);
            out.extend(node(lhs));
            out.push(text(", "));
            out.extend(node(rhs));
            out.push(text(")"));
        }
        _ if lhs.is_none() => {
            if op == DurationOp::Sub {
                out.push(text("-"));
            }
            out.extend(node(rhs));
        }
        _ => {
            out.extend(node(lhs));
            out.push(text(format!(" {} ", op.text())));
            out.extend(node(rhs));
        }
    }
    if wrapped {
        out.push(text(")"));
    }
}

fn length(length: Length, out: &mut Vec<Piece>) {
    out.push(match length.expr {
        Some(expr) => Piece::Node(expr),
        None => text(number::print_duration(length.millis())),
    });
}

/// `[range:step]` and what follows.
pub(super) fn subquery_suffix(subquery: &Subquery, out: &mut Vec<Piece>) {
    out.push(text("["));
    length(subquery.range, out);
    out.push(text(":"));
    if !subquery.step.is_zero() {
        length(subquery.step, out);
    }
    out.push(text("]"));
    moment(subquery.moment, out);
}

fn extension(vector: &VectorSelector, out: &mut Vec<Piece>) {
    if vector.anchored {
        out.push(text(" anchored"));
    }
    if vector.smoothed {
        out.push(text(" smoothed"));
    }
}

fn moment(moment: Moment, out: &mut Vec<Piece>) {
    at(moment, out);
    offset(moment, out);
}

fn at(moment: Moment, out: &mut Vec<Piece>) {
    match moment.at {
        None => {}
        Some(At::Start) => out.push(text(" @ start()")),
        Some(At::End) => out.push(text(" @ end()")),
        Some(At::Time(millis)) => {
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            out.push(text(format!(
                " @ {sign}{}.{:03}",
                millis / 1000,
                millis % 1000
            )));
        }
    }
}

fn offset(moment: Moment, out: &mut Vec<Piece>) {
    if !moment.offset.is_zero() {
        out.push(text(" offset "));
        length(moment.offset, out);
    }
}

fn label_name(name: &str) -> Cow<'_, str> {
    if is_legacy_name(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(quote::text(name))
    }
}

fn selector(vector: &VectorSelector) -> String {
    let shown = vector
        .matchers
        .iter()
        .filter(|matcher| vector.name.is_none() || matcher.name() != METRIC_NAME);
    let mut matchers: Vec<String> = shown
        .map(|matcher| {
            let (name, value) = (label_name(matcher.name()), quote::text(matcher.value()));
            format!("{name}{}{value}", matcher.kind().operator())
        })
        .collect();
    matchers.sort_unstable();
    let mut out = vector.name.clone().unwrap_or_default();
    if !matchers.is_empty() || out.is_empty() {
        out.push('{');
        out.push_str(&matchers.join(","));
        out.push('}');
    }
    out
}

fn labels(labels: &[String]) -> String {
    let names: Vec<_> = labels.iter().map(|label| label_name(label)).collect();
    format!("({})", names.join(", "))
}

/// An aggregation up to its parenthesis.
pub(super) fn aggregate_head(aggregate: &Aggregate) -> String {
    let op = aggregate.op.text();
    if aggregate.without {
        format!("{op} without {} ", labels(&aggregate.grouping))
    } else if aggregate.grouping.is_empty() {
        op.to_owned()
    } else {
        format!("{op} by {} ", labels(&aggregate.grouping))
    }
}

/// An operator with its modifiers.
pub(super) fn operator(binary: &Binary) -> String {
    let mut out = binary.op.text().to_owned();
    if binary.return_bool {
        out.push_str(" bool");
    }
    if let Some(matching) = &binary.matching {
        self::matching(matching, &mut out);
    }
    out
}

fn matching(matching: &Matching, out: &mut String) {
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("left"),
        Cardinality::OneToMany => Some("right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if matching.on || !matching.labels.is_empty() || group.is_some() {
        out.push_str(if matching.on { " on " } else { " ignoring " });
        out.push_str(&labels(&matching.labels));
    }
    if let Some(side) = group {
        out.push_str(&format!(" group_{side} {}", labels(&matching.include)));
    }
    let fills: &[(&str, Option<f64>)] = match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right))
            if left.partial_cmp(&right) == Some(std::cmp::Ordering::Equal) =>
        {
            &[("fill", Some(left))]
        }
        (left, right) => &[("fill_left", left), ("fill_right", right)],
    };
    for (name, value) in fills {
        if let Some(value) = value {
            out.push_str(&format!(" {name} ({})", number::print_number(*value)));
        }
    }
}
