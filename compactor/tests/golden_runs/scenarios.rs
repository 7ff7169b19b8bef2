//! Runs that Thanos ends well: the bucket ends the same.
//!
//! Objects are compared by content: JSON without names of new blocks and times, everything else by its digest.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tsdb::id::BlockId;
use tsdb::testing::golden;
use tsdb::time::Millis;

use crate::flags::{WAYS, Way};
use crate::state::{Objects, block_of};
use crate::{corpus, flags, run, state};

pub(crate) const SCENARIOS: &str = "services/compact_scenarios/scenarios.jsonl.gz";

pub(crate) fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

/// A time after all blocks of a scenario were made.
pub(crate) fn now(scenario: &Value) -> Millis {
    let objects = scenario["after"].as_array().unwrap().iter();
    let objects = objects.chain(scenario["removed_objects"].as_array().into_iter().flatten());
    let names = objects.filter_map(|object| object.get("object").unwrap_or(object).as_str());
    let blocks = names.filter_map(|name| BlockId::parse(block_of(name)).ok());
    let newest = blocks.map(BlockId::time_ms).max().unwrap_or_default();
    Millis(i64::try_from(newest).unwrap() + Millis::HOUR.0)
}

/// The objects that the corpus says are there after the run.
fn wanted(scenario: &Value, before: &Objects) -> Objects {
    let objects = scenario["after"].as_array().unwrap().iter().map(|object| {
        let name = object["object"].as_str().unwrap();
        let same = || before.get(name).cloned();
        let value = if object.get("json").is_some() {
            object["json"].clone()
        } else if let Some(text) = object.get("text") {
            json!({ "sha256": state::sha256(text.as_str().unwrap().as_bytes()) })
        } else if let Some(digest) = object.get("sha256") {
            json!({ "sha256": digest })
        } else {
            same().unwrap_or_else(|| panic!("{name} is neither new nor old"))
        };
        (name.to_owned(), value)
    });
    objects.collect()
}

pub(crate) fn differences(got: &Objects, want: &Objects) -> Vec<String> {
    let names: BTreeSet<_> = got.keys().chain(want.keys()).collect();
    names
        .into_iter()
        .filter(|&name| got.get(name) != want.get(name))
        .map(|name| {
            let show =
                |objects: &Objects| objects.get(name).map_or("absent".into(), Value::to_string);
            format!("{name}\n   got {}\n  want {}", show(got), show(want))
        })
        .collect()
}

/// Nothing is written beside the bucket where no disk is allowed.
pub(crate) fn check_no_file_beside(dir: &Path, way: Way) {
    let count = std::fs::read_dir(dir).unwrap().count();
    assert!(way == Way::Disk || count == 1, "files beside the bucket");
}

fn check_scenario(scenario: &Value, way: Way) -> Vec<String> {
    let name = scenario["scenario"].as_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("bucket");
    std::fs::create_dir(&bucket).unwrap();
    let now = now(scenario);
    corpus::lay_out(scenario["input"].as_str().unwrap(), &bucket, now);
    let before = state::read(&bucket);
    let config = flags::config(dir.path(), way, &strings(&scenario["flags"])).unwrap();
    let report = run(&bucket, config, now);
    check_no_file_beside(dir.path(), way);
    let known = |block: &str| before.keys().any(|object| block_of(object) == block);
    let got = state::normalise(&state::read(&bucket), &known);
    let want = state::normalise(&wanted(scenario, &before), &known);
    let mut found = differences(&got, &want);
    found.extend(report.failures.iter().map(|failure| format!("{failure:?}")));
    let found = found.iter();
    found
        .map(|what| format!("{name}, {way:?}: {what}"))
        .collect()
}

#[test]
fn golden_scenarios_that_thanos_ends_well_end_the_same() {
    let scenarios = corpus::packed_lines(SCENARIOS);
    let well = scenarios
        .iter()
        .filter(|scenario| scenario["exit_code"] == 0);
    let both = well.flat_map(|scenario| WAYS.map(|way| (scenario, way)));
    let found: Vec<_> = both
        .flat_map(|(scenario, way)| check_scenario(scenario, way))
        .collect();
    assert!(
        found.is_empty(),
        "{} differences\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn golden_runs_over_corpus_blocks_end_the_same() {
    let runs = std::fs::read_dir(golden::path("blocks/bucket")).unwrap();
    let mut count = 0;
    for path in runs.map(|entry| entry.unwrap().path()) {
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for way in WAYS {
            check_blocks(&path, &case, way);
        }
        count += 1;
    }
    assert!(count > 0, "the corpus has no runs");
}

fn check_blocks(path: &Path, case: &Value, way: Way) {
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("bucket");
    std::fs::create_dir(&bucket).unwrap();
    for input in strings(&case["inputs"]) {
        corpus::copy_block(&golden::path("blocks").join(input), &bucket);
    }
    // The corpus' blocks are named after the times of their samples: some time after the last of them.
    let now = Millis(2_000_000_000_000);
    let before = state::read(&bucket);
    let mut flags = strings(&case["flags"]);
    flags.push("--consistency-delay=0s".into());
    run(
        &bucket,
        flags::config(dir.path(), way, &flags).unwrap(),
        now,
    );
    let known = |block: &str| before.keys().any(|object| block_of(object) == block);
    let got = state::normalise(&state::read(&bucket), &known);
    let mut want = before.clone();
    for block in case["new_blocks"].as_array().unwrap() {
        let name = block["name"].as_str().unwrap();
        want.insert(format!("{name}/meta.json"), block["meta"].clone());
        for (file, digest) in block["sha256"].as_object().unwrap() {
            want.insert(format!("{name}/{file}"), json!({ "sha256": digest }));
        }
    }
    for (block, details) in case["deletion_marks"].as_object().unwrap() {
        let mark = json!({ "id": block, "version": 1, "details": details, "deletion_time": 0 });
        want.insert(format!("{block}/deletion-mark.json"), mark);
    }
    let found = differences(&got, &state::normalise(&want, &known));
    check_no_file_beside(dir.path(), way);
    let place = path.display();
    assert!(found.is_empty(), "{place}, {way:?}: {}", found.join("\n"));
}
