//! A plan as a tree of names, for people.

use super::{Op, Plan, PlanId};

/// An operator with those it reads from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it is, and how.
    pub name: String,
    /// Those it reads from, in order.
    pub children: Vec<Self>,
}

/// The plan as a tree.
#[must_use]
pub fn explain(plan: &Plan) -> Explained {
    node(plan, plan.root)
}

fn node(plan: &Plan, id: PlanId) -> Explained {
    let children = plan.children(id).into_iter();
    Explained {
        name: name(plan, id),
        children: children.map(|child| node(plan, child)).collect(),
    }
}

pub(crate) fn name(plan: &Plan, id: PlanId) -> String {
    match &plan.nodes[id].op {
        Op::Number(value) => format!("[number] {value}"),
        Op::Text(text) => format!("[string] {text:?}"),
        Op::Time => "[time]".to_owned(),
        Op::ScalarOf(_) => "[scalar]".to_owned(),
        Op::ScalarBinary(op, ..) => format!("[scalar operator] {}", op.text()),
        Op::Extreme(..) => "[extreme]".to_owned(),
        Op::Negate(_) => "[negate]".to_owned(),
        Op::VectorOf(_) => "[vector]".to_owned(),
        Op::Instant(scan, _) => format!("[selector] {}", plan.scans[scan.scan]),
        Op::Range(scan) => format!("[range] {}", plan.scans[scan.scan]),
        Op::Window(scan, ranged) => {
            let selector = &plan.scans[scan.scan];
            format!(
                "[window] {}({selector}[{}ms])",
                ranged.name, scan.look.range
            )
        }
        Op::SubqueryRange(..) => "[subquery]".to_owned(),
        Op::SubqueryWindow(_, look, ranged) => {
            format!("[subquery window] {}([{}ms])", ranged.name, look.range)
        }
        Op::Rows(_, call) => format!("[rows] {}", call.name),
        Op::Vector(call) => format!("[function] {}", call.name),
        Op::Absent(..) => "[absent]".to_owned(),
        Op::Info(_) => "[info]".to_owned(),
        Op::Unique(..) => "[unique]".to_owned(),
        Op::VectorScalar(side) => format!("[vector and scalar] {}", side.op.text()),
        Op::Join(join) => format!("[join] {}", join.op.text()),
        Op::Aggregate(aggregation) => format!(
            "[aggregate] {} {} ({})",
            aggregation.op.text(),
            if aggregation.without { "without" } else { "by" },
            aggregation.grouping.join(", ")
        ),
        Op::Broadcast(_) => "[broadcast]".to_owned(),
    }
}
