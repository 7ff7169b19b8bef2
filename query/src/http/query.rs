//! `/query`, `/query_range`, and what is said of an expression without evaluating it.
//!
//! Parameters become a request, the answer is written row by row into the body. What must be refused is refused before the
//! first byte, since the status cannot change later.

use super::dialect::Dialect;
use super::problem::Problem;
use super::reply::{Content, ENVELOPE, Reply, Rows, close};
use super::server::{Evaluated, Order};
use super::stats::Stats;
use super::{Call, params};
use super::{analysis, json};
use crate::annotation::{Level, shortened};
use crate::exec::cost::Analyzed;
use crate::plan::Grid;
use crate::request::{Answer, Request, When, lookback_for};
use crate::syntax;
use crate::value::{Sample, Series, Value};

/// At one time.
pub(super) async fn instant(call: Call) -> Result<Reply, Problem> {
    let params = call.params();
    let limit = params.limit()?;
    let time = params.time("time")?.unwrap_or_else(|| call.server.now());
    evaluate(&call, When::Instant(time), limit).await
}

/// At many times.
pub(super) async fn range(call: Call) -> Result<Reply, Problem> {
    let params = call.params();
    let limit = params.limit()?;
    let (start, end, step) = params.range(call.server.settings.default_range_step)?;
    call.server.metrics.observe_timespan(end - start);
    evaluate(&call, When::Range { start, end, step }, limit).await
}

/// What the parameters of a query ask for.
pub(super) fn order(call: &Call, when: When) -> Result<Order, Problem> {
    let settings = &call.server.settings;
    let params = call.params();
    let timeout_nanos = params.timeout_nanos()?;
    let reading = params.reading(settings, when.step())?;
    let lookback = params.lookback_millis()?;
    let lookback = lookback.unwrap_or(lookback_for(settings.lookback, reading.max_resolution));
    let request = Request {
        text: call.form.get("query").to_owned(),
        when,
        lookback,
        default_step: settings.default_step,
        features: settings.features,
        max_samples: settings.max_samples,
        replica_labels: Some(reading.replica_labels),
        max_resolution: reading.max_resolution,
    };
    // What is neither yes nor no is a no, as Thanos has it.
    let with_analysis = params.flag("analyze").is_ok_and(|flag| flag == Some(true));
    Ok(Order {
        request,
        timeout_nanos,
        is_measured: with_analysis || !call.form.get("stats").is_empty(),
        with_analysis,
    })
}

async fn evaluate(call: &Call, when: When, limit: Option<usize>) -> Result<Reply, Problem> {
    let order = order(call, when)?;
    let (dialect, with_analysis) = (call.server.settings.dialect, order.with_analysis);
    let grid = Grid::of(when);
    let outcome = call.server.evaluator.evaluate(order).await;
    let Evaluated { mut answer, cost } = outcome.map_err(|error| call.blamed(error))?;
    let stats = call.form.get("stats");
    if dialect.warns_of_odd_stats() && !matches!(stats, "" | "true" | "all") {
        let given = syntax::quote::text(stats);
        answer.warnings.push(format!(
            "value {given} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\""
        ));
    }
    if limit.is_some_and(|limit| cut(&mut answer.value, limit)) {
        answer.warnings.push(params::TRUNCATED.to_owned());
    }
    let by_step = call.server.settings.features.per_step_stats && stats == "all";
    let told = cost.filter(|_| !stats.is_empty() || with_analysis);
    let stats_told = told.as_ref().filter(|_| !stats.is_empty());
    let extras = Extras {
        stats: stats_told.map(|cost| Stats::new(cost, by_step.then_some(grid))),
        analysis: told.filter(|_| with_analysis).map(|cost| cost.root),
    };
    Ok(reply(answer, extras, dialect))
}

