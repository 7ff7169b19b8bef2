//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.
//!
//! By value, NaN comes last either way and histograms are left out. By label, digits within values count as numbers; equal
//! ones are told apart by all their labels. Rows of several steps have no order of values and stay where they are.

use std::cmp::Ordering;

use tsdb::label::Labels;

use super::{Args, Body, Entry, Input, own};
use crate::exec::batch::{Batch, Head, Row};

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "sort" => own(Body::Vector(|input, _| Ok(by_value(input, false)))),
        "sort_desc" => own(Body::Vector(|input, _| Ok(by_value(input, true)))),
        "sort_by_label" => own(Body::Vector(|input, _| Ok(by_label(input, false)))),
        "sort_by_label_desc" => own(Body::Vector(|input, _| Ok(by_label(input, true)))),
        _ => None,
    }
}

fn by_value(mut input: Input<'_>, descending: bool) -> Vec<Batch> {
    let mut batches = input.vectors.pop().unwrap_or_default();
    for batch in &mut batches {
        batch.histograms.clear();
        batch.drop_empty();
    }
    sorted(&batches, &input.args, |(_, a), (_, b)| {
        let (a, b) = (a.floats[0], b.floats[0]);
        let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        a.is_nan().cmp(&b.is_nan()).then(turned(order, descending))
    })
}

fn by_label(mut input: Input<'_>, descending: bool) -> Vec<Batch> {
    let batches = input.vectors.pop().unwrap_or_default();
    let names = input.args.texts.clone();
    sorted(&batches, &input.args, |(a, _), (b, _)| {
        turned(by_names(&a.labels, &b.labels, &names), descending)
    })
}

fn turned(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

/// The rows in an order, if there is one step.
fn sorted(
    batches: &[Batch],
    args: &Args<'_>,
    compare: impl Fn(&(&Head, Row<'_>), &(&Head, Row<'_>)) -> Ordering,
) -> Vec<Batch> {
    let mut rows: Vec<(&Head, Row<'_>)> = batches.iter().flat_map(Batch::iter).collect();
    if args.grid.steps == 1 {
        rows.sort_by(compare);
    }
    let mut out = Batch::new(args.grid.steps);
    for (head, row) in rows {
        out.push(head.clone(), row);
    }
    vec![out]
}

fn by_names(a: &Labels, b: &Labels, names: &[&str]) -> Ordering {
    names
        .iter()
        .map(|name| natural(a.get(name), b.get(name)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.cmp(b))
}

/// Compares texts run by run, where a run is of digits or of anything else; a run of digits is a number.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (first_run(left), first_run(right)) {
        let order = if is_number(x) && is_number(y) {
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[x.len()..], &right[y.len()..]);
    }
    left.is_empty()
        .cmp(&right.is_empty())
        .reverse()
        .then_with(|| a.cmp(b))
}

fn is_number(run: &str) -> bool {
    run.starts_with(|c: char| c.is_ascii_digit())
}

fn first_run(text: &str) -> Option<&str> {
    let digits = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits);
    (!text.is_empty()).then(|| &text[..end.unwrap_or(text.len())])
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
        check("01", "1");
        check("4k", "1024k");
    }
}
