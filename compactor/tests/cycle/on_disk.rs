//! A bucket on the local file system, and processes that are killed.
//!
//! The test starts itself as a child that aborts before a change to the bucket, looks at what it left, and lets another child
//! finish.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use compactor::{Compactor, Config, Metrics, Outcome, Report, cycle};
use tsdb::id::BlockId;
use tsdb::testing::faulty_store::{ABORT_VARIABLE, Faults, abort_from_env};
use tsdb::time::Millis;

use crate::bucket::{NOW, TestBucket, Ticks, make_block, marked, metas};
use crate::crashes::check_invariants;

/// Names the directory in which a child works.
const DIR_VARIABLE: &str = "STRATAL_TEST_DIR";
/// Says to a child that blocks do not go through a disk.
const IN_BUCKET_VARIABLE: &str = "STRATAL_TEST_IN_BUCKET";

/// Lays out blocks as an uploader would leave them, with the list of their files.
fn fill(dir: &Path) {
    let bucket = dir.join("bucket");
    fs::create_dir_all(&bucket).unwrap();
    for (number, hours, replica) in [
        (0, (0, 4), "a"),
        (1, (0, 4), "b"),
        (2, (4, 8), "a"),
        (3, (8, 10), "a"),
    ] {
        let id = BlockId::new(1_000_000 + number, u128::from(number));
        make_block(&bucket, id, hours, replica);
    }
}

fn run(dir: &Path, faults: Faults, now: Millis) -> compactor::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (bucket, _) = TestBucket::on_disk(&dir.join("bucket"), faults);
        let mut config = Config::new(dir.join("data"));
        config.consistency_delay = Millis(0);
        config.delete_delay = Millis(0);
        config.replica_labels = vec!["replica".into()];
        if std::env::var_os(IN_BUCKET_VARIABLE).is_some() {
            config.scratch = None;
        }
        let world = Arc::new(Ticks::new(now));
        let compactor = Compactor::begin(bucket, config, world, Metrics::default(), "child")?;
        cycle::run(&compactor).await
    })
}

fn objects(dir: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, dir: &Path, out: &mut std::collections::BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, out);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                out.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut out = std::collections::BTreeMap::new();
    walk(&dir.join("bucket"), &dir.join("bucket"), &mut out);
    out
}

/// Not a test of its own: what the children of the next one do.
#[test]
fn child_runs_where_its_parent_says() {
    if let Some(dir) = std::env::var_os(DIR_VARIABLE) {
        run(&PathBuf::from(dir), abort_from_env(), NOW).unwrap();
    }
}

fn child(dir: &Path, abort_at: u64, in_bucket: bool) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "on_disk::child_runs_where_its_parent_says"]);
    command
        .env(DIR_VARIABLE, dir)
        .env(ABORT_VARIABLE, abort_at.to_string());
    if in_bucket {
        command.env(IN_BUCKET_VARIABLE, "1");
    }
    command.output().unwrap().status.success()
}

#[test]
fn process_killed_at_any_change_to_a_bucket_on_disk_loses_nothing() {
    check_kills(false);
}

#[test]
fn process_killed_at_any_change_while_blocks_grow_in_the_bucket_loses_nothing() {
    check_kills(true);
}

fn check_kills(in_bucket: bool) {
    let mut aborted = 0;
    let later = NOW.saturating_add(Millis::HOUR);
    for at in 1.. {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let sources: BTreeSet<_> = metas(&objects(dir.path())).into_keys().collect();
        let ended = child(dir.path(), at, in_bucket);
        assert_ne!(in_bucket, dir.path().join("data").exists());
        check_invariants(
            &objects(dir.path()),
            &sources,
            &format!("killed before change {at}"),
        );
        let report = run(dir.path(), Faults::default(), later).unwrap();
        assert_eq!(report.outcome(), Outcome::Done, "{report:?}");
        let left = objects(dir.path());
        check_invariants(
            &left,
            &sources,
            &format!("run after a kill before change {at}"),
        );
        let doomed = marked(&left, "deletion-mark.json");
        let kept = metas(&left).into_keys().filter(|id| !doomed.contains(id));
        assert_eq!(kept.count(), 2, "after change {at}");
        if ended {
            break;
        }
        aborted += 1;
    }
    assert!(aborted > 10, "only {aborted} changes");
}

#[test]
fn unfinished_files_of_killed_processes_go_when_they_are_old() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let bucket = dir.path().join("bucket");
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW.0.unsigned_abs());
    let leave = |name: &str, hours: u64| {
        let path = bucket.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "half").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(now - Duration::from_hours(hours))
            .unwrap();
        path
    };
    // The freshest block is left alone by everything else.
    let block = BlockId::new(1_000_003, 3);
    let old = leave(&format!("{block}/index#1"), 49);
    let fresh = leave(&format!("{block}/index#2"), 47);
    run(dir.path(), Faults::default(), NOW).unwrap();
    assert!(!old.exists() && fresh.exists());
}
