//! For whoever watches the process: is it alive, does it want traffic, what does it count.

use std::sync::atomic::Ordering;

use super::Call;
use super::problem::Problem;
use super::reply::{Reply, TEXT};

pub(super) async fn healthy(call: Call) -> Result<Reply, Problem> {
    let text = call.server.settings.dialect.probe_text("Healthy");
    Ok(Reply::new(200, TEXT, text))
}

pub(super) async fn ready(call: Call) -> Result<Reply, Problem> {
    let dialect = call.server.settings.dialect;
    if call.server.is_ready.load(Ordering::Relaxed) {
        return Ok(Reply::new(200, TEXT, dialect.probe_text("Ready")));
    }
    Ok(Reply::refusal(503, "Service Unavailable\n"))
}

pub(super) async fn metrics(call: Call) -> Result<Reply, Problem> {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = call.server.metrics.text(&call.server.settings.memory);
    Ok(Reply::new(200, OPENMETRICS, text))
}
