//! `absent` and `absent_over_time`: one where no row has a sample.
//!
//! Only presence bits are looked at, batch by batch; no row is held.

use tsdb::label::Labels;

use super::Run;
use super::batch::{Batch, Head, words};
use crate::error::{Error, Result};
use crate::plan::{Grid, PlanId};

impl Run<'_> {
    pub(super) fn absent(&self, child: PlanId, labels: &Labels, grid: Grid) -> Result<Vec<Batch>> {
        let mut filled = vec![0_u64; words(grid.steps)];
        self.each(child, &|batch, _| Ok(batch), &mut |batch: Batch| {
            for (_, row) in batch.iter() {
                let bits = filled.iter_mut().zip(row.filled());
                bits.for_each(|(filled, bits)| *filled |= bits);
            }
            Ok(())
        })?;
        let head = Head {
            labels: labels.clone(),
            drop_name: false,
        };
        let mut batch = Batch::new(grid.steps);
        batch.push_with::<Error>(head, |row| {
            let absent = |step: &usize| filled[step / 64] >> (step % 64) & 1 == 0;
            (0..grid.steps)
                .filter(absent)
                .for_each(|step| row.set(step, 1.0));
            Ok(())
        })?;
        Ok(vec![batch])
    }
}
