//! One recorded run of Thanos, and ours of the same command line.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;
use tsdb::id::BlockId;
use tsdb::testing::golden;

use crate::bucket::{self, Objects};

/// What Thanos did, and a copy of the bucket that it did it to.
pub(crate) struct Record {
    pub(crate) name: String,
    args: Vec<String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit_code: i64,
    pub(crate) changes: Value,
    home: tempfile::TempDir,
}

/// What our binary did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The bucket before.
    pub(crate) before: Objects,
    /// The bucket afterwards.
    pub(crate) after: Objects,
}

/// The records of one tool whose bucket is in the golden data; at least one.
pub(crate) fn records(tool: &str) -> Vec<Record> {
    let file = File::open(golden::path("services/tools/tools.jsonl.gz")).unwrap();
    let text = std::io::read_to_string(GzDecoder::new(file)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let records: Vec<Record> = lines.filter_map(|line| record(tool, &line)).collect();
    assert!(!records.is_empty(), "no record of {tool} has its bucket");
    records
}

fn record(tool: &str, line: &Value) -> Option<Record> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    text("id").strip_prefix(tool)?.strip_prefix('/')?;
    let home = tempfile::tempdir().unwrap();
    // A record without input is about a directory that does not exist.
    if let Some(input) = line["input"].as_str()
        && !bucket::lay_out(input, &home.path().join("b"))
    {
        return None;
    }
    let args = line["args"].as_array().unwrap().iter();
    Some(Record {
        name: text("id"),
        args: args.map(|arg| arg.as_str().unwrap().to_owned()).collect(),
        stdout: text("stdout"),
        stderr: text("stderr"),
        exit_code: line["exit_code"].as_i64().expect("a run that ended"),
        changes: line["changes"].clone(),
        home,
    })
}

impl Record {
    pub(crate) fn bucket(&self) -> PathBuf {
        self.home.path().join("b")
    }

    /// Whether an argument begins so.
    pub(crate) fn has(&self, start: &str) -> bool {
        self.args.iter().any(|arg| arg.starts_with(start))
    }

    /// Whether we mean to refuse what Thanos does: a directory that does not exist, a block that is not in the bucket, a repair.
    pub(crate) fn is_refused(&self) -> bool {
        let is_there = |id: &str| self.bucket().join(id).exists();
        let named = (self.args.iter().zip(self.args.iter().skip(1)))
            .filter(|(flag, _)| *flag == "--id")
            .all(|(_, id)| is_there(id));
        !self.bucket().exists() || !named || self.args.iter().any(|arg| arg == "-r")
    }

    /// Runs our binary with the same arguments and some more, after `replace` had a look at each.
    pub(crate) fn run(&self, more: &[&str], replace: impl Fn(&str) -> String) -> Run {
        let dir = self.home.path().to_str().unwrap();
        let absent = BlockId::new(1, 1).to_string();
        let fill = |arg: &String| {
            let arg = arg.replace("$DIR", dir).replace("NEW01", &absent);
            replace(&arg)
        };
        let mut args: Vec<String> = self.args.iter().map(fill).collect();
        if !self.has("--objstore.config") {
            let yaml = format!("type: FILESYSTEM\nconfig:\n  directory: {dir}/b");
            args.push(format!("--objstore.config={yaml}"));
        }
        let before = bucket::objects(&self.bucket());
        let output = Command::new(env!("CARGO_BIN_EXE_stratal"))
            .args(args.iter().map(String::as_str).chain(more.iter().copied()))
            .env_remove("RUST_BACKTRACE")
            .output()
            .expect("the binary starts");
        Run {
            code: output.status.code().expect("the binary ends by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            before,
            after: bucket::objects(&self.bucket()),
        }
    }

    /// Whether both did it; where we do not, that we say why and change nothing.
    pub(crate) fn both_did_it(&self, run: &Run) -> bool {
        let (name, errors) = (&self.name, &run.stderr);
        let worked = matches!(run.code, 0 | 3);
        let want = self.exit_code == 0 && !self.is_refused();
        assert_eq!(worked, want, "{name}: exit {}: {errors}", run.code);
        if !worked {
            assert!(!errors.is_empty(), "{name}: no reason given");
            assert_eq!(run.before, run.after, "{name}: refused, and yet a change");
            let want = if self.exit_code == 2 { 2 } else { run.code };
            assert_eq!(run.code, want, "{name}: {errors}");
        }
        worked
    }
}
