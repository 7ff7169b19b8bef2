//! `timestamp` and `start_timestamp` of anything but a selector: the time of the step, and nothing.
//!
//! Of a selector they are told by the samples themselves: the plan reads times instead of values then, and [`unchanged`]
//! is all that is left to do.

use super::{Args, Entry, rows};
use crate::annotation::Annotations;
use crate::error::Result;
use crate::exec::batch::Batch;

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "timestamp" => rows(of_step),
        "start_timestamp" => rows(nothing),
        _ => None,
    }
}

/// Leaves the values; only the name goes.
#[expect(clippy::unnecessary_wraps, reason = "a body of a function may fail")]
pub(crate) fn unchanged(_: &mut Batch, _: &Args<'_>, _: &mut Annotations) -> Result<()> {
    Ok(())
}

/// Writes the time of each step that has a sample.
fn of_step(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let times: Vec<f64> = args.grid.times().map(crate::exec::seconds).collect();
    batch.map_samples(|step, _| Some(times[step]), |step, _| Some(times[step]));
    Ok(())
}

/// Nobody knows since when a computed value counts.
fn nothing(batch: &mut Batch, _: &Args<'_>, _: &mut Annotations) -> Result<()> {
    batch.map_samples(|_, _| None, |_, _| None);
    Ok(())
}
