//! Valid expressions for property tests, in canonical form.
//!
//! Four mutually nested kinds, as the type checker has them: scalars, instant vectors, range vectors, and lengths of
//! time. Binary operands are parenthesised where they are operations themselves, so the text alone decides the tree.

use proptest::prelude::*;

use crate::syntax::{AggregateOp, BinaryOp};

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn length() -> BoxedStrategy<String> {
    let leaf = one_of(&["5m", "1h30m", "1d", "1m30s", "250ms", "step()", "range()"]);
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                one_of(&["+", "-", "*", "/", "%", "^"]),
                inner.clone()
            )
                .prop_map(|(lhs, op, rhs)| format!("({lhs} {op} {rhs})")),
            (one_of(&["min_of", "max_of"]), inner.clone(), inner.clone())
                .prop_map(|(name, lhs, rhs)| format!("{name}({lhs}, {rhs})")),
        ]
    })
    .boxed()
}

fn moment() -> impl Strategy<Value = String> {
    let at = one_of(&["", "", " @ start()", " @ end()", " @ 12.500", " @ -3.000"]);
    let offset = prop_oneof![
        2 => Just(String::new()),
        1 => one_of(&[" offset 5m", " offset -1h"]),
        1 => length().prop_map(|length| format!(" offset {length}")),
    ];
    (at, offset).prop_map(|(at, offset)| at + &offset)
}

fn selector() -> impl Strategy<Value = String> {
    one_of(&[
        "up",
        "a:b",
        "sum",
        "start",
        "anchored",
        "up{a!=\"\",b=\"x\"}",
        "up{\"a.b\"=\"\\u00a0\\n\",c=~\"x|y.*\"}",
        "{__name__=\"disk.usage\",z!~\"q\"}",
        "{__name__=~\".+\"}",
    ])
}

fn scalar() -> impl Strategy<Value = String> {
    one_of(&[
        "1", "0.5", "-2", "+Inf", "NaN", "1000000", "1h", "pi()", "time()", "end()",
    ])
}

fn matching() -> impl Strategy<Value = String> {
    one_of(&[
        "",
        "",
        " on (a)",
        " on ()",
        " ignoring (\"b.c\", by)",
        " on (a) group_left (c)",
        " ignoring () group_right ()",
        " fill (0)",
        " on (a) fill_left (-1) fill_right (+Inf)",
    ])
}

fn operator() -> impl Strategy<Value = (BinaryOp, bool)> {
    (prop::sample::select(BinaryOp::ALL.to_vec()), any::<bool>())
}

fn binary(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let operand = prop_oneof![
        vector.clone().prop_map(|text| (text, true)),
        scalar().prop_map(|text| (text, false))
    ];
    (vector, operator(), matching(), operand).prop_map(
        |(lhs, (op, with_bool), matching, (rhs, is_vector))| {
            let return_bool = if with_bool && op.is_comparison() {
                " bool"
            } else {
                ""
            };
            let matching = match (is_vector, op.is_set()) {
                (true, false) => matching,
                (true, true) if !matching.contains("group") && !matching.contains("fill") => {
                    matching
                }
                _ => String::new(),
            };
            let rhs = if op.is_set() && !is_vector {
                "up".to_owned()
            } else {
                rhs
            };
            format!("({lhs}) {}{return_bool}{matching} ({rhs})", op.text())
        },
    )
}

fn aggregation(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let grouping = one_of(&[
        "",
        " by (a, \"b.c\") ",
        " without () ",
        " without (offset) ",
    ]);
    (
        prop::sample::select(AggregateOp::ALL.to_vec()),
        grouping,
        vector,
        scalar(),
    )
        .prop_map(|(op, grouping, vector, scalar)| {
            let param = match (op.has_param(), op.has_scalar_param()) {
                (_, true) => format!("{scalar}, "),
                (true, false) => "\"l\", ".to_owned(),
                (false, false) => String::new(),
            };
            format!("{}{grouping}({param}{vector})", op.text())
        })
}

fn ranged(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let extension = one_of(&["", "", " anchored", " smoothed"]);
    let plain = (selector(), length(), extension, moment()).prop_map(
        |(selector, length, extension, moment)| format!("{selector}[{length}]{extension}{moment}"),
    );
    let step = prop_oneof![Just(String::new()), length()];
    let range = one_of(&["5m", "1h", "1h * 2"]);
    let subquery = (vector, range, step, moment())
        .prop_map(|(vector, length, step, moment)| format!("({vector})[{length}:{step}]{moment}"));
    prop_oneof![plain, subquery]
}

fn call(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let over_time = (
        one_of(&["rate", "max_over_time", "xrate", "absent_over_time"]),
        ranged(vector.clone()),
    )
        .prop_map(|(name, range)| format!("{name}({range})"));
    let simple = (
        one_of(&["abs", "hour", "absent", "sort_by_label", "info"]),
        vector.clone(),
    )
        .prop_map(|(name, vector)| format!("{name}({vector})"));
    let joined = vector
        .clone()
        .prop_map(|vector| format!("label_join({vector}, \"a\", \"-\", \"b\")"));
    let clamped =
        (vector, scalar()).prop_map(|(vector, scalar)| format!("clamp_min({vector}, {scalar})"));
    prop_oneof![over_time, simple, joined, clamped]
}

/// Expressions that are instant vectors, with every part of the language turned on.
pub fn vectors() -> BoxedStrategy<String> {
    let leaf = (selector(), one_of(&["", "", " smoothed"]), moment())
        .prop_map(|(selector, extension, moment)| selector + &extension + &moment)
        .boxed();
    leaf.prop_recursive(4, 24, 3, |inner| {
        let inner = inner.boxed();
        prop_oneof![
            binary(inner.clone()),
            aggregation(inner.clone()),
            call(inner.clone()),
            (one_of(&["-", "+"]), inner).prop_map(|(sign, vector)| format!("{sign}({vector})")),
        ]
    })
    .boxed()
}
