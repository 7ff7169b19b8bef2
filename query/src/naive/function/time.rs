//! `timestamp` and `start_timestamp`: the times behind the samples of a selector.

use tsdb::label::Labels;

use super::super::Query;
use super::super::select::Picked;
use super::super::vector::{Element, Vector};
use super::super::window::seconds;
use crate::error::Result;
use crate::syntax::ast::NodeId;
use crate::value::SampleValue;

/// The time of each sample of a selector; of any other vector, the time of the step.
pub(in crate::naive) fn timestamp(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
) -> Result<Vec<Vector>> {
    if query.bare_selector(arg).is_some() {
        return picked(query, arg, times, |sample| seconds(sample.1.t));
    }
    let mut vectors = query.vectors(arg, times)?;
    for (vector, t) in vectors.iter_mut().zip(times) {
        for element in vector {
            element.value = SampleValue::Float(seconds(*t));
            query.drop_name(element);
        }
    }
    Ok(vectors)
}

/// Since when each sample of a selector counts, zero where that is unknown; nothing without start timestamps.
pub(in crate::naive) fn start_timestamp(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
) -> Result<Vec<Vector>> {
    if query.bare_selector(arg).is_none() || !query.request.features.start_timestamps {
        query.vectors(arg, times)?;
        return Ok(vec![Vector::new(); times.len()]);
    }
    picked(query, arg, times, |sample| {
        seconds(sample.1.start.unwrap_or(0))
    })
}

fn picked(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
    value: impl Fn(&Picked) -> f64,
) -> Result<Vec<Vector>> {
    let span = query.span(arg);
    let Some(selector) = query.bare_selector(arg) else {
        return Ok(vec![Vector::new(); times.len()]);
    };
    let steps = query.picked(&selector, span, times)?;
    let mut vectors = Vec::with_capacity(steps.len());
    for step in steps {
        let mut vector = Vector::new();
        for sample in step {
            let mut element = Element::float(Labels::default(), value(&sample));
            element.labels = sample.0;
            query.drop_name(&mut element);
            vector.push(element);
        }
        vectors.push(vector);
    }
    Ok(vectors)
}