/// Cuts a vector or a matrix; whether there was anything to cut.
fn cut(value: &mut Value, limit: usize) -> bool {
    match value {
        Value::Vector(samples) if samples.len() > limit => samples.truncate(limit),
        Value::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}

/// What stands in the data beside the result.
struct Extras {
    stats: Option<Stats>,
    analysis: Option<Analyzed>,
}

fn reply(answer: Answer, extras: Extras, dialect: Dialect) -> Reply {
    let is_partial = answer
        .warnings
        .iter()
        .any(|warning| !warning.starts_with("PromQL "));
    let warnings = shortened(answer.warnings, Level::Warning);
    let infos = shortened(answer.infos, Level::Info);
    let (warnings, infos) = dialect.notices(warnings, infos);
    let body = Body {
        head: Some(answer.value.type_name()),
        rows: Some(Remaining::new(answer.value)),
        is_first: true,
        dialect,
        extras,
        warnings,
        infos,
    };
    let mut reply = Reply::new(200, super::reply::JSON, Vec::new());
    reply.content = Content::Rows(Box::new(body));
    reply.is_partial = is_partial;
    reply
}

/// What is left to write of a result; rows are freed as they are written.
enum Remaining {
    Whole(Value),
    Samples(std::vec::IntoIter<Sample>),
    Series(std::vec::IntoIter<Series>),
}

impl Remaining {
    fn new(value: Value) -> Self {
        match value {
            Value::Vector(samples) => Self::Samples(samples.into_iter()),
            Value::Matrix(series) => Self::Series(series.into_iter()),
            whole => Self::Whole(whole),
        }
    }

    /// Writes the next row of a list; false at its end.
    fn write(&mut self, out: &mut Vec<u8>, is_first: bool) -> bool {
        let separator = if is_first { b'[' } else { b',' };
        match self {
            Self::Whole(Value::Scalar(point)) => json::scalar(out, *point),
            Self::Whole(Value::String { t, text }) => json::timed_string(out, *t, text),
            Self::Whole(Value::Vector(_) | Value::Matrix(_)) => unreachable!("lists go row by row"),
            Self::Samples(samples) => {
                let Some(sample) = samples.next() else {
                    return end_of_list(out, is_first);
                };
                out.push(separator);
                json::sample(out, &sample);
                return true;
            }
            Self::Series(series) => {
                let Some(series) = series.next() else {
                    return end_of_list(out, is_first);
                };
                out.push(separator);
                json::series(out, &series);
                return true;
            }
        }
        false
    }
}

fn end_of_list(out: &mut Vec<u8>, is_empty: bool) -> bool {
    out.extend_from_slice(if is_empty { b"[]" } else { b"]" });
    false
}

/// The envelope, the result row by row, and what follows it.
struct Body {
    head: Option<&'static str>,
    rows: Option<Remaining>,
    is_first: bool,
    dialect: Dialect,
    extras: Extras,
    warnings: Vec<String>,
    infos: Vec<String>,
}

impl Rows for Body {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if let Some(type_name) = self.head.take() {
            out.extend_from_slice(ENVELOPE);
            out.push(b'{');
            json::text_field(out, "resultType", type_name);
            json::key(out, "result");
        }
        let Some(rows) = &mut self.rows else {
            return false;
        };
        if rows.write(out, self.is_first) {
            self.is_first = false;
            return true;
        }
        self.rows = None;
        if let Some(stats) = &self.extras.stats {
            json::key(out, "stats");
            stats.write(out, self.dialect);
        }
        match &self.extras.analysis {
            Some(root) => {
                json::key(out, "analysis");
                analysis::write(out, root);
            }
            None => out.extend_from_slice(self.dialect.after_result().as_bytes()),
        }
        out.push(b'}');
        close(out, &self.warnings, &self.infos);
        false
    }
}

fn parsed(call: &Call) -> Result<syntax::Tree, Problem> {
    let features = call.server.settings.features;
    let parsed = syntax::parse(call.form.get("query"), features.syntax());
    parsed.map_err(|errors| call.blamed(errors.into()))
}

/// The expression, laid out.
pub(super) async fn format(call: Call) -> Result<Reply, Problem> {
    let tree = parsed(&call)?;
    Ok(Reply::data(
        |out| json::string(out, &syntax::pretty(&tree)),
        &[],
    ))
}

/// The tree of the expression.
pub(super) async fn parse(call: Call) -> Result<Reply, Problem> {
    let tree = parsed(&call)?;
    Ok(syntax::json::json(&tree).map_or_else(
        |error| {
            let cause = error.to_string();
            let cause = cause.trim_start_matches("json: ");
            Reply::refusal(500, &format!("v1.Response.Data: {cause}\n"))
        },
        |text| Reply::data(|out| out.extend_from_slice(text.as_bytes()), &[]),
    ))
}
