//! `info`: labels of info metrics added to the series they are about.
//!
//! An info series is about a series where `instance` and `job` are the same. Which info metrics count is told by the
//! matchers on the name (`target_info` where there are none), which of their labels by the others (all where there are
//! none). Labels that a series has already stay. A series without partner stays as it is, unless a matcher demands a label.
//! Series that are info series themselves stay, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::{Matcher, MatcherKind};

use super::super::Query;
use super::super::data::DataSample;
use super::super::vector::{Element, Vector, set};
use crate::error::{Error, Result};
use crate::syntax::ast::{At, Expr, Moment, NodeId, VectorSelector};

/// Labels that name the target a series is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// What the second argument asks for.
struct Wanted {
    names: Vec<Matcher>,
    data: Vec<Matcher>,
}

/// Info series by the target they are about, then by their name.
type Known = BTreeMap<Vec<String>, BTreeMap<String, (Arc<Labels>, i64)>>;

/// Adds the labels.
pub(in crate::naive) fn info(
    query: &mut Query<'_>,
    args: &[NodeId],
    times: &[i64],
) -> Result<Vec<Vector>> {
    let wanted = wanted(query, args.get(1).copied())?;
    let vectors = query.vectors(args[0], times)?;
    let selector = VectorSelector {
        name: None,
        matchers: wanted.names.iter().chain(&wanted.data).cloned().collect(),
        moment: Moment::default(),
        anchored: false,
        smoothed: false,
    };
    let moments = moments(query, args[0]);
    let looked_at: Vec<i64> = times.iter().map(|t| settled(&moments, *t)).collect();
    let steps = query.picked(&selector, query.span(args[0]), &looked_at)?;
    let mut results = Vec::with_capacity(vectors.len());
    for (vector, infos) in vectors.into_iter().zip(steps) {
        let is_info = |element: &Element| {
            let name = if element.drop_name {
                ""
            } else {
                element.labels.get(METRIC_NAME)
            };
            wanted.names.iter().all(|matcher| matcher.matches(name))
        };
        let bases: Vec<&Element> = vector.iter().filter(|element| !is_info(element)).collect();
        let known = known(infos, &bases)?;
        let mut result = Vector::new();
        for element in &vector {
            if is_info(element) {
                result.push(element.clone());
            } else {
                result.extend(enriched(element, &known, &wanted)?);
            }
        }
        results.push(result);
    }
    Ok(results)
}

fn wanted(query: &Query<'_>, arg: Option<NodeId>) -> Result<Wanted> {
    let selector = arg.and_then(|arg| query.bare_selector(arg));
    let matchers = selector
        .map(|selector| selector.matchers)
        .unwrap_or_default();
    let (mut names, data): (Vec<_>, Vec<_>) = matchers
        .into_iter()
        .partition(|matcher| matcher.name() == METRIC_NAME);
    if names.is_empty() {
        names.push(Matcher::equal(METRIC_NAME, "target_info"));
    } else if names.iter().all(|matcher| matcher.kind().is_negative()) {
        names.push(Matcher::new(MatcherKind::Regex, METRIC_NAME, ".+_info")?);
    }
    Ok(Wanted { names, data })
}

/// When the first selector inside an expression looks, from the outside in.
fn moments(query: &Query<'_>, id: NodeId) -> Vec<Moment> {
    match query.expr(id) {
        Expr::Vector(selector) => vec![selector.moment],
        Expr::Matrix { selector, .. } => moments(query, *selector),
        Expr::Subquery(subquery) => {
            let mut all = vec![subquery.moment];
            all.extend(moments(query, subquery.expr));
            all
        }
        _ => query
            .tree
            .children(id)
            .into_iter()
            .map(|child| moments(query, child))
            .find(|moments| !moments.is_empty())
            .unwrap_or_default(),
    }
}

fn settled(moments: &[Moment], t: i64) -> i64 {
    moments.iter().fold(t, |t, moment| {
        let base = match moment.at {
            Some(At::Time(at)) => at,
            _ => t,
        };
        base.saturating_sub(moment.offset.millis())
    })
}

fn target(labels: &Labels) -> Vec<String> {
    IDENTIFYING
        .iter()
        .map(|name| labels.get(name).to_owned())
        .collect()
}

/// The newest info series of each name about each target.
fn known(infos: Vec<(Arc<Labels>, DataSample)>, bases: &[&Element]) -> Result<Known> {
    let mut known = Known::new();
    for (labels, sample) in infos {
        let target = target(&labels);
        let is_about = |element: &&Element| self::target(&element.labels) == target;
        let is_anonymous = target.iter().all(String::is_empty);
        if is_anonymous || !bases.iter().any(is_about) {
            continue;
        }
        if sample.value.float().is_none() {
            return Err(Error::Execution(format!(
                "this should be an info metric, with float samples: {labels}"
            )));
        }
        let name = labels.get(METRIC_NAME).to_owned();
        let of_target = known.entry(target).or_default();
        match of_target.get(&name) {
            Some((_, t)) if *t > sample.t => {}
            Some((other, t)) if *t == sample.t => {
                return Err(Error::Execution(format!(
                    "found duplicate series for info metric: existing {other} @ {t}, new {labels} @ {t}"
                )));
            }
            _ => {
                of_target.insert(name, (labels, sample.t));
            }
        }
    }
    Ok(known)
}

/// A series with the labels of what is known about its target; none where a wanted label is not known.
fn enriched(element: &Element, known: &Known, wanted: &Wanted) -> Result<Option<Element>> {
    let mut added = BTreeMap::<&str, &str>::new();
    let infos = known
        .get(&target(&element.labels))
        .filter(|infos| !infos.is_empty());
    let Some(infos) = infos else {
        let is_optional = wanted.data.iter().all(Matcher::matches_empty);
        return Ok(is_optional.then(|| element.clone()));
    };
    for (labels, _) in infos.values() {
        for (name, value) in labels.iter() {
            let is_wanted =
                wanted.data.is_empty() || wanted.data.iter().any(|matcher| matcher.name() == name);
            let is_identifying = name == METRIC_NAME || IDENTIFYING.contains(&name);
            if !is_wanted || is_identifying || !element.labels.get(name).is_empty() {
                continue;
            }
            if added
                .insert(name, value)
                .is_some_and(|other| other != value)
            {
                return Err(Error::Execution(format!("conflicting label: {name}")));
            }
        }
    }
    let mut labels = Labels::clone(&element.labels);
    for (name, value) in added {
        set(&mut labels, name, value);
    }
    Ok(Some(Element {
        labels: Arc::new(labels),
        ..element.clone()
    }))
}
