//! The real binary where the disk refuses: no room, files that may not grow, directories that may not be read.
//!
//! Whatever is refused, the error names the place and says what to do, no half block is left, nothing that was there is
//! lost, and the next run completes. Room is bounded in two ways: `ulimit -f` works everywhere; a small file system of its
//! own needs the right to mount one, and is left out, with a word, where that is missing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tsdb::testing::golden;

/// The user without rights, everywhere.
const NOBODY: u32 = 65534;

/// Runs `command`; gives the exit code, the data and the errors.
fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.env_remove("RUST_BACKTRACE").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn stratal<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratal"));
    command.args(arguments);
    command
}

/// The same in a shell where no file may be longer than `kib`; a write past it is an error, not the end.
fn limited<S: AsRef<OsStr>>(kib: u32, arguments: &[S]) -> Command {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    command.args(["-c", script, "sh", &(2 * kib).to_string()]);
    command.arg(env!("CARGO_BIN_EXE_stratal")).args(arguments);
    command
}

/// Runs what must work, and gives the lines that it prints.
fn work<S: AsRef<OsStr>>(arguments: &[S]) -> Vec<String> {
    let (code, data, errors) = outcome(&mut stratal(arguments));
    assert_eq!(code, Some(0), "{errors}");
    data.lines().map(str::to_owned).collect()
}

/// Two blocks of an hour each, some 40 KiB of index and more of chunks.
fn blocks(dir: &Path) -> Vec<String> {
    let out = dir.join("blocks").display().to_string();
    let flags = "--targets=1 --blocks=2 --interval=15s --block-duration=1h";
    let mut arguments = vec!["block", "generate", "--out", &out];
    arguments.extend(flags.split(' '));
    work(&arguments)
}

/// Every way in which a block command makes a block in `out`.
fn makers(dir: &Path, out: &Path) -> Vec<Vec<String>> {
    let blocks = blocks(dir);
    let text = dir.join("text");
    let page = outcome(&mut stratal(&[
        "block",
        "generate",
        "--openmetrics",
        "--targets=1",
        "--blocks=1",
        "--interval=60s",
    ]));
    fs::write(&text, page.1).unwrap();
    let out = out.display();
    let text = text.display();
    [
        format!("block compact --out {out} {}", blocks.join(" ")),
        format!(
            "block downsample --resolution 5m,1h --out {out} {}",
            blocks[0]
        ),
        format!("block import --openmetrics {text} --out {out}"),
        format!("block generate --out {out} --targets=1 --blocks=1"),
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect()
}

/// A refusal on one line, which names a place inside `dir` and the next step.
fn check_refusal(code: Option<i32>, errors: &str, dir: &Path, step: &str) {
    assert_eq!(code, Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains(&dir.display().to_string()), "{errors}");
    assert!(errors.contains(step), "{errors}");
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn check_empty(out: &Path) {
    let left = names(out);
    assert!(left.is_empty(), "half made: {left:?}");
}

/// What `arguments` make in `out` is whole; then it is removed.
fn check_completes(arguments: &[String], out: &Path) {
    let made = work(arguments);
    assert!(!made.is_empty(), "{arguments:?}");
    let mut verify = vec!["block".to_owned(), "verify".to_owned()];
    verify.extend(made.iter().cloned());
    work(&verify);
    assert_eq!(names(out).len(), made.len(), "{arguments:?}");
    for block in made {
        fs::remove_dir_all(block).unwrap();
    }
}

#[test]
fn block_commands_whose_files_may_not_grow_leave_nothing_and_complete_later() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for arguments in makers(dir.path(), &out) {
        for kib in [0, 4, 16] {
            let (code, _, errors) = outcome(&mut limited(kib, &arguments));
            check_refusal(code, &errors, &out, "ulimit -f");
            check_empty(&out);
        }
        check_completes(&arguments, &out);
    }
}

/// A file system of so many KiB, or none where this process may not mount one; it goes with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: PathBuf, kib: u32) -> Option<Self> {
        fs::create_dir(&dir).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(&dir)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        println!("not run: a file system of its own needs the right to mount one");
        None
    }

    fn grow(&self, kib: u32) {
        let grown = Command::new("mount")
            .args(["-o", &format!("remount,size={kib}k")])
            .arg(&self.0)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn block_commands_on_a_full_disk_leave_nothing_and_complete_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path().join("disk"), 24) else {
        return;
    };
    let out = disk.0.join("out");
    for arguments in makers(dir.path(), &out) {
        disk.grow(24);
        let (code, _, errors) = outcome(&mut stratal(&arguments));
        check_refusal(code, &errors, &out, "make room");
        check_empty(&out);
        disk.grow(4096);
        check_completes(&arguments, &out);
    }
}

