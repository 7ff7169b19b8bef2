//! Calls of a tree to nodes of a plan: operators of their own, windows, rows, whole vectors.
//!
//! The table of [`functions`] says which body a function has and what becomes of the metric name; the rest is in
//! [`super::build`].

use super::build::{Builder, unsupported};
use super::{Grid, Op, PlanId, Ranged, RowCall, Unique, VectorCall, Wanted};
use crate::error::Result;
use crate::functions::{self, Body, Name, WindowBody};
use crate::syntax::ast::{Expr, NodeId, Span};
use crate::syntax::{ValueType, function::Function};

/// What a call is made of.
pub(super) struct Call<'c> {
    pub(super) function: &'static Function,
    pub(super) args: &'c [NodeId],
    pub(super) span: Span,
}

impl Builder<'_> {
    pub(super) fn call(&mut self, call: &Call<'_>, grid: Grid, wanted: &Wanted) -> Result<PlanId> {
        if let Some(op) = self.own_operator(call, grid)? {
            return Ok(self.push(op, call.span, grid));
        }
        let Some(entry) = functions::lookup(call.function.name) else {
            return Err(unsupported(call.function.name));
        };
        match entry.body {
            Body::Window(body) => self.window_call(call, (body, entry.name), grid, wanted),
            Body::Rows(body) => {
                let vector = call
                    .args
                    .iter()
                    .find(|arg| self.type_of(**arg) == ValueType::Vector);
                let safe = vector.is_none_or(|vector| self.keeps_apart(*vector))
                    && entry.name != Name::Own
                    || entry.name == Name::Kept;
                let child = match vector {
                    Some(vector) if entry.name == Name::Own => {
                        self.node(*vector, grid, &Wanted::All)?
                    }
                    Some(vector) => self.node(*vector, grid, self.needed(safe, wanted))?,
                    None => {
                        let time = self.push(Op::Time, call.span, grid);
                        self.push(Op::VectorOf(time), call.span, grid)
                    }
                };
                let row_call = RowCall {
                    name: call.function.name,
                    body,
                    keeps: entry.name,
                    args: self.scalars(call, grid)?,
                    texts: self.texts(call),
                    arg_spans: self.arg_spans(call),
                };
                let id = self.push(Op::Rows(child, row_call), call.span, grid);
                Ok(self.unique(id, safe, Unique::PerStep))
            }
            Body::Vector(body) => {
                let mut vectors = Vec::new();
                for arg in call.args {
                    match self.type_of(*arg) {
                        ValueType::Vector => vectors.push(self.node(*arg, grid, &Wanted::All)?),
                        ValueType::Matrix => return Err(unsupported(call.function.name)),
                        ValueType::Scalar | ValueType::String => {}
                    }
                }
                let vector_call = VectorCall {
                    name: call.function.name,
                    body,
                    vectors,
                    args: self.scalars(call, grid)?,
                    texts: self.texts(call),
                    arg_spans: self.arg_spans(call),
                };
                Ok(self.push(Op::Vector(vector_call), call.span, grid))
            }
        }
    }

    fn window_call(
        &mut self,
        call: &Call<'_>,
        (body, keeps): (WindowBody, Name),
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<PlanId> {
        let range = call
            .args
            .iter()
            .find(|arg| self.type_of(**arg) == ValueType::Matrix);
        let range = *range.expect("a function over windows has a range");
        let safe = keeps == Name::Kept || self.keeps_apart(range);
        let ranged = Ranged {
            name: call.function.name,
            body,
            keeps,
            args: self.scalars(call, grid)?,
            arg_spans: self.arg_spans(call),
            range_span: self.tree.span(range),
        };
        let inner = self.unparenthesized(range);
        let wanted = self.needed(safe, wanted);
        let op = if matches!(self.tree.expr(inner), Expr::Subquery(_)) {
            let (child, look) = self.subquery(inner, grid, wanted)?;
            Op::SubqueryWindow(child, look, ranged)
        } else {
            Op::Window(self.range(inner, grid, wanted, call.function.name)?, ranged)
        };
        let id = self.push(op, call.span, grid);
        Ok(self.unique(id, safe, Unique::Whole))
    }

    fn unparenthesized(&self, mut id: NodeId) -> NodeId {
        while let Expr::Paren(expr) = self.tree.expr(id) {
            id = *expr;
        }
        id
    }

    /// Functions that are operators of the plan.
    fn own_operator(&mut self, call: &Call<'_>, grid: Grid) -> Result<Option<Op>> {
        let all = &Wanted::All;
        Ok(Some(match call.function.name {
            "time" => Op::Time,
            "pi" => Op::Number(std::f64::consts::PI),
            "scalar" => Op::ScalarOf(self.node(call.args[0], grid, &Wanted::Only(Vec::new()))?),
            "vector" => Op::VectorOf(self.node(call.args[0], grid, all)?),
            name @ ("min_of" | "max_of") => {
                let a = self.node(call.args[0], grid, all)?;
                let b = self.node(call.args[1], grid, all)?;
                Op::Extreme(name == "max_of", a, b)
            }
            _ => return Ok(None),
        }))
    }

    fn scalars(&mut self, call: &Call<'_>, grid: Grid) -> Result<Vec<PlanId>> {
        let mut scalars = Vec::new();
        for arg in call.args {
            if self.type_of(*arg) == ValueType::Scalar {
                scalars.push(self.node(*arg, grid, &Wanted::All)?);
            }
        }
        Ok(scalars)
    }

    fn texts(&self, call: &Call<'_>) -> Vec<String> {
        let texts =
            call.args
                .iter()
                .filter_map(|arg| match self.tree.expr(self.unparenthesized(*arg)) {
                    Expr::String(text) => Some(text.clone()),
                    _ => None,
                });
        texts.collect()
    }

    fn arg_spans(&self, call: &Call<'_>) -> Vec<Span> {
        call.args.iter().map(|arg| self.tree.span(*arg)).collect()
    }
}
