//! `resets` and `changes`: how often something happens between two samples of a window.
//!
//! ```text
//! samples   .  .  .  .  .  .  .
//! events          x     x  x        found once per series, as times
//! window       (--------]           events inside, less one if its first sample is one: that looks at a sample outside
//! ```
//!
//! A change of the kind of sample is a reset and a change. Anchored windows begin with the value before them.

use super::over_time::as_float;
use super::{Entry, extended, window};
use crate::error::Result;
use crate::exec::batch::CellRef;
use crate::exec::window::{Cursors, Point, Series, Window};
use crate::plan::Extension;

/// Whether something happened between a sample and the one before, the earlier first.
pub(super) type Event = fn(Point<'_>, Point<'_>) -> bool;

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "resets" => window(|series| count(series, is_reset)),
        "changes" => window(|series| count(series, is_change)),
        _ => None,
    }
}

fn count(series: &mut Series<'_, '_>, event: Event) -> Result<()> {
    if series.extension != Extension::None {
        return extended::count(series, event);
    }
    let times = times(series, event);
    let mut inside = Cursors::default();
    series.windows(|series, window| {
        inside.advance(times.len(), (window.start, window.end), |at| times[at]);
        let first = match (window.t.first(), window.histograms.first()) {
            (Some(t), Some(sample)) => Some(sample.t.min(*t)),
            (Some(t), None) => Some(*t),
            (None, sample) => sample.map(|sample| sample.t),
        };
        let outside = inside.low < inside.high && Some(times[inside.low]) == first;
        let count = inside.high - inside.low - usize::from(outside);
        series.out.set(window.step, as_float(count));
        Ok(())
    })
}

/// When it happened, over the whole series.
fn times(series: &Series<'_, '_>, event: Event) -> Vec<i64> {
    let mut times = Vec::new();
    let mut before = None;
    for now in series.points(Window::whole(series.columns)) {
        if before.is_some_and(|before| event(before, now)) {
            times.push(now.stamp.t);
        }
        before = Some(now);
    }
    times
}

fn is_reset(before: Point<'_>, now: Point<'_>) -> bool {
    let restarted = || now.stamp.began_again(before.stamp);
    match (before.value, now.value) {
        (CellRef::Float(a), CellRef::Float(b)) => b < a || restarted(),
        (CellRef::Histogram(a), CellRef::Histogram(b)) => b.detect_reset(a) || restarted(),
        _ => true,
    }
}

#[expect(clippy::float_cmp, reason = "a change is any other value")]
fn is_change(before: Point<'_>, now: Point<'_>) -> bool {
    match (before.value, now.value) {
        (CellRef::Float(a), CellRef::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (CellRef::Histogram(a), CellRef::Histogram(b)) => !a.equals(b),
        _ => true,
    }
}
