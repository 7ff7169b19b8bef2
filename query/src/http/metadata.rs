//! `/metadata` and `/targets/metadata`: type, help and unit of metrics.

use std::collections::BTreeMap;

use tsdb::matcher::Matcher;
use tsdb::source::metadata::Metadata;
use tsdb::source::target::TargetMetadata;

use super::dialect::Blame;
use super::problem::Problem;
use super::reply::Reply;
use super::{Call, json};
use crate::syntax::parse_selector;

/// What is said of each metric.
pub(super) async fn of_metrics(call: Call) -> Result<Reply, Problem> {
    let limit = bound(&call, "limit")?;
    // Zero of these is no bound, unlike the other one's.
    let per_metric = bound(&call, "limit_per_metric")?.filter(|bound| *bound > 0);
    let companions = &call.server.companions;
    let mut all = companions.metadata.metadata(metric(&call)).await?;
    all.sort_by(|a, b| (&a.kind, &a.unit, &a.help).cmp(&(&b.kind, &b.unit, &b.help)));
    let mut by_metric: BTreeMap<&str, Vec<&Metadata>> = BTreeMap::new();
    for one in &all {
        let known = by_metric.entry(&one.metric).or_default();
        if known.len() < per_metric.unwrap_or(usize::MAX) && !known.contains(&one) {
            known.push(one);
        }
    }
    let write = |out: &mut Vec<u8>| {
        out.push(b'{');
        for (metric, said) in by_metric.iter().take(limit.unwrap_or(usize::MAX)) {
            json::key(out, metric);
            json::list(out, said, |out, one| {
                out.push(b'{');
                json::text_field(out, "type", &one.kind);
                json::text_field(out, "unit", &one.unit);
                json::text_field(out, "help", &one.help);
                out.push(b'}');
            });
        }
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

/// What each target says.
pub(super) async fn of_targets(call: Call) -> Result<Reply, Problem> {
    let limit = bound(&call, "limit")?;
    let matchers = target_matchers(&call)?;
    let companions = &call.server.companions;
    let mut all = companions.targets.target_metadata(metric(&call)).await?;
    all.retain(|one| {
        matchers
            .iter()
            .all(|matcher| matcher.matches_labels(&one.target))
    });
    all.sort();
    let with_metric = metric(&call).is_none();
    let said = all.iter().take(limit.unwrap_or(usize::MAX));
    let write = |out: &mut Vec<u8>| {
        json::list(out, said, |out, one| write_target(out, one, with_metric));
    };
    Ok(Reply::data(write, &[]))
}

fn target_matchers(call: &Call) -> Result<Vec<Matcher>, Problem> {
    let text = call.form.get("match_target");
    if text.is_empty() {
        return Ok(Vec::new());
    }
    parse_selector(text).map_err(|errors| {
        let dialect = call.server.settings.dialect;
        Problem::bad_data(dialect.blame(Blame::Parameter("match_target"), &errors.to_string()))
    })
}

fn write_target(out: &mut Vec<u8>, one: &TargetMetadata, with_metric: bool) {
    out.extend_from_slice(b"{\"target\":");
    json::labels(out, &one.target);
    if with_metric {
        json::text_field(out, "metric", &one.metadata.metric);
    }
    json::text_field(out, "type", &one.metadata.kind);
    json::text_field(out, "help", &one.metadata.help);
    json::text_field(out, "unit", &one.metadata.unit);
    out.push(b'}');
}

fn metric(call: &Call) -> Option<&str> {
    Some(call.form.get("metric")).filter(|name| !name.is_empty())
}

/// A bound; none where it is absent or negative.
fn bound(call: &Call, name: &str) -> Result<Option<usize>, Problem> {
    let text = call.form.get(name);
    if text.is_empty() {
        return Ok(None);
    }
    let bound: i64 = text.parse().map_err(|_error| {
        let dialect = call.server.settings.dialect;
        Problem::bad_data(dialect.metadata_limit_error(name))
    })?;
    Ok(usize::try_from(bound).ok())
}
