//! Tree to plan: times resolved, what is fixed built once, each function's body looked up.
//!
//! The tree is a prepared one: durations are numbers, `@ start()` is a time. Two facts decide the shape: whether a node
//! depends on the evaluation time (else it is built for one step, under a broadcast), and whether dropping the metric name
//! can make two series equal (else nothing needs to be compared).

use tsdb::label::METRIC_NAME;
use tsdb::source::Hints;
use tsdb::time::{Interval, Millis};

use super::call::Call;
use super::names::{drops_name, picks};
use super::windows;
use super::{
    Aggregation, Extension, Grid, Join, Look, Node, Op, Plan, PlanId, Reads, RowCall, ScalarSide,
    Scan, Unique, Wanted,
};
use crate::error::{Error, Result};
use crate::functions::{self, Name};
use crate::request::Request;
use crate::storage::Selection;
use crate::syntax::ast::{Aggregate, At, Binary, Expr, Moment, NodeId, Span, VectorSelector};
use crate::syntax::function::Function;
use crate::syntax::{AggregateOp, Tree, ValueType, types};

/// Deepest tree that is planned; building and executing recurse.
pub const DEPTH_MAX: usize = 1_000;

/// Plans a prepared tree.
///
/// # Errors
/// Where it is too deep, or needs what this engine cannot do yet.
pub fn build(tree: &Tree, request: &Request) -> Result<Plan> {
    let mut builder = Builder {
        tree,
        types: types::types(tree),
        fixed: fixed(tree),
        request,
        plan: Plan::default(),
        depth: 0,
        counts_only: false,
    };
    let root = builder.node(tree.root(), Grid::of(request.when), &Wanted::All)?;
    builder.plan.root = root;
    builder.plan.is_ordered = request.when.is_instant() && builder.decides_order(tree.root());
    Ok(builder.plan)
}

/// Of each node of the tree, whether it gives the same at each time.
fn fixed(tree: &Tree) -> Vec<bool> {
    let mut fixed: Vec<bool> = Vec::with_capacity(tree.nodes().len());
    for node in tree.nodes() {
        let of = |id: &NodeId| fixed.get(id.index()).copied().unwrap_or(false);
        fixed.push(match &node.expr {
            Expr::Number { .. } | Expr::String(_) | Expr::Duration(_) => true,
            Expr::Vector(selector) => selector.moment.at.is_some(),
            Expr::Matrix { selector, .. } => of(selector),
            Expr::Subquery(subquery) => subquery.moment.at.is_some(),
            Expr::Call { function, args } => !function.depends_on_time() && args.iter().all(of),
            Expr::Aggregate(aggregate) => {
                of(&aggregate.expr) && aggregate.param.as_ref().is_none_or(of)
            }
            Expr::Binary(binary) => of(&binary.lhs) && of(&binary.rhs),
            Expr::Unary { expr, .. } | Expr::Paren(expr) => of(expr),
        });
    }
    fixed
}

pub(super) struct Builder<'t> {
    pub(super) tree: &'t Tree,
    types: Vec<ValueType>,
    pub(super) fixed: Vec<bool>,
    pub(super) request: &'t Request,
    pub(super) plan: Plan,
    depth: usize,
    /// Whether the histograms below are looked at for their counts and sums only.
    pub(super) counts_only: bool,
}

