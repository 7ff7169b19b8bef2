//! Matchers of one side of an operator asked of the other side, too: series that cannot find a partner are not read.
//!
//! ```text
//! a{x="1",y="2"} * on(x) sum by (x) (b_total)    ─►    sum by (x) (b{x="1"})
//! ```
//!
//! Only labels that take part in the matching count, and only as far as they reach unchanged from the selector to the
//! operator. A side whose lonely series are part of the answer (`or`, the left of `unless`, sides that a fill value
//! completes) is read as it is, and so is one about whose lonely series there may be something to tell: a warning, or
//! that two of them are the same to the operator.

use tsdb::label::METRIC_NAME;
use tsdb::matcher::{Matcher, MatcherKind};

use crate::functions::Name;
use crate::plan::names::picks;
use crate::plan::{Aggregation, Join, Op, Plan, PlanId, is_metadata};
use crate::request::Features;
use crate::syntax::ast::{Cardinality, Matching};
use crate::syntax::{AggregateOp, BinaryOp};

/// Functions that have nothing to tell about any sample.
const SILENT: [&str; 4] = [
    "count_over_time",
    "first_over_time",
    "last_over_time",
    "present_over_time",
];
/// Ends of the names of counters, whose samples are floats.
const FLOATS: [&str; 4] = ["_bucket", "_count", "_sum", "_total"];

/// Asks each side of each operator what the other side asks.
pub(super) fn propagate(mut plan: Plan, features: Features) -> Plan {
    for id in 0..plan.nodes.len() {
        let Op::Join(join) = &plan.nodes[id].op else {
            continue;
        };
        let (left, right) = narrowed(&plan, join);
        let (lhs, rhs) = (join.lhs, join.rhs);
        let shared = |plan: &Plan, side: PlanId| -> Vec<Matcher> {
            let known = asked(plan, side).into_iter();
            known
                .filter(|matcher| takes_part(&join.matching, matcher.name()))
                .collect()
        };
        let (of_left, of_right) = (shared(&plan, lhs), shared(&plan, rhs));
        if right && is_silent(&plan, rhs, features) {
            ask(&mut plan, rhs, &of_left);
        }
        if left && is_silent(&plan, lhs, features) {
            ask(&mut plan, lhs, &of_right);
        }
    }
    plan
}

/// Whether the left and the right side only matter where they find a partner.
fn narrowed(plan: &Plan, join: &Join) -> (bool, bool) {
    match join.op {
        BinaryOp::And => (true, true),
        BinaryOp::Unless => (false, true),
        BinaryOp::Or => (false, false),
        _ => {
            let matching = &join.matching;
            let one_is_left = matching.cardinality == Cardinality::OneToMany;
            let repeats_left = one_is_left && !cannot_repeat(plan, join.lhs, matching);
            let repeats_right = !one_is_left && !cannot_repeat(plan, join.rhs, matching);
            (
                matching.fill_right.is_none() && !repeats_left,
                matching.fill_left.is_none() && !repeats_right,
            )
        }
    }
}

/// Whether a label decides who is whose partner.
fn takes_part(matching: &Matching, label: &str) -> bool {
    let is_named = matching.labels.iter().any(|name| name == label);
    !is_metadata(label) && is_named == matching.on
}

/// Whether no two series of a vector are the same to an operator, which would be an error.
fn cannot_repeat(plan: &Plan, id: PlanId, matching: &Matching) -> bool {
    match (&plan.nodes[id].op, below(plan, id)) {
        (Op::Instant(scan, _) | Op::Window(scan, _), _) => {
            let is_whole = !matching.on && matching.labels.is_empty();
            is_whole && name(&plan.scans[scan.scan].matchers).is_some()
        }
        (Op::Aggregate(aggregation), _) if !picks(aggregation.op) => {
            let mut grouping = aggregation.grouping.iter();
            let is_by = !aggregation.without && aggregation.op != AggregateOp::CountValues;
            is_by && grouping.all(|label| takes_part(matching, label))
        }
        (_, Some(child)) => cannot_repeat(plan, child, matching),
        (_, None) => false,
    }
}

