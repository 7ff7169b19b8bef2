//! The check that a parsed tree makes sense: types of operands and arguments, counts, matchings.
//!
//! Types go bottom up in one loop over the arena; complaints come in the order of a walk from the root, children at the
//! place where Prometheus visits them. The walk keeps its own stack, because `a + a + …` is as deep as it is long. Also
//! settles what depends on types: set operators match many to many, and a matching stays only between two vectors.

use tsdb::label::METRIC_NAME;

use super::ast::{Aggregate, Binary, Cardinality, Expr, NodeId, Span, Tree, VectorSelector};
use super::function::Function;
use super::{ParseError, quote};

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One float per step.
    Scalar,
    /// A string.
    String,
    /// Series with one sample per step.
    Vector,
    /// Series with a range of samples.
    Matrix,
}

impl ValueType {
    /// As the API calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }

    /// As the documentation calls it.
    #[must_use]
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// The type of every node, by position in the arena.
#[must_use]
pub fn types(tree: &Tree) -> Vec<ValueType> {
    let mut types: Vec<ValueType> = Vec::with_capacity(tree.nodes().len());
    for node in tree.nodes() {
        let of = |id: NodeId| types[id.index()];
        types.push(match &node.expr {
            Expr::Number { .. } | Expr::Duration(_) => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Vector(_) | Expr::Aggregate(_) => ValueType::Vector,
            Expr::Matrix { .. } | Expr::Subquery(_) => ValueType::Matrix,
            Expr::Call { function, .. } => function.returns,
            Expr::Binary(binary) => match (of(binary.lhs), of(binary.rhs)) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Expr::Unary { expr, .. } | Expr::Paren(expr) => of(*expr),
        });
    }
    types
}

/// What is still to be done, last first.
enum Step {
    Enter(NodeId),
    /// What is said of a node after its children.
    Leave(NodeId),
    Expect(NodeId, ValueType, String),
}

struct Check<'t> {
    text: &'t str,
    tree: &'t Tree,
    types: Vec<ValueType>,
    steps: Vec<Step>,
    /// The second argument of `info` may match everything.
    may_match_all: Vec<NodeId>,
    errors: Vec<ParseError>,
}

/// Checks a tree and settles its matchings; gives what is wrong with it.
pub(super) fn check(text: &str, tree: &mut Tree) -> Vec<ParseError> {
    let mut check = Check {
        text,
        tree,
        types: types(tree),
        steps: vec![Step::Enter(tree.root())],
        may_match_all: Vec::new(),
        errors: Vec::new(),
    };
    while let Some(step) = check.steps.pop() {
        match step {
            Step::Enter(id) => check.enter(id),
            Step::Leave(id) => check.leave(id),
            Step::Expect(id, want, context) => check.expect(id, want, &context),
        }
    }
    let Check { types, errors, .. } = check;
    settle(tree, &types);
    errors
}

fn settle(tree: &mut Tree, types: &[ValueType]) {
    for node in tree.nodes_mut() {
        let Expr::Binary(binary) = &mut node.expr else {
            continue;
        };
        let is_vector = |id: NodeId| types[id.index()] == ValueType::Vector;
        if !is_vector(binary.lhs) || !is_vector(binary.rhs) {
            binary.matching = None;
        } else if let Some(matching) = &mut binary.matching
            && binary.op.is_set()
        {
            matching.cardinality = Cardinality::ManyToMany;
        }
    }
}