/// Every file below `dir` with its content.
fn objects(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for path in names(dir) {
        if path.is_dir() {
            objects.extend(self::objects(&path));
        } else {
            objects.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    objects
}

/// Lays out a bucket of the golden data in which a compaction is due.
fn bucket(dir: &Path) {
    let archive = golden::path("services/compact_scenarios/inputs/ha-raw.tar.gz");
    let archive = flate2::read::GzDecoder::new(fs::File::open(archive).unwrap());
    tar::Archive::new(archive).unpack(dir).unwrap();
}

fn compact(home: &Path, bucket: &Path) -> Vec<String> {
    vec![
        "compact".to_owned(),
        format!(
            "--objstore.config={{type: FILESYSTEM, config: {{directory: {}}}}}",
            bucket.display()
        ),
        format!("--data-dir={}", home.join("data").display()),
        "--consistency-delay=0s".to_owned(),
    ]
}

/// A run that was refused says so, and what was in the bucket is there as it was; no new block shows itself.
fn check_failed_run(command: &mut Command, bucket: &Path, step: &str) {
    let before = objects(bucket);
    let (code, _, errors) = outcome(command);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains(step), "{errors}");
    let after = objects(bucket);
    for (path, content) in &before {
        assert_eq!(after.get(path), Some(content), "{}", path.display());
    }
    let metas = |objects: &BTreeMap<PathBuf, Vec<u8>>| {
        let is_meta = |path: &&PathBuf| path.ends_with("meta.json");
        objects.keys().filter(is_meta).count()
    };
    assert_eq!(metas(&after), metas(&before), "a half block is visible");
}

/// The bucket is compacted: another run has nothing to do, and every block is sound.
fn check_completed(home: &Path, bucket: &Path) {
    let arguments = compact(home, bucket);
    let (code, _, errors) = outcome(&mut stratal(&arguments));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("block compacted"), "{errors}");
    let mut verify = vec!["bucket".to_owned(), "verify".to_owned()];
    verify.push(arguments[1].clone());
    work(&verify);
}

#[test]
fn a_compactor_whose_files_may_not_grow_loses_nothing_and_completes_later() {
    for kib in [1, 8, 16] {
        let home = tempfile::tempdir().unwrap();
        let bucket_dir = home.path().join("bucket");
        bucket(&bucket_dir);
        let arguments = compact(home.path(), &bucket_dir);
        check_failed_run(&mut limited(kib, &arguments), &bucket_dir, "failed");
        check_completed(home.path(), &bucket_dir);
    }
}

#[test]
fn a_compactor_on_a_full_bucket_loses_nothing_and_completes_later() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(home.path().join("bucket"), 1024) else {
        return;
    };
    bucket(&disk.0);
    fill(&disk.0.join("debug"), 16);
    check_failed_run(
        &mut stratal(&compact(home.path(), &disk.0)),
        &disk.0,
        "make room",
    );
    disk.grow(8192);
    check_completed(home.path(), &disk.0);
}

/// Fills a file system until only `kib` are left.
fn fill(dir: &Path, kib: u64) {
    fs::create_dir_all(dir).unwrap();
    let mut size = 0;
    while fs::write(dir.join(format!("ballast-{size}")), vec![0; 4096]).is_ok() {
        size += 4;
    }
    let mut given_back = 0;
    for path in names(dir) {
        if given_back < kib {
            fs::remove_file(path).unwrap();
            given_back += 4;
        }
    }
}

#[test]
fn a_scratch_directory_without_room_is_found_before_the_job() {
    let home = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(home.path().join("data"), 64) else {
        return;
    };
    let bucket_dir = home.path().join("bucket");
    bucket(&bucket_dir);
    let arguments = compact(home.path(), &bucket_dir);
    check_failed_run(&mut stratal(&arguments), &bucket_dir, "free");
    disk.grow(8192);
    check_completed(home.path(), &bucket_dir);
}

/// Lets the command be someone's who has no rights; nothing to do where we have none ourselves.
fn as_nobody(mut command: Command, dir: &Path) -> Command {
    if fs::metadata(dir).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_is_named_with_the_next_step() {
    let home = tempfile::tempdir().unwrap();
    set_mode(home.path(), 0o755);
    let blocks = blocks(home.path());
    let closed = Path::new(&blocks[0]);
    set_mode(closed, 0o000);
    for line in ["verify", "analyze", "dump", "digest"] {
        let command = stratal(&["block", line, &blocks[0]]);
        let (code, data, errors) = outcome(&mut as_nobody(command, home.path()));
        check_refusal(code, &errors, closed, "run it as someone who may");
        assert_eq!(data, "", "{line}");
    }
    set_mode(closed, 0o755);
}

#[test]
fn a_bucket_that_may_not_be_read_is_named() {
    let home = tempfile::tempdir().unwrap();
    set_mode(home.path(), 0o755);
    let bucket_dir = home.path().join("bucket");
    bucket(&bucket_dir);
    let yaml = &compact(home.path(), &bucket_dir)[1];
    set_mode(&bucket_dir, 0o000);
    let (code, data, errors) = outcome(&mut as_nobody(
        stratal(&["bucket", "ls", yaml]),
        home.path(),
    ));
    set_mode(&bucket_dir, 0o755);
    assert_eq!((code, data.as_str()), (Some(1), ""), "{errors}");
    assert!(
        errors.contains(&bucket_dir.display().to_string()),
        "{errors}"
    );
}

#[test]
fn a_file_in_the_place_of_a_directory_is_named() {
    let home = tempfile::tempdir().unwrap();
    let blocks = blocks(home.path());
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.display().to_string();
    let out = format!("{path}/out");
    let data = format!("--data-dir={path}");
    let bucket_dir = home.path().join("bucket");
    bucket(&bucket_dir);
    let yaml = &compact(home.path(), &bucket_dir)[1];
    for arguments in [
        vec!["block", "verify", &path],
        vec!["block", "compact", "--out", &out, &blocks[0]],
        vec![
            "block",
            "downsample",
            "--resolution=5m",
            "--out",
            &out,
            &blocks[0],
        ],
        vec!["compact", yaml, &data],
    ] {
        let (code, _, errors) = outcome(&mut stratal(&arguments));
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains(&path), "{errors}");
    }
}