/// Whether nothing is told about series that find no partner.
fn is_silent(plan: &Plan, id: PlanId, features: Features) -> bool {
    let op = &plan.nodes[id].op;
    match (op, below(plan, id)) {
        (Op::Instant(..), _) => true,
        (Op::Window(scan, ranged), _) => {
            let tells_starts = features.start_timestamps || features.type_and_unit_labels;
            SILENT.contains(&ranged.name)
                || are_floats(&plan.scans[scan.scan].matchers) && !tells_starts
        }
        (Op::Aggregate(_) | Op::VectorScalar(_), Some(child)) => {
            is_silent(plan, child, features) && are_floats(&asked_below(plan, child))
        }
        (Op::Rows(_, call), _) if call.name.starts_with("histogram_") => false,
        (_, Some(child)) => is_silent(plan, child, features),
        (_, None) => false,
    }
}

/// Whether a selector names a metric whose samples are floats.
fn are_floats(matchers: &[Matcher]) -> bool {
    name(matchers).is_some_and(|name| FLOATS.iter().any(|end| name.ends_with(end)))
}

/// The name of the one metric that a selector finds.
fn name(matchers: &[Matcher]) -> Option<&str> {
    let mut names = matchers
        .iter()
        .filter(|matcher| matcher.name() == METRIC_NAME && matcher.kind() == MatcherKind::Equal);
    names.next().map(Matcher::value)
}

/// The matchers of the selector at the bottom.
fn asked_below(plan: &Plan, id: PlanId) -> Vec<Matcher> {
    match (&plan.nodes[id].op, below(plan, id)) {
        (Op::Instant(scan, _) | Op::Window(scan, _), _) => plan.scans[scan.scan].matchers.clone(),
        (_, Some(child)) => asked_below(plan, child),
        _ => Vec::new(),
    }
}

/// What is below an operator that leaves labels as they are.
fn below(plan: &Plan, id: PlanId) -> Option<PlanId> {
    match &plan.nodes[id].op {
        Op::Rows(child, call) if call.keeps != Name::Own => Some(*child),
        Op::Unique(child, _) | Op::Broadcast(child) | Op::Aggregate(Aggregation { child, .. }) => {
            Some(*child)
        }
        Op::VectorScalar(side) => Some(side.vector),
        _ => None,
    }
}

/// Whether series that differ in a label stay apart in an operator.
fn keeps(op: &Op, label: &str) -> bool {
    match op {
        Op::Aggregate(aggregation) => {
            let is_named = aggregation.grouping.iter().any(|name| name == label);
            is_named != aggregation.without
        }
        _ => true,
    }
}

/// The matchers that every series of a vector satisfies.
fn asked(plan: &Plan, id: PlanId) -> Vec<Matcher> {
    let op = &plan.nodes[id].op;
    let mut known = match (op, below(plan, id)) {
        (Op::Instant(scan, _) | Op::Window(scan, _), _) => plan.scans[scan.scan].matchers.clone(),
        (_, Some(child)) => asked(plan, child),
        _ => Vec::new(),
    };
    known.retain(|matcher| keeps(op, matcher.name()));
    known
}

