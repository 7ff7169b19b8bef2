//! Elements of vectors: labels with a value, and whether the name is to be dropped.
//!
//! Without delayed name removal a name goes at the operator that drops it; with it, [`Element::drop_name`] remembers, and
//! the name goes at the end of the query, so `label_replace` may still see it. Dropping takes the type and the unit along.

use std::collections::HashSet;
use std::sync::Arc;

use tsdb::label::{Labels, METRIC_NAME};

use crate::error::{Error, Result};
use crate::value::SampleValue;

/// Labels that say what a metric is, not which series it is.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// One element of a vector.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// Which series.
    pub(super) labels: Arc<Labels>,
    /// Its value at this step.
    pub(super) value: SampleValue,
    /// Whether the name goes at the end of the query.
    pub(super) drop_name: bool,
}

/// The elements at one step.
pub(super) type Vector = Vec<Element>;

impl Element {
    /// An element with a float.
    pub(super) fn float(labels: Labels, value: f64) -> Self {
        Self {
            labels: Arc::new(labels),
            value: SampleValue::Float(value),
            drop_name: false,
        }
    }

    /// Removes the name where it is marked.
    pub(super) fn forget_name(&mut self) {
        if self.drop_name
            && METADATA
                .iter()
                .any(|name| !self.labels.get(name).is_empty())
        {
            self.labels = Arc::new(without_metadata(&self.labels));
        }
        self.drop_name = false;
    }
}

/// The labels that tell series of one metric apart.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    labels.retain(|name, _| !METADATA.contains(&name));
    labels
}

/// Sets a label, or removes it where the value is empty.
pub(super) fn set(labels: &mut Labels, name: &str, value: &str) {
    if value.is_empty() {
        labels.retain(|other, _| other != name);
    } else {
        labels.set(name, value);
    }
}

/// Only the labels of `names`, or all but these and the name.
pub(super) fn grouped(labels: &Labels, names: &[String], without: bool) -> Labels {
    let mut labels = labels.clone();
    labels.retain(|name, _| {
        let is_named = names.iter().any(|other| other == name);
        if without {
            !is_named && name != METRIC_NAME
        } else {
            is_named
        }
    });
    labels
}

/// The complaint about two elements with the same labels.
pub(super) fn duplicate() -> Error {
    Error::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Refuses two elements with the same labels at one step.
pub(super) fn check_unique(vectors: &[Vector]) -> Result<()> {
    for vector in vectors {
        let mut seen = HashSet::new();
        if !vector.iter().all(|element| seen.insert(&element.labels)) {
            return Err(duplicate());
        }
    }
    Ok(())
}
