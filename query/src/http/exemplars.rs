//! `/query_exemplars`: examples of the series that an expression reads.

use tsdb::matcher::Matcher;
use tsdb::source::exemplar::{Exemplar, SeriesExemplars};
use tsdb::time::{Interval, Millis};

use super::problem::Problem;
use super::reply::Reply;
use super::{Call, json, number};
use crate::syntax;
use crate::syntax::ast::Expr;

pub(super) async fn answer(call: Call) -> Result<Reply, Problem> {
    let settings = &call.server.settings;
    let params = call.params();
    let start = params.time("start")?.map_or(Millis::MIN, Millis);
    let end = params.time("end")?.map_or(Millis::MAX, Millis);
    if end < start {
        let text = "end timestamp must not be before start timestamp";
        return Err(Problem::bad_data(text));
    }
    let parsed = syntax::parse(call.form.get("query"), settings.features.syntax());
    let tree = parsed.map_err(|errors| settings.dialect.exemplar_problem(&errors.to_string()))?;
    let selectors = selectors(&tree);
    if selectors.is_empty() && settings.dialect.says_nothing_of_constants() {
        return Ok(Reply::empty());
    }
    let times = Interval {
        min: start,
        max: end,
    };
    let mut found = call
        .server
        .companions
        .exemplars
        .exemplars(&selectors, times)
        .await?;
    found.sort_by(|a, b| a.series.cmp(&b.series));
    Ok(Reply::data(
        |out| json::list(out, &found, write_series),
        &[],
    ))
}

/// The matchers of each selector in a tree.
fn selectors(tree: &syntax::Tree) -> Vec<Vec<Matcher>> {
    let nodes = tree.walk().into_iter();
    let selectors = nodes.filter_map(|id| match tree.expr(id) {
        Expr::Vector(selector) => Some(selector.matchers.clone()),
        _ => None,
    });
    selectors.collect()
}

fn write_series(out: &mut Vec<u8>, series: &SeriesExemplars) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    json::labels(out, &series.series);
    out.extend_from_slice(b",\"exemplars\":");
    json::list(out, &series.exemplars, write_exemplar);
    out.push(b'}');
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b"{\"labels\":");
    json::labels(out, &exemplar.labels);
    out.extend_from_slice(b",\"value\":");
    json::quoted_float(out, exemplar.value);
    out.extend_from_slice(b",\"timestamp\":");
    number::timestamp(out, exemplar.time.0);
    out.push(b'}');
}
