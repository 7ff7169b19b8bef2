//! Set operators: `and`, `or`, `unless` only ask at which steps the other side has the signature.

use super::batch::{Batch, Head, words};
use super::join::{Side, joined, push_kept};
use crate::error::Result;
use crate::syntax::BinaryOp;

/// The rows of a set operator.
pub(super) fn set(
    op: BinaryOp,
    left: &Side<'_>,
    right: &Side<'_>,
    (count, steps): (usize, usize),
) -> Result<Batch> {
    let width = words(steps);
    let mut out: Vec<(Head, Batch)> = Vec::new();
    let mut masked = |side: &Side<'_>, other: &[u64], keep_met: bool| {
        for ((head, row), id) in side.rows.iter().zip(&side.ids) {
            let met = &other[id * width..(id + 1) * width];
            let keep: Vec<u64> = met
                .iter()
                .map(|word| if keep_met { *word } else { !*word })
                .collect();
            let mut batch = Batch::new(steps);
            push_kept(&mut batch, head, *row, &keep);
            if !batch.is_empty() {
                out.push(((*head).clone(), batch));
            }
        }
    };
    match op {
        BinaryOp::And => masked(left, &right.filled(count, width), true),
        BinaryOp::Unless => masked(left, &right.filled(count, width), false),
        _ => {
            masked(left, &vec![u64::MAX; count * width], true);
            masked(right, &left.filled(count, width), false);
        }
    }
    joined(out, steps)
}
