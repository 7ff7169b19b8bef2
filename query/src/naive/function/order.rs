//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.
//!
//! By value, NaN comes last either way and histograms are left out. By label, digits within values count as numbers; equal
//! ones are told apart by all their labels.

use std::cmp::Ordering;

use tsdb::label::Labels;

use super::super::Query;
use super::super::vector::{Element, Vector};
use crate::annotation::Annotation;
use crate::error::Result;
use crate::syntax::ast::NodeId;
use crate::syntax::function::Function;

/// By value.
pub(in crate::naive) fn by_value(
    query: &mut Query<'_>,
    id: NodeId,
    function: &Function,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    note_range(query, id);
    let is_descending = function.name == "sort_desc";
    let mut vectors = query.vectors(args[0], times)?;
    for vector in &mut vectors {
        vector.retain(|element| element.value.float().is_some());
        vector.sort_by(|a, b| {
            let (a, b) = (value(a), value(b));
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            let order = if is_descending {
                order.reverse()
            } else {
                order
            };
            a.is_nan().cmp(&b.is_nan()).then(order)
        });
    }
    Ok(vectors)
}

/// Warns that rows are ordered by labels anyway.
fn note_range(query: &mut Query<'_>, id: NodeId) {
    if !query.request.when.is_instant() && !query.is_invariant(id) {
        query.note(Annotation::SortInRange, query.tree.span(id));
    }
}

fn value(element: &Element) -> f64 {
    element.value.float().unwrap_or(f64::NAN)
}

/// By the values of labels.
pub(in crate::naive) fn by_label(
    query: &mut Query<'_>,
    id: NodeId,
    function: &Function,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    note_range(query, id);
    let mut names = Vec::new();
    for arg in &args[1..] {
        names.push(query.string(*arg)?);
    }
    let is_descending = function.name == "sort_by_label_desc";
    let mut vectors = query.vectors(args[0], times)?;
    for vector in &mut vectors {
        vector.sort_by(|a, b| {
            let order = by_names(&a.labels, &b.labels, &names);
            if is_descending {
                order.reverse()
            } else {
                order
            }
        });
    }
    Ok(vectors)
}

fn by_names(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    names
        .iter()
        .map(|name| natural(a.get(name), b.get(name)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.cmp(b))
}

/// Compares texts part by part, where a part is a run of digits or of anything else.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (parts(a), parts(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => part(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_digit = rest.bytes().next()?.is_ascii_digit();
        let end = rest
            .bytes()
            .position(|byte| byte.is_ascii_digit() != is_digit)
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

fn part(a: &str, b: &str) -> Ordering {
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.trim_start_matches('0').to_owned())
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.len().cmp(&b.len()).then(a.cmp(&b)),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_labels_count_as_numbers() {
        fn check(small: &str, large: &str) {
            assert_eq!(natural(small, large), Ordering::Less, "{small} {large}");
            assert_eq!(natural(large, small), Ordering::Greater, "{small} {large}");
        }
        check("pod-2", "pod-10");
        check("", "a");
        check("1", "a");
        check("cpu9x", "cpu10a");
        check("a", "a1");
        check("4k", "1024k");
    }
}
