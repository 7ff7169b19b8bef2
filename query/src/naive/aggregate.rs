//! Aggregations: groups of a vector, and what becomes of each.
//!
//! A group is named by the labels of `by`, or by all but those of `without` and the name. Sums and means take floats or
//! histograms, not both; counts take anything; the others take floats and tell of what they pass over. Those that pick
//! elements or make groups of values are in [`super::aggregate_param`].

use std::collections::HashMap;
use std::sync::Arc;

use tsdb::label::Labels;

use super::mean::{Mean, Sum, last_as_float, quantile, spread_start};
use super::vector::{Element, Vector, grouped};
use super::{Query, native};
use crate::annotation::{Annotation, Annotations};
use crate::error::Result;
use crate::syntax::AggregateOp;
use crate::syntax::ast::{Aggregate, NodeId, Span};
use crate::value::SampleValue;

/// Elements that belong together.
pub(super) struct Group {
    pub(super) labels: Labels,
    pub(super) members: Vec<Element>,
}

/// The groups of a vector, in the order of their first members.
pub(super) fn groups(vector: Vector, names: &[String], without: bool) -> Vec<Group> {
    let mut places = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for element in vector {
        let labels = grouped(&element.labels, names, without);
        let place = *places.entry(labels.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                labels,
                members: Vec::new(),
            });
        }
        groups[place].members.push(element);
    }
    groups
}

impl Group {
    /// The element that stands for the group.
    pub(super) fn element(&self, value: SampleValue) -> Element {
        Element {
            labels: Arc::new(self.labels.clone()),
            value,
            drop_name: self.members.iter().any(|member| member.drop_name),
        }
    }
}

impl Query<'_> {
    /// The value of an aggregation at each time.
    pub(super) fn aggregate(
        &mut self,
        id: NodeId,
        aggregate: &Aggregate,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        match aggregate.op {
            AggregateOp::CountValues => return self.count_values(aggregate, times),
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => return self.pick(id, aggregate, times),
            _ => {}
        }
        let params = match aggregate.param {
            Some(param) => self.scalars(param, times)?,
            None => vec![f64::NAN; times.len()],
        };
        if let Some(param) = aggregate.param {
            self.check_quantile(&params, self.span(param));
        }
        let span = self.span(aggregate.expr);
        let vectors = self.vectors(aggregate.expr, times)?;
        let mut results = Vec::with_capacity(vectors.len());
        for (vector, param) in vectors.into_iter().zip(params) {
            let mut result = Vector::new();
            for group in groups(vector, &aggregate.grouping, aggregate.without) {
                let value = reduce(aggregate.op, param, &group.members, (&mut self.notes, span));
                result.extend(value.map(|value| group.element(value)));
            }
            results.push(result);
        }
        Ok(results)
    }

    /// Warns of the worst quantiles outside 0 to 1.
    fn check_quantile(&mut self, params: &[f64], span: Span) {
        let lowest = params.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = params.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let nan = params.iter().copied().find(|param| param.is_nan());
        let low = Some(lowest).filter(|param| *param < 0.0);
        let high = Some(highest).filter(|param| *param > 1.0);
        for param in [nan, low, high].into_iter().flatten() {
            self.note(Annotation::InvalidQuantile(param), span);
        }
    }
}

/// What becomes of a group.
fn reduce(
    op: AggregateOp,
    param: f64,
    members: &[Element],
    (notes, span): (&mut Annotations, Span),
) -> Option<SampleValue> {
    let values = || members.iter().map(|member| &member.value);
    let mut floats: Vec<f64> = values().filter_map(SampleValue::float).collect();
    let histograms: Vec<native::Shared> = values()
        .filter_map(SampleValue::histogram)
        .cloned()
        .collect();
    match op {
        AggregateOp::Group => return Some(SampleValue::Float(1.0)),
        AggregateOp::Count => return Some(SampleValue::Float(last_as_float(members.len()))),
        AggregateOp::Sum | AggregateOp::Avg if !histograms.is_empty() => {
            if !floats.is_empty() {
                notes.add(Annotation::MixedTypesInAggregation, span);
                return None;
            }
            let (result, told) = native::folded(&histograms, op == AggregateOp::Avg);
            for annotation in told {
                notes.add(annotation, span);
            }
            return match result {
                Ok(histogram) => Some(SampleValue::Histogram(histogram)),
                Err(at) => {
                    let metric = members[at].labels.get(tsdb::label::METRIC_NAME);
                    notes.add(Annotation::MixedSchemas(metric.to_owned()), span);
                    None
                }
            };
        }
        _ if !histograms.is_empty() => {
            notes.add(Annotation::HistogramIgnoredInAggregation(op.text()), span);
        }
        _ => {}
    }
    let (first, rest) = floats.split_first()?;
    let rest_values = rest.iter().copied();
    Some(SampleValue::Float(match op {
        AggregateOp::Sum => rest_values.fold(Sum::of(*first), Sum::plus).value(),
        AggregateOp::Avg => rest_values.fold(Mean::of(*first), Mean::plus).value(),
        AggregateOp::Min => rest_values.fold(*first, |best, value| {
            if value < best || best.is_nan() {
                value
            } else {
                best
            }
        }),
        AggregateOp::Max => rest_values.fold(*first, |best, value| {
            if value > best || best.is_nan() {
                value
            } else {
                best
            }
        }),
        AggregateOp::Stdvar => variance(*first, rest),
        AggregateOp::Stddev => variance(*first, rest).sqrt(),
        _ => quantile(param, &mut floats),
    }))
}

/// Welford's, as plain floats.
fn variance(first: f64, rest: &[f64]) -> f64 {
    let (mut mean, mut spread, mut count) = (first, spread_start(first), 1.0);
    for value in rest {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        spread += delta * (value - mean);
    }
    spread / count
}
