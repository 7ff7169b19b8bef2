//! Operators between two values of which any may be a native histogram.
//!
//! A comparison keeps the left value where it holds. What makes no sense for a pair of kinds drops the pair; of those the
//! last of each step is told, because Prometheus tells no more.

use std::sync::Arc;

use tsdb::histogram::{FloatHistogram, ResetHint};

use super::batch::CellRef;
use super::binary::with_operator;
use crate::annotation::{Annotation, Annotations, HistogramOperation};
use crate::functions::native::{multiplied, told};
use crate::histogram::trim::{Keep, trim};
use crate::syntax::BinaryOp;
use crate::syntax::ast::Span;
use crate::value::SampleValue;

/// Why an operator gives nothing for a pair.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// It knows no such kinds; whether the left and whether the right is a histogram.
    Kinds(bool, bool),
    /// One has custom buckets, the other exponential ones.
    Buckets,
}

impl Refusal {
    fn annotation(self, op: BinaryOp) -> Annotation {
        match self {
            Self::Kinds(lhs_histogram, rhs_histogram) => Annotation::IncompatibleTypes {
                operator: op.text(),
                lhs_histogram,
                rhs_histogram,
            },
            Self::Buckets => Annotation::IncompatibleBucketLayout(op.text()),
        }
    }
}

/// The last refusal of each step; no steps where there is none at all.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    last: Vec<Option<Refusal>>,
}

impl Refusals {
    /// Remembers that of a step.
    pub(super) fn put(&mut self, step: usize, refusal: Refusal) {
        if self.last.len() <= step {
            self.last.resize(step + 1, None);
        }
        self.last[step] = Some(refusal);
    }

    /// Tells them.
    pub(super) fn tell(&self, op: BinaryOp, notes: &mut Annotations, span: Span) {
        for refusal in self.last.iter().flatten() {
            notes.add(refusal.annotation(op), span);
        }
    }
}

/// What an operator makes of a pair, and for a comparison whether it holds.
pub(super) type Result = std::result::Result<(SampleValue, bool), Refusal>;

/// Applies an operator that is no set operator; `tell` hears of what is worth an annotation.
#[expect(clippy::float_cmp, reason = "`==` of the language compares exactly")]
pub(super) fn combine(
    op: BinaryOp,
    lhs: CellRef<'_>,
    rhs: CellRef<'_>,
    tell: &mut dyn FnMut(Annotation),
) -> Result {
    let refused = Refusal::Kinds(lhs.is_histogram(), rhs.is_histogram());
    match (lhs, rhs) {
        (CellRef::Float(a), CellRef::Float(b)) if !op.is_trim() => {
            let (value, holds) = with_operator!(op, f, f(a, b));
            let value = if op.is_comparison() { a } else { value };
            Ok((SampleValue::Float(value), holds))
        }
        (CellRef::Histogram(h), CellRef::Float(factor)) => match with_float(op, h, factor) {
            Some(histogram) => Ok((SampleValue::Histogram(histogram), true)),
            None => Err(refused),
        },
        (CellRef::Float(factor), CellRef::Histogram(h)) if op == BinaryOp::Mul => {
            Ok((SampleValue::Histogram(multiplied(h, factor)), true))
        }
        (CellRef::Histogram(a), CellRef::Histogram(b)) => match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let histogram = added(op, a, b, tell).ok_or(Refusal::Buckets)?;
                Ok((SampleValue::Histogram(Arc::new(histogram)), true))
            }
            BinaryOp::Equal | BinaryOp::NotEqual => {
                Ok((lhs.to_value(), a.equals(b) == (op == BinaryOp::Equal)))
            }
            _ => Err(refused),
        },
        (CellRef::Float(_), _) => Err(refused),
    }
}

/// A histogram with a float on its right; none where that makes no sense.
pub(super) fn with_float(
    op: BinaryOp,
    histogram: &FloatHistogram,
    float: f64,
) -> Option<Arc<FloatHistogram>> {
    Some(match op {
        BinaryOp::Mul => multiplied(histogram, float),
        BinaryOp::Div => {
            let mut quotient = histogram.clone();
            quotient.div(float);
            quotient.into()
        }
        BinaryOp::TrimUpper => trim(histogram, Keep::Below, float).into(),
        BinaryOp::TrimLower => trim(histogram, Keep::Above, float).into(),
        _ => return None,
    })
}

fn added(
    op: BinaryOp,
    a: &FloatHistogram,
    b: &FloatHistogram,
    tell: &mut dyn FnMut(Annotation),
) -> Option<FloatHistogram> {
    let mut result = a.clone();
    let (combined, operation) = if op == BinaryOp::Sub {
        (result.sub(b), HistogramOperation::Subtraction)
    } else {
        (result.add(b), HistogramOperation::Addition)
    };
    told(combined.ok()?, operation).for_each(tell);
    if op == BinaryOp::Sub {
        result.hint = ResetHint::Gauge;
    }
    result.compact();
    Some(result)
}
