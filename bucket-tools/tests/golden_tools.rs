//! What Thanos' tools printed and changed, against ours, on copies of the same buckets.
//!
//! Arguments of the records are understood here as far as the libraries go; parsing flags is the binary's. A record whose
//! bucket is not in the golden data, or that is about flags only, is passed over; some of each tool must remain.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use bucket_tools::report::Format;
use bucket_tools::select::Selection;
use bucket_tools::{Result, inspect, ls, mark, verify};
use flate2::read::GzDecoder;
use serde_json::Value;
use tsdb::block::check::Severity;
use tsdb::bucket::Bucket;
use tsdb::id::BlockId;
use tsdb::testing::golden;
use tsdb::time::Millis;

/// One recorded run.
struct Record {
    name: String,
    args: Vec<String>,
    stdout: String,
    stderr: String,
    exit_code: i64,
    changes: Value,
    bucket: tempfile::TempDir,
}

impl Record {
    /// The value of a flag, in either form.
    fn flag<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.flags(name).next()
    }

    fn flags<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{name}=");
        let pairs = self
            .args
            .iter()
            .zip(self.args.iter().skip(1).map(Some).chain([None]));
        pairs.filter_map(move |(arg, next)| match arg.strip_prefix(&prefix) {
            Some(value) => Some(value),
            None if arg == name => next.map(String::as_str),
            None => None,
        })
    }

    fn has(&self, names: &[&str]) -> bool {
        self.args
            .iter()
            .any(|arg| names.iter().any(|name| arg.starts_with(name)))
    }

    fn open(&self) -> Bucket {
        Bucket::open_local(self.bucket.path(), "").expect("a directory is a bucket")
    }
}

/// The records of one tool whose bucket is there.
fn records(tool: &str) -> Vec<Record> {
    let path = golden::path("services/tools/tools.jsonl.gz");
    let mut text = String::new();
    let file = File::open(path).expect("golden data opens");
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("golden data unpacks");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("golden lines are JSON"));
    let records: Vec<Record> = lines.filter_map(|line| record(tool, &line)).collect();
    assert!(!records.is_empty(), "no record of {tool} has its bucket");
    records
}

fn record(tool: &str, line: &Value) -> Option<Record> {
    let name = line["id"].as_str()?;
    let texts = line["args"].as_array()?.iter();
    name.strip_prefix(tool)?.strip_prefix('/')?;
    Some(Record {
        name: name.to_owned(),
        args: texts
            .map(|arg| arg.as_str().unwrap_or_default().to_owned())
            .collect(),
        stdout: line["stdout"].as_str()?.to_owned(),
        stderr: line["stderr"].as_str()?.to_owned(),
        exit_code: line["exit_code"].as_i64()?,
        changes: line["changes"].clone(),
        bucket: unpack(line["input"].as_str()?)?,
    })
}

/// A copy of the bucket of this name; none where it is not in the golden data.
fn unpack(input: &str) -> Option<tempfile::TempDir> {
    let copy = tempfile::tempdir().expect("a scratch directory");
    let root = golden::root().join("services");
    match input {
        "empty" => {}
        "static" => copy_dir(&root.join("static-bucket"), copy.path()),
        _ => {
            let archive = root.join(format!("compact_scenarios/inputs/{input}.tar.gz"));
            let archive = File::open(archive).ok()?;
            tar::Archive::new(GzDecoder::new(archive))
                .unpack(copy.path())
                .expect("golden data unpacks");
            flatten(copy.path());
        }
    }
    Some(copy)
}

