//! `--memory-limit`: what a merge of very many series holds, what it does where that is too much, and that the bytes are the same.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// What the process takes beside what is counted: the program itself, the allocator, stacks.
const BESIDE_BYTES: u64 = 48 << 20;

/// Enough that the pairs of all series take several times the limit.
const SERIES: u32 = 600_000;

fn stratal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratal"));
    command.args(arguments).env_remove("RUST_BACKTRACE");
    command
}

/// Two blocks of the same `series` series, each with a label value of its own.
fn blocks(dir: &Path, series: u32) -> Vec<String> {
    let (out, series) = (dir.to_str().unwrap(), series.to_string());
    let shape = ["block", "generate", "--shape", "cardinality"];
    let rest = ["--blocks", "2", "--series", &series, "--out", out];
    let output = stratal(&[&shape[..], &rest[..]].concat()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn merge(blocks: &[String], out: &Path, limit: &str) -> Command {
    let fixed = [
        "block",
        "compact",
        "--threads",
        "2",
        "--memory-limit",
        limit,
    ];
    let mut command = stratal(&fixed);
    command.arg("--out").arg(out).args(blocks);
    command
}

/// Peak resident memory of a process, as long as it runs.
fn peak_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Runs to the end; gives what was printed and the highest peak that was seen.
fn watch(mut command: Command) -> (Output, u64) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_bytes(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    (child.wait_with_output().unwrap(), peak)
}

/// The bytes of the block that a merge printed.
fn files(output: &Output) -> [Vec<u8>; 2] {
    assert!(output.status.success(), "{output:?}");
    let dir = PathBuf::from(String::from_utf8(output.stdout.clone()).unwrap().trim());
    [dir.join("index"), dir.join("chunks/000001")].map(|file| fs::read(file).unwrap())
}

#[test]
fn a_merge_of_very_many_series_stays_below_its_limit_and_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = blocks(dir.path(), SERIES);
    let limit: u64 = 48 << 20;
    let (bounded, peak) = watch(merge(&blocks, &dir.path().join("a"), &limit.to_string()));
    let bounded = files(&bounded);
    assert!(
        peak <= limit + BESIDE_BYTES,
        "{peak} bytes at the peak, the limit is {limit}"
    );
    let (all, unbounded) = watch(merge(&blocks, &dir.path().join("b"), "4GiB"));
    assert!(files(&all) == bounded, "the limit changed the result");
    assert!(
        peak < unbounded,
        "{peak} bytes with a limit, {unbounded} without: nothing was put aside"
    );
    let left: Vec<_> = fs::read_dir(dir.path().join("a")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_merge_that_can_never_fit_fails_and_names_its_need() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = blocks(dir.path(), 1000);
    let out = dir.path().join("out");
    let output = merge(&blocks, &out, "1MiB").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("merging 2 blocks") && text.contains("the limit is 1048576"),
        "{text}"
    );
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}
