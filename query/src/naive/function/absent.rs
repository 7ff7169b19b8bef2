//! `absent` and `absent_over_time`: one where there is nothing, with the labels that were asked for.

use std::collections::HashSet;

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::MatcherKind;

use super::super::Query;
use super::super::vector::{Element, Vector};
use crate::error::Result;
use crate::syntax::ast::{Expr, NodeId, VectorSelector};

/// One at each step without elements.
pub(in crate::naive) fn absent(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
) -> Result<Vec<Vector>> {
    let vectors = query.vectors(arg, times)?;
    let labels = asked_for(query, arg);
    let absent = |vector: Vector| one_unless(!vector.is_empty(), &labels);
    Ok(vectors.into_iter().map(absent).collect())
}

/// One at each step whose windows are all empty.
pub(in crate::naive) fn absent_over_time(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
) -> Result<Vec<Vector>> {
    let ranges = query.ranges(arg, times)?;
    let labels = asked_for(query, arg);
    let absent = |step| {
        let mut windows = ranges
            .series
            .iter()
            .map(|series| ranges.window(series, step));
        let is_present = windows.any(|window| !window.inside().is_empty());
        one_unless(is_present, &labels)
    };
    Ok((0..times.len()).map(absent).collect())
}

fn one_unless(is_present: bool, labels: &Labels) -> Vector {
    if is_present {
        return Vector::new();
    }
    vec![Element::float(labels.clone(), 1.0)]
}

/// Labels that a selector pins to one value, each by one matcher alone.
fn asked_for(query: &Query<'_>, arg: NodeId) -> Labels {
    match query.expr(arg) {
        Expr::Paren(inner) => asked_for(query, *inner),
        Expr::Vector(selector) => pinned(selector),
        Expr::Matrix { selector, .. } => asked_for(query, *selector),
        _ => Labels::default(),
    }
}

fn pinned(selector: &VectorSelector) -> Labels {
    let mut labels = Labels::default();
    let mut equal = HashSet::new();
    for matcher in &selector.matchers {
        let name = matcher.name();
        if name == METRIC_NAME {
            continue;
        }
        if matcher.kind() == MatcherKind::Equal && equal.insert(name) {
            super::super::vector::set(&mut labels, name, matcher.value());
        } else {
            labels.retain(|other, _| other != name);
        }
    }
    labels
}
