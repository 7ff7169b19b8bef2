//! What is to be done: operators over grids of times, children before parents.
//!
//! ```text
//! tree ──build──► nodes (what, where it was written, at which times) + scans (what is read from storage)
//! ```
//!
//! A plan is made for one request, so times are known: each node has its [`Grid`]. What does not depend on the time is
//! built for one step under a [`Op::Broadcast`]. Executed by [`crate::exec`].

pub mod build;
mod call;
pub mod explain;
pub mod names;
mod own;
pub mod rewrite;
pub mod time;
mod windows;

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::Matcher;

use crate::annotation::Annotations;
use crate::functions::{Name, RowBody, VectorBody, WindowBody};
use crate::storage::Selection;
use crate::syntax::ast::{Matching, Span, VectorSelector};
use crate::syntax::{AggregateOp, BinaryOp};
pub use time::{Grid, Look};

/// Position of a node in its plan.
pub type PlanId = usize;

/// A plan.
#[derive(Debug, Default)]
pub struct Plan {
    /// Children before parents.
    pub nodes: Vec<Node>,
    /// The whole.
    pub root: PlanId,
    /// What is read.
    pub scans: Vec<Selection>,
    /// What is worth telling about the query, whatever the data.
    pub notes: Annotations,
    /// Whether the whole decides the order of an instant vector.
    pub is_ordered: bool,
}

/// An operator.
#[derive(Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Where it was written.
    pub span: Span,
    /// When.
    pub grid: Grid,
}

/// Which labels of a series the query will look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every one.
    All,
    /// These.
    Only(Vec<String>),
}

impl Wanted {
    /// These and one more.
    #[must_use]
    pub fn with(&self, name: &str) -> Self {
        match self {
            Self::Only(names) if !self.keeps(name) => {
                let more = names.iter().cloned().chain([name.to_owned()]);
                Self::Only(more.collect())
            }
            _ => self.clone(),
        }
    }

    /// These without one.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        match self {
            Self::All => Self::All,
            Self::Only(names) => {
                let rest = names.iter().filter(|known| *known != name);
                Self::Only(rest.cloned().collect())
            }
        }
    }

    /// Whether a label is one of them.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
        }
    }
}

/// A selector in a plan.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Position in [`Plan::scans`].
    pub scan: usize,
    /// Where it looks.
    pub look: Look,
    /// Labels to keep.
    pub wanted: Wanted,
    /// What it sees beyond that.
    pub extension: Extension,
    /// Of histograms only the counts, the sums and whether they follow a reset are looked at.
    pub counts_only: bool,
    /// Whether downsampled samples are as good as those that they stand for.
    pub is_exact: bool,
    /// Where it was written.
    pub span: Span,
}

/// What a selector says about the edges of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extension {
    /// Only what lies inside counts.
    #[default]
    None,
    /// `anchored`: the last sample before the window counts as its left edge.
    Anchored,
    /// `smoothed`: both edges lie on the line between their neighbours.
    Smoothed,
}

impl Extension {
    /// What a selector says.
    #[must_use]
    pub fn of(selector: &VectorSelector) -> Self {
        match (selector.anchored, selector.smoothed) {
            (true, _) => Self::Anchored,
            (_, true) => Self::Smoothed,
            _ => Self::None,
        }
    }
}

/// How rows with equal labels are treated after their names were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// They are an error.
    Whole,
    /// Rows without a step in common become one; others are an error.
    PerStep,
}

/// What an instant selector gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The sample.
    Value,
    /// Its time in seconds.
    Time,
    /// When its counter began, in seconds.
    Start,
    /// The time of a float; a histogram stays one.
    FloatTime,
}

/// What a node does.
#[derive(Debug)]
pub enum Op {
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// `time()`.
    Time,
    /// `scalar(v)`.
    ScalarOf(PlanId),
    /// Two scalars.
    ScalarBinary(BinaryOp, PlanId, PlanId),
    /// The greater (or the lesser) of two scalars.
    Extreme(bool, PlanId, PlanId),
    /// `-s`.
    Negate(PlanId),
    /// `vector(s)`.
    VectorOf(PlanId),
    /// An instant selector.
    Instant(Scan, Reads),
    /// A range selector as it is.
    Range(Scan),
    /// A function over the windows of a selector.
    Window(Scan, Ranged),
    /// A subquery as it is.
    SubqueryRange(PlanId, Look),
    /// A function over the windows of a subquery.
    SubqueryWindow(PlanId, Look, Ranged),
    /// A function of one row at a time.
    Rows(PlanId, RowCall),
    /// A function of all rows.
    Vector(VectorCall),
    /// `absent(v)`: one with these labels where there is no row.
    Absent(PlanId, Labels),
    /// `info(v)`.
    Info(InfoCall),
    /// Equal label sets.
    Unique(PlanId, Unique),
    /// A vector and a scalar.
    VectorScalar(ScalarSide),
    /// Two vectors.
    Join(Join),
    /// An aggregation.
    Aggregate(Aggregation),
    /// The one step of the child, at all steps.
    Broadcast(PlanId),
}

