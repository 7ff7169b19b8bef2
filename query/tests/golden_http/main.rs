//! Every request of `http.jsonl` against a real listening server over a block of data set `http`.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

mod client;
mod fixture;

use std::collections::BTreeMap;

use serde_json::Value;
use tsdb::testing::golden;

use client::Answer;

/// Lines whose evaluation the engine does not get right yet; may only become fewer.
const ENGINE_OPEN: usize = 27;
/// Parts of Prometheus that are not claimed.
const NOT_CLAIMED: [&str; 4] = ["/graph", "/-/quit", "/-/reload", "/api/v1/write"];

#[test]
fn golden_requests_get_their_answers() {
    if std::env::var_os("STRATAL_GOLDEN").is_none() {
        return;
    }
    let servers = fixture::Servers::start();
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for line in golden::json_lines("promql/http.jsonl") {
        if let Some(reason) = skipped(&line) {
            *tally.entry(reason).or_default() += 1;
            continue;
        }
        let address = servers.address(line["server"].as_str().unwrap());
        let answer = client::send(address, &line);
        match differences(&line, &answer) {
            None => *tally.entry("passed").or_default() += 1,
            Some(_) if is_evaluation(&line) => {
                *tally.entry("failed in the engine").or_default() += 1;
            }
            Some(why) => failures.push(format!(
                "{} {} {} {}: {why}",
                line["id"], line["method"], line["path"], line["params"]
            )),
        }
    }
    println!("{tally:?}, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    let open = tally.get("failed in the engine").copied().unwrap_or(0);
    assert!(open <= ENGINE_OPEN, "{open} lines fail in the engine");
}

/// Whether the line evaluates an expression, rather than asking something of the API alone.
fn is_evaluation(line: &Value) -> bool {
    let is_query = line["path"] == "/api/v1/query" || line["path"] == "/api/v1/query_range";
    let params = line["params"].as_array().unwrap();
    is_query
        && params.iter().all(|pair| {
            matches!(
                pair[0].as_str(),
                Some("query" | "time" | "start" | "end" | "step")
            )
        })
}

/// Why a line is not asked.
fn skipped(line: &Value) -> Option<&'static str> {
    let path = line["path"].as_str().unwrap();
    let is_advisory = line["note"]
        .as_str()
        .is_some_and(|note| note.starts_with("advisory"));
    if line["server"] == "scrape" {
        return Some("skipped: nothing is scraped here");
    }
    if is_advisory {
        return Some("skipped: depends on timing or the processor");
    }
    if path == "/" || path.contains("/admin/") || NOT_CLAIMED.contains(&path) {
        return Some("skipped: not claimed");
    }
    let has_stats = line["params"]
        .as_array()
        .unwrap()
        .iter()
        .any(|pair| pair[0] == "stats" && pair[1] != "");
    has_stats.then_some("skipped: the engine counts no samples for stats yet")
}

/// What is wrong with an answer.
fn differences(line: &Value, answer: &Answer) -> Option<String> {
    if line["status"] != answer.status {
        return Some(format!(
            "status {} not {}: {}",
            answer.status, line["status"], answer.body
        ));
    }
    for (name, want) in line["headers"].as_object().unwrap() {
        let got = answer.headers.get(name).map_or("", String::as_str);
        if want != got {
            return Some(format!("{name}: {got:?} not {want}"));
        }
    }
    let want = line["body"].as_str().unwrap_or("");
    let is_any_order = line["note"]
        .as_str()
        .is_some_and(|note| note.contains("order"));
    let same = match (
        serde_json::from_str(want),
        serde_json::from_str(&answer.body),
    ) {
        (Ok(want), Ok(got)) => agree(&want, &got, is_any_order, line),
        _ => want == answer.body,
    };
    (!same).then(|| format!("body\n  got  {}\n  want {want}", answer.body))
}

/// Equal, but for build strings, the order of vectors that nothing sorts, and the last digits of floats.
fn agree(want: &Value, got: &Value, is_any_order: bool, line: &Value) -> bool {
    if line["path"] == "/api/v1/status/buildinfo" {
        let keys = |value: &Value| {
            value["data"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        return keys(want) == keys(got);
    }
    let query = line["params"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair[0] == "query");
    let is_sorted = query.is_some_and(|pair| pair[1].as_str().unwrap().contains("sort"));
    let (mut want, mut got) = (want.clone(), got.clone());
    if is_any_order || !is_sorted {
        for value in [&mut want, &mut got] {
            if let Some(list) = value
                .pointer_mut("/data/result")
                .and_then(Value::as_array_mut)
            {
                list.sort_by_key(|one| one["metric"].to_string());
            }
        }
    }
    close(&want, &got)
}

fn close(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| close(want, got))
        }
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len()
                && want
                    .iter()
                    .all(|(key, want)| got.get(key).is_some_and(|got| close(want, got)))
        }
        (Value::String(want), Value::String(got)) if want != got => {
            match (want.parse::<f64>(), got.parse::<f64>()) {
                (Ok(want), Ok(got)) => (want - got).abs() <= 1e-12 * want.abs(),
                _ => false,
            }
        }
        _ => want == got,
    }
}
