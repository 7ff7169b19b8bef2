//! `mark`, `cleanup` and `retention`: which objects they write and delete.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::record::{Record, Run, records};

/// Between a time in an object and that of its file.
const SLACK_S: u64 = 60;

#[test]
fn golden_mark_makes_the_same_changes() {
    check_tool("mark");
}

#[test]
fn golden_cleanup_makes_the_same_changes() {
    check_tool("cleanup");
}

#[test]
fn golden_retention_makes_the_same_changes() {
    check_tool("retention");
}

fn check_tool(tool: &str) {
    let mut compared = 0;
    for record in records(tool) {
        // We take both forms of durations for every flag.
        if record.stderr.contains("time: unknown unit") {
            continue;
        }
        let run = record.run(&[], str::to_owned);
        if record.both_did_it(&run) {
            check_changes(&record, &run);
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing of {tool} was compared");
}

fn check_changes(record: &Record, run: &Run) {
    let name = &record.name;
    assert_eq!(run.stdout, record.stdout, "{name}");
    let list = |key: &str| record.changes[key].as_array().into_iter().flatten();
    let names = |key| {
        let objects =
            list(key).filter_map(|change: &Value| change["object"].as_str().or(change.as_str()));
        objects.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let (before, after) = (&run.before, &run.after);
    let added = after.keys().filter(|object| !before.contains_key(*object));
    assert_eq!(
        added.cloned().collect::<BTreeSet<_>>(),
        names("added"),
        "{name}"
    );
    let removed = before.keys().filter(|object| !after.contains_key(*object));
    // A selection of golden data lacks some objects from the beginning.
    let mut want = names("removed");
    want.retain(|object| before.contains_key(object));
    assert_eq!(removed.cloned().collect::<BTreeSet<_>>(), want, "{name}");
    let changed = before
        .iter()
        .filter(|(object, content)| after.get(*object).is_some_and(|now| now != *content));
    let changed: BTreeSet<String> = changed.map(|(object, _)| object.clone()).collect();
    assert_eq!(changed, names("changed"), "{name}");
    for change in list("added") {
        let object = change["object"].as_str().unwrap();
        let want = change["content"].as_str().expect("marks are text");
        check_mark(&record.bucket().join(object), want);
    }
}

/// The same bytes, with the present time, in seconds, in the place of Thanos' own.
fn check_mark(path: &Path, want: &str) {
    let got = fs::read_to_string(path).unwrap();
    let (start, end) = want.split_once("\"<NOW>\"").expect("marks have a time");
    let inner = got
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    let time: u64 = inner
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| {
            panic!("{}: {got}, not {want}", path.display());
        });
    let written = fs::metadata(path).unwrap().modified().unwrap();
    let written = written.duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(
        written.abs_diff(time) <= SLACK_S,
        "{got}: written {written}"
    );
}
