//! The `histogram_` functions: over native histograms, and over series with an `le` label.
//!
//! Quantiles and fractions take both: the buckets of a classic histogram are the elements that differ in `le` only. Where
//! such elements stand beside a native histogram of the same labels, neither counts. The name is told in messages only
//! where it is still there at the end of the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::histogram::FloatHistogram;
use tsdb::label::{Labels, METRIC_NAME};

use super::super::Query;
use super::super::vector::{Element, Vector, set};
use crate::annotation::{Annotation, Monotonicity};
use crate::error::Result;
use crate::histogram::classic::{self, ClassicBucket};
use crate::histogram::{moments, native};
use crate::syntax::ast::{NodeId, Span};
use crate::syntax::function::Function;
use crate::syntax::number;
use crate::value::SampleValue;

/// Label of the upper bound of a classic bucket.
const BOUND: &str = "le";

/// Calls one of them.
pub(in crate::naive) fn call(
    query: &mut Query<'_>,
    function: &Function,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    match function.name {
        "histogram_quantile" => quantile(query, args, times),
        "histogram_fraction" => fraction(query, args, times),
        "histogram_quantiles" => quantiles(query, args, times),
        "histogram_count" => each(query, args[0], times, |histogram| histogram.count),
        "histogram_sum" => each(query, args[0], times, |histogram| histogram.sum),
        "histogram_avg" => each(query, args[0], times, |histogram| {
            histogram.sum / histogram.count
        }),
        "histogram_stdvar" => each(query, args[0], times, moments::variance),
        _ => each(query, args[0], times, |histogram| {
            moments::variance(histogram).sqrt()
        }),
    }
}

/// A number of each native histogram.
fn each(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
    number: fn(&FloatHistogram) -> f64,
) -> Result<Vec<Vector>> {
    let mut vectors = query.vectors(arg, times)?;
    for vector in &mut vectors {
        vector.retain(|element| element.value.histogram().is_some());
        for element in vector {
            if let Some(histogram) = element.value.histogram() {
                element.value = SampleValue::Float(number(histogram));
            }
            query.drop_name(element);
        }
    }
    Ok(vectors)
}

/// Elements with the same labels but for the bound.
#[derive(Default)]
struct Subject {
    classic: Vec<ClassicBucket>,
    native: Option<Arc<FloatHistogram>>,
}

/// What can be asked about at one step.
fn subjects(query: &mut Query<'_>, vector: Vector, span: Span) -> Vec<(Labels, Subject)> {
    let mut subjects = BTreeMap::<Labels, Subject>::new();
    for element in vector {
        match &element.value {
            SampleValue::Histogram(histogram) => {
                let subject = subjects.entry(Labels::clone(&element.labels)).or_default();
                subject.native = Some(Arc::clone(histogram));
            }
            SampleValue::Float(count) => {
                let le = element.labels.get(BOUND);
                let Some(upper) = classic::bound(le) else {
                    let value = le.to_owned();
                    let metric = told_name(query, &element.labels);
                    query.note(Annotation::BadBucketLabel { value, metric }, span);
                    continue;
                };
                let mut labels = Labels::clone(&element.labels);
                set(&mut labels, BOUND, "");
                let subject = subjects.entry(labels).or_default();
                subject.classic.push(ClassicBucket {
                    upper,
                    count: *count,
                });
            }
        }
    }
    let mut clean = Vec::new();
    for (labels, subject) in subjects {
        if subject.native.is_some() && !subject.classic.is_empty() {
            let metric = told_name(query, &labels);
            query.note(Annotation::MixedClassicNative(metric), span);
        } else {
            clean.push((labels, subject));
        }
    }
    clean
}

/// The name of the metric where messages show it.
fn told_name(query: &Query<'_>, labels: &Labels) -> String {
    if query.request.features.delayed_name_removal {
        labels.get(METRIC_NAME).to_owned()
    } else {
        String::new()
    }
}

fn result(query: &Query<'_>, labels: Labels, value: f64) -> Element {
    let mut element = Element::float(labels, value);
    query.drop_name(&mut element);
    element
}