/// A function over windows.
#[derive(Debug, Clone)]
pub struct Ranged {
    /// Its name, for explain.
    pub name: &'static str,
    /// What it does.
    pub body: WindowBody,
    /// Whether the metric name goes.
    pub keeps: Name,
    /// Its scalar arguments.
    pub args: Vec<PlanId>,
    /// Where each argument was written.
    pub arg_spans: Vec<Span>,
    /// Where the range was written.
    pub range_span: Span,
}

/// A function of one row at a time.
#[derive(Debug, Clone)]
pub struct RowCall {
    /// Its name, for explain.
    pub name: &'static str,
    /// What it does; a sign has no more than a name to drop.
    pub body: RowBody,
    /// Whether the metric name goes.
    pub keeps: Name,
    /// Its scalar arguments.
    pub args: Vec<PlanId>,
    /// Its string arguments.
    pub texts: Vec<String>,
    /// Where each argument was written.
    pub arg_spans: Vec<Span>,
}

/// A function of all rows.
#[derive(Debug, Clone)]
pub struct VectorCall {
    /// Its name, for explain.
    pub name: &'static str,
    /// What it does.
    pub body: VectorBody,
    /// Its vector arguments.
    pub vectors: Vec<PlanId>,
    /// Its scalar arguments.
    pub args: Vec<PlanId>,
    /// Its string arguments.
    pub texts: Vec<String>,
    /// Where each argument was written.
    pub arg_spans: Vec<Span>,
}

/// `info(v, selector)`.
#[derive(Debug, Clone)]
pub struct InfoCall {
    /// The series that gain labels.
    pub vector: PlanId,
    /// The info series, giving [`Reads::FloatTime`].
    pub infos: PlanId,
    /// Matchers on the name of info metrics.
    pub names: Vec<Matcher>,
    /// Matchers on the labels to add.
    pub data: Vec<Matcher>,
}

/// An operator between a vector and a scalar.
#[derive(Debug, Clone)]
pub struct ScalarSide {
    /// The operator.
    pub op: BinaryOp,
    /// The vector.
    pub vector: PlanId,
    /// The scalar.
    pub scalar: PlanId,
    /// Whether the scalar is the left operand.
    pub scalar_left: bool,
    /// `bool`.
    pub return_bool: bool,
}

/// An operator between two vectors.
#[derive(Debug, Clone)]
pub struct Join {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: PlanId,
    /// Right operand.
    pub rhs: PlanId,
    /// `bool`.
    pub return_bool: bool,
    /// How series find each other.
    pub matching: Matching,
}

/// An aggregation.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// Which one.
    pub op: AggregateOp,
    /// What is aggregated.
    pub child: PlanId,
    /// Its parameter.
    pub param: Option<PlanId>,
    /// Names of `by` or `without`, sorted.
    pub grouping: Vec<String>,
    /// Whether they are those of `without`.
    pub without: bool,
    /// Where the parameter was written.
    pub param_span: Span,
    /// Where the vector was written.
    pub child_span: Span,
}

impl Plan {
    /// The children of a node, in the order of evaluation.
    #[must_use]
    pub fn children(&self, id: PlanId) -> Vec<PlanId> {
        match &self.nodes[id].op {
            Op::Number(_) | Op::Text(_) | Op::Time | Op::Instant(..) | Op::Range(_) => Vec::new(),
            Op::ScalarOf(child)
            | Op::Negate(child)
            | Op::VectorOf(child)
            | Op::SubqueryRange(child, _)
            | Op::Absent(child, _)
            | Op::Unique(child, _)
            | Op::Broadcast(child) => vec![*child],
            Op::ScalarBinary(_, lhs, rhs) | Op::Extreme(_, lhs, rhs) => vec![*lhs, *rhs],
            Op::Window(_, ranged) => ranged.args.clone(),
            Op::SubqueryWindow(child, _, ranged) => std::iter::once(*child)
                .chain(ranged.args.iter().copied())
                .collect(),
            Op::Rows(child, call) => std::iter::once(*child)
                .chain(call.args.iter().copied())
                .collect(),
            Op::Vector(call) => call.vectors.iter().chain(&call.args).copied().collect(),
            Op::Info(call) => vec![call.vector, call.infos],
            Op::VectorScalar(side) => vec![side.vector, side.scalar],
            Op::Join(join) => vec![join.lhs, join.rhs],
            Op::Aggregate(aggregation) => std::iter::once(aggregation.child)
                .chain(aggregation.param)
                .collect(),
        }
    }
}

/// Whether a label tells what a metric is rather than which series: dropped together with the name.
#[must_use]
pub fn is_metadata(label: &str) -> bool {
    matches!(label, METRIC_NAME | "__type__" | "__unit__")
}
