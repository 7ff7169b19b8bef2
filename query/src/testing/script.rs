//! Cases as text: data, questions, answers.
//!
//! ```text
//! data 1m [begun 30s]                a new data set: series of the notation, samples a minute apart from time 0 on,
//!   up{job="a"} 1 1 _ 0              their counters begun half a minute before each
//! ask 2m sum(up)                     a question at a time, and below it the whole answer, nothing where it is empty
//!   {} 1
//! ask in order 2m sort(up)           the order of the answer counts
//! ask 1m to 3m by 1m up              at several times: a position per step
//!   up{job="a"} 1 _ 0
//! ask 1m time()
//!   scalar 60                        or `text t` for a string
//! ask 1m up + on (x) up
//!   fails duplicate series           the error has these words
//! ask 1m rate(up[2m])
//!   tells might not be a counter     one warning or info has these words; there are as many as such lines
//!   with use-start-timestamps        a feature flag; those of the syntax are on
//! ```
//!
//! A range vector's positions are those of the data. `#` begins a comment line. Notation: [`super::notation`].

use std::sync::Arc;

use super::dataset::DataSet;
use super::evaluator::Evaluator;
use super::notation::{Described, Position, parse_series};
use super::recorded::{Rules, agree};
use crate::naive::{DataSample, DataSeries};
use crate::request::{Features, Request, When};
use crate::syntax::number::parse_duration;
use crate::value::{FloatPoint, Sample, SampleValue, Series, Value};

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// Where it stands.
    pub line: usize,
    /// What is asked.
    pub request: Request,
    data: DataSet,
    data_step: i64,
    is_ordered: bool,
    rows: Vec<Described>,
    other: Option<Other>,
    told: Vec<String>,
}

/// An answer that is no vector.
#[derive(Debug, Clone)]
enum Other {
    Scalar(f64),
    Text(String),
    Fails(String),
}

/// Reads a script.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let (mut data, mut step, mut begun) = (DataSet::default(), 0, None);
    let mut is_data = true;
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        let fail = |why: String| format!("line {at}: {why}");
        let words = line.trim();
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix("data ") {
            data = DataSet::default();
            (step, begun) = data_header(header).map_err(fail)?;
            is_data = true;
        } else if let Some(question) = line.strip_prefix("ask ") {
            data.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            let case = ask(question, (at, &data, step)).map_err(fail)?;
            cases.push(case);
            is_data = false;
        } else if !line.starts_with(' ') {
            return Err(fail(format!("neither data nor ask: {line}")));
        } else if is_data {
            let series = parse_series(words).map_err(|error| fail(error.to_string()))?;
            data.series.push(Arc::new(stored(series, step, begun)));
        } else {
            let case = cases
                .last_mut()
                .ok_or_else(|| fail("no question".to_owned()))?;
            case.answer(words).map_err(fail)?;
        }
    }
    Ok(cases)
}

fn millis(text: &str) -> Result<i64, String> {
    parse_duration(text).map(|nanos| nanos / 1_000_000)
}

fn data_header(text: &str) -> Result<(i64, Option<i64>), String> {
    match text.split_once(" begun ") {
        Some((step, begun)) => Ok((millis(step)?, Some(millis(begun)?))),
        None => Ok((millis(text)?, None)),
    }
}

fn stored(series: Described, step: i64, begun: Option<i64>) -> DataSeries {
    let samples = points(&series, (0, step)).map(|(t, value)| DataSample {
        t,
        start: begun.map(|begun| t - begun),
        value,
    });
    DataSeries {
        samples: samples.collect(),
        labels: Arc::new(series.labels),
    }
}

/// The samples of a series whose positions lie `step` apart.
fn points(
    series: &Described,
    (start, step): (i64, i64),
) -> impl Iterator<Item = (i64, SampleValue)> + use<> {
    let times = (0..).map(move |at| start + step * at);
    let points = times.zip(series.values.clone());
    points.filter_map(|(t, position)| match position {
        Position::Omitted => None,
        Position::Float(value) => Some((t, SampleValue::Float(value))),
        Position::Histogram(histogram, _) => Some((t, SampleValue::Histogram(histogram))),
    })
}

