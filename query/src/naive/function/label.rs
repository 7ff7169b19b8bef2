//! `label_replace` and `label_join`.
//!
//! Both may write the name of the metric; it is not dropped at the end of the query then.

use std::sync::Arc;

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::regex::capture::CaptureRegex;

use super::super::Query;
use super::super::vector::{Element, Vector, set};
use crate::error::{Error, Result};
use crate::syntax::ast::NodeId;

/// Sets a label to a template over the groups of a pattern, where the pattern matches another label.
pub(in crate::naive) fn replace(
    query: &mut Query<'_>,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    let [target, template, source, pattern] =
        [1, 2, 3, 4].map(|index| query.string(args[index]).unwrap_or_default());
    let Ok(regex) = CaptureRegex::new(&pattern) else {
        return Err(Error::Execution(format!(
            "invalid regular expression in label_replace(): {pattern}"
        )));
    };
    check_name(&target, "destination", "label_replace")?;
    rewrite(query, args[0], times, &target, |labels| {
        let captures = regex.captures(labels.get(&source))?;
        Some(captures.expand(&template))
    })
}

/// Sets a label to the values of others with a separator between them.
pub(in crate::naive) fn join(
    query: &mut Query<'_>,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    let target = query.string(args[1])?;
    let separator = query.string(args[2])?;
    let mut sources = Vec::new();
    for arg in &args[3..] {
        let source = query.string(*arg)?;
        check_name(&source, "source", "label_join")?;
        sources.push(source);
    }
    check_name(&target, "destination", "label_join")?;
    rewrite(query, args[0], times, &target, |labels| {
        let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
        Some(values.join(&separator))
    })
}

fn check_name(name: &str, role: &str, function: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::Execution(format!(
            "invalid {role} label name in {function}(): {name}"
        )));
    }
    Ok(())
}

fn rewrite(
    query: &mut Query<'_>,
    arg: NodeId,
    times: &[i64],
    target: &str,
    value: impl Fn(&Labels) -> Option<String>,
) -> Result<Vec<Vector>> {
    let mut vectors = query.vectors(arg, times)?;
    for element in vectors.iter_mut().flatten() {
        if let Some(value) = value(&element.labels) {
            write(element, target, &value);
        }
    }
    Ok(vectors)
}

fn write(element: &mut Element, target: &str, value: &str) {
    let mut labels = Labels::clone(&element.labels);
    set(&mut labels, target, value);
    element.labels = Arc::new(labels);
    if target == METRIC_NAME {
        element.drop_name = false;
    }
}
