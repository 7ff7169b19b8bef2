//! A directory of recorded answers, run file by file.
//!
//! Every line ends as passed, failed or skipped; so the three together are the number of lines. A file that is not known
//! here is a failure.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::Value as Json;

use super::dataset::{DataSets, contents, lines};
use super::evaluation::{Evaluator, check};
use super::recorded::Malformed;
use crate::syntax::number;

/// How the lines of a file fared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Lines that agree.
    pub passed: usize,
    /// What does not, a text for each line.
    pub failures: Vec<String>,
    /// Lines that cannot be run here.
    pub skipped: usize,
}

/// Files whose lines are evaluations.
const EVALUATIONS: [&str; 3] = ["evals", "random", "compliance"];
/// Files that tests of their own run: those of the language, of the notation and of the HTTP API.
const ELSEWHERE: [&str; 10] = [
    "parse",
    "series_notation",
    "selectors",
    "regex",
    "escaped_names",
    "functions",
    "http",
    "json_numbers",
    "json_timestamps",
    "json_histograms",
];

/// Runs every file of a directory; the tallies by file and evaluator.
///
/// # Errors
/// Where the directory or its data sets cannot be read.
pub fn run(
    directory: &Path,
    evaluators: &[&dyn Evaluator],
) -> Result<BTreeMap<(String, String), Tally>, Malformed> {
    let data = DataSets::read(&directory.join("datasets"))?;
    let mut tallies = BTreeMap::new();
    let entries = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        if path.is_dir() || stem == "README" {
            continue;
        }
        if EVALUATIONS.contains(&stem.as_str()) || stem == "annotations" {
            for evaluator in evaluators {
                let tally = evaluations(&path, *evaluator, &data)?;
                tallies.insert((stem.clone(), evaluator.name().to_owned()), tally);
            }
            continue;
        }
        let tally = other(&path, &stem)?;
        tallies.insert((stem, String::new()), tally);
    }
    Ok(tallies)
}

fn other(path: &Path, stem: &str) -> Result<Tally, Malformed> {
    let mut tally = Tally::default();
    if stem == "durations" {
        for line in lines(path)? {
            tally.count(&line, duration(&line));
        }
    } else if ELSEWHERE.contains(&stem) {
        tally.skipped = contents(path)?.lines().count();
    } else {
        tally.failures.push(format!("unknown file {stem}"));
    }
    Ok(tally)
}

impl Tally {
    fn count(&mut self, line: &Json, complaints: Vec<String>) {
        if complaints.is_empty() {
            self.passed += 1;
        } else {
            self.failures
                .push(format!("{line}\n    {}", complaints.join("\n    ")));
        }
    }
}

/// Runs the lines of one file of evaluations.
///
/// # Errors
/// Where it cannot be read.
pub fn evaluations(
    path: &Path,
    evaluator: &dyn Evaluator,
    data: &DataSets,
) -> Result<Tally, Malformed> {
    let lines = if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let json: Json = serde_json::from_str(&contents(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        json["cases"].as_array().cloned().unwrap_or_default()
    } else {
        lines(path)?
    };
    if lines.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    let mut tally = Tally::default();
    for line in lines {
        let set = data.get(line["dataset"].as_str().unwrap_or_default());
        let checked = catch_unwind(AssertUnwindSafe(|| check(&line, evaluator, set)));
        let complaints = match checked {
            Ok(Ok(complaints)) => complaints,
            Ok(Err(malformed)) => vec![malformed],
            Err(_) => vec!["panicked".to_owned()],
        };
        tally.count(&line, complaints);
    }
    Ok(tally)
}

fn duration(line: &Json) -> Vec<String> {
    let got = number::parse_duration(line["input"].as_str().unwrap_or_default());
    let agrees = match &got {
        Ok(nanos) => {
            let millis = nanos / 1_000_000;
            line["ms"] == millis && line["printed"] == number::print_duration(millis)
        }
        Err(why) => line["error"] == why.as_str(),
    };
    if agrees {
        Vec::new()
    } else {
        vec![format!("got {got:?}")]
    }
}
