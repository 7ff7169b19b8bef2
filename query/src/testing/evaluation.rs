//! One recorded evaluation, run in all the forms that must agree.
//!
//! ```text
//! as recorded            with exactly its flags; a corpus line that names neither of the two below: with both and without
//! without a flag         delayed name removal, start timestamps, where the outcome is recorded apart
//! pinned                 every selector fixed by `@`, run at other times: the same values
//! middle step            a range query around the time of an instant one: the same values there
//! ```

use serde_json::Value as Json;

use super::dataset::DataSet;
use super::evaluator::Evaluator;
use super::recorded::{self, Malformed, Rules, agree};
use crate::error::{Error, Result};
use crate::request::{Answer, Request, When};
use crate::value::{Sample, SampleValue, Value};

/// What came of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What does not agree.
    pub complaints: Vec<String>,
    /// What the evaluator says it cannot do yet.
    pub open: Option<String>,
}

impl From<Vec<String>> for Findings {
    fn from(complaints: Vec<String>) -> Self {
        Self {
            complaints,
            open: None,
        }
    }
}

impl Findings {
    fn add(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// An error where none should be, or another one.
    fn fails(&mut self, label: &str, error: &Error) {
        let text = error.to_string();
        match text.strip_suffix(NOT_YET) {
            Some(what) => self.open = Some(what.to_owned()),
            None => self.add(format!("{label}: error {text}")),
        }
    }
}

/// How an evaluator says that it cannot do something yet.
const NOT_YET: &str = ": not supported by this engine yet";

/// Fields of a line; any other is a failure.
const FIELDS: [&str; 20] = [
    "id",
    "dataset",
    "expr",
    "time_ms",
    "start_ms",
    "end_ms",
    "step_ms",
    "lookback_ms",
    "flags",
    "ordered",
    "expect",
    "warnings",
    "infos",
    "hints_checked",
    "pinned",
    "pinned_times_ms",
    "middle_step",
    "without_delayed_name_removal",
    "without_start_timestamps",
    "should_fail",
];
const DELAYED: &str = "promql-delayed-name-removal";
const START_TIMES: &str = "use-start-timestamps";
/// Distance of the steps around an instant.
const STEP: i64 = 60_000;

/// Runs a line.
///
/// # Errors
/// Where the line is none.
pub fn check(
    line: &Json,
    evaluator: &dyn Evaluator,
    data: &DataSet,
) -> std::result::Result<Findings, Malformed> {
    let object = line.as_object().ok_or("no object")?;
    if let Some(field) = object
        .keys()
        .find(|field| !FIELDS.contains(&field.as_str()))
    {
        return Err(format!("unknown field {field}"));
    }
    let flags: Vec<&str> = line["flags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let mut findings = Findings::default();
    let is_corpus = line["id"].as_str().is_some_and(|id| id.contains(".test:"));
    for (extra, dropped, outcome) in variants(line, &flags, is_corpus) {
        let mut with: Vec<&str> = flags
            .iter()
            .copied()
            .filter(|flag| *flag != dropped)
            .collect();
        with.extend(extra);
        let run = Run {
            line,
            flags: with,
            evaluator,
            data,
        };
        let is_main = std::ptr::eq(outcome, line);
        run.as_recorded(outcome, &mut findings)?;
        if is_main {
            run.pinned(&mut findings)?;
        }
    }
    Ok(findings)
}

/// Flags to add, the flag to drop, and the outcome that is recorded for that.
fn variants<'l>(
    line: &'l Json,
    flags: &[&str],
    is_corpus: bool,
) -> Vec<(Vec<&'static str>, &'static str, &'l Json)> {
    let mut variants = vec![(Vec::new(), "", line)];
    if !is_corpus {
        return variants;
    }
    let free: Vec<&'static str> = [DELAYED, START_TIMES]
        .into_iter()
        .filter(|flag| !flags.contains(flag))
        .collect();
    if !free.is_empty() {
        variants.push((free, "", line));
    }
    for (field, flag) in [
        ("without_delayed_name_removal", DELAYED),
        ("without_start_timestamps", START_TIMES),
    ] {
        if let Some(outcome) = line.get(field) {
            variants.push((Vec::new(), flag, outcome));
        }
    }
    variants
}

struct Run<'r> {
    line: &'r Json,
    flags: Vec<&'r str>,
    evaluator: &'r dyn Evaluator,
    data: &'r DataSet,
}

