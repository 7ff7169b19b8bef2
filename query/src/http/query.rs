//! `/query`, `/query_range`, and what is said of an expression without evaluating it.
//!
//! Parameters become a request, the answer is written row by row into the body. What must be refused is refused before the
//! first byte, since the status cannot change later.

use super::dialect::{Blame, Dialect};
use super::json;
use super::problem::Problem;
use super::reply::{Content, ENVELOPE, Reply, Rows, close};
use super::server::{Evaluated, Order};
use super::stats::Stats;
use super::{Call, params};
use crate::annotation::{Level, shortened};
use crate::error::{Error, ErrorKind};
use crate::request::{Request, When};
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

async fn evaluate(call: &Call, when: When, limit: Option<usize>) -> Result<Reply, Problem> {
    let settings = &call.server.settings;
    let params = call.params();
    let timeout_nanos = params.timeout_nanos()?;
    let lookback = params.lookback_millis()?.unwrap_or(settings.lookback);
    let stats = call.form.get("stats");
    let mut features = settings.features;
    features.per_step_stats &= stats == "all";
    let request = Request {
        text: call.form.get("query").to_owned(),
        when,
        lookback,
        default_step: settings.default_step,
        features,
        max_samples: settings.max_samples,
    };
    let order = Order {
        request,
        timeout_nanos,
        with_stats: !stats.is_empty(),
    };
    let outcome = call.server.evaluator.evaluate(order).await;
    let mut evaluated = outcome.map_err(|error| blamed(settings.dialect, error))?;
    if settings.dialect.warns_of_odd_stats() && !matches!(stats, "" | "true" | "all") {
        let given = syntax::quote::text(stats);
        evaluated.answer.warnings.push(format!(
            "value {given} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\""
        ));
    }
    if limit.is_some_and(|limit| cut(&mut evaluated.answer.value, limit)) {
        evaluated.answer.warnings.push(params::TRUNCATED.to_owned());
    }
    Ok(answer(evaluated, settings.dialect))
}

/// An error of the evaluator; what is wrong with the expression is the fault of a parameter.
fn blamed(dialect: Dialect, error: Error) -> Problem {
    let problem = Problem::from(error);
    if problem.kind == ErrorKind::BadData {
        return Problem::bad_data(dialect.blame(Blame::Parameter("query"), &problem.message));
    }
    problem
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

fn answer(evaluated: Evaluated, dialect: Dialect) -> Reply {
    let Evaluated { answer, stats } = evaluated;
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
        stats,
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
    stats: Option<Stats>,
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
        if let Some(stats) = &self.stats {
            json::key(out, "stats");
            stats.write(out);
        }
        out.extend_from_slice(self.dialect.after_result().as_bytes());
        out.push(b'}');
        close(out, &self.warnings, &self.infos);
        false
    }
}

fn parsed(call: &Call) -> Result<syntax::Tree, Problem> {
    let settings = &call.server.settings;
    let parsed = syntax::parse(call.form.get("query"), settings.features.syntax());
    parsed.map_err(|errors| blamed(settings.dialect, errors.into()))
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