/// Leaves out the series of a vector that do not satisfy the matchers, if its selector can.
fn ask(plan: &mut Plan, id: PlanId, matchers: &[Matcher]) {
    let op = &plan.nodes[id].op;
    let reach = matchers.iter().filter(|matcher| keeps(op, matcher.name()));
    let reach: Vec<Matcher> = reach.cloned().collect();
    if let Op::Instant(scan, _) | Op::Window(scan, _) = op {
        let selection = &mut plan.scans[scan.scan];
        for matcher in reach {
            let is_known = |known: &Matcher| known.to_string() == matcher.to_string();
            if !selection.matchers.iter().any(is_known) {
                selection.matchers.push(matcher);
            }
        }
    } else if let Some(child) = below(plan, id) {
        ask(plan, child, &reach);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    /// The selectors of a query, as they are read.
    fn check(text: &str, want: [&str; 2]) {
        let lines = lines(text);
        let selectors = lines.iter().filter_map(|line| {
            let (_, from) = line.split_once('{')?;
            let (matchers, _) = from.split_once('}')?;
            Some(matchers.replace("__name__=", ""))
        });
        assert_eq!(selectors.collect::<Vec<_>>(), want, "{text}");
    }

    #[test]
    fn both_sides_are_asked_what_one_is() {
        check("a{x=\"1\"} * b", [r#"x="1","a""#, r#""b",x="1""#]);
        check(
            "a{x=\"1\"} / b{y!=\"2\"}",
            [r#"x="1","a",y!="2""#, r#"y!="2","b",x="1""#],
        );
        check("a{x=\"1\"} and b", [r#"x="1","a""#, r#""b",x="1""#]);
        check("a and b{x=\"1\"}", [r#""a",x="1""#, r#"x="1","b""#]);
        check(
            "rate(a{x=\"1\"}[5m]) > bool abs(-b)",
            [r#"x="1","a""#, r#""b",x="1""#],
        );
        check("a{x=\"1\"} - b{x=\"1\"}", [r#"x="1","a""#, r#"x="1","b""#]);
    }

    #[test]
    fn only_labels_of_the_matching_count() {
        let both = r#"x="1",y="2","a""#;
        check("a{x=\"1\",y=\"2\"} and on(x) b", [both, r#""b",x="1""#]);
        check(
            "a{x=\"1\",y=\"2\"} and ignoring(x) b",
            [both, r#""b",y="2""#],
        );
        check("a{x=\"1\",y=\"2\"} and on() b", [both, r#""b""#]);
        check(
            "{__name__=\"a\",__type__=\"t\"} * b",
            [r#""a",__type__="t""#, r#""b""#],
        );
    }

    #[test]
    fn labels_must_reach_the_operator_unchanged() {
        let a = r#"x="1","a""#;
        check(
            "a{x=\"1\"} * on(x) sum by (x) (b_total)",
            [a, r#""b_total",x="1""#],
        );
        check(
            "a{x=\"1\"} * on(x) sum by (y) (b_total)",
            [a, r#""b_total""#],
        );
        check(
            "a{x=\"1\"} and on(x) sum without (y) (b_total)",
            [a, r#""b_total",x="1""#],
        );
        check(
            "a{x=\"1\"} and on(x) topk by (x) (1, b_total)",
            [a, r#""b_total",x="1""#],
        );
        check("a{x=\"1\"} and on(x) topk(1, b_total)", [a, r#""b_total""#]);
        check("sum by (y) (a{x=\"1\"}) and on(x) b", [a, r#""b""#]);
        check(
            "a{x=\"1\"} and on(x) label_replace(b, \"x\", \"1\", \"\", \"\")",
            [a, r#""b""#],
        );
    }

    #[test]
    fn what_might_be_told_about_lonely_series_is_told() {
        let (a, b, b_total) = (r#"x="1","a""#, r#""b""#, r#""b_total",x="1""#);
        check("a{x=\"1\"} and on(x) sum by (x) (b)", [a, b]);
        check("a{x=\"1\"} and on(x) rate(b[5m])", [a, b]);
        check("a{x=\"1\"} and on(x) (b > 1)", [a, b]);
        check(
            "a{x=\"1\"} and on(x) count_over_time(b[5m])",
            [a, r#""b",x="1""#],
        );
        check("a{x=\"1\"} and on(x) rate(b_total[5m])", [a, b_total]);
        check("a{x=\"1\"} and on(x) (b_total > 1)", [a, b_total]);
    }

    #[test]
    fn series_that_are_the_same_to_an_operator_are_found_out() {
        let (a, b) = (r#"x="1","a""#, r#""b""#);
        check("a{x=\"1\"} * on(x) b", [a, b]);
        check("a{x=\"1\"} * ignoring(y) b", [a, b]);
        check("a{x=\"1\"} * on(x) group_left b", [a, b]);
        check("a{x=\"1\"} * on(x) group_right b", [a, r#""b",x="1""#]);
        check(
            "a * on(x) group_right b{x=\"1\"}",
            [r#""a""#, r#"x="1","b""#],
        );
        check("a * on(x) b{x=\"1\"}", [r#""a",x="1""#, r#"x="1","b""#]);
        check(
            "a{x=\"1\"} * on(x,y) sum by (x) (b_total)",
            [a, r#""b_total",x="1""#],
        );
    }

    #[test]
    fn lonely_series_of_the_answer_are_read() {
        let a = r#"x="1","a""#;
        check("a{x=\"1\"} or b", [a, r#""b""#]);
        check("a{x=\"1\"} unless b", [a, r#""b",x="1""#]);
        check("a unless b{x=\"1\"}", [r#""a""#, r#"x="1","b""#]);
        check("a{x=\"1\"} + fill_left(0) b", [a, r#""b""#]);
        check("a{x=\"1\"} + fill_right(0) b", [a, r#""b",x="1""#]);
        check("a{x=\"1\"} + fill(0) b{y=\"2\"}", [a, r#"y="2","b""#]);
    }
}
