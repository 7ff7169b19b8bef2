//! A directory of recorded answers, run file by file.
//!
//! Every line ends as passed, failed, open or skipped; so the four together are the number of lines. Open is what an
//! evaluator says it cannot do yet. A file that is not known here is a failure.

mod forms;
mod language;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::dataset::{DataSets, contents, lines};
use super::evaluation::{Findings, check};
use super::evaluator::Evaluator;
use super::recorded::Malformed;

/// How the lines of a file fared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Lines that agree.
    pub passed: usize,
    /// What does not, a text for each line.
    pub failures: Vec<String>,
    /// Lines that need what the evaluator says it lacks, by what that is.
    pub open: BTreeMap<String, usize>,
    /// Lines that cannot be run here.
    pub skipped: usize,
}

/// How all files fared, by file and evaluator.
#[derive(Debug, Clone, Default)]
pub struct Report(BTreeMap<(String, String), Tally>);

/// Which lines are run: those of which the file, the id or the expression contains a text.
#[derive(Debug, Clone, Default)]
pub struct Filter(String);

impl Filter {
    /// What `STRATAL_CORPUS_FILTER` says; all lines where it says nothing.
    #[must_use]
    pub fn from_env() -> Self {
        Self(std::env::var("STRATAL_CORPUS_FILTER").unwrap_or_default())
    }

    fn lets_pass(&self, file: &str, line: &Json) -> bool {
        let contains = |text: &Json| text.as_str().is_some_and(|text| text.contains(&self.0));
        self.0.is_empty()
            || file.contains(&self.0)
            || contains(&line["id"])
            || contains(&line["expr"])
    }
}

/// Files whose lines are evaluations.
const EVALUATIONS: [&str; 4] = ["evals", "random", "compliance", "annotations"];
/// Bytes of a failure that a report shows.
const SHOWN_BYTES: usize = 2000;

/// Where recorded answers lie: in the corpus named by `STRATAL_GOLDEN`, else the selection in the repository.
#[must_use]
pub fn root() -> PathBuf {
    std::env::var_os("STRATAL_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql"),
        |root| Path::new(&root).join("promql"),
    )
}

/// Runs every file of a directory.
///
/// # Errors
/// Where the directory or its data sets cannot be read.
pub fn run(
    directory: &Path,
    evaluators: &[&dyn Evaluator],
    filter: &Filter,
) -> Result<Report, Malformed> {
    let mut report = evaluate_all(directory, evaluators, filter)?;
    report.0.extend(check_rest(directory)?.0);
    Ok(report)
}

/// Runs the files that need an evaluator.
///
/// # Errors
/// As [`run`].
pub fn evaluate_all(
    directory: &Path,
    evaluators: &[&dyn Evaluator],
    filter: &Filter,
) -> Result<Report, Malformed> {
    let data = DataSets::read(&directory.join("datasets"))?;
    let mut report = Report::default();
    for (path, stem) in files(directory)? {
        if !EVALUATIONS.contains(&stem.as_str()) {
            continue;
        }
        let mut lines = evaluations(&path)?;
        lines.retain(|line| filter.lets_pass(&stem, line));
        for evaluator in evaluators {
            let tally = evaluate(&lines, *evaluator, &data);
            report.add(&stem, evaluator.name(), tally);
        }
    }
    Ok(report)
}

/// Checks the files that need no evaluator.
///
/// # Errors
/// As [`run`].
pub fn check_rest(directory: &Path) -> Result<Report, Malformed> {
    let mut report = Report::default();
    for (path, stem) in files(directory)? {
        if !EVALUATIONS.contains(&stem.as_str()) {
            report.add(&stem, "", other(&path, &stem)?);
        }
    }
    Ok(report)
}

/// The files with their names up to the first dot.
fn files(directory: &Path) -> Result<Vec<(PathBuf, String)>, Malformed> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        if !path.is_dir() && stem != "README" {
            files.push((path, stem));
        }
    }
    Ok(files)
}

/// How a line of a file that is no evaluation is checked: what is wrong with it.
type Check = fn(&Json) -> Vec<String>;

/// Files whose lines are checked without an evaluator.
const CHECKS: [(&str, Check); 9] = [
    ("durations", language::duration),
    ("parse", language::expression),
    ("selectors", language::selector),
    ("regex", language::pattern),
    ("series_notation", forms::series),
    ("escaped_names", forms::escaped_name),
    ("json_numbers", forms::number),
    ("json_timestamps", forms::timestamp),
    ("json_histograms", forms::histogram),
];

