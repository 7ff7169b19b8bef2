//! Faults that tests put into a plan, one operator at a time: whoever compares evaluators must find each.

use crate::functions::{Name, WindowBody};
use crate::plan::{Op, Plan};
use crate::syntax::AggregateOp;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Windows include their left end.
    WindowHasLeftEnd,
    /// Instant selectors look back half as far.
    LookbackIsHalved,
    /// `offset` is not heeded.
    OffsetIsLost,
    /// Functions over windows of a selector give the last sample.
    WindowFunctionIsLast,
    /// Functions over windows of a subquery give the last sample.
    SubqueryFunctionIsLast,
    /// Functions of rows leave them as they are.
    RowFunctionDoesNothing,
    /// A metric name stays where it should go.
    NameStays,
    /// A scalar stands on the other side of its operator.
    ScalarIsSwapped,
    /// Two vectors are on each other's side.
    JoinIsSwapped,
    /// `on` is taken for `ignoring`, and the other way round.
    MatchingIsInverted,
    /// `by` is taken for `without`, and the other way round.
    GroupingIsInverted,
    /// Another aggregation is made.
    AggregationIsAnother,
    /// The last step of a subquery is left out.
    SubqueryLosesStep,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::WindowHasLeftEnd,
        Self::LookbackIsHalved,
        Self::OffsetIsLost,
        Self::WindowFunctionIsLast,
        Self::SubqueryFunctionIsLast,
        Self::RowFunctionDoesNothing,
        Self::NameStays,
        Self::ScalarIsSwapped,
        Self::JoinIsSwapped,
        Self::MatchingIsInverted,
        Self::GroupingIsInverted,
        Self::AggregationIsAnother,
        Self::SubqueryLosesStep,
    ];

    /// Breaks every operator of its kind.
    pub fn put_into(self, plan: &mut Plan) {
        for at in 0..plan.nodes.len() {
            if self == Self::SubqueryLosesStep {
                if let Op::SubqueryWindow(child, ..) = plan.nodes[at].op {
                    let grid = &mut plan.nodes[child].grid;
                    grid.steps = grid.steps.saturating_sub(1);
                }
                continue;
            }
            self.put_into_node(&mut plan.nodes[at].op);
        }
    }

    fn put_into_node(self, op: &mut Op) {
        match (self, op) {
            (Self::WindowHasLeftEnd, Op::Window(scan, _)) => scan.look.range += 1,
            (Self::LookbackIsHalved, Op::Instant(scan, _)) => scan.look.range /= 2,
            (Self::OffsetIsLost, Op::Instant(scan, _) | Op::Window(scan, _)) => {
                scan.look.offset = 0;
            }
            (Self::WindowFunctionIsLast, Op::Window(_, ranged))
            | (Self::SubqueryFunctionIsLast, Op::SubqueryWindow(_, _, ranged)) => {
                ranged.body = LAST;
            }
            (Self::RowFunctionDoesNothing, Op::Rows(_, call)) => call.body = |_, _, _| Ok(()),
            (Self::NameStays, Op::Rows(_, call)) => call.keeps = Name::Kept,
            (Self::NameStays, Op::Window(_, ranged)) => ranged.keeps = Name::Kept,
            (Self::ScalarIsSwapped, Op::VectorScalar(side)) => {
                side.scalar_left = !side.scalar_left;
            }
            (Self::JoinIsSwapped, Op::Join(join)) => {
                std::mem::swap(&mut join.lhs, &mut join.rhs);
            }
            (Self::MatchingIsInverted, Op::Join(join)) => join.matching.on = !join.matching.on,
            (Self::GroupingIsInverted, Op::Aggregate(aggregation)) => {
                aggregation.without = !aggregation.without;
            }
            (Self::AggregationIsAnother, Op::Aggregate(aggregation)) => {
                aggregation.op = another(aggregation.op);
            }
            _ => {}
        }
    }
}

const LAST: WindowBody = |series| series.floats(|window| window.v[window.v.len() - 1]);

fn another(op: AggregateOp) -> AggregateOp {
    match op {
        AggregateOp::Sum => AggregateOp::Avg,
        AggregateOp::Min => AggregateOp::Max,
        AggregateOp::Count => AggregateOp::Group,
        AggregateOp::Stddev => AggregateOp::Stdvar,
        AggregateOp::Topk => AggregateOp::Bottomk,
        other => other,
    }
}
