//! What Grafana, Perses and the editor of Prometheus' UI send, in the form in which they send it.

use std::net::SocketAddr;

use query::http::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Ask, send};
use super::serve::{Parts, counters, open_block, write_block};

struct Grafana {
    address: SocketAddr,
    _dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Grafana {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = open_block(&write_block(dir.path(), &counters(4)));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let parts = Parts::over(vec![source], Settings::default());
        Self {
            address: parts.listen(&runtime),
            _dir: dir,
            _runtime: runtime,
        }
    }

    /// As Go's client does: it always takes gzip, and names itself.
    fn ask(&self, ask: Ask) -> (u64, Value) {
        let ask = ask
            .with_header("User-Agent", "Grafana/12.2.0")
            .with_header("Accept-Encoding", "gzip");
        let answer = send(self.address, &ask);
        let body = serde_json::from_str(&answer.text()).unwrap_or(Value::Null);
        (answer.status, body)
    }

    fn get(&self, target: &str) -> Value {
        let (status, body) = self.ask(Ask::new("GET", target));
        assert_eq!(
            (status, &body["status"]),
            (200, &json!("success")),
            "{target}: {body}"
        );
        body["data"].clone()
    }

    fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Value {
        let (status, body) = self.ask(Ask::new("POST", path).with_form(pairs));
        assert_eq!(
            (status, &body["status"]),
            (200, &json!("success")),
            "{path}: {body}"
        );
        body["data"].clone()
    }
}

#[test]
fn a_data_source_is_found_healthy() {
    let grafana = Grafana::start();
    let health = [("query", "1+1"), ("time", "1700003600")];
    assert_eq!(
        grafana.post("/api/v1/query", &health)["result"],
        json!([1_700_003_600, "2"])
    );
    let build = grafana.get("/api/v1/status/buildinfo");
    assert!(build["version"].is_string());
    // Anything there would pass for another product.
    assert!(build.get("features").is_none());
}

#[test]
fn a_panel_is_drawn() {
    let grafana = Grafana::start();
    let data = grafana.post(
        "/api/v1/query_range",
        &[
            ("end", "1700003600"),
            (
                "query",
                "sum by (job) (rate(requests_total{job=~\"a|b\"}[1m0s]))",
            ),
            ("start", "1700003000.000"),
            ("step", "300.000"),
            ("timeout", "60s"),
        ],
    );
    // Two series of each job, which count one a second.
    let values = json!([
        [1_700_003_000, "2"],
        [1_700_003_300, "2"],
        [1_700_003_600, "2"]
    ]);
    let want = json!([
        {"metric": {"job": "a"}, "values": values},
        {"metric": {"job": "b"}, "values": values},
    ]);
    assert_eq!(
        (&data["resultType"], &data["result"]),
        (&json!("matrix"), &want)
    );
    let target = "/api/v1/query_range?end=1700003600&query=requests_total%7Binstance%3D%22i0%22%7D&start=1700003595&step=5";
    assert_eq!(
        grafana.get(target)["result"][0]["values"][1],
        json!([1_700_003_600, "3600"])
    );
    let exemplars = [
        ("query", "requests_total"),
        ("start", "1700000000"),
        ("end", "1700003600"),
    ];
    assert_eq!(
        grafana.post("/api/v1/query_exemplars", &exemplars),
        json!([])
    );
}

#[test]
fn an_editor_completes_names_and_values() {
    const TIMES: &str = "start=1700000000&end=1700003600&limit=40000";
    let grafana = Grafana::start();
    let names = json!(["__name__", "instance", "job"]);
    let selector = "match%5B%5D=requests_total%7Bjob%3D%22a%22%7D";
    let labels = grafana.get(&format!("/api/v1/labels?{TIMES}&{selector}"));
    assert_eq!(labels, names);
    let times = [("start", "1700000000"), ("end", "1700003600")];
    assert_eq!(grafana.post("/api/v1/labels", &times), names);
    let values = grafana.get(&format!("/api/v1/label/instance/values?{TIMES}&{selector}"));
    assert_eq!(values, json!(["i0", "i2"]));
    let escaped = grafana.get(&format!("/api/v1/label/U__in_73_tance/values?{TIMES}"));
    assert_eq!(escaped, json!(["i0", "i1", "i2", "i3"]));
    let all = format!("/api/v1/series?{TIMES}&match%5B%5D=%7B__name__%21%3D%22%22%7D");
    assert_eq!(grafana.get(&all).as_array().unwrap().len(), 4);
    let posted = [
        ("match[]", "requests_total"),
        ("start", "1700000000"),
        ("end", "1700003600"),
    ];
    assert_eq!(
        grafana
            .post("/api/v1/series", &posted)
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert_eq!(grafana.get("/api/v1/metadata?limit=40000"), json!({}));
    assert!(grafana.get("/api/v1/status/flags").is_object());
}

#[test]
fn a_refused_method_is_tried_again_as_get() {
    let grafana = Grafana::start();
    let (status, _) = grafana.ask(Ask::new("POST", "/api/v1/label/job/values"));
    assert_eq!(status, 405);
    assert_eq!(grafana.get("/api/v1/label/job/values"), json!(["a", "b"]));
}

#[test]
fn lists_that_there_are_none_of_are_empty() {
    let grafana = Grafana::start();
    assert_eq!(grafana.get("/api/v1/rules"), json!({"groups": []}));
    assert_eq!(
        grafana.get("/api/v1/rules?type=alert&group_limit=100"),
        json!({"groups": []})
    );
    assert_eq!(grafana.get("/api/v1/alerts"), json!({"alerts": []}));
    let targets = grafana.get("/api/v1/targets?state=active");
    assert_eq!(targets["activeTargets"], json!([]));
}

#[test]
fn an_editor_asks_what_an_expression_means() {
    let grafana = Grafana::start();
    let query = [("query", "sum(rate(requests_total[5m])) by (job)")];
    let tree = grafana.post("/api/v1/parse_query", &query);
    assert_eq!(
        (&tree["type"], &tree["grouping"]),
        (&json!("aggregation"), &json!(["job"]))
    );
    let text = grafana.post("/api/v1/format_query", &query);
    assert_eq!(text, json!("sum by (job) (rate(requests_total[5m]))"));
}
