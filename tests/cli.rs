//! The real binary: help as golden text, exit codes, where output goes.
//!
//! Help texts are compared with `testdata/cli/*.txt`; run with `STRATAL_BLESS=1` to write them anew, and read the
//! difference in review.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn stratal<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(arguments)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the binary starts")
}

fn check_exit(line: &str, want: i32) -> Output {
    let output = stratal(line.split_whitespace());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(want), "stratal {line}: {errors}");
    output
}

#[test]
fn no_arguments_ask_for_help() {
    let output = check_exit("", 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: stratal"));
    assert!(output.stderr.is_empty());
}

#[test]
fn usage_errors_exit_with_two() {
    check_exit("no-such-command", 2);
    check_exit("--no-such-flag", 2);
    check_exit("completions", 2);
    check_exit("completions --log.level=loud bash", 2);
}

#[test]
fn flags_that_contradict_each_other_exit_with_two() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().display();
    let bucket = format!("--objstore.config={{type: FILESYSTEM, config: {{directory: {dir}}}}}");
    let data = format!("--data-dir={dir}/data");
    for flags in [
        "--deduplication.func=penalty",
        "--retention.resolution-raw=1h",
        "--compact.concurrency=0",
    ] {
        let output = stratal(["compact", &bucket, &data, flags]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{flags}: {errors}");
    }
}

/// A mistake in a value is found before the bucket or the block is looked for, and the right form is said.
#[test]
fn bad_values_exit_with_two_and_say_what_is_right() {
    fn check(line: &str, says: &str) {
        let output = check_exit(line, 2);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(says), "stratal {line}: {errors}");
        assert!(output.stdout.is_empty(), "stratal {line}");
    }
    check("bucket ls -o nope", "wide, json, table, csv, tsv");
    check("bucket ls -o {{.Nope}}", "no field .Nope");
    check("bucket ls -o {{.ULID", "no }} after {{");
    check("bucket inspect -l a=b", "with the quotes");
    check("bucket verify --id=zz", "is not a ULID");
    check("bucket verify -i zzz", "index_known_issues");
    let mark = "bucket mark --marker=no-compact-mark.json";
    check(&format!("{mark} --details=x --id=zz"), "is not a ULID");
    let block = "01KYD4MZF8XNC7NH16TSFAC001";
    check(&format!("{mark} --details= --id={block}"), "--details");
    check("block dump --match {a= /no/where", "--match");
    check(
        "block generate --churn=101 --out=/no/where",
        "from 0 to 100",
    );
    check(
        "block generate --interval=0s --out=/no/where",
        "more than 0",
    );
    check("block generate --targets=0 --out=/no/where", "generator");
    check(
        "block import --openmetrics=x --out=/no/where --block-duration=0s",
        "--block-duration",
    );
    check(
        "block compact --segment-size=0 --out=/no/where /no/block",
        "--segment-size",
    );
}

#[test]
fn a_configuration_given_twice_exits_with_two() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = format!(
        "--objstore.config={{type: FILESYSTEM, config: {{directory: {}}}}}",
        dir.path().display()
    );
    for arguments in [
        vec!["compact", &bucket, "--objstore.config-file=x"],
        vec!["bucket", &bucket, "ls", "--objstore.config-file=x"],
        vec![
            "bucket",
            "ls",
            &bucket,
            "--selector.relabel-config=[]",
            "--selector.relabel-config-file=x",
        ],
    ] {
        let output = stratal(&arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains("give one of them"), "{errors}");
    }
}

#[test]
fn blocks_of_mixed_resolutions_are_one_error_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let make = |line: &str| {
        let output = check_exit(&format!("block {line} --out {}", dir.path().display()), 0);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let raw = make("generate --targets=1 --blocks=1 --interval=60s");
    let coarse = make(&format!("downsample --resolution=5m {raw}"));
    let out = dir.path().join("out");
    let output = check_exit(
        &format!("block compact --out {} {raw} {coarse}", out.display()),
        1,
    );
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("compact each resolution alone"), "{errors}");
}

#[test]
fn a_block_that_is_not_there_is_a_failure_and_named_once() {
    for tool in ["verify", "analyze", "dump", "digest"] {
        let output = check_exit(&format!("block {tool} /no/where"), 1);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(errors.matches("/no/where").count(), 1, "{tool}: {errors}");
        assert!(errors.contains("not found"), "{tool}: {errors}");
        assert!(output.stdout.is_empty(), "{tool}");
    }
}

/// A block of one target in `dir`.
fn generated(dir: &Path) -> String {
    let line = format!(
        "block generate --targets=1 --blocks=1 --out {}",
        dir.display()
    );
    let block = String::from_utf8_lossy(&check_exit(&line, 0).stdout).into_owned();
    block.trim().to_owned()
}

#[test]
fn an_index_header_is_written_whole() {
    let dir = tempfile::tempdir().unwrap();
    let block = generated(dir.path());
    let out = dir.path().join("header");
    check_exit(
        &format!("block index-header --out {} {block}", out.display()),
        0,
    );
    let header = fs::read(&out).unwrap();
    assert_eq!(header[..4], [0xBA, 0xAA, 0xD7, 0x92]);
    assert!((header.len() as u64) < fs::metadata(format!("{block}/index")).unwrap().len());
    check_exit(
        &format!("block index-header --out {} /no/where", out.display()),
        1,
    );
    assert_eq!(
        fs::read(&out).unwrap(),
        header,
        "a failure left the old one alone"
    );
}

