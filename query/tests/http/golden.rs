//! Every request of `http.jsonl` against real listening servers: over a block of data set `http`, and over scraped pages.

use std::collections::BTreeMap;

use serde_json::Value;
use tsdb::testing::golden;

use super::agree::{self, close};
use super::client::{self, Answer, Ask};
use super::{fixture, scrape};

/// Lines whose evaluation the engine does not get right yet; may only become fewer.
const ENGINE_OPEN: usize = 1;
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
        let answer = client::send(address, &ask(&line));
        match differences(&line, &answer) {
            None => *tally.entry("passed").or_default() += 1,
            Some(_) if is_evaluation(&line) || is_unsupported(&answer) => {
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

/// The request of a line.
fn ask(line: &Value) -> Ask {
    let path = line["path"].as_str().unwrap();
    let query = client::encode(&pairs(&line["params"]));
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let mut ask = Ask::new(line["method"].as_str().unwrap(), &target);
    if line["form"].is_array() {
        ask = ask.with_form(&pairs(&line["form"]));
    }
    if let Some(body) = line["request_body"].as_str() {
        body.clone_into(&mut ask.body);
    }
    ask.with_headers(&line["request_headers"])
}

fn pairs(json: &Value) -> Vec<(&str, &str)> {
    let pairs = json.as_array().into_iter().flatten();
    pairs
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect()
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

/// Whether the engine says that it cannot do this yet.
fn is_unsupported(answer: &Answer) -> bool {
    answer.text().contains("not supported by this engine yet")
}

/// Noted where a limit cuts: how many is fixed, which ones is not.
const FREE_CHOICE: &str = "which entries remain";

/// Why a line is not asked.
fn skipped(line: &Value) -> Option<&'static str> {
    let path = line["path"].as_str().unwrap();
    if is_noted(line, "advisory") && !is_noted(line, FREE_CHOICE) {
        return Some("skipped: depends on timing or the processor");
    }
    if path == "/" || path.contains("/admin/") || NOT_CLAIMED.contains(&path) {
        return Some("skipped: not claimed");
    }
    None
}

/// What is wrong with an answer.
fn differences(line: &Value, answer: &Answer) -> Option<String> {
    if line["status"] != answer.status {
        return Some(format!(
            "status {} not {}: {}",
            answer.status,
            line["status"],
            answer.text()
        ));
    }
    if let Some(why) = agree::headers(&line["headers"], answer) {
        return Some(why);
    }
    if let Some(want) = line["body_b64"].as_str() {
        return (decoded(want) != answer.body).then(|| format!("body {:?}", answer.text()));
    }
    let want = line["body"].as_str().unwrap_or("");
    let got = shown(line, answer);
    let is_any_order = is_noted(line, "order");
    let same = match (serde_json::from_str(want), serde_json::from_str(&got)) {
        (Ok(want), Ok(got)) => agree(&want, &got, is_any_order, line),
        _ => want == got,
    };
    (!same).then(|| format!("body\n  got  {got}\n  want {want}"))
}

fn is_noted(line: &Value, what: &str) -> bool {
    let note = line["note"].as_str();
    note.is_some_and(|note| note.contains(what))
}

fn is_normalised(line: &Value, how: &str) -> bool {
    let all = line["normalised"].as_array().into_iter().flatten();
    all.into_iter().any(|one| one == how)
}

/// The body, changed as that of the recording was.
fn shown(line: &Value, answer: &Answer) -> String {
    let text = answer.text();
    if is_normalised(line, "timestamps set to 1700000000") {
        let untimed = (scrape::UNTIMED / 1000).to_string();
        return text.replace(&untimed, &(scrape::TIME / 1000).to_string());
    }
    if is_normalised(line, "stats timings set to 0") {
        return without_timings(&text);
    }
    text
}

/// The six durations of statistics as zeros; they have to be there.
fn without_timings(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    let timings = answer["data"]["stats"]["timings"].as_object_mut().unwrap();
    for seconds in timings.values_mut() {
        assert!(seconds.as_f64().unwrap() >= 0.0);
        *seconds = 0.into();
    }
    answer.to_string()
}

/// The bytes that base64 text stands for.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|one| *one == byte);
    let digits: Vec<u32> = text
        .bytes()
        .filter_map(digit)
        .map(|at| u32::try_from(at).unwrap())
        .collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = (0..4).fold(0, |bits, at| bits << 6 | four.get(at).copied().unwrap_or(0));
        bits.to_be_bytes().into_iter().skip(1).take(four.len() - 1)
    });
    bytes.collect()
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
    if is_noted(line, FREE_CHOICE) {
        // Prometheus goes on to the end of a target.
        return (1..=entries(want)).contains(&entries(got));
    }
    let query = line["params"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair[0] == "query");
    let is_sorted = query.is_some_and(|pair| pair[1].as_str().unwrap().contains("sort"));
    let (mut want, mut got) = (want.clone(), got.clone());
    let lists = [
        (is_any_order || !is_sorted, "/data/result"),
        (is_normalised(line, "list sorted"), "/data"),
    ];
    for (_, pointer) in lists.into_iter().filter(|(is_free, _)| *is_free) {
        agree::sort(&mut want, pointer);
        agree::sort(&mut got, pointer);
    }
    forgive_peak(&want, &mut got);
    close(&want, &got)
}

/// Prometheus counts the window of the series at hand, we the largest one: a tenth more at most.
fn forgive_peak(want: &Value, got: &mut Value) {
    const PEAK: &str = "/data/stats/samples/peakSamples";
    let told = want.pointer(PEAK).and_then(Value::as_u64);
    let Some((told, ours)) = told.zip(got.pointer_mut(PEAK)) else {
        return;
    };
    if ours
        .as_u64()
        .is_some_and(|ours| (told..=told + told / 10).contains(&ours))
    {
        *ours = told.into();
    }
}

/// How many things the data has, in lists or under names.
fn entries(answer: &Value) -> usize {
    let data = &answer["data"];
    let listed = data.as_array().map_or(0, Vec::len);
    data.as_object().map_or(listed, serde_json::Map::len)
}
