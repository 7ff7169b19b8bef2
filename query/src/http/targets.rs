//! `/targets` and its neighbours: what is scraped, and who is told of alerts.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::source::target::{ActiveTarget, DroppedTarget};

use super::problem::Problem;
use super::reply::Reply;
use super::{Call, json, number};

/// Targets by state.
pub(super) async fn all(call: Call) -> Result<Reply, Problem> {
    let dialect = call.server.settings.dialect;
    let state = call.form.get("state").to_lowercase();
    if !matches!(state.as_str(), "" | "any" | "active" | "dropped") {
        dialect.check_target_state(call.form.get("state"))?;
    }
    let pool = call.form.get("scrapePool");
    let mut targets = call.server.companions.targets.targets().await?;
    let wants = |wanted| matches!(state.as_str(), "" | "any") || state == wanted;
    let (wants_active, wants_dropped) = (wants("active"), wants("dropped"));
    let is_of_pool = |name: &str| pool.is_empty() || pool == name;
    targets
        .active
        .retain(|target| wants_active && is_of_pool(&target.pool));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for target in &targets.dropped {
        *counts.entry(target.pool.clone()).or_default() += 1;
    }
    targets
        .dropped
        .retain(|target| wants_dropped && is_of_pool(&target.pool));
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"activeTargets\":");
        json::list(out, &targets.active, write_active);
        out.extend_from_slice(b",\"droppedTargets\":");
        json::list(out, &targets.dropped, write_dropped);
        if dialect.counts_dropped_targets() {
            out.extend_from_slice(b",\"droppedTargetCounts\":{");
            for (pool, count) in &counts {
                json::key(out, pool);
                number::unsigned(out, *count as u64);
            }
            out.push(b'}');
        }
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

fn write_active(out: &mut Vec<u8>, target: &ActiveTarget) {
    out.extend_from_slice(b"{\"discoveredLabels\":");
    json::labels(out, &target.discovered);
    json::key(out, "labels");
    json::labels(out, &target.labels);
    json::text_field(out, "scrapePool", &target.pool);
    json::text_field(out, "scrapeUrl", &target.url);
    json::text_field(out, "globalUrl", &target.global_url);
    json::text_field(out, "lastError", &target.last_error);
    json::time_field(out, "lastScrape", target.last_scrape);
    json::number_field(out, "lastScrapeDuration", target.last_scrape_seconds);
    json::text_field(out, "health", &target.health);
    json::text_field(out, "scrapeInterval", &target.interval);
    json::text_field(out, "scrapeTimeout", &target.timeout);
    out.push(b'}');
}

fn write_dropped(out: &mut Vec<u8>, target: &DroppedTarget) {
    out.extend_from_slice(b"{\"discoveredLabels\":");
    json::labels(out, &target.discovered);
    json::text_field(out, "scrapePool", &target.pool);
    out.push(b'}');
}

/// Names of jobs.
pub(super) async fn pools(call: Call) -> Result<Reply, Problem> {
    let targets = call.server.companions.targets.targets().await?;
    let active = targets.active.into_iter().map(|target| target.pool);
    let dropped = targets.dropped.into_iter().map(|target| target.pool);
    let pools: BTreeSet<String> = active.chain(dropped).collect();
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"scrapePools\":");
        json::strings(out, &pools);
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

/// Nobody: a querier sends no alerts.
pub(super) async fn alertmanagers(_call: Call) -> Result<Reply, Problem> {
    const NONE: &[u8] = b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}";
    Ok(Reply::data(|out| out.extend_from_slice(NONE), &[]))
}
