//! `/status/*`, `/features`, `/notifications`: what runs here, and with which settings.
//!
//! What Grafana and its like ask before they ask for data. Where a part of Prometheus does not exist here, the answer is an
//! empty success.

use tsdb::source::status::Count;
use tsdb::time::Millis;

use super::problem::Problem;
use super::reply::Reply;
use super::{Call, json, number};
use crate::syntax::function;

/// Contributors of each kind that `/status/tsdb` lists, unless told otherwise.
const CONTRIBUTORS: usize = 10;
/// And at most.
const CONTRIBUTORS_MAX: usize = 10_000;

/// What was built.
pub(super) async fn build(call: Call) -> Result<Reply, Problem> {
    let build = &call.server.settings.build;
    // Empty where we have nothing of the kind; Grafana wants the keys.
    let fields = [
        ("version", build.version.as_str()),
        ("revision", build.revision.as_str()),
        ("branch", ""),
        ("buildUser", ""),
        ("buildDate", ""),
        ("goVersion", build.compiler.as_str()),
    ];
    Ok(Reply::data(|out| text_object(out, fields), &[]))
}

fn text_object<'t>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = (&'t str, &'t str)>) {
    out.push(b'{');
    for (name, text) in fields {
        json::text_field(out, name, text);
    }
    out.push(b'}');
}

/// Where and since when it runs.
pub(super) async fn runtime(call: Call) -> Result<Reply, Problem> {
    let process = &call.server.settings.process;
    let write = |out: &mut Vec<u8>| {
        out.push(b'{');
        json::time_field(out, "startTime", Some(Millis(process.start)));
        json::text_field(out, "CWD", &process.directory);
        json::text_field(out, "hostname", &process.hostname);
        json::time_field(out, "serverTime", Some(Millis(call.server.now())));
        json::key(out, "reloadConfigSuccess");
        out.extend_from_slice(b"true");
        json::time_field(out, "lastConfigTime", Some(Millis(process.start)));
        json::key(out, "corruptionCount");
        out.push(b'0');
        json::key(out, "GOMAXPROCS");
        number::unsigned(out, process.threads as u64);
        json::text_field(out, "storageRetention", "");
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

/// The command line.
pub(super) async fn flags(call: Call) -> Result<Reply, Problem> {
    let flags = call.server.settings.flags.iter();
    let flags = flags.map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Reply::data(|out| text_object(out, flags), &[]))
}

/// The configuration file, which there is none of.
pub(super) async fn config(_call: Call) -> Result<Reply, Problem> {
    Ok(Reply::data(|out| text_object(out, [("yaml", "")]), &[]))
}

/// What a browser should tell its user about the server: nothing.
pub(super) async fn notifications(_call: Call) -> Result<Reply, Problem> {
    Ok(Reply::data(|out| out.extend_from_slice(b"[]"), &[]))
}

/// Sizes of the newest data.
pub(super) async fn storage(call: Call) -> Result<Reply, Problem> {
    let text = call.form.get("limit");
    let dialect = call.server.settings.dialect;
    let limit = match text.parse::<usize>() {
        _ if text.is_empty() => CONTRIBUTORS,
        Ok(limit) if (1..=CONTRIBUTORS_MAX).contains(&limit) => limit,
        // Zero is no bound to Thanos, a mistake to Prometheus.
        Ok(0) => dialect.unbounded_contributors(CONTRIBUTORS_MAX)?,
        _ => return Err(dialect.contributor_problem(text)),
    };
    let status = call.server.companions.status.status(limit).await?;
    let write = |out: &mut Vec<u8>| {
        let head = [
            ("numSeries", status.series),
            ("numLabelPairs", status.label_pairs),
            ("chunkCount", status.chunks),
        ];
        out.extend_from_slice(b"{\"headStats\":{");
        for (name, value) in head {
            json::key(out, name);
            number::unsigned(out, value);
        }
        for (name, time) in [("minTime", status.min_time), ("maxTime", status.max_time)] {
            json::key(out, name);
            number::integer(out, time);
        }
        out.push(b'}');
        counts(out, "seriesCountByMetricName", &status.series_by_metric);
        counts(out, "labelValueCountByLabelName", &status.values_by_label);
        counts(out, "memoryInBytesByLabelName", &status.bytes_by_label);
        counts(out, "seriesCountByLabelValuePair", &status.series_by_pair);
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

fn counts(out: &mut Vec<u8>, name: &str, counts: &[Count]) {
    json::key(out, name);
    json::list(out, counts, |out, count| {
        out.push(b'{');
        json::text_field(out, "name", &count.name);
        json::key(out, "value");
        number::unsigned(out, count.value);
        out.push(b'}');
    });
}

/// What this server can do: parts of the language, and each function.
pub(super) async fn features(call: Call) -> Result<Reply, Problem> {
    let features = call.server.settings.features;
    let language = [
        ("anchored", features.extended_range_selectors),
        ("delayed_name_removal", features.delayed_name_removal),
        ("experimental_functions", features.experimental_functions),
        ("fill", features.fill_modifiers),
        ("per_step_stats", features.per_step_stats),
        ("smoothed", features.extended_range_selectors),
        ("start_timestamps", features.start_timestamps),
        ("type_and_unit_labels", features.type_and_unit_labels),
    ];
    let functions = function::FUNCTIONS.iter().map(|function| {
        let is_on = features.experimental_functions || !function.is_experimental();
        (function.name, is_on)
    });
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"promql\":{");
        flags_object(out, language);
        out.extend_from_slice(b"},\"promql_functions\":{");
        flags_object(out, functions);
        out.extend_from_slice(b"}}");
    };
    Ok(Reply::data(write, &[]))
}

fn flags_object<'t>(out: &mut Vec<u8>, flags: impl IntoIterator<Item = (&'t str, bool)>) {
    for (name, is_on) in flags {
        json::key(out, name);
        out.extend_from_slice(if is_on { b"true" } else { b"false" });
    }
}