fn other(path: &Path, stem: &str) -> Result<Tally, Malformed> {
    let mut tally = Tally::default();
    if stem == "functions" {
        for entry in table(path)? {
            tally.count(&entry, language::known(&entry).into());
        }
    } else if let Some((_, check)) = CHECKS.iter().find(|(name, _)| *name == stem) {
        for line in lines(path)? {
            tally.count(&line, check(&line).into());
        }
    } else if stem == "http" {
        tally.skipped = contents(path)?.lines().count();
    } else {
        tally.failures.push(format!("unknown file {stem}"));
    }
    Ok(tally)
}

/// The entries of `functions.json`, each with the list that it is in.
fn table(path: &Path) -> Result<Vec<Json>, Malformed> {
    let json: Json = serde_json::from_str(&contents(path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let lists = json.as_object().into_iter().flatten();
    let entries = lists.flat_map(|(list, entries)| {
        let entries = entries.as_array().into_iter().flatten();
        entries.map(move |entry| serde_json::json!({"list": list, "entry": entry}))
    });
    Ok(entries.collect())
}

impl Tally {
    fn count(&mut self, line: &Json, findings: Findings) {
        if !findings.complaints.is_empty() {
            let complaints = findings.complaints.join("\n    ");
            self.failures.push(format!("{line}\n    {complaints}"));
        } else if let Some(reason) = findings.open {
            *self.open.entry(reason).or_default() += 1;
        } else {
            self.passed += 1;
        }
    }

    /// How many lines are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.values().sum()
    }
}

impl Report {
    fn add(&mut self, file: &str, evaluator: &str, tally: Tally) {
        self.0
            .insert((file.to_owned(), evaluator.to_owned()), tally);
    }

    /// The sum over all files.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.0.values() {
            total.passed += tally.passed;
            total.failures.extend_from_slice(&tally.failures);
            total.skipped += tally.skipped;
            for (reason, count) in &tally.open {
                *total.open.entry(reason.clone()).or_default() += count;
            }
        }
        total
    }

    /// Per file and evaluator the first `shown` failures and the counts; then what is open, most frequent first; then the
    /// sum, in which open lines are failures.
    #[must_use]
    pub fn text(&self, shown: usize) -> String {
        let mut text = String::new();
        for ((file, evaluator), tally) in &self.0 {
            for failure in tally.failures.iter().take(shown) {
                let cut = failure.floor_char_boundary(SHOWN_BYTES);
                let _ = writeln!(text, "FAIL {file} {evaluator} {}", &failure[..cut]);
            }
        }
        for ((file, evaluator), tally) in &self.0 {
            let _ = writeln!(text, "{file} {evaluator}: {}", tally.counts());
        }
        let total = self.total();
        let mut reasons: Vec<_> = total.open.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons {
            let _ = writeln!(text, "OPEN {count} {reason}");
        }
        let failed = total.failures.len() + total.open();
        let (passed, skipped) = (total.passed, total.skipped);
        let _ = write!(text, "{passed} passed, {failed} failed, {skipped} skipped");
        text
    }
}

impl Tally {
    fn counts(&self) -> String {
        let (passed, failed, open, skipped) =
            (self.passed, self.failures.len(), self.open(), self.skipped);
        format!("{passed} passed, {failed} failed, {open} open, {skipped} skipped")
    }
}

/// The lines of one file of evaluations; at least one.
fn evaluations(path: &Path) -> Result<Vec<Json>, Malformed> {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let lines = if is_json {
        let json: Json = serde_json::from_str(&contents(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        json["cases"].as_array().cloned().unwrap_or_default()
    } else {
        lines(path)?
    };
    if lines.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(lines)
}

fn evaluate(lines: &[Json], evaluator: &dyn Evaluator, data: &DataSets) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        let set = data.get(line["dataset"].as_str().unwrap_or_default());
        let checked = catch_unwind(AssertUnwindSafe(|| check(line, evaluator, set)));
        let findings = match checked {
            Ok(Ok(findings)) => findings,
            Ok(Err(malformed)) => vec![malformed].into(),
            Err(_) => vec!["panicked".to_owned()].into(),
        };
        tally.count(line, findings);
    }
    tally
}
