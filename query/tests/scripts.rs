//! Our own cases in `tests/scripts`, on both evaluators; the form is that of `query::testing::script`.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use query::testing::evaluator::{Evaluator, Fast, Naive};
use query::testing::script::{Case, parse};

fn scripts() -> Vec<(PathBuf, Vec<Case>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert!(!cases.is_empty(), "{} asks nothing", path.display());
        scripts.push((path, cases));
    }
    scripts
}

#[test]
fn our_own_cases_have_their_answers_on_both_evaluators() {
    let engine = Fast::new().unwrap();
    let evaluators: [&dyn Evaluator; 2] = [&Naive, &engine];
    let mut failures = Vec::new();
    for (path, cases) in scripts() {
        for case in &cases {
            for evaluator in evaluators {
                if let Some(difference) = case.differs(evaluator) {
                    let (name, line) = (path.file_name().unwrap().display(), case.line);
                    let by = evaluator.name();
                    failures.push(format!(
                        "{name}:{line} {by} {}\n    {difference}",
                        case.request.text
                    ));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn our_own_cases_use_every_word_of_the_language() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql/functions.json");
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(functions).unwrap()).unwrap();
    let scripts = scripts();
    let cases = scripts.iter().flat_map(|(_, cases)| cases);
    let texts: Vec<&str> = cases.map(|case| case.request.text.as_str()).collect();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| text.split(|c| !is_part(c)))
        .collect();
    for list in ["functions", "aggregators", "operators", "keywords"] {
        for entry in json[list].as_array().unwrap() {
            let name = entry["name"].as_str().or(entry.as_str()).unwrap();
            let is_used = if name.contains(is_part) {
                words.contains(name)
            } else {
                texts.iter().any(|text| text.contains(name))
            };
            assert!(is_used, "{list}: no case for {name}");
        }
    }
}
