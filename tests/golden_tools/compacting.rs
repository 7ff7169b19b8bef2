//! `compact` on the recorded buckets: exit code, `--report`, `--metrics-file`.
//!
//! That each bucket ends as Thanos leaves it is tested in the compactor, where a test owns the clock. Here the clock is the
//! machine's, so a run counts only where its flags and its bucket do not ask it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tsdb::id::BlockId;
use tsdb::testing::golden;

use crate::bucket::{self, Objects};

/// Counters of work done; what Thanos counts of looking at a bucket depends on how often it looks.
const WORK: [&str; 6] = [
    "thanos_compact_group_compactions_total",
    "thanos_compact_group_vertical_compactions_total",
    "thanos_compact_downsample_total",
    "thanos_compact_blocks_cleaned_total",
    "thanos_compact_iterations_total",
    "thanos_delete_delay_seconds",
];

/// One run of our binary.
struct Run {
    name: String,
    code: i32,
    errors: String,
    /// None where there was no run.
    report: Option<Value>,
    metrics: String,
    before: Objects,
    after: Objects,
}

fn scenarios() -> Vec<Value> {
    let path = golden::path("services/compact_scenarios/scenarios.jsonl.gz");
    let text = std::io::read_to_string(GzDecoder::new(File::open(path).unwrap())).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let scenarios: Vec<Value> = lines.collect();
    assert!(!scenarios.is_empty(), "the corpus has no scenarios");
    scenarios
}

/// Writes every file below `dir` anew, so that it is as young as when Thanos saw it; gives the time in milliseconds.
fn renew(dir: &Path) -> u64 {
    let mut newest = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            newest = newest.max(renew(&path));
            continue;
        }
        fs::write(&path, fs::read(&path).unwrap()).unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let written = written.duration_since(UNIX_EPOCH).unwrap().as_millis();
        newest = newest.max(u64::try_from(written).unwrap());
    }
    newest
}

/// Runs the binary on a copy of the scenario's bucket; none where the golden data or the machine's clock lacks what it takes.
fn run(scenario: &Value) -> Option<Run> {
    let name = scenario["scenario"].as_str().unwrap().to_owned();
    let flags: Vec<String> = serde_json::from_value(scenario["flags"].clone()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("bucket");
    let input = scenario["input"].as_str().unwrap();
    if !bucket::lay_out(input, &dir) || !flags.iter().any(|flag| flag == "--consistency-delay=0s") {
        return None;
    }
    if input != "static" && !is_past(renew(&dir), &dir) {
        println!("{name}: not run, its blocks are younger than this machine's clock");
        return None;
    }
    let before = bucket::objects(&dir);
    let file = |name: &str| home.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_stratal"))
        .arg("compact")
        .arg(format!(
            "--objstore.config={{type: FILESYSTEM, config: {{directory: {}}}}}",
            dir.display()
        ))
        .arg(format!("--data-dir={}", file("data").display()))
        .arg(format!("--report={}", file("report").display()))
        .arg(format!("--metrics-file={}", file("metrics").display()))
        .args(flags)
        .output()
        .expect("the binary starts");
    let report = fs::read(file("report")).ok();
    Some(Run {
        name,
        code: output.status.code().expect("the binary ends by itself"),
        errors: String::from_utf8(output.stderr).unwrap(),
        report: report.map(|json| serde_json::from_slice(&json).unwrap()),
        metrics: fs::read_to_string(file("metrics")).unwrap_or_default(),
        before,
        after: bucket::objects(&dir),
    })
}

/// Whether all blocks are older than `now_ms`; an empty bucket has none.
fn is_past(now_ms: u64, dir: &Path) -> bool {
    let mut names = fs::read_dir(dir).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name();
        BlockId::parse(name.to_str()?).ok()
    });
    names.all(|block| block.time_ms() < now_ms)
}

