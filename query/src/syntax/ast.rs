//! The tree of an expression: nodes in one arena, children before parents, each with the bytes it was written in.
//!
//! ```text
//! Tree = nodes[0..n), root          Node = Span, Expr          Expr holds NodeIds of its children, all below its own
//! ```
//!
//! Because children come first, a pass bottom up is a loop over the arena, and dropping a tree is dropping a vector,
//! however deep it is. The one exception: what computes an `offset` comes after the selector, which was there already. Duration expressions (`[2 * step()]`) are nodes of the same arena under the selector that uses
//! them. Built by [`super::parser`], checked by [`super::types`], written by [`super::print`] and [`mod@super::pretty`].

use tsdb::matcher::Matcher;

use super::function::Function;
use super::token::{AggregateOp, BinaryOp};

/// Bytes `start..end` of the query text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A node's place in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Position in the arena.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One expression with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub expr: Expr,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number, or a duration in seconds.
    Number {
        /// Its value.
        value: f64,
        /// Whether it was written as a duration, which the printer keeps.
        duration: bool,
    },
    /// A string.
    String(String),
    /// `m{…}`, instant.
    Vector(Box<VectorSelector>),
    /// `m{…}[range]`; offset and `@` are those of the selector.
    Matrix {
        /// An [`Expr::Vector`].
        selector: NodeId,
        /// How far back.
        range: Length,
    },
    /// `e[range:step]`.
    Subquery(Box<Subquery>),
    /// `f(args)`.
    Call {
        /// The function.
        function: &'static Function,
        /// Its arguments.
        args: Vec<NodeId>,
    },
    /// `sum by (l) (e)`.
    Aggregate(Box<Aggregate>),
    /// `a + b`.
    Binary(Box<Binary>),
    /// `-e` or `+e`.
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// The operand.
        expr: NodeId,
    },
    /// `(e)`.
    Paren(NodeId),
    /// Arithmetic inside a duration; never a child of another kind but through [`Length::expr`].
    Duration(DurationExpr),
}

/// A length of time, written as a number or computed when the query is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Length {
    /// Nanoseconds, where it is a plain number.
    pub nanos: i64,
    /// What computes it otherwise: an [`Expr::Duration`].
    pub expr: Option<NodeId>,
}

impl Length {
    /// Whole milliseconds, cut towards zero.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.nanos / 1_000_000
    }

    /// Whether it is the number zero, as where none was written.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nanos == 0 && self.expr.is_none()
    }
}

/// What `@` pins a selector to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Time(i64),
    /// `@ start()`.
    Start,
    /// `@ end()`.
    End,
}

/// When a selector looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// `offset`.
    pub offset: Length,
    /// `@`.
    pub at: Option<At>,
}

/// An instant vector selector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric name written before the braces; it is the last matcher too.
    pub name: Option<String>,
    /// In source order.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub moment: Moment,
    /// `anchored`.
    pub anchored: bool,
    /// `smoothed`.
    pub smoothed: bool,
}

/// A subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated at each of its steps.
    pub expr: NodeId,
    /// How far back.
    pub range: Length,
    /// Zero: the default step of the engine.
    pub step: Length,
    /// `offset` and `@`.
    pub moment: Moment,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which one.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: NodeId,
    /// The first argument of `topk`, `quantile`, `count_values` and the like.
    pub param: Option<NodeId>,
    /// Names of `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether they are those of `without`.
    pub without: bool,
}

/// Which side of a vector match may hold several series per signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// No `group_*`.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// How series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// Which side is the many.
    pub cardinality: Cardinality,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Labels of `group_*`.
    pub include: Vec<String>,
    /// What stands for a missing series on the left.
    pub fill_left: Option<f64>,
    /// What stands for a missing series on the right.
    pub fill_right: Option<f64>,
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: NodeId,
    /// Right operand.
    pub rhs: NodeId,
    /// `bool`.
    pub return_bool: bool,
    /// Between two instant vectors only.
    pub matching: Option<Matching>,
}

/// What a duration expression computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationOp {
    /// `+`, also as a sign.
    Add,
    /// `-`, also as a sign.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `%`.
    Mod,
    /// `^`.
    Pow,
    /// `step()`.
    Step,
    /// `range()`.
    Range,
    /// `min_of(a, b)`.
    MinOf,
    /// `max_of(a, b)`.
    MaxOf,
}

impl DurationOp {
    /// As it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Step => "step",
            Self::Range => "range",
            Self::MinOf => "min_of",
            Self::MaxOf => "max_of",
        }
    }
}

/// Arithmetic on durations; signs have no `lhs`, `step()` and `range()` neither side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationExpr {
    /// The operator.
    pub op: DurationOp,
    /// Left operand.
    pub lhs: Option<NodeId>,
    /// Right operand.
    pub rhs: Option<NodeId>,
    /// Whether it stands in parentheses.
    pub wrapped: bool,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    root: NodeId,
}

impl Tree {
    pub(super) fn new(nodes: Vec<Node>, root: NodeId) -> Self {
        Self { nodes, root }
    }

    /// The whole expression.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// What a node is.
    #[must_use]
    pub fn expr(&self, id: NodeId) -> &Expr {
        &self.nodes[id.index()].expr
    }

    /// Where a node was written.
    #[must_use]
    pub fn span(&self, id: NodeId) -> Span {
        self.nodes[id.index()].span
    }

    /// All nodes, children before parents.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// The children of a node in the order of Prometheus' own walk: the parameter of an aggregation after its expression.
    /// Duration expressions are not listed.
    #[must_use]
    pub fn children(&self, id: NodeId) -> Vec<NodeId> {
        match self.expr(id) {
            Expr::Number { .. } | Expr::String(_) | Expr::Vector(_) | Expr::Duration(_) => {
                Vec::new()
            }
            Expr::Matrix { selector, .. } => vec![*selector],
            Expr::Subquery(subquery) => vec![subquery.expr],
            Expr::Call { args, .. } => args.clone(),
            Expr::Aggregate(aggregate) => std::iter::once(aggregate.expr)
                .chain(aggregate.param)
                .collect(),
            Expr::Binary(binary) => vec![binary.lhs, binary.rhs],
            Expr::Unary { expr, .. } | Expr::Paren(expr) => vec![*expr],
        }
    }

    /// The nodes below and including the root, parents first.
    #[must_use]
    pub fn walk(&self) -> Vec<NodeId> {
        let mut stack = vec![self.root];
        let mut order = Vec::new();
        while let Some(id) = stack.pop() {
            order.push(id);
            stack.extend(self.children(id).into_iter().rev());
        }
        order
    }
}

pub(super) fn push(nodes: &mut Vec<Node>, span: Span, expr: Expr) -> NodeId {
    let id = u32::try_from(nodes.len()).expect("a query of 1 MiB has fewer than 2^32 nodes");
    nodes.push(Node { span, expr });
    NodeId(id)
}
