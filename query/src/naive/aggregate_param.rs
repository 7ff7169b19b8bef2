//! Aggregations that pick elements (`topk`, `bottomk`, `limitk`, `limit_ratio`), and `count_values`.
//!
//! Picked elements keep their labels. Of equal ones `topk` takes those that come first; NaN loses to any number. How many
//! are picked may change from step to step; what makes no number of elements is refused before anything runs.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Query;
use super::aggregate::{Group, groups};
use super::mean::last_as_float;
use super::vector::{Element, Vector, set};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::syntax::AggregateOp;
use crate::syntax::ast::{Aggregate, NodeId, Span};
use crate::syntax::number;
use crate::value::SampleValue;

impl Query<'_> {
    /// Picks elements of each group.
    pub(super) fn pick(
        &mut self,
        id: NodeId,
        aggregate: &Aggregate,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let param = aggregate.param.unwrap_or(aggregate.expr);
        let params = self.scalars(param, times)?;
        let params = if aggregate.op == AggregateOp::LimitRatio {
            self.ratios(params, self.span(param))?
        } else {
            check_counts(&params)?;
            params
        };
        let span = self.tree.span(id);
        let vectors = self.vectors(aggregate.expr, times)?;
        let mut results = Vec::with_capacity(vectors.len());
        for (vector, param) in vectors.into_iter().zip(params) {
            let mut result = Vector::new();
            for group in groups(vector, &aggregate.grouping, aggregate.without) {
                result.extend(self.picked_of(aggregate.op, param, group, span));
            }
            results.push(result);
        }
        Ok(results)
    }

    fn picked_of(&mut self, op: AggregateOp, param: f64, group: Group, span: Span) -> Vec<Element> {
        let mut members = group.members;
        match op {
            AggregateOp::Limitk => members.truncate(count(param)),
            AggregateOp::LimitRatio => members.retain(|member| is_in_share(member, param)),
            _ if count(param) == 0 => members.clear(),
            _ => {
                let before = members.len();
                members.retain(|member| member.value.float().is_some());
                if members.len() < before {
                    self.note(Annotation::HistogramIgnoredInAggregation(op.text()), span);
                }
                members.sort_by(|a, b| rank(op, a, b));
                members.truncate(count(param));
            }
        }
        members
    }

    /// Ratios within -1 to 1, with a warning of the worst that were not.
    fn ratios(&mut self, params: Vec<f64>, span: Span) -> Result<Vec<f64>> {
        if params.iter().any(|param| param.is_nan()) {
            return Err(Error::Execution("Ratio value is NaN".to_owned()));
        }
        let lowest = params.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = params.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (ratio, capped) in [(highest, 1.0), (lowest, -1.0)] {
            if ratio.abs() > 1.0 && ratio.is_sign_positive() == (capped > 0.0) {
                self.note(Annotation::InvalidRatio { ratio, capped }, span);
            }
        }
        Ok(params
            .into_iter()
            .map(|ratio| ratio.clamp(-1.0, 1.0))
            .collect())
    }

    /// Counts elements of equal value, which becomes a label.
    pub(super) fn count_values(
        &mut self,
        aggregate: &Aggregate,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let label = self.string(aggregate.param.unwrap_or(aggregate.expr))?;
        if label.is_empty() {
            return Err(Error::Execution(format!("invalid label name {label:?}")));
        }
        let mut names = aggregate.grouping.clone();
        if !aggregate.without {
            names.push(label.clone());
        }
        let vectors = self.vectors(aggregate.expr, times)?;
        let mut results = Vec::with_capacity(vectors.len());
        for mut vector in vectors {
            for element in &mut vector {
                let text = match &element.value {
                    SampleValue::Float(float) => number::print_number(*float),
                    SampleValue::Histogram(histogram) => histogram.to_string(),
                };
                set(Arc::make_mut(&mut element.labels), &label, &text);
            }
            let counted = |group: Group| {
                let count = last_as_float(group.members.len());
                Element {
                    drop_name: false,
                    ..group.element(SampleValue::Float(count))
                }
            };
            let groups = groups(vector, &names, aggregate.without);
            results.push(groups.into_iter().map(counted).collect());
        }
        Ok(results)
    }
}

/// Largest first for `topk`, smallest first for `bottomk`, NaN last.
fn rank(op: AggregateOp, a: &Element, b: &Element) -> Ordering {
    let value = |element: &Element| element.value.float().unwrap_or(f64::NAN);
    let (a, b) = (value(a), value(b));
    let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    let order = if op == AggregateOp::Topk {
        order.reverse()
    } else {
        order
    };
    a.is_nan().cmp(&b.is_nan()).then(order)
}

/// Whether the hash of the labels lies in the share, counted from below, or from above where it is negative.
fn is_in_share(element: &Element, ratio: f64) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place between zero and one needs no more"
    )]
    let place = element.labels.hash64() as f64 / u64::MAX as f64;
    if ratio >= 0.0 {
        place < ratio
    } else {
        place >= 1.0 + ratio
    }
}

/// A parameter as a number of elements.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "floats saturate, and less than one is none"
)]
fn count(param: f64) -> usize {
    param.max(0.0) as usize
}

fn check_counts(params: &[f64]) -> Result<()> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    for param in params {
        let why = if param.is_nan() {
            "Parameter value is NaN".to_owned()
        } else if *param <= -LIMIT {
            format!(
                "Scalar value {} underflows int64",
                number::print_general(*param)
            )
        } else if *param >= LIMIT {
            format!(
                "Scalar value {} overflows int64",
                number::print_general(*param)
            )
        } else {
            continue;
        };
        return Err(Error::Execution(why));
    }
    Ok(())
}
