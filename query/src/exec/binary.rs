//! Operators between numbers, and between the rows of a vector and a scalar.
//!
//! The operator is chosen once and its loop is compiled for it. A comparison filters: it keeps the vector's value where it
//! is true; under `bool` it gives 0 and 1 everywhere.

use super::batch::{Batch, words};
use super::{Fold, Map, Run};
use crate::annotation::Annotations;
use crate::error::{Error, Result};
use crate::functions::{Args, map_floats};
use crate::plan::ScalarSide;
use crate::plan::build::drops_name;
use crate::syntax::BinaryOp;

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
    if matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
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
/// Where there are histograms, which are not negated yet.
pub fn negate(batch: &mut Batch, _: &Args<'_>, _: &mut Annotations) -> Result<()> {
    if batch.histograms.iter().any(|row| !row.is_empty()) {
        return Err(unsupported("-"));
    }
    map_floats(batch, |_, value| -value);
    Ok(())
}

pub(super) fn unsupported(op: &str) -> Error {
    Error::Execution(format!(
        "operator {op} on native histograms: not supported by this engine yet"
    ))
}

impl Run<'_> {
    pub(super) fn vector_scalar<T: Send>(
        &self,
        side: &ScalarSide,
        map: Map<'_, T>,
        fold: Fold<'_, T>,
    ) -> Result<()> {
        let scalar = self.scalar(side.scalar)?;
        self.each(
            side.vector,
            &|mut batch, notes| {
                if batch.histograms.iter().any(|row| !row.is_empty()) {
                    return Err(unsupported(side.op.text()));
                }
                apply(&mut batch, side, &scalar);
                batch.drop_empty();
                if drops_name(side.op, side.return_bool) {
                    batch.heads.iter_mut().for_each(|head| self.drop_name(head));
                }
                map(batch, notes)
            },
            fold,
        )
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
