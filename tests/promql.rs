//! `stratal tools promql`: expressions looked at, and the client against our own server.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn promql(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(["tools", "promql"])
        .args(arguments)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the binary starts")
}

/// Runs a command that must end with `code`; what it printed.
fn check(arguments: &[&str], code: i32) -> (String, String) {
    let output = promql(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    (out, err)
}

#[test]
fn an_expression_is_parsed_formatted_and_explained() {
    let expr = "sum(rate(x_total{b='2'}[300])) by (job) > 1";
    let (out, _) = check(&["format", expr], 0);
    assert_eq!(out, "sum by (job) (rate(x_total{b=\"2\"}[5m])) > 1\n");
    let (out, _) = check(&["parse", expr], 0);
    let tree: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(tree["type"], "binaryExpr");
    let (out, _) = check(&["explain", expr], 0);
    for part in [
        "[vector and scalar] >",
        "[aggregate] sum by (job)",
        "rate(",
        "[number] 1",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _) = check(&["explain", "--step=1m", "time() + x @ 5"], 0);
    assert!(out.contains("[broadcast]"), "{out}");
}

#[test]
fn what_is_wrong_with_an_expression_is_told_with_its_place() {
    for command in ["parse", "format", "explain"] {
        let (out, err) = check(&[command, "sum("], 1);
        assert_eq!(out, "");
        assert_eq!(
            err,
            "stratal: error: 1:5: parse error: unclosed left parenthesis\n"
        );
    }
    check(&["parse", "min_of(1, 2)"], 1);
    check(
        &[
            "parse",
            "--enable-feature=promql-experimental-functions",
            "min_of(1, 2)",
        ],
        0,
    );
    let (_, err) = check(&["parse", "--enable-feature=nonsense", "1"], 2);
    assert!(err.contains("no feature is called nonsense"), "{err}");
    check(&["parse"], 2);
    check(&["query", "series", "http://localhost:1"], 2);
    check(
        &[
            "query",
            "instant",
            "http://localhost:1",
            "1",
            "--time=yesterday",
        ],
        2,
    );
    check(&["query", "instant", "http://localhost:1", "1"], 1);
}

#[test]
fn an_expression_may_come_by_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(["tools", "promql", "format", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"SUM (x)").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"sum(x)\n");
}

/// A server over a directory of blocks; killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn start(blocks: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stratal"))
            .args(["query", "--http-address=127.0.0.1:0", "--block-dir"])
            .arg(blocks)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut lines = log.lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, after) = line.split_once("address=")?;
            let address = after.split([' ', '"']).find(|text| !text.is_empty())?;
            Some(address.to_owned())
        });
        // The rest of the log goes nowhere, but the pipe stays open.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!(
            "http://{}",
            address.expect("the server says where it listens")
        );
        Self { child, url }
    }
}

const OPENMETRICS: &str = "\
# TYPE up gauge
up{instance=\"a\",job=\"node\"} 1 1700000000
up{instance=\"a\",job=\"node\"} 0 1700000060
up{instance=\"b\",job=\"node\"} 1 1700000000
up{instance=\"b\",job=\"node\"} 1 1700000060
# EOF
";

#[test]
fn a_server_is_asked_in_the_forms_of_promtool() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("metrics.txt");
    std::fs::write(&text, OPENMETRICS).unwrap();
    let blocks = dir.path().join("blocks");
    let imported = Command::new(env!("CARGO_BIN_EXE_stratal"))
        .args(["block", "import", "--openmetrics"])
        .arg(&text)
        .arg("--out")
        .arg(&blocks)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let server = Server::start(&blocks);
    let url = server.url.as_str();
    let ask = |arguments: &[&str], want: &str| {
        let arguments = [&["query"], arguments].concat();
        let (out, err) = check(&arguments, 0);
        assert_eq!(out, want, "{arguments:?}: {err}");
    };
    ask(
        &["instant", url, "up", "--time=1700000060"],
        "up{instance=\"a\", job=\"node\"} => 0 @[1700000060]\nup{instance=\"b\", job=\"node\"} => 1 @[1700000060]\n",
    );
    ask(
        &["instant", url, "1 + 1", "--time=2023-11-14T22:14:20.5Z"],
        "scalar: 2 @[1700000060.5]\n",
    );
    ask(
        &[
            "range",
            url,
            "sum(up)",
            "--start=1700000000",
            "--end=1700000060",
            "--step=30s",
        ],
        "{} =>\n2 @[1700000000]\n2 @[1700000030]\n1 @[1700000060]\n",
    );
    ask(
        &["series", url, "--match=up{instance=\"a\"}"],
        "{__name__=\"up\", instance=\"a\", job=\"node\"}\n",
    );
    ask(&["labels", url, "instance"], "a\nb\n");
    ask(
        &["labels", url, "instance", "--match=up{instance!=\"a\"}"],
        "b\n",
    );
    ask(&["-o", "json", "labels", url, "job"], "[\"node\"]\n");
    ask(
        &["-o", "json", "instant", url, "sum(up)", "--time=1700000000"],
        "[{\"metric\":{},\"value\":[1700000000,\"2\"]}]\n",
    );
    let (out, err) = check(&["query", "instant", url, "sum("], 1);
    assert_eq!(out, "");
    assert!(
        err.contains("bad_data") && err.contains("unclosed left parenthesis"),
        "{err}"
    );
}
