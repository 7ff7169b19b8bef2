//! Binary operators on two values, and between scalars and vectors; pairs of vectors are in [`super::matching`].
//!
//! A comparison keeps the value of its vector, or of its left side, where it holds; under `bool` it gives 0 or 1. What
//! makes no sense for a pair of kinds drops the pair and is told as an info.

use super::Query;
use super::native::{self, Mismatch, Outcome};
use super::vector::Vector;
use crate::annotation::{Annotation, HistogramOperation};
use crate::error::{Error, Result};
use crate::syntax::ast::{Binary, NodeId};
use crate::syntax::{BinaryOp, ValueType};
use crate::value::SampleValue;

/// What an operator makes of two values, and what it tells.
pub(super) struct Combined {
    /// The result, and for a comparison whether it holds.
    pub(super) value: Option<(SampleValue, bool)>,
    pub(super) notes: Vec<Annotation>,
}

impl Combined {
    fn of(value: SampleValue) -> Self {
        Self {
            value: Some((value, true)),
            notes: Vec::new(),
        }
    }

    fn none(note: Annotation) -> Self {
        Self {
            value: None,
            notes: vec![note],
        }
    }
}

impl Query<'_> {
    /// The value of an operator between scalars at each time.
    pub(super) fn scalar_binary(&mut self, binary: &Binary, times: &[i64]) -> Result<Vec<f64>> {
        let lhs = self.scalars(binary.lhs, times)?;
        let rhs = self.scalars(binary.rhs, times)?;
        let pairs = lhs.into_iter().zip(rhs);
        pairs
            .map(|(lhs, rhs)| match arithmetic(binary.op, lhs, rhs) {
                Some(value) => Ok(value),
                None if binary.op.is_comparison() => Ok(truth(compare(binary.op, lhs, rhs))),
                None => Err(Error::Execution(format!(
                    "operator {:?} not allowed for Scalar operations",
                    binary.op.text()
                ))),
            })
            .collect()
    }

    /// The value of an operator with at least one vector at each time.
    pub(super) fn binary(
        &mut self,
        id: NodeId,
        binary: &Binary,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let wants_hints = self.wants_hints;
        // A cut needs the buckets, which those who want hints do without.
        self.wants_hints &= !is_trim(binary.op);
        let vectors = self.binary_inside(id, binary, times);
        self.wants_hints = wants_hints;
        vectors
    }

    fn binary_inside(&mut self, id: NodeId, binary: &Binary, times: &[i64]) -> Result<Vec<Vector>> {
        let is_scalar = |id: NodeId| self.type_of(id) == ValueType::Scalar;
        match (is_scalar(binary.lhs), is_scalar(binary.rhs)) {
            (true, _) => {
                let scalars = self.scalars(binary.lhs, times)?;
                let vectors = self.vectors(binary.rhs, times)?;
                self.with_scalars(id, binary, vectors, scalars)
            }
            (_, true) => {
                let vectors = self.vectors(binary.lhs, times)?;
                let scalars = self.scalars(binary.rhs, times)?;
                self.with_scalars(id, binary, vectors, scalars)
            }
            _ => self.vector_binary(id, binary, times),
        }
    }

    fn with_scalars(
        &mut self,
        id: NodeId,
        binary: &Binary,
        vectors: Vec<Vector>,
        scalars: Vec<f64>,
    ) -> Result<Vec<Vector>> {
        let scalar_is_left = self.type_of(binary.lhs) == ValueType::Scalar;
        let mut results = Vec::with_capacity(vectors.len());
        for (vector, scalar) in vectors.into_iter().zip(scalars) {
            let mut result = Vector::new();
            let mut last_refusal = None;
            for mut element in vector {
                let scalar = SampleValue::Float(scalar);
                let combined = if scalar_is_left {
                    combine(binary.op, &scalar, &element.value)
                } else {
                    combine(binary.op, &element.value, &scalar)
                };
                let Some((value, holds)) = combined.value else {
                    last_refusal = combined.notes.into_iter().next();
                    continue;
                };
                if binary.return_bool {
                    element.value = SampleValue::Float(truth(holds));
                } else if !holds {
                    continue;
                } else if !binary.op.is_comparison() {
                    element.value = value;
                }
                if binary.return_bool || changes_metric(binary.op) {
                    self.drop_name(&mut element);
                }
                result.push(element);
            }
            if let Some(refusal) = last_refusal {
                self.note(refusal, self.tree.span(id));
            }
            results.push(result);
        }
        super::vector::check_unique(&results)?;
        Ok(results)
    }
}

