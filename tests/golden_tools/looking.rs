//! `ls`, `inspect` and `verify`: what they print.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tsdb::id::BlockId;

use crate::bucket;
use crate::record::{Record, Run, records};

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn golden_ls_prints_the_same_lines() {
    for record in records("ls") {
        if record.has("--min-time=<TIME>") || record.has("--max-time=<TIME>") {
            check_times(&record);
            continue;
        }
        let run = record.run(&[], str::to_owned);
        if record.both_did_it(&run) {
            check_lines(&record, &run);
        }
    }
}

fn check_lines(record: &Record, run: &Run) {
    let name = &record.name;
    assert_eq!(run.before, run.after, "{name}");
    if record.stdout.starts_with('{') && record.stdout.lines().count() > 1 {
        let (got, want) = (metas(&run.stdout), metas(&record.stdout));
        assert_eq!(got.len(), want.len(), "{name}");
        for (got, want) in got.iter().zip(&want) {
            assert!(fits(got, want), "{name}: {got} is not {want}");
        }
    } else {
        assert_eq!(sorted(&run.stdout), sorted(&record.stdout), "{name}");
    }
}

/// A stream of metas, in the order of their names.
fn metas(text: &str) -> Vec<Value> {
    let stream = serde_json::Deserializer::from_str(text).into_iter();
    let mut metas: Vec<Value> = stream.map(Result::unwrap).collect();
    metas.sort_by_key(|meta| meta["ulid"].as_str().unwrap_or_default().to_owned());
    metas
}

/// Whether both are the same, but for what the record has a placeholder for: names of blocks made by it, and times.
fn fits(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            let same =
                |(name, want): (&String, &Value)| got.get(name).is_some_and(|got| fits(got, want));
            got.len() == want.len() && want.iter().all(same)
        }
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(got, want)| fits(got, want))
        }
        (Value::String(got), Value::String(want)) => {
            got == want || want == "<TIME>" || want.starts_with("NEW")
        }
        _ => got == want,
    }
}

/// The record lost its time: one of the times at which blocks begin or end gives its lines.
fn check_times(record: &Record) {
    let mut times = BTreeSet::new();
    for (name, content) in bucket::objects(&record.bucket()) {
        if let Some(block) = name.strip_suffix("/meta.json")
            && BlockId::parse(block).is_ok()
        {
            let meta: Value = serde_json::from_slice(&content).unwrap();
            times.extend(["minTime", "maxTime"].map(|key| meta[key].as_i64().unwrap()));
        }
    }
    let gives_the_lines = |ms: &i64| {
        let time = jiff::Timestamp::from_millisecond(*ms).unwrap().to_string();
        let run = record.run(&[], |arg| arg.replace("<TIME>", &time));
        run.code == 0 && sorted(&run.stdout) == sorted(&record.stdout)
    };
    let name = &record.name;
    assert!(times.iter().any(gives_the_lines), "{name}: {times:?}");
}

#[test]
fn golden_inspect_prints_the_same_table() {
    for record in records("inspect") {
        let run = record.run(&[], str::to_owned);
        if record.both_did_it(&run) {
            assert_eq!(run.stdout, record.stdout, "{}", record.name);
            assert_eq!(run.before, run.after, "{}", record.name);
        }
    }
}

#[test]
fn golden_verify_finds_what_thanos_finds() {
    let mut compared = 0;
    for record in records("verify") {
        if !bucket::is_whole(&bucket::objects(&record.bucket())) {
            continue;
        }
        let run = record.run(&["-o", "json"], str::to_owned);
        if record.both_did_it(&run) {
            check_findings(&record, &run);
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing of verify was compared");
}

/// Each warning of Thanos names a block that we have a finding of, and damage that it does not see is where it does not look.
fn check_findings(record: &Record, run: &Run) {
    let name = &record.name;
    assert_eq!(run.before, run.after, "{name}");
    let findings: Vec<Value> = match run.stdout.as_str() {
        "" => Vec::new(),
        text => serde_json::from_str(text).unwrap(),
    };
    let found: Vec<&str> = (findings.iter())
        .map(|finding| finding["block"].as_str().unwrap())
        .collect();
    let is_warning = |line: &&str| line.contains("level=warn") || line.contains("level=error");
    let mut silent = true;
    for warning in record.stderr.lines().filter(is_warning) {
        let words = warning.split(|c: char| !c.is_ascii_alphanumeric());
        let mut named = words.filter(|word| BlockId::parse(word).is_ok()).peekable();
        let is_found = named.peek().is_none() || named.any(|block| found.contains(&block));
        assert!(is_found, "{name}: {warning}: {findings:?}");
        silent = false;
    }
    let is_damage = |finding: &&Value| finding["severity"] == "damage";
    let damage: Vec<&Value> = findings.iter().filter(is_damage).collect();
    assert_eq!(
        run.code == 3,
        !damage.is_empty(),
        "{name}: exit {}",
        run.code
    );
    // Thanos reads indices only, so a segment that an index names in vain is news.
    let chunks = |block: &str| record.bucket().join(block).join("chunks/000001");
    let mut in_index = damage.iter().filter(|finding| {
        let block = finding["block"].as_str().unwrap();
        finding["object"] == "index" && Path::exists(&chunks(block))
    });
    assert!(!silent || in_index.next().is_none(), "{name}: {damage:?}");
}
