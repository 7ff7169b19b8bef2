//! The real binary, stopped: by a signal at the next safe point, by a second one at once; and locked out by another.
//!
//! A file that never ends its opening (a pipe that nobody writes to) holds a process where the test wants it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const BLOCK: &str = "01KYD4MZF8XNC7NH16TSFAC001";
/// How often a child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An operator is promised ten seconds.
const LOOKS_MAX: usize = 200;

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn start(arguments: &[&str], dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(arguments)
        .current_dir(dir)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn compact(dir: &Path) -> Child {
    let yaml = "--objstore.config={type: FILESYSTEM, config: {directory: bucket}}";
    start(&["compact", yaml, "--data-dir=data"], dir)
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// Waits, ten seconds at most; gives the exit code and what was said.
fn end(mut child: Child) -> (Option<i32>, String) {
    for _ in 0..LOOKS_MAX {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.unwrap().read_to_string(&mut said).unwrap();
            return (status.code(), said);
        }
        sleep(LOOK_EVERY);
    }
    child.kill().unwrap();
    panic!("it did not end within ten seconds");
}

#[test]
fn a_signal_stops_a_run_that_waits_for_its_bucket() {
    for name in ["INT", "TERM"] {
        let dir = tempfile::tempdir().unwrap();
        pipe(&dir.path().join("bucket").join(BLOCK).join("meta.json"));
        let child = compact(dir.path());
        sleep(Duration::from_secs(1));
        signal(&child, name);
        let (code, said) = end(child);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("stopped=true"), "{said}");
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let block = dir.path().join(BLOCK);
    pipe(&block.join("index"));
    fs::create_dir(block.join("chunks")).unwrap();
    let mut child = start(&["block", "verify", BLOCK], dir.path());
    sleep(Duration::from_secs(1));
    signal(&child, "TERM");
    sleep(Duration::from_millis(500));
    assert_eq!(
        child.try_wait().unwrap(),
        None,
        "verify has no safe point here"
    );
    signal(&child, "TERM");
    assert_eq!(end(child).0, Some(130));
}

#[test]
fn a_run_that_finds_the_data_directory_taken_names_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    pipe(&dir.path().join("bucket").join(BLOCK).join("meta.json"));
    let first = compact(dir.path());
    sleep(Duration::from_secs(1));
    let (code, said) = end(compact(dir.path()));
    assert_eq!(code, Some(1), "{said}");
    let holder = format!("in use by stratal, process {}", first.id());
    assert!(said.contains(&holder), "{said}");
    signal(&first, "TERM");
    assert_eq!(end(first).0, Some(1));
}
