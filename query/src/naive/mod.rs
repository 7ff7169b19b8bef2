//! The naive evaluator: PromQL as plainly as it can be told.
//!
//! ```text
//! text --parse, prepare--> tree --vectors()--> one vector per step --finish()--> answer
//! ```
//!
//! Each node gives its value at every step, computed step by step from those of its children; nothing is shared, cached
//! or rewritten. It is slow on purpose and stays for ever: the engine is tested against it, and it against recorded answers
//! of Prometheus 3.14. So it imports nothing of the engine, only the language, values, and arithmetic of histograms.
//! Start at [`vector`], then [`select`].

mod aggregate;
mod aggregate_param;
mod binary;
mod call;
mod data;
mod function;
mod matching;
mod mean;
mod native;
mod select;
mod vector;
mod window;

use std::sync::Arc;

use tsdb::label::Labels;

pub use data::{Data, DataSample, DataSeries};

use self::vector::{Element, Vector, check_unique};
use crate::annotation::{Annotation, Annotations};
use crate::error::{Error, Result};
use crate::request::{Answer, Request};
use crate::syntax::ast::{Expr, NodeId, Span, Tree};
use crate::syntax::types::types;
use crate::syntax::{ValueType, parse, prepare};
use crate::value::{FloatPoint, Sample, SampleValue, Series, Value};

/// Evaluates a query over `data`.
///
/// # Errors
/// Those of Prometheus, in its words.
pub fn evaluate(request: &Request, data: &dyn Data) -> Result<Answer> {
    let tree = parse(&request.text, request.features.syntax())?;
    let root_type = types(&tree)[tree.root().index()];
    if !request.when.is_instant() && !matches!(root_type, ValueType::Scalar | ValueType::Vector) {
        let got = root_type.documented();
        return Err(Error::BadData(format!(
            "invalid expression type \"{got}\" for range query, must be Scalar or instant Vector"
        )));
    }
    let tree = prepare(tree, request.when)?;
    let mut query = Query {
        request,
        types: types(&tree),
        tree: &tree,
        data,
        notes: Annotations::default(),
        samples: 0,
        wants_hints: false,
    };
    let times: Vec<i64> = request.when.times().collect();
    let value = query.root(&times)?;
    let (warnings, infos) = query.notes.render(&request.text);
    Ok(Answer {
        is_ordered: request.when.is_instant() && decides_order(&tree, tree.root()),
        value,
        warnings,
        infos,
    })
}

/// Whether the order of a vector was asked for.
fn decides_order(tree: &Tree, id: NodeId) -> bool {
    match tree.expr(id) {
        Expr::Paren(inner) => decides_order(tree, *inner),
        Expr::Aggregate(aggregate) => matches!(aggregate.op.text(), "topk" | "bottomk"),
        Expr::Call { function, .. } => function.name.starts_with("sort"),
        _ => false,
    }
}

/// One evaluation.
struct Query<'q> {
    request: &'q Request,
    tree: &'q Tree,
    types: Vec<ValueType>,
    data: &'q dyn Data,
    notes: Annotations,
    /// Samples read so far.
    samples: u64,
    /// Whether each histogram must say whether it follows a reset.
    wants_hints: bool,
}

