//! Queries that find something in the data of [`super::samples`], for comparing evaluators.
//!
//! [`super::expression`] meets every corner of the grammar; here every operator meets every kind of data.

use proptest::prelude::*;

use super::samples::END;
use crate::request::{Request, When};
use crate::syntax::{AggregateOp, BinaryOp};

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn selector() -> impl Strategy<Value = String> {
    one_of(&[
        "req_total",
        "req_total",
        "temp",
        "temp",
        "odd",
        "lat",
        "lat",
        "size",
        "level",
        "mix",
        "lat_bucket",
        "team",
        "temp{job=\"a\"}",
        "lat{instance!=\"0\"}",
        "{__name__=~\"temp|req_total\",job=~\"a|c\"}",
        "absent_metric",
    ])
}

fn moment() -> impl Strategy<Value = String> {
    one_of(&[
        "",
        "",
        "",
        "",
        " offset 1m",
        " offset -20s",
        " @ 600",
        " @ end()",
    ])
}

fn range() -> impl Strategy<Value = String> {
    let plain = (selector(), one_of(&["30s", "1m", "2m", "5m"]), moment())
        .prop_map(|(selector, length, moment)| format!("{selector}[{length}]{moment}"));
    let subquery = (
        selector(),
        one_of(&["[2m:20s]", "[3m:]", "[90s:7s]"]),
        moment(),
    )
        .prop_map(|(selector, range, moment)| format!("{selector}{range}{moment}"));
    prop_oneof![3 => plain, 1 => subquery]
}

fn over_range() -> impl Strategy<Value = String> {
    let simple = (
        one_of(&[
            "rate",
            "increase",
            "irate",
            "delta",
            "idelta",
            "deriv",
            "resets",
            "changes",
            "sum_over_time",
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "stddev_over_time",
            "stdvar_over_time",
            "mad_over_time",
            "count_over_time",
            "present_over_time",
            "absent_over_time",
            "last_over_time",
            "first_over_time",
            "ts_of_min_over_time",
            "ts_of_max_over_time",
            "ts_of_last_over_time",
            "ts_of_first_over_time",
        ]),
        range(),
    )
        .prop_map(|(name, range)| format!("{name}({range})"));
    let extended = (
        one_of(&["rate", "increase", "delta"]),
        selector(),
        one_of(&["anchored", "smoothed"]),
    )
        .prop_map(|(name, selector, how)| format!("{name}({selector}[1m] {how})"));
    let with_parameter = range().prop_flat_map(|range| {
        prop_oneof![
            Just(format!("quantile_over_time(0.3, {range})")),
            Just(format!("predict_linear({range}, 60)")),
            Just(format!("double_exponential_smoothing({range}, 0.5, 0.1)")),
        ]
    });
    prop_oneof![6 => simple, 1 => extended, 1 => with_parameter]
}

fn scalar() -> impl Strategy<Value = String> {
    one_of(&[
        "2",
        "0",
        "-0.5",
        "NaN",
        "Inf",
        "time() / 100",
        "scalar(temp{job=\"a\",instance=\"0\"})",
    ])
}

fn binary(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let matching = one_of(&[
        "",
        "",
        " on (job, instance)",
        " ignoring (le, lead)",
        " on (job) group_left (lead)",
        " ignoring (instance) group_right",
        " fill (0)",
        " on (job, instance) fill_left (1)",
    ]);
    let operand = prop_oneof![
        3 => vector.clone().prop_map(|text| (text, true)),
        2 => scalar().prop_map(|text| (text, false))
    ];
    let operator = (
        prop::sample::select(BinaryOp::ALL.to_vec()),
        any::<bool>(),
        any::<bool>(),
    );
    (vector, operator, matching, operand).prop_map(
        |(lhs, (op, return_bool, is_swapped), matching, (rhs, is_vector))| {
            let return_bool = if return_bool && op.is_comparison() {
                " bool"
            } else {
                ""
            };
            let is_plain = !matching.contains("group") && !matching.contains("fill");
            let matching = match (is_vector, op.is_set()) {
                (true, set) if !set || is_plain => matching,
                _ => String::new(),
            };
            let rhs = if op.is_set() && !is_vector {
                "team".to_owned()
            } else {
                rhs
            };
            let (lhs, rhs) = if is_swapped { (rhs, lhs) } else { (lhs, rhs) };
            format!("({lhs}) {}{return_bool}{matching} ({rhs})", op.text())
        },
    )
}

