//! Calls of a tree to nodes of a plan: operators of their own, windows, rows, whole vectors.
//!
//! The table of [`functions`] says which body a function has and what becomes of the metric name; operators of their own
//! are in [`super::own`], the rest in [`super::build`].

use tsdb::label::METRIC_NAME;

use super::build::Builder;
use super::{Grid, Op, PlanId, Ranged, RowCall, Unique, VectorCall, Wanted};
use crate::error::Result;
use crate::functions::{self, Body, Name, RowBody, VectorBody, WindowBody};
use crate::syntax::ast::{Expr, NodeId, Span};
use crate::syntax::{ValueType, function::Function};

/// What a call is made of.
pub(super) struct Call<'c> {
    pub(super) id: NodeId,
    pub(super) function: &'static Function,
    pub(super) args: &'c [NodeId],
    pub(super) span: Span,
}

impl Builder<'_> {
    pub(super) fn call(&mut self, call: &Call<'_>, grid: Grid, wanted: &Wanted) -> Result<PlanId> {
        let before = self.counts_only;
        self.counts_only = match call.function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => true,
            name if name.starts_with("histogram_") => false,
            _ => before,
        };
        let built = self.called(call, grid, wanted);
        self.counts_only = before;
        built
    }

    fn called(&mut self, call: &Call<'_>, grid: Grid, wanted: &Wanted) -> Result<PlanId> {
        self.check_call(call)?;
        if let Some(id) = self.own_operator(call, grid, wanted)? {
            return Ok(id);
        }
        let entry = functions::lookup(call.function.name);
        let entry = entry.expect("every function of the language has a body");
        match entry.body {
            Body::Window(body) => self.window_call(call, (body, entry.name), grid, wanted),
            Body::Rows(body) => self.row_call(call, (body, entry.name), grid, wanted),
            Body::Vector(body) => self.vector_call(call, body, grid),
        }
    }

    fn row_call(
        &mut self,
        call: &Call<'_>,
        (body, keeps): (RowBody, Name),
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<PlanId> {
        let mut args = call.args.iter();
        let vector = args.find(|arg| self.type_of(**arg) == ValueType::Vector);
        let safe = match keeps {
            Name::Kept => true,
            Name::Dropped => vector.is_none_or(|vector| self.keeps_apart(*vector)),
            Name::Own => false,
        };
        let child = match vector {
            Some(vector) if keeps == Name::Own => self.node(*vector, grid, &Wanted::All)?,
            Some(vector) => self.node(*vector, grid, self.needed(safe, wanted))?,
            None => {
                let time = self.push(Op::Time, call.span, grid);
                self.push(Op::VectorOf(time), call.span, grid)
            }
        };
        let row_call = RowCall {
            name: call.function.name,
            body,
            keeps,
            args: self.scalars(call, grid)?,
            texts: self.texts(call),
            arg_spans: self.arg_spans(call),
        };
        let id = self.push(Op::Rows(child, row_call), call.span, grid);
        if keeps == Name::Own {
            return Ok(self.push(Op::Unique(id, Unique::PerStep), call.span, grid));
        }
        Ok(self.unique(id, safe, Unique::PerStep))
    }

    fn vector_call(&mut self, call: &Call<'_>, body: VectorBody, grid: Grid) -> Result<PlanId> {
        let mut vectors = Vec::new();
        for arg in call.args {
            if self.type_of(*arg) == ValueType::Vector {
                vectors.push(self.node(*arg, grid, &Wanted::All)?);
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
        let id = self.push(Op::Vector(vector_call), call.span, grid);
        Ok(self.push(Op::Unique(id, Unique::PerStep), call.span, grid))
    }

    fn window_call(
        &mut self,
        call: &Call<'_>,
        (body, keeps): (WindowBody, Name),
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<PlanId> {
        let mut args = call.args.iter();
        let range = args.find(|arg| self.type_of(**arg) == ValueType::Matrix);
        let range = *range.expect("a function over windows has a range");
        let safe = keeps == Name::Kept || self.keeps_apart(range);
        let ranged = Ranged {
            name: call.function.name,
            body,
            keeps,
            args: self.scalars(call, grid)?,
            arg_spans: self.arg_spans(call),
            range_span: self.range_span(range),
        };
        self.check_extension(self.unparenthesized(range), call.function)?;
        let id = self.window((range, call.span), ranged, grid, self.needed(safe, wanted))?;
        Ok(self.unique(id, safe, Unique::Whole))
    }

    /// A function over the windows of a range.
    pub(super) fn window(
        &mut self,
        (range, span): (NodeId, Span),
        ranged: Ranged,
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<PlanId> {
        let inner = self.unparenthesized(range);
        let wanted = &self.wanted_of_windows(inner, &ranged, wanted);
        let op = if matches!(self.tree.expr(inner), Expr::Subquery(_)) {
            let (child, look) = self.subquery(inner, grid, wanted)?;
            Op::SubqueryWindow(child, look, ranged)
        } else {
            Op::Window(self.range(inner, grid, wanted, ranged.name)?, ranged)
        };
        Ok(self.push(op, span, grid))
    }

    /// Labels that windows need: the metric's name for what is told of it, unless the selector says it.
    fn wanted_of_windows(&self, range: NodeId, ranged: &Ranged, wanted: &Wanted) -> Wanted {
        let is_subquery = matches!(self.tree.expr(range), Expr::Subquery(_));
        if is_subquery || !self.keeps_apart(range) {
            return wanted.with(METRIC_NAME);
        }
        let drops = ranged.keeps == Name::Dropped && !self.request.features.delayed_name_removal;
        if drops {
            wanted.without(METRIC_NAME)
        } else {
            wanted.clone()
        }
    }

    pub(super) fn unparenthesized(&self, mut id: NodeId) -> NodeId {
        while let Expr::Paren(expr) = self.tree.expr(id) {
            id = *expr;
        }
        id
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

    pub(super) fn texts(&self, call: &Call<'_>) -> Vec<String> {
        let args = call.args.iter();
        let texts = args.filter_map(|arg| match self.tree.expr(self.unparenthesized(*arg)) {
            Expr::String(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }

    /// Where the arguments were written, parentheses left out.
    pub(super) fn arg_spans(&self, call: &Call<'_>) -> Vec<Span> {
        let args = call.args.iter();
        args.map(|arg| self.tree.span(self.unparenthesized(*arg)))
            .collect()
    }

    /// Where messages say that a range stands: a subquery, once evaluated, is taken to stand at the beginning.
    pub(super) fn range_span(&self, range: NodeId) -> Span {
        let inner = self.unparenthesized(range);
        match self.tree.expr(inner) {
            Expr::Subquery(_) => Span::default(),
            _ => self.tree.span(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::build::build;
    use crate::request::{Features, Request, When};
    use crate::syntax::function::{FUNCTIONS, Function, X_FUNCTIONS};
    use crate::syntax::{ValueType, parse, prepare};

    #[test]
    fn every_function_of_the_language_can_be_planned() {
        fn check(function: &Function) {
            let optional = usize::from(function.variadic != 0);
            let needed = &function.args[..function.args.len() - optional];
            let args = needed.iter().map(|arg| match arg {
                ValueType::Vector => "m",
                ValueType::Matrix => "m[1m]",
                ValueType::Scalar => "0.5",
                ValueType::String => "'a'",
            });
            let args: Vec<&str> = args.collect();
            let text = format!("{}({})", function.name, args.join(", "));
            let mut request = Request::new(&*text, When::Instant(0));
            request.features = Features {
                experimental_functions: true,
                x_functions: true,
                ..Features::default()
            };
            let tree = parse(&text, request.features.syntax()).unwrap();
            let tree = prepare(tree, request.when).unwrap();
            build(&tree, &request).unwrap();
        }
        FUNCTIONS.iter().chain(&X_FUNCTIONS).for_each(check);
    }
}