impl Query<'_> {
    fn note(&mut self, annotation: Annotation, span: Span) {
        self.notes.add(annotation, span);
    }

    fn expr(&self, id: NodeId) -> &Expr {
        self.tree.expr(id)
    }

    /// Where an expression stands, parentheses around it left out.
    fn span(&self, id: NodeId) -> Span {
        match self.expr(id) {
            Expr::Paren(inner) => self.span(*inner),
            _ => self.tree.span(id),
        }
    }

    fn type_of(&self, id: NodeId) -> ValueType {
        self.types[id.index()]
    }

    fn root(&mut self, times: &[i64]) -> Result<Value> {
        let root = self.tree.root();
        let is_instant = self.request.when.is_instant();
        Ok(match self.type_of(root) {
            ValueType::String => Value::String {
                t: times[0],
                text: self.string(root)?,
            },
            ValueType::Scalar => {
                let floats = self.scalars(root, times)?;
                let points = times
                    .iter()
                    .zip(floats)
                    .map(|(t, v)| FloatPoint { t: *t, v });
                scalar(points.collect(), is_instant)
            }
            ValueType::Vector => {
                let mut vectors = self.vectors(root, times)?;
                self.drop_names(&mut vectors)?;
                match vectors.pop() {
                    Some(only) if is_instant => Value::Vector(instant(only, times[0], self.tree)),
                    last => Value::Matrix(rows(vectors.into_iter().chain(last), times)),
                }
            }
            ValueType::Matrix => Value::Matrix(self.matrix(root, times[0])?),
        })
    }

    /// With delayed removal, names go now.
    fn drop_names(&self, vectors: &mut [Vector]) -> Result<()> {
        if !self.request.features.delayed_name_removal {
            return Ok(());
        }
        for element in vectors.iter_mut().flatten() {
            element.forget_name();
        }
        check_unique(vectors)
    }

    /// The value of a vector expression at each time.
    fn vectors(&mut self, id: NodeId, times: &[i64]) -> Result<Vec<Vector>> {
        if times.len() > 1 && self.is_invariant(id) {
            // What has the same value everywhere is evaluated once, and told once.
            let once = self.vectors(id, &times[..1])?;
            return Ok(vec![once.concat(); times.len()]);
        }
        match self.expr(id).clone() {
            Expr::Vector(selector) => self.select(&selector, self.tree.span(id), times),
            Expr::Paren(inner) => self.vectors(inner, times),
            Expr::Unary { negative, expr } => self.unary(negative, expr, times),
            Expr::Binary(binary) => self.binary(id, &binary, times),
            Expr::Aggregate(aggregate) => self.aggregate(id, &aggregate, times),
            Expr::Call { function, args } => self.call(id, function, &args, times),
            _ => Err(self.misplaced(id)),
        }
    }

    /// The value of a scalar expression at each time.
    fn scalars(&mut self, id: NodeId, times: &[i64]) -> Result<Vec<f64>> {
        match self.expr(id).clone() {
            Expr::Number { value, .. } => Ok(vec![value; times.len()]),
            Expr::Paren(inner) => self.scalars(inner, times),
            Expr::Unary { negative, expr } => {
                let mut floats = self.scalars(expr, times)?;
                if negative {
                    floats.iter_mut().for_each(|float| *float = -*float);
                }
                Ok(floats)
            }
            Expr::Binary(binary) => self.scalar_binary(&binary, times),
            Expr::Call { function, args } => self.scalar_call(id, function, &args, times),
            _ => Err(self.misplaced(id)),
        }
    }

    fn string(&self, id: NodeId) -> Result<String> {
        match self.expr(id) {
            Expr::String(text) => Ok(text.clone()),
            Expr::Paren(inner) => self.string(*inner),
            _ => Err(self.misplaced(id)),
        }
    }

    /// The type check lets no such node pass.
    fn misplaced(&self, id: NodeId) -> Error {
        let text = crate::syntax::print::print(self.tree, id);
        Error::Execution(format!("unexpected expression {text}"))
    }

    fn unary(&mut self, negative: bool, expr: NodeId, times: &[i64]) -> Result<Vec<Vector>> {
        let mut vectors = self.vectors(expr, times)?;
        if negative {
            for element in vectors.iter_mut().flatten() {
                element.value = match &element.value {
                    SampleValue::Float(float) => SampleValue::Float(-*float),
                    SampleValue::Histogram(histogram) => native::multiplied(histogram, -1.0),
                };
                self.drop_name(element);
            }
            check_unique(&vectors)?;
        }
        Ok(vectors)
    }

    /// Drops the name of an element, or marks it for the end of the query.
    fn drop_name(&self, element: &mut Element) {
        element.drop_name = true;
        if !self.request.features.delayed_name_removal {
            element.forget_name();
        }
    }
}

fn scalar(points: Vec<FloatPoint>, is_instant: bool) -> Value {
    match points[..] {
        [point] if is_instant => Value::Scalar(point),
        _ => Value::Matrix(vec![Series {
            labels: Labels::default(),
            floats: points,
            histograms: Vec::new(),
        }]),
    }
}

fn instant(mut vector: Vector, t: i64, tree: &Tree) -> Vec<Sample> {
    if !decides_order(tree, tree.root()) {
        vector.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    let sample = |element: Element| Sample {
        labels: Arc::unwrap_or_clone(element.labels),
        t,
        value: element.value,
    };
    vector.into_iter().map(sample).collect()
}

/// Vectors by step as rows by series, sorted by labels.
fn rows(vectors: impl Iterator<Item = Vector>, times: &[i64]) -> Vec<Series> {
    let mut rows = std::collections::BTreeMap::<Arc<Labels>, Series>::new();
    for (vector, t) in vectors.zip(times) {
        for element in vector {
            rows.entry(element.labels)
                .or_default()
                .push(*t, element.value);
        }
    }
    let row = |(labels, series)| Series {
        labels: Arc::unwrap_or_clone(labels),
        ..series
    };
    rows.into_iter().map(row).collect()
}