fn aggregation(
    vector: BoxedStrategy<String>,
    leaf: BoxedStrategy<String>,
) -> impl Strategy<Value = String> {
    let grouping = one_of(&["", " by (job) ", " by (job, le) ", " without (instance) "]);
    let param = one_of(&["1", "2", "0.5", "scalar(team{job=\"a\"})"]);
    // Which share of the series is picked is nobody's promise.
    let ops = AggregateOp::ALL
        .into_iter()
        .filter(|op| op.text() != "limit_ratio");
    let op = prop::sample::select(ops.collect::<Vec<_>>());
    (op, grouping, vector, leaf, param).prop_map(|(op, grouping, vector, leaf, param)| {
        let param = match (op.has_param(), op.has_scalar_param()) {
            (_, true) => format!("{param}, "),
            (true, false) => "\"l\", ".to_owned(),
            (false, false) => String::new(),
        };
        // What depends on the order of series, or on the last bit, asks nothing whose order or last bit is free.
        let is_strict = matches!(op.text(), "topk" | "bottomk" | "limitk" | "count_values");
        let vector = if is_strict { leaf } else { vector };
        format!("{}{grouping}({param}{vector})", op.text())
    })
}

fn call(vector: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let simple = one_of(&[
        "abs",
        "ceil",
        "floor",
        "exp",
        "ln",
        "sqrt",
        "sgn",
        "round",
        "deg",
        "hour",
        "minute",
        "day_of_week",
        "timestamp",
        "absent",
        "sort",
        "sort_desc",
        "histogram_count",
        "histogram_sum",
        "histogram_avg",
        "histogram_stddev",
        "histogram_stdvar",
        "-",
        "info",
    ]);
    let simple = (simple, vector.clone()).prop_map(|(name, vector)| format!("{name}({vector})"));
    let more = vector.prop_flat_map(|vector| {
        prop_oneof![
            Just(format!("clamp({vector}, -10, 20)")),
            Just(format!("clamp_min({vector}, time() / 50)")),
            Just(format!("round({vector}, 0.4)")),
            Just(format!("histogram_quantile(0.7, {vector})")),
            Just(format!("histogram_fraction(0.2, 3, {vector})")),
            Just(format!("histogram_quantiles({vector}, \"q\", 0.1, 0.9)")),
            Just(format!(
                "label_replace({vector}, \"to\", \"$1x\", \"job\", \"(.*)\")"
            )),
            Just(format!(
                "label_join({vector}, \"to\", \"-\", \"job\", \"instance\")"
            )),
            Just(format!("vector(scalar({vector}))")),
            Just(format!("max_over_time(({vector})[1m:20s])")),
            Just(format!("sum_over_time(({vector})[1m:15s] offset 30s)")),
        ]
    });
    prop_oneof![2 => simple, 1 => more]
}

/// Expressions that are instant vectors.
pub fn vectors() -> BoxedStrategy<String> {
    let instant = (selector(), moment()).prop_map(|(selector, moment)| selector + &moment);
    let leaf = prop_oneof![1 => instant, 2 => over_range()].boxed();
    leaf.clone()
        .prop_recursive(3, 12, 2, move |inner| {
            let inner = inner.boxed();
            prop_oneof![
                binary(inner.clone()),
                aggregation(inner.clone(), leaf.clone()),
                call(inner)
            ]
        })
        .boxed()
}

fn when() -> impl Strategy<Value = When> {
    let start = (0..END / 1000).prop_map(|second| second * 1000);
    let step = prop::sample::select(vec![1000_i64, 7000, 15_000, 61_000]);
    (start, prop::option::of((step, 1_i64..12))).prop_map(|(start, range)| match range {
        None => When::Instant(start),
        Some((step, steps)) => When::Range {
            start,
            end: start + step * steps,
            step,
        },
    })
}

/// Queries with times and features.
pub fn requests() -> BoxedStrategy<Request> {
    (vectors(), when(), any::<bool>(), any::<bool>())
        .prop_map(|(text, when, delayed, starts)| {
            let mut request = Request::new(text, when);
            request.features.experimental_functions = true;
            request.features.extended_range_selectors = true;
            request.features.fill_modifiers = true;
            request.features.delayed_name_removal = delayed;
            request.features.start_timestamps = starts;
            request
        })
        .boxed()
}