impl Check<'_> {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError {
            span,
            message: message.into(),
        });
    }

    fn of(&self, id: NodeId) -> ValueType {
        self.types[id.index()]
    }

    fn expect(&mut self, id: NodeId, want: ValueType, context: &str) {
        let got = self.of(id);
        if got != want {
            let (want, got) = (want.documented(), got.documented());
            self.refuse(
                self.tree.span(id),
                format!("expected type {want} in {context}, got {got}"),
            );
        }
    }

    fn enter(&mut self, id: NodeId) {
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Number { .. } | Expr::String(_) | Expr::Duration(_) => {}
            Expr::Vector(selector) => self.selector(id, selector),
            Expr::Matrix { selector, .. } => self.steps.push(Step::Enter(*selector)),
            Expr::Subquery(subquery) => self
                .steps
                .extend([Step::Leave(id), Step::Enter(subquery.expr)]),
            Expr::Unary { expr, .. } => self.steps.extend([Step::Leave(id), Step::Enter(*expr)]),
            Expr::Paren(expr) => self.steps.push(Step::Enter(*expr)),
            Expr::Binary(binary) => {
                self.steps.extend([
                    Step::Leave(id),
                    Step::Enter(binary.rhs),
                    Step::Enter(binary.lhs),
                ]);
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call { function, args } => self.call(id, function, args),
        }
    }

    fn leave(&mut self, id: NodeId) {
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Binary(binary) => self.binary(id, binary),
            Expr::Subquery(subquery) if self.of(subquery.expr) != ValueType::Vector => {
                let got = self.of(subquery.expr).name();
                self.refuse(
                    tree.span(id),
                    format!("subquery is only allowed on instant vector, got {got} instead"),
                );
            }
            Expr::Unary { expr, .. }
                if !matches!(self.of(*expr), ValueType::Scalar | ValueType::Vector) =>
            {
                let got = self.of(*expr).documented();
                self.refuse(
                    tree.span(id),
                    format!("unary expression only allowed on expressions of type scalar or instant vector, got \"{got}\""),
                );
            }
            _ => {}
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        if let Some(param) = aggregate.param {
            let want = if aggregate.op.has_scalar_param() {
                ValueType::Scalar
            } else {
                ValueType::String
            };
            self.steps.push(Step::Expect(
                param,
                want,
                "aggregation parameter".to_owned(),
            ));
            self.steps.push(Step::Enter(param));
        }
        self.steps.push(Step::Expect(
            aggregate.expr,
            ValueType::Vector,
            "aggregation expression".to_owned(),
        ));
        self.steps.push(Step::Enter(aggregate.expr));
    }

    fn call(&mut self, id: NodeId, function: &Function, args: &[NodeId]) {
        let name = quote::text(function.name);
        let (declared, count) = (function.args.len(), args.len());
        let wanted = if function.variadic == 0 {
            (count != declared).then(|| declared.to_string())
        } else {
            let least = declared - 1;
            let most =
                usize::try_from(function.variadic).map_or(usize::MAX, |variadic| least + variadic);
            if count < least {
                Some(format!("at least {least}"))
            } else {
                (count > most).then(|| format!("at most {most}"))
            }
        };
        if let Some(wanted) = wanted {
            self.refuse(
                self.tree.span(id),
                format!("expected {wanted} argument(s) in call to {name}, got {count}"),
            );
        }
        if function.name == "info" && count > 1 {
            self.info_selector(args[1]);
        }
        for (index, arg) in args.iter().enumerate().rev() {
            if let Some(want) = function.arg(index) {
                self.steps
                    .push(Step::Expect(*arg, want, format!("call to function {name}")));
                self.steps.push(Step::Enter(*arg));
            }
        }
    }

    fn info_selector(&mut self, id: NodeId) {
        let why = match self.tree.expr(id) {
            Expr::Vector(selector) if selector.name.is_none() => {
                self.may_match_all.push(id);
                return;
            }
            Expr::Vector(_) => {
                self.may_match_all.push(id);
                "expected label selectors only, got vector selector instead"
            }
            _ => "expected label selectors only",
        };
        self.refuse(self.tree.span(id), why);
    }

    fn selector(&mut self, id: NodeId, selector: &VectorSelector) {
        let span = self.tree.span(id);
        if let Some(name) = &selector.name {
            let inside = &selector.matchers[..selector.matchers.len() - 1];
            for matcher in inside
                .iter()
                .filter(|matcher| matcher.name() == METRIC_NAME)
            {
                let (name, value) = (quote::text(name), quote::text(matcher.value()));
                self.refuse(
                    span,
                    format!("metric name must not be set twice: {name} or {value}"),
                );
            }
        } else if selector
            .matchers
            .iter()
            .all(tsdb::matcher::Matcher::matches_empty)
            && self.may_match_all.last() != Some(&id)
        {
            self.refuse(
                span,
                "vector selector must contain at least one non-empty matcher",
            );
        }
    }

    /// Where the operator stands, its modifiers included.
    fn operator_span(&self, binary: &Binary) -> Span {
        let (start, end) = (
            self.tree.span(binary.lhs).end,
            self.tree.span(binary.rhs).start,
        );
        let between = self.text.get(start..end).unwrap_or_default();
        let lead = between.len() - between.trim_start().len();
        Span {
            start: start + lead,
            end: end.saturating_sub(between.len() - between.trim_end().len() + 1),
        }
    }

    fn binary(&mut self, id: NodeId, binary: &Binary) {
        let (lhs, rhs) = (self.of(binary.lhs), self.of(binary.rhs));
        let scalars = [lhs, rhs]
            .iter()
            .filter(|side| **side == ValueType::Scalar)
            .count();
        if binary.return_bool && !binary.op.is_comparison() {
            self.refuse(
                self.operator_span(binary),
                "bool modifier can only be used on comparison operators",
            );
        }
        if binary.op.is_comparison() && !binary.return_bool && scalars == 2 {
            self.refuse(
                self.operator_span(binary),
                "comparisons between scalars must use BOOL modifier",
            );
        }
        self.shared_labels(binary);
        for (side, of) in [(binary.lhs, lhs), (binary.rhs, rhs)] {
            if !matches!(of, ValueType::Scalar | ValueType::Vector) {
                self.refuse(
                    self.tree.span(side),
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        self.matching(id, binary, (lhs, rhs));
        if scalars > 0 && binary.op.is_set() {
            let op = quote::text(binary.op.text());
            self.refuse(
                self.tree.span(id),
                format!("set operator {op} not allowed in binary scalar expression"),
            );
        }
    }

    fn shared_labels(&mut self, binary: &Binary) {
        let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on) else {
            return;
        };
        let include: std::collections::HashSet<&str> =
            matching.include.iter().map(String::as_str).collect();
        for label in matching
            .labels
            .iter()
            .filter(|label| include.contains(label.as_str()))
        {
            let label = quote::text(label);
            self.refuse(
                self.operator_span(binary),
                format!("label {label} must not occur in ON and GROUP clause at once"),
            );
        }
    }

    fn matching(&mut self, id: NodeId, binary: &Binary, sides: (ValueType, ValueType)) {
        let Some(matching) = &binary.matching else {
            return;
        };
        let span = self.tree.span(id);
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if sides != (ValueType::Vector, ValueType::Vector) {
            if !matching.labels.is_empty() {
                self.refuse(span, "vector matching only allowed between instant vectors");
            }
            if fills {
                self.refuse(
                    span,
                    "filling in missing series only allowed between instant vectors",
                );
            }
        } else if binary.op.is_set() {
            if matching.cardinality != Cardinality::OneToOne {
                let op = quote::text(binary.op.text());
                self.refuse(span, format!("no grouping allowed for {op} operation"));
                self.refuse(span, "set operations must always be many-to-many");
            }
            if fills {
                self.refuse(
                    span,
                    "filling in missing series not allowed for set operators",
                );
            }
        }
    }
}