/// Blocks with a meta.
fn blocks(objects: &Objects) -> BTreeSet<&str> {
    let metas = objects
        .keys()
        .filter_map(|name| name.strip_suffix("/meta.json"));
    metas
        .filter(|block| BlockId::parse(block).is_ok())
        .collect()
}

fn list<'a>(report: &'a Value, key: &str) -> &'a [Value] {
    report[key].as_array().unwrap()
}

#[test]
fn golden_scenarios_end_with_the_exit_code_of_their_kind() {
    let (mut well, mut fenced_and_went_on) = (0, 0);
    for scenario in &scenarios() {
        let Some(run) = run(scenario) else { continue };
        check_exit(scenario, &run);
        let Some(report) = &run.report else { continue };
        check_report(&run, report);
        check_metrics(&run, report);
        if scenario["exit_code"] == 0 && !asks_the_clock(&run.before) {
            check_work(scenario, &run);
            well += 1;
        }
        fenced_and_went_on +=
            usize::from(!list(report, "fenced").is_empty() && !list(report, "jobs").is_empty());
    }
    assert!(well > 0, "nothing that Thanos ends well was compared");
    assert!(
        fenced_and_went_on > 0,
        "no damaged block beside sound ones was among them"
    );
}

/// Whether what is to do depends on how old a deletion mark is.
fn asks_the_clock(before: &Objects) -> bool {
    before
        .keys()
        .any(|name| name.ends_with("deletion-mark.json"))
}

fn check_exit(scenario: &Value, run: &Run) {
    let Run { name, errors, .. } = run;
    let Some(report) = &run.report else {
        // Flags that can never work.
        assert!(matches!(run.code, 1 | 2), "{name}: exit {}", run.code);
        assert_ne!(scenario["exit_code"], 0, "{name}: {errors}");
        assert!(errors.contains("error: "), "{name}: no reason: {errors}");
        assert_eq!(run.before, run.after, "{name}: refused, and yet a change");
        return;
    };
    let is_empty = |key| list(report, key).is_empty();
    let want = match (
        is_empty("failures"),
        is_empty("fenced") && is_empty("attention"),
    ) {
        (false, _) => 1,
        (true, false) => 3,
        (true, true) => 0,
    };
    assert_eq!(run.code, want, "{name}: {report} {errors}");
    assert!(is_empty("failures"), "{name}: {report}");
    if scenario["exit_code"] != 0 {
        assert_eq!(
            run.code, 3,
            "{name}: Thanos stops here, so a person is needed: {report}"
        );
    }
}

/// What the report says is what lies in the bucket.
fn check_report(run: &Run, report: &Value) {
    let name = &run.name;
    let (before, after) = (blocks(&run.before), blocks(&run.after));
    let of = |key: &str, field: &str| -> BTreeSet<&str> {
        let entries = list(report, key).iter();
        entries.filter_map(|entry| entry[field].as_str()).collect()
    };
    let deleted = of("deleted", "block");
    let made = of("jobs", "output");
    let new: BTreeSet<&str> = after.difference(&before).copied().collect();
    let left: BTreeSet<&str> = made.difference(&deleted).copied().collect();
    assert_eq!(new, left, "{name}: new blocks");
    let gone: BTreeSet<&str> = before.difference(&after).copied().collect();
    assert!(gone.is_subset(&deleted), "{name}: {gone:?} went unsaid");
    for job in list(report, "jobs") {
        let Some(output) = job["output"].as_str().filter(|block| new.contains(block)) else {
            continue;
        };
        let meta: Value =
            serde_json::from_slice(&run.after[&format!("{output}/meta.json")]).unwrap();
        assert_eq!(job["series"], meta["stats"]["numSeries"], "{name}");
        assert_eq!(job["samples"], meta["stats"]["numSamples"], "{name}");
        assert_eq!(
            job["resolution_ms"], meta["thanos"]["downsample"]["resolution"],
            "{name}"
        );
    }
    let marked: BTreeSet<String> = (list(report, "marked").iter())
        .map(|mark| {
            format!(
                "{}/{}",
                mark["block"].as_str().unwrap(),
                mark["mark"].as_str().unwrap()
            )
        })
        .filter(|mark| !deleted.contains(mark.split('/').next().unwrap()))
        .collect();
    let is_mark =
        |object: &&String| object.ends_with("-mark.json") && !run.before.contains_key(*object);
    let marks: BTreeSet<String> = run.after.keys().filter(is_mark).cloned().collect();
    assert_eq!(marks, marked, "{name}: new marks");
    for fenced in list(report, "fenced") {
        let block = fenced["block"].as_str().unwrap();
        assert!(
            marks.contains(&format!("{block}/no-compact-mark.json")),
            "{name}"
        );
        assert!(
            marks.contains(&format!("{block}/no-downsample-mark.json")),
            "{name}"
        );
    }
}