impl Builder<'_> {
    pub(super) fn push(&mut self, op: Op, span: Span, grid: Grid) -> PlanId {
        self.plan.nodes.push(Node { op, span, grid });
        self.plan.nodes.len() - 1
    }

    pub(super) fn type_of(&self, id: NodeId) -> ValueType {
        self.types[id.index()]
    }

    /// Where an expression stands, parentheses around it left out.
    pub(super) fn span(&self, id: NodeId) -> Span {
        match self.tree.expr(id) {
            Expr::Paren(inner) => self.span(*inner),
            _ => self.tree.span(id),
        }
    }

    /// Whether the order of a vector was asked for.
    fn decides_order(&self, id: NodeId) -> bool {
        match self.tree.expr(id) {
            Expr::Paren(inner) => self.decides_order(*inner),
            Expr::Aggregate(aggregate) => {
                matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk)
            }
            Expr::Call { function, .. } => function.name.starts_with("sort"),
            _ => false,
        }
    }

    fn is_plain(&self, id: NodeId) -> bool {
        match self.tree.expr(id) {
            Expr::Number { .. } | Expr::String(_) => true,
            Expr::Paren(expr) => self.is_plain(*expr),
            _ => false,
        }
    }

    /// The plan of a node over `grid`: built for one step only if that says it all.
    pub(super) fn node(&mut self, id: NodeId, grid: Grid, wanted: &Wanted) -> Result<PlanId> {
        let spread = self.fixed[id.index()] && grid.steps > 1 && !self.is_plain(id);
        let inner = if spread { Grid::once(grid.start) } else { grid };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let text = format!("expression is nested deeper than {DEPTH_MAX} levels");
            return Err(Error::BadData(text));
        }
        let built = self.operator(id, inner, wanted)?;
        self.depth -= 1;
        if spread {
            return Ok(self.push(Op::Broadcast(built), self.tree.span(id), grid));
        }
        Ok(built)
    }

    fn operator(&mut self, id: NodeId, grid: Grid, wanted: &Wanted) -> Result<PlanId> {
        let span = self.tree.span(id);
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Number { value, .. } => Ok(self.push(Op::Number(*value), span, grid)),
            Expr::String(text) => Ok(self.push(Op::Text(text.clone()), span, grid)),
            Expr::Paren(expr) => self.node(*expr, grid, wanted),
            Expr::Vector(selector) => {
                let scan = self.instant(selector, span, grid, wanted)?;
                Ok(self.push(Op::Instant(scan, Reads::Value), span, grid))
            }
            Expr::Matrix { .. } => {
                let scan = self.range(id, grid, &Wanted::All, "")?;
                Ok(self.push(Op::Range(scan), span, grid))
            }
            Expr::Subquery(_) => {
                let (child, look) = self.subquery(id, grid, &Wanted::All)?;
                Ok(self.push(Op::SubqueryRange(child, look), span, grid))
            }
            Expr::Unary { negative, expr } => self.unary(*expr, *negative, (span, grid), wanted),
            Expr::Binary(binary) => {
                let before = self.counts_only;
                // A cut needs the buckets.
                self.counts_only &= !binary.op.is_trim();
                let built = self.binary(binary, (span, grid), wanted);
                self.counts_only = before;
                built
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, span, grid),
            Expr::Call { function, args } => {
                let call = Call {
                    id,
                    function,
                    args,
                    span,
                };
                self.call(&call, grid, wanted)
            }
            Expr::Duration(_) => Err(Error::BadData("durations were not prepared".to_owned())),
        }
    }

    pub(super) fn look(&self, moment: &Moment, range: i64) -> Look {
        let at = moment.at.map(|at| match at {
            At::Time(t) => t,
            At::Start => self.request.when.start(),
            At::End => self.request.when.end(),
        });
        Look {
            at,
            offset: moment.offset.millis(),
            range,
        }
    }

    pub(super) fn instant(
        &mut self,
        selector: &VectorSelector,
        span: Span,
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<Scan> {
        let look = self.look(&selector.moment, self.request.lookback);
        if selector.smoothed {
            // What is told of neighbours that do not fit names their metric.
            let wanted = wanted.with(METRIC_NAME);
            return self.scan((selector, span), (grid, look), &wanted, "");
        }
        self.scan((selector, span), (grid, look), wanted, "")
    }

    pub(super) fn range(
        &mut self,
        id: NodeId,
        grid: Grid,
        wanted: &Wanted,
        function: &str,
    ) -> Result<Scan> {
        let tree = self.tree;
        let Expr::Matrix { selector, range } = tree.expr(id) else {
            unreachable!("the checker lets ranges only where they fit")
        };
        let Expr::Vector(vector) = tree.expr(*selector) else {
            unreachable!("a range is one of a selector")
        };
        let look = self.look(&vector.moment, range.millis());
        self.scan(
            (vector, tree.span(*selector)),
            (grid, look),
            wanted,
            function,
        )
    }

    /// Whether a function may look at the edges of a range.
    pub(super) fn check_extension(&self, range: NodeId, function: &Function) -> Result<()> {
        let Expr::Matrix { selector, .. } = self.tree.expr(range) else {
            return Ok(());
        };
        let Expr::Vector(selector) = self.tree.expr(*selector) else {
            return Ok(());
        };
        let (modifier, allowed) = match Extension::of(selector) {
            Extension::Anchored if !function.allows_anchored() => {
                ("anchored", "changes, delta, increase, rate, resets")
            }
            Extension::Smoothed if !function.allows_smoothed() => {
                ("smoothed", "delta, increase, rate")
            }
            _ => return Ok(()),
        };
        Err(Error::Execution(format!(
            "{modifier} modifier can only be used with: {allowed} - not with {}",
            function.name
        )))
    }

    pub(super) fn scan(
        &mut self,
        (selector, span): (&VectorSelector, Span),
        (grid, look): (Grid, Look),
        wanted: &Wanted,
        function: &str,
    ) -> Result<Scan> {
        let extension = Extension::of(selector);
        let lookback = self.request.lookback;
        let (before, behind) = match extension {
            Extension::None if function.starts_with('x') => (functions::X_LOOKBACK, 0),
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        };
        let first = look
            .end(grid, 0)
            .saturating_sub(look.range)
            .saturating_sub(before)
            .saturating_add(1);
        let last = look.end(grid, grid.steps.saturating_sub(1));
        let selection = Selection {
            matchers: selector.matchers.clone(),
            times: Interval::new(Millis(first), Millis(last.saturating_add(behind))),
            reading: windows::reading(function),
            max_resolution: windows::coarsest(function, look.range, self.request.max_resolution),
            replica_labels: self.request.replica_labels.clone(),
            hints: Hints {
                step: grid.step,
                range: if function.is_empty() { 0 } else { look.range },
                function: function.to_owned(),
                ..Hints::default()
            },
        };
        self.plan.scans.push(selection);
        Ok(Scan {
            scan: self.plan.scans.len() - 1,
            look,
            wanted: if self.request.features.type_and_unit_labels {
                Wanted::All
            } else {
                wanted.clone()
            },
            extension,
            counts_only: self.counts_only,
            is_exact: windows::is_exact(function),
            span,
        })
    }

    pub(super) fn subquery(
        &mut self,
        id: NodeId,
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<(PlanId, Look)> {
        let tree = self.tree;
        let Expr::Subquery(subquery) = tree.expr(id) else {
            unreachable!("the checker lets ranges only where they fit")
        };
        let look = self.look(&subquery.moment, subquery.range.millis());
        let step = match subquery.step.millis() {
            0 => self.request.default_step,
            step => step,
        };
        // Hints mean nothing inside subqueries, so buckets are needed there.
        let counts_only = std::mem::take(&mut self.counts_only);
        let child = self.node(subquery.expr, grid.under(look, step.max(1)), wanted);
        self.counts_only = counts_only;
        Ok((child?, look))
    }

    fn unary(
        &mut self,
        expr: NodeId,
        negative: bool,
        (span, grid): (Span, Grid),
        wanted: &Wanted,
    ) -> Result<PlanId> {
        if self.type_of(expr) == ValueType::Scalar {
            let child = self.node(expr, grid, wanted)?;
            return Ok(if negative {
                self.push(Op::Negate(child), span, grid)
            } else {
                child
            });
        }
        if !negative {
            return self.node(expr, grid, wanted);
        }
        let safe = self.keeps_apart(expr);
        let child = self.node(expr, grid, self.needed(safe, wanted))?;
        let call = RowCall {
            name: "-",
            body: crate::exec::binary::negate,
            keeps: Name::Dropped,
            args: Vec::new(),
            texts: Vec::new(),
            arg_spans: Vec::new(),
        };
        let op = Op::Rows(child, call);
        let id = self.push(op, span, grid);
        Ok(self.unique(id, safe, Unique::PerStep))
    }

    fn binary(
        &mut self,
        binary: &Binary,
        (span, grid): (Span, Grid),
        wanted: &Wanted,
    ) -> Result<PlanId> {
        let scalar = |id| self.type_of(id) == ValueType::Scalar;
        match (scalar(binary.lhs), scalar(binary.rhs)) {
            (true, true) => {
                let lhs = self.node(binary.lhs, grid, wanted)?;
                let rhs = self.node(binary.rhs, grid, wanted)?;
                Ok(self.push(Op::ScalarBinary(binary.op, lhs, rhs), span, grid))
            }
            (false, false) => {
                let lhs = self.node(binary.lhs, grid, &Wanted::All)?;
                let rhs = self.node(binary.rhs, grid, &Wanted::All)?;
                let join = Join {
                    op: binary.op,
                    lhs,
                    rhs,
                    return_bool: binary.return_bool,
                    matching: binary.matching.clone().unwrap_or_default(),
                };
                Ok(self.push(Op::Join(join), span, grid))
            }
            (scalar_left, _) => {
                let (vector, scalar) = if scalar_left {
                    (binary.rhs, binary.lhs)
                } else {
                    (binary.lhs, binary.rhs)
                };
                let drops = drops_name(binary.op, binary.return_bool);
                let safe = !drops || self.keeps_apart(vector);
                let vector = self.node(vector, grid, self.needed(safe, wanted))?;
                let scalar = self.node(scalar, grid, wanted)?;
                let side = ScalarSide {
                    op: binary.op,
                    vector,
                    scalar,
                    scalar_left,
                    return_bool: binary.return_bool,
                };
                let id = self.push(Op::VectorScalar(side), span, grid);
                Ok(self.unique(id, safe, Unique::PerStep))
            }
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate, span: Span, grid: Grid) -> Result<PlanId> {
        let mut grouping = aggregate.grouping.clone();
        grouping.sort_unstable();
        grouping.dedup();
        let by =
            !aggregate.without && !picks(aggregate.op) && aggregate.op != AggregateOp::CountValues;
        let mut wanted = Wanted::All;
        if by {
            wanted = Wanted::Only(grouping.clone());
        }
        // Messages about histograms that do not fit name their metric.
        if matches!(aggregate.op, AggregateOp::Sum | AggregateOp::Avg) {
            wanted = wanted.with(METRIC_NAME);
        }
        let child = self.node(aggregate.expr, grid, &wanted)?;
        let param = aggregate
            .param
            .map(|param| self.node(param, grid, &Wanted::All))
            .transpose()?;
        let aggregation = Aggregation {
            op: aggregate.op,
            child,
            param,
            grouping,
            without: aggregate.without,
            param_span: aggregate.param.map_or(span, |param| self.span(param)),
            child_span: self.span(aggregate.expr),
        };
        Ok(self.push(Op::Aggregate(aggregation), span, grid))
    }
}