impl Run<'_> {
    fn ask(&self, text: &str, when: When) -> std::result::Result<Result<Answer>, Malformed> {
        let mut request = Request::new(text, when);
        if let Some(lookback) = self.line["lookback_ms"].as_i64() {
            request.lookback = lookback;
        }
        for flag in &self.flags {
            if !request.features.enable(flag) {
                return Err(format!("unknown flag {flag}"));
            }
        }
        Ok(self.evaluator.evaluate(&request, self.data))
    }

    fn when(&self) -> std::result::Result<When, Malformed> {
        let time = |field: &str| {
            self.line[field]
                .as_i64()
                .ok_or_else(|| format!("no {field}"))
        };
        if self.line.get("time_ms").is_some() {
            return Ok(When::Instant(time("time_ms")?));
        }
        Ok(When::Range {
            start: time("start_ms")?,
            end: time("end_ms")?,
            step: time("step_ms")?,
        })
    }

    fn rules(&self) -> Rules {
        Rules {
            hints: self.line["hints_checked"] == true,
            order: self.line["ordered"] == true,
            any_time: false,
        }
    }

    fn as_recorded(
        &self,
        outcome: &Json,
        findings: &mut Findings,
    ) -> std::result::Result<(), Malformed> {
        let expr = recorded::text(&self.line["expr"])?;
        let got = self.ask(expr, self.when()?)?;
        let label = format!("flags {:?}", self.flags);
        let answer = match &got {
            Err(error) => {
                if !error_agrees(error, outcome.get("expect")) {
                    findings.fails(&label, error);
                }
                return Ok(());
            }
            Ok(answer) => answer,
        };
        if let Some(expect) = outcome.get("expect") {
            if expect.get("error").is_some() {
                findings.add(format!("{label}: no error, got {:?}", answer.value));
                return Ok(());
            }
            if !agree(&answer.value, &recorded::value(expect)?, self.rules()) {
                findings.add(format!("{label}: got {:?}", answer.value));
            }
        }
        for (field, got) in [("warnings", &answer.warnings), ("infos", &answer.infos)] {
            if outcome
                .get(field)
                .is_some_and(|want| *want != Json::from(got.clone()))
            {
                findings.add(format!("{label}: {field} {got:?}"));
            }
        }
        Ok(())
    }

    /// The pinned form at its times, and range queries around all of them.
    fn pinned(&self, findings: &mut Findings) -> std::result::Result<(), Malformed> {
        let expect = &self.line["expect"];
        let When::Instant(time) = self.when()? else {
            return Ok(());
        };
        if expect.get("error").is_some() || expect.is_null() {
            return Ok(());
        }
        let want = recorded::value(expect)?;
        let mut runs = vec![(recorded::text(&self.line["expr"])?, time)];
        if let Some(pinned) = self.line["pinned"].as_str() {
            let times = self.line["pinned_times_ms"].as_array();
            let times = times.into_iter().flatten().filter_map(Json::as_i64);
            runs.extend(times.map(|time| (pinned, time)));
        }
        let rules = Rules {
            any_time: true,
            ..self.rules()
        };
        for (at, (text, time)) in runs.into_iter().enumerate() {
            if at > 0 {
                match self.ask(text, When::Instant(time))? {
                    Ok(answer) if agree(&answer.value, &want, rules) => {}
                    Ok(answer) => {
                        findings.add(format!("pinned at {time}: got {:?}", answer.value));
                    }
                    Err(error) => findings.fails(&format!("pinned at {time}"), &error),
                }
            }
            if self.line["middle_step"] == true {
                self.middle((text, time), &want, findings)?;
            }
        }
        Ok(())
    }

    fn middle(
        &self,
        (text, time): (&str, i64),
        want: &Value,
        findings: &mut Findings,
    ) -> std::result::Result<(), Malformed> {
        let when = When::Range {
            start: time - STEP,
            end: time + STEP,
            step: STEP,
        };
        let rules = Rules {
            any_time: true,
            order: false,
            ..self.rules()
        };
        match self.ask(text, when)? {
            Ok(answer) => {
                let middle = at_time(answer.value, time);
                if !agree(&middle, &as_vector(want), rules) {
                    findings.add(format!("middle of {time}: got {middle:?}"));
                }
            }
            Err(error) => findings.fails(&format!("middle of {time}"), &error),
        }
        Ok(())
    }
}

fn as_vector(value: &Value) -> Value {
    match value {
        Value::Scalar(point) => Value::Vector(vec![Sample {
            labels: tsdb::label::Labels::default(),
            t: point.t,
            value: SampleValue::Float(point.v),
        }]),
        other => other.clone(),
    }
}

/// What a matrix has at a time.
fn at_time(value: Value, time: i64) -> Value {
    let Value::Matrix(rows) = value else {
        return value;
    };
    let mut samples = Vec::new();
    for row in rows {
        let floats = row.floats.iter().filter(|point| point.t == time);
        let floats = floats.map(|point| SampleValue::Float(point.v));
        let histograms = row.histograms.iter().filter(|point| point.t == time);
        let histograms =
            histograms.map(|point| SampleValue::Histogram(std::sync::Arc::clone(&point.h)));
        for value in floats.chain(histograms) {
            samples.push(Sample {
                labels: row.labels.clone(),
                t: time,
                value,
            });
        }
    }
    Value::Vector(samples)
}

/// Whether an error has the recorded kind and text; the series that one quotes may be others.
fn error_agrees(got: &Error, want: Option<&Json>) -> bool {
    let Some(want) = want else {
        return false;
    };
    let kind = match got {
        Error::Parse(_) => "parse",
        Error::BadData(_) => "bad_data",
        _ => "execution",
    };
    let text = got.to_string();
    let wanted = want["error"].as_str().unwrap_or_default();
    want["kind"] == kind && essence(&text) == essence(wanted)
}

/// An error text without the series that it quotes, which may be others.
#[must_use]
pub fn essence(text: &str) -> String {
    let head = text.split(": [").next().unwrap_or(text).to_owned();
    match (head.find(" group {"), head.rfind("} on the ")) {
        (Some(from), Some(to)) => format!("{}{}", &head[..from], &head[to..]),
        _ => head,
    }
}
