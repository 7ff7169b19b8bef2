//! The bodies of the functions, by family; all pure.
//!
//! ```text
//! Window   one series, all windows of a range       rate, over_time, regression
//! Rows     a batch of rows in place, step by step   math, date, time, label, histogram statistics
//! Vector   all rows of all arguments                histogram quantiles and fractions, sort
//! ```
//!
//! A body is looked up once per plan and called once per series or batch, so its loops know the function they run. Names,
//! argument types and flags are in [`crate::syntax::function`]; whether the metric name stays is told here.

pub mod date;
pub mod events;
pub mod extended;
pub mod histogram;
pub mod label;
pub mod math;
pub mod native;
mod native_rate;
pub mod order;
pub mod over_time;
pub mod rate;
pub mod regression;
mod sliding;
pub mod time;
mod x_rate;

pub(crate) use x_rate::LOOKBACK as X_LOOKBACK;

use crate::annotation::Annotations;
use crate::error::Result;
use crate::exec::batch::Batch;
use crate::exec::window::Series;
use crate::plan::Grid;
use crate::request::Features;
use crate::syntax::ast::Span;

/// A function over the windows of one series.
pub type WindowBody = fn(&mut Series<'_, '_>) -> Result<()>;
/// A function of each row of a batch, which it changes.
pub type RowBody = fn(&mut Batch, &Args<'_>, &mut Annotations) -> Result<()>;
/// A function of all rows.
pub type VectorBody = fn(Input<'_>, &mut Annotations) -> Result<Vec<Batch>>;

/// What a function is given besides rows.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    /// Scalar arguments in their order, a value per step.
    pub scalars: Vec<&'a [f64]>,
    /// String arguments in their order.
    pub texts: Vec<&'a str>,
    /// The times of the steps.
    pub grid: Grid,
    /// Which parts of the language are on.
    pub features: Features,
    /// Where the call was written.
    pub span: Span,
    /// Where each argument was written, in the order of the call.
    pub arg_spans: &'a [Span],
}

/// What a function of all rows is given.
#[derive(Debug)]
pub struct Input<'a> {
    /// The rows of each vector argument, in label order.
    pub vectors: Vec<Vec<Batch>>,
    /// The rest.
    pub args: Args<'a>,
}

/// How a function is carried out.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Over windows.
    Window(WindowBody),
    /// Row by row.
    Rows(RowBody),
    /// All at once.
    Vector(VectorBody),
}

/// What becomes of the metric name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// It stays.
    Kept,
    /// It goes, together with type and unit.
    Dropped,
    /// The function decides, row by row.
    Own,
}

/// A function of the fast engine.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// How it is carried out.
    pub body: Body,
    /// What becomes of the name.
    pub name: Name,
}

/// The body of a function; none where the plan has an operator of its own for it, or it is not there yet.
#[must_use]
pub fn lookup(name: &str) -> Option<Entry> {
    let families = [
        math::lookup,
        date::lookup,
        time::lookup,
        label::lookup,
        order::lookup,
        histogram::lookup,
        rate::lookup,
        x_rate::lookup,
        events::lookup,
        over_time::lookup,
        regression::lookup,
    ];
    families.iter().find_map(|family| family(name))
}

pub(crate) fn window(body: WindowBody) -> Option<Entry> {
    Some(Entry {
        body: Body::Window(body),
        name: Name::Dropped,
    })
}

pub(crate) fn rows(body: RowBody) -> Option<Entry> {
    Some(Entry {
        body: Body::Rows(body),
        name: Name::Dropped,
    })
}

pub(crate) fn own(body: Body) -> Option<Entry> {
    Some(Entry {
        body,
        name: Name::Own,
    })
}

/// Replaces each float by what `compute` makes of it and its step; histograms go.
pub(crate) fn map_floats(batch: &mut Batch, compute: impl Fn(usize, f64) -> f64) {
    batch.histograms.clear();
    if batch.steps == 0 {
        return;
    }
    for row in batch.floats.chunks_exact_mut(batch.steps) {
        for (step, value) in row.iter_mut().enumerate() {
            *value = compute(step, *value);
        }
    }
}
