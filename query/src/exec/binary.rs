//! Operators between numbers, and between the rows of a vector and a scalar.
//!
//! The operator is chosen once and its loop is compiled for it. A comparison filters: it keeps the vector's value where it
//! is true; under `bool` it gives 0 and 1 everywhere.

use super::batch::{Batch, CellRef, words};
use super::operand::{Refusal, Refusals, combine};
use super::{Fold, Map, Run, lock};
use crate::annotation::Annotations;
use crate::error::{Error, Result};
use crate::functions::native::multiplied;
use crate::functions::{Args, map_floats};
use crate::plan::names::drops_name;
use crate::plan::{PlanId, ScalarSide};
use crate::syntax::BinaryOp;
use crate::value::SampleValue;

/// Runs `$body` with `$f` bound to what the operator computes, as `fn(f64, f64) -> (value, kept)`.
macro_rules! with_operator {
    ($op:expr, $f:ident, $body:expr) => {{
        fn truth(is: bool) -> f64 {
            f64::from(u8::from(is))
        }
        macro_rules! run {
            ($compute:expr) => {{
                let $f = $compute;
                $body
            }};
        }
        match $op {
            BinaryOp::Add => run!(|a: f64, b: f64| (a + b, true)),
            BinaryOp::Sub => run!(|a: f64, b: f64| (a - b, true)),
            BinaryOp::Mul => run!(|a: f64, b: f64| (a * b, true)),
            BinaryOp::Div => run!(|a: f64, b: f64| (a / b, true)),
            BinaryOp::Mod => run!(|a: f64, b: f64| (a % b, true)),
            BinaryOp::Pow => run!(|a: f64, b: f64| (a.powf(b), true)),
            BinaryOp::Atan2 => run!(|a: f64, b: f64| (a.atan2(b), true)),
            BinaryOp::Equal => run!(|a: f64, b: f64| (truth(a == b), a == b)),
            BinaryOp::NotEqual => run!(|a: f64, b: f64| (truth(a != b), a != b)),
            BinaryOp::Less => run!(|a: f64, b: f64| (truth(a < b), a < b)),
            BinaryOp::LessOrEqual => run!(|a: f64, b: f64| (truth(a <= b), a <= b)),
            BinaryOp::Greater => run!(|a: f64, b: f64| (truth(a > b), a > b)),
            BinaryOp::GreaterOrEqual => run!(|a: f64, b: f64| (truth(a >= b), a >= b)),
            BinaryOp::TrimUpper
            | BinaryOp::TrimLower
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Unless => run!(|_: f64, _: f64| (0.0, false)),
        }
    }};
}
pub(super) use with_operator;

/// Two scalars at each step.
///
/// # Errors
/// Where the operator is none of scalars.
#[expect(clippy::float_cmp, reason = "`==` of the language compares exactly")]
pub fn scalars(op: BinaryOp, lhs: &[f64], rhs: &[f64]) -> Result<Vec<f64>> {
    if op.is_trim() {
        let text = format!(
            "operator \"{}\" not allowed for Scalar operations",
            op.text()
        );
        return Err(Error::Execution(text));
    }
    let pairs = lhs.iter().zip(rhs);
    Ok(with_operator!(op, f, {
        pairs.map(|(a, b)| f(*a, *b).0).collect()
    }))
}

/// The body of the sign.
///
/// # Errors
/// None.
pub fn negate(batch: &mut Batch, _: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let mut histograms = std::mem::take(&mut batch.histograms);
    map_floats(batch, |_, value| -value);
    for (_, histogram) in histograms.iter_mut().flatten() {
        *histogram = multiplied(histogram, -1.0);
    }
    batch.histograms = histograms;
    Ok(())
}

impl Run<'_> {
    pub(super) fn vector_scalar<T: Send>(
        &self,
        (id, side): (PlanId, &ScalarSide),
        map: Map<'_, T>,
        fold: Fold<'_, T>,
    ) -> Result<()> {
        let scalar = self.scalar(side.scalar)?;
        let span = self.plan.nodes[id].span;
        self.each(
            side.vector,
            &|mut batch, notes| {
                if batch.has_histograms() {
                    // All refusals are about histograms, so those of one batch say what there is to say.
                    let mut refused = Refusals::default();
                    apply_to_histograms(&mut batch, side, &scalar, &mut refused);
                    refused.tell(side.op, notes, span);
                }
                apply(&mut batch, side, &scalar);
                self.finish_vector_scalar(&mut batch, side);
                map(batch, notes)
            },
            fold,
        )
    }

    /// Trims, which only histograms know: what is told last of a step depends on all rows.
    pub(super) fn trim(&self, id: PlanId, side: &ScalarSide) -> Result<Vec<Batch>> {
        let scalar = self.scalar(side.scalar)?;
        let mut batches = self.rows(side.vector)?.batches;
        let mut refused = Refusals::default();
        for batch in &mut batches {
            apply_to_histograms(batch, side, &scalar, &mut refused);
            batch.present.fill(0);
            self.finish_vector_scalar(batch, side);
        }
        refused.tell(side.op, &mut lock(&self.notes), self.plan.nodes[id].span);
        Ok(batches)
    }

    fn finish_vector_scalar(&self, batch: &mut Batch, side: &ScalarSide) {
        batch.drop_empty();
        if drops_name(side.op, side.return_bool) {
            batch.heads.iter_mut().for_each(|head| self.drop_name(head));
        }
    }
}

/// Applies the operator to the histograms, row by row; of floats it is told that they cannot be cut.
fn apply_to_histograms(
    batch: &mut Batch,
    side: &ScalarSide,
    scalar: &[f64],
    refused: &mut Refusals,
) {
    for at in 0..batch.len() {
        if side.op.is_trim() {
            let refusal = Refusal::Kinds(false, false);
            let row = batch.row(at);
            row.each_float(|step, _| refused.put(step, refusal));
        }
        let Some(row) = batch.histograms.get_mut(at) else {
            continue;
        };
        for (step, histogram) in std::mem::take(row) {
            let scalar = CellRef::Float(scalar[step as usize]);
            let vector = CellRef::Histogram(&histogram);
            let (lhs, rhs) = if side.scalar_left {
                (scalar, vector)
            } else {
                (vector, scalar)
            };
            match combine(side.op, lhs, rhs, &mut |_| {}) {
                Ok((SampleValue::Histogram(result), _)) => row.push((step, result)),
                Ok((SampleValue::Float(_), _)) => {}
                Err(refusal) => refused.put(step as usize, refusal),
            }
        }
    }
}

#[expect(clippy::float_cmp, reason = "`==` of the language compares exactly")]
fn apply(batch: &mut Batch, side: &ScalarSide, scalar: &[f64]) {
    let filters = side.op.is_comparison() && !side.return_bool;
    let steps = batch.steps.max(1);
    let rows = batch.floats.chunks_exact_mut(steps);
    let masks = batch.present.chunks_exact_mut(words(steps));
    with_operator!(side.op, f, {
        for (row, mask) in rows.zip(masks) {
            for (step, value) in row.iter_mut().enumerate() {
                let (computed, kept) = if side.scalar_left {
                    f(scalar[step], *value)
                } else {
                    f(*value, scalar[step])
                };
                if !filters {
                    *value = computed;
                } else if !kept {
                    mask[step / 64] &= !(1 << (step % 64));
                }
            }
        }
    });
}
