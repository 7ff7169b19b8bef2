//! `smoothed` selectors at one time: the value on the line between the neighbours, which lie within the lookback.
//!
//! Without a neighbour behind, the one before stands for it. Floats and histograms do not mix.

use std::convert::Infallible;

use super::batch::{Batch, Head, RowMut};
use super::scan::read;
use super::window::{Cursors, Point, Stamp, Window, points};
use crate::annotation::{Annotation, Annotations};
use crate::functions::extended::between;
use crate::plan::{Grid, Reads, Scan};
use crate::storage::Columns;
use crate::value::SampleValue;

/// A selector with one of its series.
pub(super) struct Smooth<'s> {
    pub(super) scan: &'s Scan,
    pub(super) reads: Reads,
    pub(super) grid: Grid,
    pub(super) metric: &'s str,
}

impl Smooth<'_> {
    /// Appends the row of a series.
    pub(super) fn push(
        &self,
        head: Head,
        columns: &Columns,
        (batch, notes): (&mut Batch, &mut Annotations),
    ) {
        let pushed = batch.push_with::<Infallible>(head, |into| {
            self.write(columns, into, notes);
            Ok(())
        });
        let Ok(_) = pushed;
    }

    fn write(&self, columns: &Columns, out: &mut RowMut<'_>, notes: &mut Annotations) {
        let all: Vec<Point<'_>> = points(Window::whole(columns), Some(columns)).collect();
        let look = self.scan.look;
        let mut near = Cursors::default();
        for step in 0..self.grid.steps {
            let at = look.end(self.grid, step);
            let bounds = (at.saturating_sub(look.range), at.saturating_add(look.range));
            near.advance(all.len(), bounds, |index| all[index].stamp.t);
            match value(&all[near.low..near.high], at) {
                Ok(Some((_, value))) if self.reads == Reads::Value => out.set_value(step, value),
                Ok(Some((stamp, _))) => {
                    out.set(step, read(self.reads, 0.0, stamp.t, stamp.start));
                }
                Ok(None) => {}
                Err(kind) => notes.add(kind(self.metric.to_owned()), self.scan.span),
            }
        }
    }
}

/// A value with its time, if there is one; else what to tell of the metric.
type Found = Result<Option<(Stamp, SampleValue)>, fn(String) -> Annotation>;

/// The value at a time among the samples near it.
fn value(near: &[Point<'_>], at: i64) -> Found {
    let is_histogram = |point: &Point<'_>| point.value.is_histogram();
    if near.iter().any(is_histogram) && !near.iter().all(is_histogram) {
        return Err(Annotation::MixedTypes);
    }
    let (before, rest) = near.split_at(near.partition_point(|point| point.stamp.t < at));
    let right = rest.first();
    if let Some(exact) = right.filter(|point| point.stamp.t == at) {
        return Ok(Some((exact.stamp, exact.value.to_value())));
    }
    let Some(left) = before.last() else {
        return Ok(None);
    };
    let Some(right) = right else {
        return Ok(Some((left.stamp, left.value.to_value())));
    };
    let stamp = Stamp { t: at, start: 0 };
    between(*left, *right, at).map(|value| Some((stamp, value)))
}
