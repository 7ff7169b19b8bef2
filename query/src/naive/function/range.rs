//! Functions of a range vector: one sample per series and step, from the window there.
//!
//! A series keeps its name only under `last_over_time` and `first_over_time`. Two series that differ in nothing but the
//! name are an error then, even if no step has both.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::Query;
use super::super::select::{RangeSeries, Ranges};
use super::super::vector::{Element, Vector, duplicate};
use super::super::window::{Extension, Window};
use super::{events, extended, over_time, rate, regression, x_rate};
use crate::annotation::{Annotation, Annotations};
use crate::error::{Error, Result};
use crate::request::Features;
use crate::syntax::ValueType;
use crate::syntax::ast::{NodeId, Span};
use crate::syntax::function::Function;
use crate::value::SampleValue;

/// What a body may know besides its window.
pub(super) struct Context<'c> {
    pub(super) name: &'static str,
    /// Name of the metric, empty if there is none.
    pub(super) metric: &'c str,
    /// The scalars at this step, in order.
    pub(super) params: Vec<f64>,
    pub(super) extension: Extension,
    pub(super) features: Features,
    /// Where the range vector stands.
    pub(super) span: Span,
    /// Where the first scalar stands.
    pub(super) param_span: Span,
    pub(super) notes: &'c mut Annotations,
}

impl Context<'_> {
    /// Tells something about the range vector.
    pub(super) fn note(&mut self, annotation: Annotation) {
        self.notes.add(annotation, self.span);
    }

    /// Tells something about the metric of the range vector.
    pub(super) fn note_metric(&mut self, kind: fn(String) -> Annotation) {
        self.note(kind(self.metric.to_owned()));
    }
}

/// Calls a function of a range vector and scalars.
pub(in crate::naive) fn call(
    query: &mut Query<'_>,
    function: &'static Function,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    let (mut range, mut scalars) = (args[0], Vec::new());
    for arg in args {
        if query.type_of(*arg) == ValueType::Matrix {
            range = *arg;
        } else {
            scalars.push(*arg);
        }
    }
    let mut params = Vec::new();
    for scalar in &scalars {
        params.push(query.scalars(*scalar, times)?);
    }
    let ranges = query.ranges(range, times)?;
    check_extension(function, ranges.extension)?;
    let span = query.range_span(range);
    let param_span = query.span(scalars.first().copied().unwrap_or(range));
    let mut vectors = vec![Vector::new(); times.len()];
    let mut seen = HashSet::new();
    for series in &ranges.series {
        let mut is_empty = true;
        let mut element = named(query, function, series);
        for (step, vector) in vectors.iter_mut().enumerate() {
            let mut context = Context {
                name: function.name,
                metric: series.metric(),
                params: params.iter().map(|param| param[step]).collect(),
                extension: ranges.extension,
                features: query.request.features,
                span,
                param_span,
                notes: &mut query.notes,
            };
            let Some(value) = body(&ranges, series, step, &mut context)? else {
                continue;
            };
            is_empty = false;
            counted(&mut context, series, &value);
            element.value = value;
            vector.push(element.clone());
        }
        if !is_empty && !seen.insert(element.labels) {
            return Err(duplicate());
        }
    }
    Ok(vectors)
}

/// The labels of a result.
fn named(query: &Query<'_>, function: &Function, series: &RangeSeries) -> Element {
    let mut element = Element {
        labels: Arc::clone(&series.labels),
        value: SampleValue::Float(0.0),
        drop_name: series.drop_name,
    };
    if !matches!(function.name, "last_over_time" | "first_over_time") {
        query.drop_name(&mut element);
    }
    element
}

fn check_extension(function: &Function, extension: Extension) -> Result<()> {
    let (modifier, allowed) = match extension {
        Extension::None => return Ok(()),
        Extension::Anchored if function.allows_anchored() => return Ok(()),
        Extension::Smoothed if function.allows_smoothed() => return Ok(()),
        Extension::Anchored => ("anchored", "changes, delta, increase, rate, resets"),
        Extension::Smoothed => ("smoothed", "delta, increase, rate"),
    };
    let name = function.name;
    Err(Error::Execution(format!(
        "{modifier} modifier can only be used with: {allowed} - not with {name}"
    )))
}

/// Says so where a rate of floats does not look like one of a counter.
fn counted(context: &mut Context<'_>, series: &RangeSeries, value: &SampleValue) {
    let is_rate = matches!(context.name, "rate" | "increase");
    if !is_rate || value.float().is_none() || context.metric.is_empty() {
        return;
    }
    if context.features.type_and_unit_labels {
        let kind = series.labels.get("__type__");
        if !matches!(kind, "counter" | "histogram") {
            let (metric, kind) = (context.metric.to_owned(), kind.to_owned());
            context.note(Annotation::PossibleNonCounterType { metric, kind });
        }
    } else if !["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|suffix| context.metric.ends_with(suffix))
    {
        context.note_metric(Annotation::PossibleNonCounter);
    }
}

fn body(
    ranges: &Ranges,
    series: &RangeSeries,
    step: usize,
    context: &mut Context<'_>,
) -> Result<Option<SampleValue>> {
    let window: Window<'_> = ranges.window(series, step);
    let is_extended = context.extension != Extension::None;
    if !is_extended && !context.name.starts_with('x') && window.inside().is_empty() {
        return Ok(None);
    }
    Ok(match context.name {
        "rate" | "increase" | "delta" if is_extended => extended::rate(window, context),
        "rate" | "increase" | "delta" => rate::rate(window, context),
        "irate" | "idelta" => rate::instant(window, context),
        "resets" | "changes" => events::count(window, context),
        "deriv" | "predict_linear" => regression::line(window, context),
        "double_exponential_smoothing" => return regression::smoothing(window, context),
        "xrate" | "xincrease" | "xdelta" => x_rate::rate(window, context),
        _ => over_time::over_time(window, context),
    })
}
