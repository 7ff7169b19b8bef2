//! Every path of the API, with its methods and its handler.

use futures::FutureExt as _;

use super::Methods::{self, Get, GetPost, Post, Probe};
use super::{
    Call, Handled, Route, analysis, exemplars, federate, labels, metadata, probe, query, read,
    rules, status, targets,
};

const fn route(path: &'static str, methods: Methods, handler: fn(Call) -> Handled) -> Route {
    Route {
        path,
        methods,
        handler,
    }
}

pub(super) const ALL: &[Route] = &[
    route("/api/v1/query", GetPost, |call| {
        query::instant(call).boxed()
    }),
    route("/api/v1/query_range", GetPost, |call| {
        query::range(call).boxed()
    }),
    route("/api/v1/query_explain", GetPost, |call| {
        analysis::instant(call).boxed()
    }),
    route("/api/v1/query_range_explain", GetPost, |call| {
        analysis::range(call).boxed()
    }),
    route("/api/v1/format_query", GetPost, |call| {
        query::format(call).boxed()
    }),
    route("/api/v1/parse_query", GetPost, |call| {
        query::parse(call).boxed()
    }),
    route("/api/v1/query_exemplars", GetPost, |call| {
        exemplars::answer(call).boxed()
    }),
    route("/api/v1/labels", GetPost, |call| {
        labels::names(call).boxed()
    }),
    route("/api/v1/label/{name}/values", Get, |call| {
        labels::values(call).boxed()
    }),
    route("/api/v1/series", GetPost, |call| {
        labels::series(call).boxed()
    }),
    route("/api/v1/metadata", Get, |call| {
        metadata::of_metrics(call).boxed()
    }),
    route("/api/v1/targets", Get, |call| targets::all(call).boxed()),
    route("/api/v1/targets/metadata", Get, |call| {
        metadata::of_targets(call).boxed()
    }),
    route("/api/v1/scrape_pools", Get, |call| {
        targets::pools(call).boxed()
    }),
    route("/api/v1/rules", Get, |call| rules::groups(call).boxed()),
    route("/api/v1/alerts", Get, |call| rules::alerts(call).boxed()),
    route("/api/v1/alertmanagers", Get, |call| {
        targets::alertmanagers(call).boxed()
    }),
    route("/api/v1/read", Post, |call| read::answer(call).boxed()),
    route("/api/v1/features", Get, |call| {
        status::features(call).boxed()
    }),
    route("/api/v1/notifications", Get, |call| {
        status::notifications(call).boxed()
    }),
    route("/api/v1/status/buildinfo", Get, |call| {
        status::build(call).boxed()
    }),
    route("/api/v1/status/runtimeinfo", Get, |call| {
        status::runtime(call).boxed()
    }),
    route("/api/v1/status/flags", Get, |call| {
        status::flags(call).boxed()
    }),
    route("/api/v1/status/config", Get, |call| {
        status::config(call).boxed()
    }),
    route("/api/v1/status/tsdb", Get, |call| {
        status::storage(call).boxed()
    }),
    route("/federate", Get, |call| federate::answer(call).boxed()),
    route("/metrics", Probe, |call| probe::metrics(call).boxed()),
    route("/-/healthy", Probe, |call| probe::healthy(call).boxed()),
    route("/-/ready", Probe, |call| probe::ready(call).boxed()),
];
