//! Runs at which Thanos stops: ours goes on.
//!
//! Whatever the injury, nothing is lost, damaged blocks are fenced with both marks, someone is told, a second run changes nothing more,
//! and the streams without a finding end as they would in a bucket of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use compactor::{Config, Outcome, Report};
use serde_json::{Value, json};
use tsdb::testing::golden;
use tsdb::time::Millis;

use crate::flags::{WAYS, Way};
use crate::scenarios::{SCENARIOS, check_no_file_beside, differences, now, strings};
use crate::state::{Objects, block_of, metas};
use crate::{corpus, flags, run, state};

/// Some time after all blocks of the corpus were made.
const LATER: Millis = Millis(1_800_000_000_000);

/// A scenario on the disk.
struct Case<'a> {
    scenario: &'a Value,
    way: Way,
    now: Millis,
    dir: tempfile::TempDir,
}

impl<'a> Case<'a> {
    fn new(scenario: &'a Value, way: Way, now: Millis) -> Self {
        let case = Self {
            scenario,
            way,
            now,
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(case.bucket()).unwrap();
        corpus::lay_out(scenario["input"].as_str().unwrap(), &case.bucket(), now);
        case
    }

    fn bucket(&self) -> std::path::PathBuf {
        self.dir.path().join("bucket")
    }

    fn config(&self) -> Result<Config, String> {
        let flags = strings(&self.scenario["flags"]);
        flags::config(self.dir.path(), self.way, &flags)
    }

    fn run(&self) -> Report {
        run(&self.bucket(), self.config().unwrap(), self.now)
    }

    fn name(&self) -> &str {
        self.scenario["scenario"].as_str().unwrap()
    }
}

#[test]
fn golden_injuries_stop_nothing_but_the_injured() {
    let scenarios = corpus::packed_lines(SCENARIOS);
    let mut looked_at = 0;
    let injured = scenarios
        .iter()
        .filter(|scenario| scenario["exit_code"] != 0);
    for (scenario, way) in injured.flat_map(|scenario| WAYS.map(|way| (scenario, way))) {
        let case = Case::new(scenario, way, now(scenario));
        // Flags that can never work stop ours too.
        if case.config().is_ok() {
            check(&case);
            looked_at += 1;
        }
    }
    assert!(looked_at > 0, "the corpus has no injuries");
}

/// Every packed bucket, whatever is wrong with it and whether or not the corpus has a run over it.
#[test]
fn golden_buckets_lose_nothing_in_a_run() {
    let archives = fs::read_dir(golden::path("services/compact_scenarios/inputs")).unwrap();
    let mut looked_at = 0;
    let archives = archives.map(|entry| entry.unwrap().path());
    for (path, way) in archives.flat_map(|path| WAYS.map(|way| (path.clone(), way))) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let input = name.strip_suffix(".tar.gz").unwrap();
        let flags = ["--consistency-delay=0s"];
        let scenario = json!({ "scenario": input, "input": input, "flags": flags });
        let case = Case::new(&scenario, way, LATER);
        let before = state::read(&case.bucket());
        let report = case.run();
        check_no_file_beside(case.dir.path(), way);
        let after = state::read(&case.bucket());
        assert!(report.failures.is_empty(), "{input}: {:?}", report.failures);
        check_fences(input, &report, &after);
        check_nothing_is_lost(input, &without_deleted(&before, &report), &after);
        case.run();
        let again = state::read(&case.bucket());
        assert_eq!(
            differences(&again, &after),
            Vec::<String>::new(),
            "{input}: a second run"
        );
        looked_at += 1;
    }
    assert!(looked_at > 0, "the corpus has no buckets");
}

