//! Requests that are too large or make no sense, and blocks that are damaged: each gets its answer, and the next one too.

use std::net::SocketAddr;
use std::path::Path;

use query::http::{BODY_BYTES_MAX, Settings};
use serde_json::Value;
use tsdb::budget::Budget;

use super::client::{Ask, encode, send};
use super::serve::{Parts, counters, open_block, write_block};

fn query(address: SocketAddr, text: &str) -> (u64, Value) {
    let target = format!(
        "/api/v1/query?{}",
        encode(&[("query", text), ("time", "1700003600")])
    );
    let answer = send(address, &Ask::new("GET", &target));
    (answer.status, serde_json::from_str(&answer.text()).unwrap())
}

fn server(dir: &Path, settings: Settings, runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let source = open_block(&write_block(dir, &counters(4)));
    Parts::over(vec![source], settings).listen(runtime)
}

#[test]
fn a_body_has_a_length_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = server(dir.path(), Settings::default(), &runtime);
    let check = |body: String, want: u64, says: &str| {
        let form = "application/x-www-form-urlencoded";
        let mut ask = Ask::new("POST", "/api/v1/query").with_header("Content-Type", form);
        ask.body = body;
        let answer = send(address, &ask);
        assert_eq!(answer.status, want, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    };
    let fill = |head: &str, len: usize| format!("{head}{}", "a".repeat(len - head.len()));
    check(fill("query=1&padding=", BODY_BYTES_MAX), 200, "\"1\"");
    check(
        fill("query=1&padding=", BODY_BYTES_MAX + 1),
        400,
        "request body too large",
    );
    // A text of ten million letters is a request, but no query.
    check(fill("query=", BODY_BYTES_MAX), 400, "bad_data");
    check(format!("query={}1", "-".repeat(1 << 20)), 400, "bad_data");
    check(format!("query={}", "(".repeat(1 << 20)), 400, "bad_data");
    check("query=%28%29%7B%ff&time=x".to_owned(), 400, "bad_data");
    assert_eq!(query(address, "1").0, 200);
}

#[test]
fn a_damaged_block_names_itself_and_the_series() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_block(dir.path(), &counters(4));
    let segment = path.join("chunks/000001");
    let mut bytes = std::fs::read(&segment).unwrap();
    // Within the first chunk of the first series.
    bytes[60] ^= 0xFF;
    std::fs::write(&segment, bytes).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let parts = Parts::over(vec![open_block(&path)], Settings::default());
    let address = parts.listen(&runtime);
    let (status, body) = query(address, "sum(count_over_time(requests_total[2h]))");
    let error = body["error"].as_str().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(
        (status, body["errorType"].as_str()),
        (500, Some("internal")),
        "{error}"
    );
    assert!(error.contains(name), "no block: {error}");
    assert!(error.contains("instance=\"i0\""), "no series: {error}");
    // What is sound is served on.
    let (status, body) = query(address, "requests_total{instance=\"i3\"}");
    assert_eq!(
        (status, body["data"]["result"][0]["value"][1].as_str()),
        (200, Some("3600"))
    );
}

#[test]
fn memory_that_is_not_there_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings {
        memory: Budget::new("process", 100),
        ..Settings::default()
    };
    let address = server(dir.path(), settings, &runtime);
    for target in [
        "/api/v1/query?query=requests_total&time=1700003600",
        "/api/v1/series?match[]=requests_total",
        "/api/v1/label/instance/values",
        "/federate?match[]=requests_total",
    ] {
        let answer = send(address, &Ask::new("GET", target));
        let is_empty = target.contains("federate") || answer.status == 422;
        assert!(is_empty, "{target}: {} {}", answer.status, answer.text());
    }
    let metrics = send(address, &Ask::new("GET", "/metrics")).text();
    assert!(
        metrics.contains("\nstratal_query_memory_bytes 0\n"),
        "{metrics}"
    );
}