/// Whether the result is a quantity of its own.
pub(super) fn changes_metric(op: BinaryOp) -> bool {
    !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) && !op.is_comparison() && !op.is_set()
}

fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// 1 or 0.
pub(super) fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// Applies an operator that is no set operator.
pub(super) fn combine(op: BinaryOp, lhs: &SampleValue, rhs: &SampleValue) -> Combined {
    use SampleValue::{Float, Histogram};
    match (lhs, rhs) {
        (Float(a), Float(b)) => {
            if let Some(value) = arithmetic(op, *a, *b) {
                return Combined::of(Float(value));
            }
            if op.is_comparison() {
                return Combined {
                    value: Some((lhs.clone(), compare(op, *a, *b))),
                    notes: Vec::new(),
                };
            }
        }
        (Histogram(a), Float(b)) => match op {
            BinaryOp::Mul => return Combined::of(native::multiplied(a, *b)),
            BinaryOp::Div => return Combined::of(native::divided(a, *b)),
            BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                return Combined::of(native::trimmed(a, *b, op == BinaryOp::TrimUpper));
            }
            _ => {}
        },
        (Float(a), Histogram(b)) if op == BinaryOp::Mul => {
            return Combined::of(native::multiplied(b, *a));
        }
        (Histogram(a), Histogram(b)) => match op {
            BinaryOp::Add => {
                return combined(op, native::sum(a, b), HistogramOperation::Addition);
            }
            BinaryOp::Sub => {
                return combined(
                    op,
                    native::difference(a, b),
                    HistogramOperation::Subtraction,
                );
            }
            BinaryOp::Equal | BinaryOp::NotEqual => {
                return Combined {
                    value: Some((lhs.clone(), a.equals(b) == (op == BinaryOp::Equal))),
                    notes: Vec::new(),
                };
            }
            _ => {}
        },
        (Float(_), Histogram(_)) => {}
    }
    Combined::none(Annotation::IncompatibleTypes {
        operator: op.text(),
        lhs_histogram: lhs.histogram().is_some(),
        rhs_histogram: rhs.histogram().is_some(),
    })
}

fn combined(
    op: BinaryOp,
    outcome: std::result::Result<Outcome, Mismatch>,
    operation: HistogramOperation,
) -> Combined {
    let Ok(outcome) = outcome else {
        return Combined::none(Annotation::IncompatibleBucketLayout(op.text()));
    };
    let notes = native::told(outcome.combined, operation);
    let mut histogram = outcome.histogram;
    if op == BinaryOp::Sub {
        histogram.hint = tsdb::histogram::ResetHint::Gauge;
    }
    Combined {
        value: Some((native::compacted(histogram), true)),
        notes,
    }
}

fn arithmetic(op: BinaryOp, lhs: f64, rhs: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => lhs + rhs,
        BinaryOp::Sub => lhs - rhs,
        BinaryOp::Mul => lhs * rhs,
        BinaryOp::Div => lhs / rhs,
        BinaryOp::Mod => lhs % rhs,
        BinaryOp::Pow => lhs.powf(rhs),
        BinaryOp::Atan2 => lhs.atan2(rhs),
        _ => return None,
    })
}

#[expect(
    clippy::float_cmp,
    reason = "the operators of the language compare exactly"
)]
fn compare(op: BinaryOp, lhs: f64, rhs: f64) -> bool {
    match op {
        BinaryOp::Equal => lhs == rhs,
        BinaryOp::NotEqual => lhs != rhs,
        BinaryOp::Less => lhs < rhs,
        BinaryOp::LessOrEqual => lhs <= rhs,
        BinaryOp::Greater => lhs > rhs,
        _ => lhs >= rhs,
    }
}
