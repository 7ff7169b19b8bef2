//! What becomes of metric names: which operations drop them, and whether series stay apart without them.
//!
//! Where a name is dropped at once, two series may become equal, which is an error or has to be joined; so a
//! [`super::Op::Unique`] follows, and every label is needed to tell. Where they cannot become equal neither is built.

use tsdb::label::METRIC_NAME;
use tsdb::matcher::MatcherKind;

use super::build::Builder;
use super::{Op, PlanId, Unique, Wanted};
use crate::functions::{self, Entry, Name};
use crate::syntax::ast::{Expr, NodeId};
use crate::syntax::{AggregateOp, BinaryOp, ValueType};

impl Builder<'_> {
    pub(super) fn needed<'w>(&self, safe: bool, wanted: &'w Wanted) -> &'w Wanted {
        if safe || self.request.features.delayed_name_removal {
            wanted
        } else {
            &Wanted::All
        }
    }

    pub(super) fn unique(&mut self, id: PlanId, safe: bool, how: Unique) -> PlanId {
        if safe || self.request.features.delayed_name_removal {
            return id;
        }
        let (span, grid) = (self.plan.nodes[id].span, self.plan.nodes[id].grid);
        self.push(Op::Unique(id, how), span, grid)
    }

    /// Whether the series of a vector stay apart without their metric names.
    pub(super) fn keeps_apart(&self, id: NodeId) -> bool {
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Vector(selector) => selector.matchers.iter().any(|matcher| {
                matcher.name() == METRIC_NAME && matcher.kind() == MatcherKind::Equal
            }),
            Expr::Matrix { selector, .. } => self.keeps_apart(*selector),
            Expr::Subquery(subquery) => self.keeps_apart(subquery.expr),
            Expr::Paren(expr) => self.keeps_apart(*expr),
            Expr::Unary { negative, expr } => *negative || self.keeps_apart(*expr),
            Expr::Aggregate(aggregate) => {
                let named = aggregate
                    .grouping
                    .iter()
                    .any(|label| super::is_metadata(label));
                picks(aggregate.op) && self.keeps_apart(aggregate.expr)
                    || !picks(aggregate.op) && (aggregate.without || !named)
            }
            Expr::Call { function, args } => match functions::lookup(function.name) {
                Some(Entry {
                    name: Name::Dropped,
                    ..
                }) => true,
                Some(Entry {
                    name: Name::Kept, ..
                }) => args.iter().any(|arg| {
                    let ranged =
                        matches!(self.type_of(*arg), ValueType::Vector | ValueType::Matrix);
                    ranged && self.keeps_apart(*arg)
                }),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether an aggregation picks series instead of making new ones.
#[must_use]
pub fn picks(op: AggregateOp) -> bool {
    use AggregateOp::{Bottomk, LimitRatio, Limitk, Topk};
    matches!(op, Topk | Bottomk | Limitk | LimitRatio)
}

/// Whether an operator makes values that are no longer the metric's.
#[must_use]
pub fn changes_metric(op: BinaryOp) -> bool {
    !(op.is_comparison() || op.is_set() || op.is_trim())
}

/// Whether the name goes.
#[must_use]
pub fn drops_name(op: BinaryOp, return_bool: bool) -> bool {
    return_bool || changes_metric(op)
}