/// Every metric that Thanos' compactor has too is of the same type there, and counts what the report tells.
fn check_metrics(run: &Run, report: &Value) {
    let name = &run.name;
    let text = fs::read_to_string(golden::path("services/facts/metrics.json")).unwrap();
    let facts: Value = serde_json::from_str(&text).unwrap();
    let known: BTreeMap<&str, &str> = (facts["compact"].as_array().unwrap().iter())
        .map(|fact| {
            (
                fact["name"].as_str().unwrap(),
                fact["type"].as_str().unwrap(),
            )
        })
        .collect();
    let mut shared = 0;
    for line in run.metrics.lines() {
        let Some((metric, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        // OpenMetrics leaves the ending out where it names a family.
        let metric = if kind == "counter" {
            format!("{metric}_total")
        } else {
            metric.to_owned()
        };
        if metric.starts_with("thanos_") {
            assert_eq!(known.get(metric.as_str()), Some(&kind), "{name}: {metric}");
            shared += 1;
        }
    }
    assert!(
        shared > 0,
        "{name}: no metric of Thanos' in {}",
        run.metrics
    );
    let jobs = list(report, "jobs").iter();
    let compactions = jobs.filter(|job| {
        job["kind"] == "compact" && job["output"].is_string() && job["found"] == false
    });
    assert_eq!(
        sum(&run.metrics, "thanos_compact_group_compactions_total"),
        compactions.count() as u64,
        "{name}"
    );
}

/// The sum of a metric's series in a text.
fn sum(text: &str, metric: &str) -> u64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        let value = rest
            .strip_prefix(' ')
            .or_else(|| rest.split_once("} ").map(|(_, value)| value))?;
        value.parse::<u64>().ok()
    });
    values.sum()
}

/// The same blocks were made as Thanos made, and the same work was counted.
fn check_work(scenario: &Value, run: &Run) {
    let name = &run.name;
    let identity = |meta: &Value| {
        let thanos = &meta["thanos"];
        json!([
            meta["minTime"],
            meta["maxTime"],
            meta["compaction"]["level"],
            meta["compaction"]["sources"],
            meta["stats"],
            thanos["labels"],
            thanos["downsample"]["resolution"],
        ])
        .to_string()
    };
    let new_metas = run
        .after
        .iter()
        .filter(|(object, _)| object.ends_with("/meta.json") && !run.before.contains_key(*object));
    let got: BTreeSet<String> = new_metas
        .map(|(_, bytes)| identity(&serde_json::from_slice(bytes).unwrap()))
        .collect();
    let objects = scenario["after"].as_array().unwrap().iter();
    let want: BTreeSet<String> = objects
        .filter(|object| {
            let object = object["object"].as_str().unwrap();
            object.starts_with("NEW") && object.ends_with("/meta.json")
        })
        .map(|object| identity(&object["json"]))
        .collect();
    assert_eq!(got, want, "{name}: new blocks");
    let lines = scenario["wait_mode"]["metrics"]
        .as_array()
        .into_iter()
        .flatten();
    let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
    for metric in WORK {
        let counted = sum(&run.metrics, metric);
        assert_eq!(counted, sum(&lines.join("\n"), metric), "{name}: {metric}");
    }
}