/// Archives may hold the bucket in a directory of its own.
fn flatten(dir: &Path) {
    let entries: Vec<PathBuf> = list(dir);
    let [only] = entries.as_slice() else { return };
    if BlockId::parse(&only.file_name().unwrap_or_default().to_string_lossy()).is_ok() {
        return;
    }
    for entry in list(only) {
        let name = entry.file_name().expect("entries have names");
        fs::rename(&entry, dir.join(name)).expect("the scratch directory takes it");
    }
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("directories can be listed");
    entries
        .map(|entry| entry.expect("entries can be read").path())
        .collect()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the scratch directory takes it");
    for entry in list(from) {
        let target = to.join(entry.file_name().expect("entries have names"));
        if entry.is_dir() {
            copy_dir(&entry, &target);
        } else {
            fs::write(&target, fs::read(&entry).expect("golden data is readable")).expect("copied");
        }
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn golden_ls_prints_the_same_lines() {
    let mut compared = 0;
    for record in records("ls") {
        // Times are replaced in the record, relabelling and timeouts are flags of the binary.
        if record.has(&[
            "--min-time",
            "--max-time",
            "--selector",
            "--timeout",
            "--objstore",
        ]) {
            continue;
        }
        let output = record
            .flag("--output")
            .or(record.flag("-o"))
            .unwrap_or_default();
        let attached = record
            .args
            .iter()
            .find_map(|arg| arg.strip_prefix("-o").filter(|form| !form.is_empty()));
        let output = attached.unwrap_or(output);
        let selection = Selection {
            exclude_marked: record.has(&["--exclude-delete"]),
            ..Selection::default()
        };
        let result = list_blocks(&record, &selection, output).await;
        let name = &record.name;
        assert_eq!(result.is_ok(), record.exit_code == 0, "{name}: {result:?}");
        let Ok(text) = result else { continue };
        if output == "json" {
            assert_eq!(
                text.lines().count(),
                record.stdout.lines().count(),
                "{name}"
            );
        } else {
            assert_eq!(sorted(&text), sorted(&record.stdout), "{name}");
        }
        compared += 1;
    }
    assert!(compared > 0, "nothing of ls was compared");
}

async fn list_blocks(record: &Record, selection: &Selection, output: &str) -> Result<String> {
    let form = ls::Form::parse(output)?;
    let mut out = Vec::new();
    ls::run(&record.open(), selection, &form, &mut out).await?;
    Ok(String::from_utf8(out).expect("metas are UTF-8"))
}

#[tokio::test]
async fn golden_inspect_prints_the_same_table() {
    let mut compared = 0;
    for record in records("inspect") {
        let Some(format) = Format::parse(record.flag("--output").unwrap_or("table")) else {
            continue;
        };
        if record.has(&["--timeout"]) || record.flag("-o").is_some() {
            continue;
        }
        let options = inspect::Options {
            labels: record
                .flags("-l")
                .map(|text| inspect::label(text).expect("a label"))
                .collect(),
            sort_by: record.flags("--sort-by").map(str::to_owned).collect(),
            ..inspect::Options::default()
        };
        let result = inspect::run(&record.open(), &options).await;
        let name = &record.name;
        assert_eq!(result.is_ok(), record.exit_code == 0, "{name}");
        let Ok(report) = result else { continue };
        let mut out = Vec::new();
        report.write(format, &mut out).expect("a vector takes all");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            record.stdout,
            "{name}"
        );
        compared += 1;
    }
    assert!(compared > 0, "nothing of inspect was compared");
}

/// Thanos' text of a mark, with the time of ours in the place of its own.
fn with_time(content: &str, now: Millis) -> String {
    content.replace("\"<NOW>\"", &(now.0 / 1000).to_string())
}

#[tokio::test]
async fn golden_mark_makes_the_same_changes() {
    let now = Millis(1_760_000_000_500);
    let mut compared = 0;
    for record in records("mark") {
        let ids: Option<Vec<BlockId>> = record
            .flags("--id")
            .map(|id| BlockId::parse(id).ok())
            .collect();
        let (Some(ids), Some(kind)) = (ids, record.flag("--marker").and_then(mark::kind)) else {
            continue;
        };
        let bucket = record.open();
        let is_there = ids
            .iter()
            .all(|id| record.bucket.path().join(id.to_string()).exists());
        if ids.is_empty() || !is_there {
            continue;
        }
        let options = mark::Options {
            ids,
            kind,
            details: record.flag("--details").unwrap_or_default().to_owned(),
            remove: record.has(&["--remove"]),
        };
        let result = mark::run(&bucket, &options, now).await;
        let name = &record.name;
        assert_eq!(result.is_ok(), record.exit_code == 0, "{name}: {result:?}");
        for added in record.changes["added"].as_array().into_iter().flatten() {
            let object = added["object"].as_str().expect("objects have names");
            let want = with_time(added["content"].as_str().expect("marks are text"), now);
            let got =
                fs::read_to_string(record.bucket.path().join(object)).expect("the mark is there");
            assert_eq!(got, want, "{name}");
        }
        for removed in record.changes["removed"].as_array().into_iter().flatten() {
            let object = removed.as_str().expect("objects have names");
            assert!(!record.bucket.path().join(object).exists(), "{name}");
        }
        compared += 1;
    }
    assert!(compared > 0, "nothing of mark was compared");
}

#[tokio::test]
async fn golden_verify_finds_what_thanos_finds() {
    let mut compared = 0;
    for record in records("verify") {
        let names: Vec<&str> = record.flags("-i").collect();
        let parsed = names.iter().map(|name| verify::Check::parse(name));
        let Ok(mut checks) = parsed.collect::<Result<Vec<_>>>() else {
            assert_ne!(record.exit_code, 0, "{}", record.name);
            continue;
        };
        // Repair is refused; single blocks are a flag's matter; metas alone are no blocks.
        if record.has(&["-r", "--id"]) || !is_whole(record.bucket.path()) {
            continue;
        }
        if checks.is_empty() {
            checks = vec![verify::Check::Index, verify::Check::Overlap];
        }
        compare_verify(&record, checks).await;
        compared += 1;
    }
    assert!(compared > 0, "nothing of verify was compared");
}

/// Each warning of Thanos names a block that we have a finding of; without a warning there is no damage in the index.
async fn compare_verify(record: &Record, checks: Vec<verify::Check>) {
    let work = tempfile::tempdir().expect("a scratch directory");
    let options = verify::Options {
        selection: Selection::default(),
        checks,
        work_dir: work.path().to_owned(),
        concurrency: 2,
    };
    let verified = verify::run(&record.open(), &options)
        .await
        .expect("the bucket can be read");
    let found: Vec<&str> = verified
        .findings
        .iter()
        .map(|placed| placed.block.as_str())
        .collect();
    let warnings = record
        .stderr
        .lines()
        .filter(|line| line.contains("level=warn") || line.contains("level=error"));
    for warning in warnings {
        let mut named = warning
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| BlockId::parse(word).is_ok())
            .peekable();
        let any = named.peek().is_none() || named.any(|block| found.contains(&block));
        assert!(any, "{}: {warning}: {found:?}", record.name);
    }
    let damage = verified
        .findings
        .iter()
        .filter(|placed| placed.finding.severity == Severity::Damage);
    let in_index: Vec<String> = damage
        .filter(|placed| placed.finding.file == "index")
        .map(|placed| format!("{} {}", placed.block, placed.finding))
        .collect();
    let silent = !record.stderr.contains("level=warn") && !record.stderr.contains("level=error");
    assert!(
        in_index.is_empty() || !silent || is_missing_chunks(record.bucket.path()),
        "{}: {in_index:?}",
        record.name
    );
}

/// Whether a segment that a meta lists is not there, which Thanos' check of the index does not see.
fn is_missing_chunks(bucket: &Path) -> bool {
    list(bucket)
        .iter()
        .any(|block| block.join("meta.json").exists() && !block.join("chunks/000001").exists())
}

/// Whether the golden data has more of the bucket than metas.
fn is_whole(bucket: &Path) -> bool {
    let blocks = list(bucket);
    let has_both =
        |block: &PathBuf| block.join("chunks/000001").exists() && block.join("meta.json").exists();
    blocks.is_empty() || blocks.iter().any(has_both)
}