fn quantile(query: &mut Query<'_>, args: &[NodeId], times: &[i64]) -> Result<Vec<Vector>> {
    let asked = query.scalars(args[0], times)?;
    let vectors = query.vectors(args[1], times)?;
    let spans = (query.span(args[0]), query.span(args[1]));
    let mut results = Vec::with_capacity(times.len());
    for ((vector, at), t) in vectors.into_iter().zip(asked).zip(times) {
        check_quantile(query, at, spans.0);
        let mut vector_of = Vector::new();
        for (labels, mut subject) in subjects(query, vector, spans.1) {
            let value = quantile_of(
                query,
                at,
                (&labels, &mut subject),
                (step_of(times, *t), spans.1),
            );
            vector_of.push(result(query, labels, value));
        }
        results.push(vector_of);
    }
    Ok(results)
}

fn check_quantile(query: &mut Query<'_>, at: f64, span: Span) {
    if !(0.0..=1.0).contains(&at) {
        query.note(Annotation::InvalidQuantile(at), span);
    }
}

fn quantile_of(
    query: &mut Query<'_>,
    at: f64,
    (labels, subject): (&Labels, &mut Subject),
    (at_step, span): ((i64, i64, i64), Span),
) -> f64 {
    let metric = told_name(query, labels);
    if let Some(histogram) = &subject.native {
        let (value, effect) = native::quantile(at, histogram);
        match effect {
            Some(native::NanEffect::ResultIsNan) => {
                query.note(Annotation::NanQuantile(metric), span);
            }
            Some(native::NanEffect::SkewedHigher) => {
                query.note(Annotation::SkewedQuantile(metric), span);
            }
            None => {}
        }
        return value;
    }
    let (value, repair) = classic::quantile(at, &mut subject.classic);
    if let Some(repair) = repair {
        let fixed = Monotonicity::new(metric, repair, at_step);
        query.note(Annotation::ForcedMonotonicity(fixed), span);
    }
    value
}

/// A time, the distance of the steps, and the last of them.
fn step_of(times: &[i64], t: i64) -> (i64, i64, i64) {
    let step = times.get(1).map_or(0, |second| second - times[0]);
    (t, step, times[times.len() - 1])
}

fn fraction(query: &mut Query<'_>, args: &[NodeId], times: &[i64]) -> Result<Vec<Vector>> {
    let lower = query.scalars(args[0], times)?;
    let upper = query.scalars(args[1], times)?;
    let vectors = query.vectors(args[2], times)?;
    let span = query.span(args[2]);
    let mut results = Vec::with_capacity(times.len());
    for ((vector, lower), upper) in vectors.into_iter().zip(lower).zip(upper) {
        let mut vector_of = Vector::new();
        for (labels, mut subject) in subjects(query, vector, span) {
            let value = if let Some(histogram) = &subject.native {
                let (value, has_nan) = native::fraction(lower, upper, histogram);
                if has_nan {
                    let metric = told_name(query, &labels);
                    query.note(Annotation::NanFraction(metric), span);
                }
                value
            } else {
                classic::fraction(lower, upper, &mut subject.classic)
            };
            vector_of.push(result(query, labels, value));
        }
        results.push(vector_of);
    }
    Ok(results)
}

fn quantiles(query: &mut Query<'_>, args: &[NodeId], times: &[i64]) -> Result<Vec<Vector>> {
    let label = query.string(args[1])?;
    let mut asked = Vec::new();
    for arg in &args[2..] {
        asked.push((query.scalars(*arg, times)?, query.span(*arg)));
    }
    let vectors = query.vectors(args[0], times)?;
    let span = query.span(args[0]);
    let mut results = Vec::with_capacity(times.len());
    for (step, (vector, t)) in vectors.into_iter().zip(times).enumerate() {
        for (values, param_span) in &asked {
            check_quantile(query, values[step], *param_span);
        }
        let mut vector_of = Vector::new();
        for (labels, mut subject) in subjects(query, vector, span) {
            for (values, _) in &asked {
                let at = values[step];
                let value = quantile_of(
                    query,
                    at,
                    (&labels, &mut subject),
                    (step_of(times, *t), span),
                );
                let mut labels = labels.clone();
                set(&mut labels, &label, &open_metrics(at));
                vector_of.push(result(query, labels, value));
            }
        }
        results.push(vector_of);
    }
    Ok(results)
}

/// A float that shows that it is one.
fn open_metrics(value: f64) -> String {
    let text = number::print_general(value);
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return text + ".0";
    }
    text
}