#[test]
fn a_repair_is_refused_with_what_to_do_instead() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = format!(
        "--objstore.config={{type: FILESYSTEM, config: {{directory: {}}}}}",
        dir.path().display()
    );
    let output = stratal(["bucket", "verify", "--repair", &yaml]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("stratal bucket mark"), "{errors}");
}

#[test]
fn any_number_of_threads_prints_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let block = generated(dir.path());
    for tool in ["dump", "verify"] {
        let run = |threads: usize| {
            let line = format!("block {tool} --threads={threads} {block}");
            check_exit(&line, 0).stdout
        };
        assert!(run(1) == run(3), "{tool}");
        check_exit(&format!("block {tool} --threads=0 {block}"), 2);
    }
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    let output = check_exit("completion bash", 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("'completions'"));
}

#[test]
fn version_names_the_package() {
    let output = check_exit("--version", 0);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let want = format!("stratal {}", env!("CARGO_PKG_VERSION"));
    assert!(text.starts_with(&want), "{text}");
}

#[test]
fn failures_exit_with_one_and_say_why_on_one_line() {
    let output = check_exit("man --out /dev/null/pages", 1);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("/dev/null/pages"), "{text}");
}

#[test]
fn completions_know_dotted_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let output = check_exit(&format!("completions {shell}"), 0);
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("log.level"),
            "{shell}"
        );
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let output = stratal([
        OsStr::new("man"),
        OsStr::new("--out"),
        dir.path().as_os_str(),
    ]);
    assert!(output.status.success());
    assert!(dir.path().join("stratal.1").exists());
    assert!(dir.path().join("stratal-completions.1").exists());
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn help_texts_are_golden() {
    let mut seen = 0;
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let line = command.iter().map(String::as_str).chain(["--help"]);
        let output = stratal(line);
        assert!(output.status.success(), "{command:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let names = subcommands(&text);
        commands.extend(names.map(|name| [&command[..], &[name.to_owned()]].concat()));
        let name = [&["stratal".to_owned()], &command[..]].concat().join("-");
        check_golden(&format!("{name}.txt"), &text);
        seen += 1;
    }
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cli"));
    assert_eq!(
        files.unwrap().count(),
        seen,
        "a help text belongs to no command"
    );
}

/// The names below `Commands:` in a help text; `help` itself is clap's.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or(("", ""));
    let (list, _) = list.split_once("\n\n").unwrap_or((list, ""));
    let names = list.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        let name = name.split(' ').next()?;
        (!name.is_empty() && name != "help").then_some(name)
    });
    names.collect::<Vec<_>>().into_iter()
}

fn check_golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cli")
        .join(name);
    if std::env::var_os("STRATAL_BLESS").is_some() {
        fs::create_dir_all(path.with_file_name("")).expect("testdata is writable");
        fs::write(&path, got).expect("testdata is writable");
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        got, want,
        "{name}: run with STRATAL_BLESS=1 if this is meant"
    );
}

#[test]
fn flags_of_the_daemon_are_refused_with_a_reason() {
    for flag in [
        "--wait",
        "-w",
        "--web.disable",
        "--http-address=x",
        "--wait-interval=5m",
    ] {
        let output = check_exit(&format!("compact {flag}"), 2);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("comes with the service"), "{flag}: {text}");
    }
    check_exit("tools bucket downsample --http-address=x", 2);
    for flag in [
        "--endpoint=a:1",
        "--query.enforce-tenancy",
        "--store.sd-files=x",
    ] {
        let output = check_exit(&format!("query --block-dir=/tmp {flag}"), 2);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("comes with the StoreAPI"), "{flag}: {text}");
    }
    // Turning a switch of the daemon off asks for nothing, so only the bucket is missing.
    let output = check_exit("compact --no-wait", 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("which bucket?"));
}

/// Every flag that Thanos has is known, with its twin where it is a switch: refused as the daemon's or taken.
#[test]
fn golden_flags_of_thanos_are_known() {
    let text =
        fs::read_to_string(tsdb::testing::golden::path("services/facts/flags.json")).unwrap();
    let commands: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for name in [
        "compact",
        "query",
        "tools bucket ls",
        "tools bucket inspect",
        "tools bucket verify",
        "tools bucket mark",
        "tools bucket cleanup",
        "tools bucket retention",
        "tools bucket downsample",
    ] {
        let command = commands.iter().find(|one| one["command"] == name);
        for flag in command.expect("a golden command")["flags"]
            .as_array()
            .unwrap()
        {
            check_flag(name, flag);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

fn check_flag(command: &str, flag: &serde_json::Value) {
    let name = flag["name"].as_str().expect("flags have names");
    let is_switch = flag["bool"].as_bool().expect("switches are told apart");
    let lines = if is_switch {
        vec![format!("--{name}"), format!("--no-{name}")]
    } else {
        let default = flag["default"]
            .as_array()
            .and_then(|all| all.first()?.as_str());
        vec![format!("--{name}={}", default.unwrap_or("x"))]
    };
    for line in lines {
        let output = stratal(command.split(' ').chain([line.as_str()]));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !errors.contains("unexpected argument"),
            "{command} {line}: {errors}"
        );
        assert!(
            !errors.contains("invalid value") || line.ends_with("=x"),
            "{command} {line}: {errors}"
        );
    }
}
