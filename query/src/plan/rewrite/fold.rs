//! Scalars that are the same whatever the data become numbers.

use crate::exec::binary::scalars;
use crate::functions::math::{greater, lesser};
use crate::plan::{Op, Plan, PlanId};

/// Computes what can be computed now; what fails stays, to fail when it runs.
pub(super) fn fold(mut plan: Plan) -> Plan {
    // Children stand before their parents, so one pass is enough.
    for id in 0..plan.nodes.len() {
        if let Some(value) = value(&plan, id) {
            plan.nodes[id].op = Op::Number(value);
        }
    }
    plan
}

fn value(plan: &Plan, id: PlanId) -> Option<f64> {
    let number = |id: &PlanId| match plan.nodes[*id].op {
        Op::Number(value) => Some(value),
        _ => None,
    };
    match &plan.nodes[id].op {
        Op::Negate(child) => Some(-number(child)?),
        Op::Broadcast(child) => number(child),
        Op::ScalarOf(child) => match &plan.nodes[*child].op {
            Op::VectorOf(scalar) => number(scalar),
            _ => None,
        },
        Op::Extreme(is_greatest, lhs, rhs) => {
            let pick = if *is_greatest { greater } else { lesser };
            Some(pick(number(lhs)?, number(rhs)?))
        }
        Op::ScalarBinary(op, lhs, rhs) => {
            let computed = scalars(*op, &[number(lhs)?], &[number(rhs)?]).ok()?;
            computed.first().copied()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;

    #[test]
    fn scalars_become_numbers_before_anything_runs() {
        fn check(text: &str, want: &[&str]) {
            assert_eq!(lines(text), want, "{text}");
        }
        check("2 * (3 + 4) ^ 2", &["[number] 98"]);
        check("-(scalar(vector(3)) > bool 2)", &["[number] -1"]);
        check("max_of(pi(), 4) - min_of(1, 2)", &["[number] 3"]);
        check("1 / 0", &["[number] inf"]);
        check(
            "time() + 1 * 2",
            &["[scalar operator] +", "[time]", "[number] 2"],
        );
        let kept = ["[scalar operator] </", "[number] 1", "[number] 2"];
        assert!(lines("1 </ 2").ends_with(&kept.map(str::to_owned)));
    }
}
