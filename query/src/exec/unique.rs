//! Rows with equal labels, after names were dropped: one row where their steps differ, an error where they meet.

use std::convert::Infallible;

use hashbrown::HashMap;

use super::batch::{Batch, Head, Row, RowMut};
use crate::error::{Error, Result};
use crate::plan::{Grid, Unique};

/// The error of two equal label sets at one time.
pub(crate) fn duplicate() -> Error {
    Error::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Rows with unique labels.
///
/// # Errors
/// Where two rows with equal labels may not be one.
pub fn unique(batches: Vec<Batch>, how: Unique, grid: Grid) -> Result<Batch> {
    let mut places: HashMap<&tsdb::label::Labels, Vec<(usize, usize)>> = HashMap::new();
    let mut order = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        for (row, head) in batch.heads.iter().enumerate() {
            let same = places.entry(&head.labels).or_default();
            if same.is_empty() {
                order.push(&head.labels);
            } else if how == Unique::Whole {
                return Err(duplicate());
            }
            same.push((at, row));
        }
    }
    let mut out = Batch::new(grid.steps);
    for labels in order {
        let same = &places[labels];
        let rows: Vec<Row<'_>> = same
            .iter()
            .map(|(at, row)| batches[*at].row(*row))
            .collect();
        let (first, row) = same[0];
        let head = batches[first].heads[row].clone();
        push_joined(&mut out, head, &rows)?;
    }
    Ok(out)
}

/// Appends several rows as one.
///
/// # Errors
/// Where two have a sample at the same step.
pub fn push_joined(out: &mut Batch, head: Head, rows: &[Row<'_>]) -> Result<()> {
    if let [row] = rows {
        out.push(head, *row);
        return Ok(());
    }
    let mut taken = vec![0_u64; super::batch::words(out.steps)];
    for row in rows {
        for (word, bits) in taken.iter_mut().zip(row.filled()) {
            if *word & bits != 0 {
                return Err(duplicate());
            }
            *word |= bits;
        }
    }
    let written = out.push_with::<Infallible>(head, |into| {
        for row in rows {
            copy(row, into);
        }
        into.histograms.sort_by_key(|(step, _)| *step);
        Ok(())
    });
    let Ok(_) = written;
    Ok(())
}

fn copy(row: &Row<'_>, into: &mut RowMut<'_>) {
    row.each_float(|step, value| into.set(step, value));
    into.histograms.extend_from_slice(row.histograms);
}