fn ask(question: &str, (line, data, data_step): (usize, &DataSet, i64)) -> Result<Case, String> {
    let unordered = question.strip_prefix("in order ");
    let is_ordered = unordered.is_some();
    let (start, rest) = word(unordered.unwrap_or(question))?;
    let start = millis(start)?;
    let (when, text) = match rest.strip_prefix("to ") {
        None => (When::Instant(start), rest),
        Some(rest) => {
            let (end, rest) = word(rest)?;
            let rest = rest.strip_prefix("by ").ok_or("a range has a step")?;
            let (step, rest) = word(rest)?;
            let (end, step) = (millis(end)?, millis(step)?);
            (When::Range { start, end, step }, rest)
        }
    };
    let mut request = Request::new(text, when);
    request.features = Features {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..Features::default()
    };
    Ok(Case {
        line,
        request,
        data: data.clone(),
        data_step,
        is_ordered,
        rows: Vec::new(),
        other: None,
        told: Vec::new(),
    })
}

fn word(text: &str) -> Result<(&str, &str), String> {
    text.split_once(' ')
        .ok_or_else(|| format!("something is missing after {text}"))
}

impl Case {
    /// Takes one line of the answer.
    fn answer(&mut self, words: &str) -> Result<(), String> {
        let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
        match first {
            "with" if self.request.features.enable(rest) => {}
            "with" => return Err(format!("no feature: {rest}")),
            "tells" => self.told.push(rest.to_owned()),
            "fails" => self.other = Some(Other::Fails(rest.to_owned())),
            "text" => self.other = Some(Other::Text(rest.to_owned())),
            "scalar" => {
                let value = rest
                    .parse()
                    .map_err(|_error| format!("no number: {rest}"))?;
                self.other = Some(Other::Scalar(value));
            }
            _ => {
                let row = parse_series(words).map_err(|error| error.to_string())?;
                self.rows.push(row);
            }
        }
        Ok(())
    }

    /// What differs from the answer.
    #[must_use]
    pub fn differs(&self, evaluator: &dyn Evaluator) -> Option<String> {
        let got = match (evaluator.evaluate(&self.request, &self.data), &self.other) {
            (Err(error), Some(Other::Fails(words))) if error.to_string().contains(words) => {
                return None;
            }
            (Ok(got), other) if !matches!(other, Some(Other::Fails(_))) => got,
            (outcome, _) => return Some(format!("got {outcome:?}")),
        };
        let rules = Rules {
            order: self.is_ordered,
            ..Rules::default()
        };
        let want = self.wanted(matches!(got.value, Value::Matrix(_)));
        if !agree(&got.value, &want, rules) {
            return Some(format!("got {:?}\n    not {want:?}", got.value));
        }
        let told: Vec<&String> = got.warnings.iter().chain(&got.infos).collect();
        let is_told = |words: &String| told.iter().any(|text| text.contains(words.as_str()));
        let agrees = told.len() == self.told.len() && self.told.iter().all(is_told);
        (!agrees).then(|| format!("tells {told:?}"))
    }

    fn wanted(&self, is_matrix: bool) -> Value {
        let start = self.request.when.start();
        match &self.other {
            Some(Other::Scalar(v)) => return Value::Scalar(FloatPoint { t: start, v: *v }),
            Some(Other::Text(text)) => {
                return Value::String {
                    t: start,
                    text: text.clone(),
                };
            }
            _ => {}
        }
        let grid = match self.request.when {
            When::Instant(_) if is_matrix => (0, self.data_step),
            when => (start, when.step()),
        };
        if is_matrix {
            return Value::Matrix(self.rows.iter().map(|row| matrix_row(row, grid)).collect());
        }
        let sample = |row: &Described| {
            points(row, grid).next().map(|(t, value)| Sample {
                labels: row.labels.clone(),
                t,
                value,
            })
        };
        Value::Vector(self.rows.iter().filter_map(sample).collect())
    }
}

fn matrix_row(row: &Described, grid: (i64, i64)) -> Series {
    let mut series = Series {
        labels: row.labels.clone(),
        ..Series::default()
    };
    points(row, grid).for_each(|(t, value)| series.push(t, value));
    series
}