/// The objects of blocks that were not due for deletion.
fn without_deleted(objects: &Objects, report: &Report) -> Objects {
    let deleted: BTreeSet<String> = report
        .deleted
        .iter()
        .map(|one| one.block.to_string())
        .collect();
    let kept = objects
        .iter()
        .filter(|(name, _)| !deleted.contains(block_of(name)));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn check(case: &Case<'_>) {
    let name = case.name();
    let before = state::read(&case.bucket());
    let report = case.run();
    let after = state::read(&case.bucket());
    assert_eq!(report.outcome(), Outcome::NeedsPerson, "{name}: {report:?}");
    check_nothing_is_lost(name, &before, &after);
    check_fences(name, &report, &after);
    check_sound_streams(case, &report, &before, &after);
    case.run();
    let again = state::read(&case.bucket());
    assert_eq!(
        differences(&again, &after),
        Vec::<String>::new(),
        "{name}: a second run"
    );
}

/// Every object is still there, and a block that will be deleted is in another one.
fn check_nothing_is_lost(name: &str, before: &Objects, after: &Objects) {
    for (object, value) in before {
        assert_eq!(after.get(object), Some(value), "{name}: {object}");
    }
    let kept: Vec<BTreeSet<String>> = metas(after)
        .into_iter()
        .filter(|(block, _)| !after.contains_key(&format!("{block}/deletion-mark.json")))
        .map(|(_, meta)| sources(meta))
        .collect();
    for (block, meta) in metas(after) {
        let mark = format!("{block}/deletion-mark.json");
        if after.contains_key(&mark) && !before.contains_key(&mark) {
            let covered = kept.iter().any(|kept| sources(meta).is_subset(kept));
            assert!(
                covered,
                "{name}: {block} is marked for deletion and in no other block"
            );
        }
    }
}

fn sources(meta: &Value) -> BTreeSet<String> {
    let sources = meta
        .pointer("/compaction/sources")
        .cloned()
        .unwrap_or_default();
    serde_json::from_value(sources).unwrap_or_default()
}

/// Each damaged block has both marks, which say where the damage is.
fn check_fences(name: &str, report: &Report, after: &Objects) {
    for fenced in &report.fenced {
        let block = fenced.block.unwrap();
        for mark in ["no-compact-mark.json", "no-downsample-mark.json"] {
            let mark = &after[&format!("{block}/{mark}")];
            assert_eq!(mark["reason"], "stratal-damaged", "{name}");
            assert_eq!(mark["details"], fenced.what, "{name}");
        }
        let file = ["index", "chunks/", "meta.json"]
            .iter()
            .any(|file| fenced.what.contains(file));
        assert!(file, "{name}: no file named in {:?}", fenced.what);
    }
}

/// Labels of a block: what lies at one resolution is made of what lies at another.
fn stream(meta: &Value) -> String {
    let labels = meta.pointer("/thanos/labels");
    labels.map(Value::to_string).unwrap_or_default()
}

/// The streams without a finding, alone in a bucket, end the same.
fn check_sound_streams(case: &Case<'_>, report: &Report, before: &Objects, after: &Objects) {
    let streams: BTreeMap<String, String> = metas(before)
        .into_iter()
        .map(|(block, meta)| (block, stream(meta)))
        .collect();
    let found = report.fenced.iter().chain(&report.attention);
    let found: BTreeSet<String> = found
        .filter_map(|finding| Some(finding.block?.to_string()))
        .collect();
    assert!(
        !found.is_empty(),
        "{}: nobody is told which block it is",
        case.name()
    );
    let injured: BTreeSet<&String> = found
        .iter()
        .filter_map(|block| streams.get(block))
        .collect();
    let is_sound = |block: &str| {
        streams
            .get(block)
            .is_some_and(|stream| !injured.contains(stream))
    };
    let alone = Case::new(case.scenario, case.way, case.now);
    for entry in fs::read_dir(alone.bucket()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !is_sound(path.file_name().unwrap().to_str().unwrap()) {
            fs::remove_dir_all(&path).unwrap();
        }
    }
    alone.run();
    let of_sound = |objects: &Objects| {
        let metas = metas(objects);
        let is_sound = |block: &str| {
            metas
                .get(block)
                .is_some_and(|meta| !injured.contains(&stream(meta)))
        };
        let kept = objects.iter().filter(|(name, _)| is_sound(block_of(name)));
        state::normalise(
            &kept
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            &|block| streams.contains_key(block),
        )
    };
    let found = differences(&of_sound(after), &of_sound(&state::read(&alone.bucket())));
    assert!(
        found.is_empty(),
        "{}: sound streams: {}",
        case.name(),
        found.join("\n")
    );
}
