//! The requests that were recorded of a Thanos querier, against ours in its dialect over the blocks of the same bucket.
//!
//! What is not asked follows from the line: other components, stores behind stores, tenants, pages for browsers. What we
//! answer differently on purpose is in `docs/compat.md` and is told by a rule each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use query::http::Settings;
use query::http::dialect::Dialect;
use query::request::Features;
use serde_json::Value;
use tsdb::source::SeriesSource;
use tsdb::testing::golden;

use super::agree::{self, close};
use super::client::{self, Answer, Ask};
use super::serve::{Parts, gzipped_lines, open_block};

/// Lines that wait for the engine: coarse resolutions, histograms, functions; may only become fewer.
const ENGINE_OPEN: usize = 52;

#[test]
fn golden_requests_to_thanos_get_their_answers() {
    if std::env::var_os("STRATAL_GOLDEN").is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let servers = servers(&runtime);
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for line in gzipped_lines("services/query_http/query_http.jsonl.gz") {
        let Some(address) = servers.get(line["target"].as_str().unwrap()) else {
            *tally.entry("skipped: another component").or_default() += 1;
            continue;
        };
        if let Some(reason) = skipped(&line) {
            *tally.entry(reason).or_default() += 1;
            continue;
        }
        let answer = client::send(*address, &ask(&line));
        if is_newer(&line, &answer) {
            *tally
                .entry("differs: the function is no experiment any more")
                .or_default() += 1;
            continue;
        }
        match differences(&line, &answer) {
            None => *tally.entry("passed").or_default() += 1,
            Some(_) if waits_for_engine(&line, &answer) => {
                *tally.entry("failed in the engine").or_default() += 1;
            }
            Some(why) => failures.push(format!("{} {}: {why}", line["id"], line["path"])),
        }
    }
    println!("{tally:?}, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    let open = tally.get("failed in the engine").copied().unwrap_or(0);
    assert!(open <= ENGINE_OPEN, "{open} lines fail in the engine");
}

/// Queriers by the name of the target; all over the same blocks, but for the one over none.
fn servers(runtime: &tokio::runtime::Runtime) -> BTreeMap<&'static str, SocketAddr> {
    let blocks = blocks();
    assert!(!blocks.is_empty(), "there are no blocks");
    let settings = Settings {
        dialect: Dialect::Thanos,
        replica_labels: vec!["replica".to_owned()],
        ..Settings::default()
    };
    let with_x = Settings {
        features: Features {
            x_functions: true,
            ..Features::default()
        },
        auto_downsampling: true,
        ..settings.clone()
    };
    let listen = |blocks: &[Arc<dyn SeriesSource>], settings: &Settings| {
        Parts::over(blocks.to_vec(), settings.clone()).listen(runtime)
    };
    BTreeMap::from([
        ("query-store", listen(&blocks, &settings)),
        ("query-eng", listen(&blocks, &with_x)),
        ("query-empty", listen(&[], &settings)),
    ])
}

/// The blocks that a store shows: whole ones, without a mark for deletion.
fn blocks() -> Vec<Arc<dyn SeriesSource>> {
    let entries = std::fs::read_dir(golden::path("services/static-bucket")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.join("index").exists() && path.join("meta.json").exists());
    paths.retain(|path| !path.join("deletion-mark.json").exists());
    paths.iter().map(|path| open_block(path)).collect()
}

fn ask(line: &Value) -> Ask {
    let target = line["path"].as_str().unwrap();
    let mut ask = Ask::new(line["method"].as_str().unwrap(), target);
    if let Some(form) = line["form"].as_str() {
        form.clone_into(&mut ask.body);
        ask = ask.with_header("Content-Type", "application/x-www-form-urlencoded");
    }
    ask.with_headers(&line["request_headers"])
}

/// Why a line is not asked.
fn skipped(line: &Value) -> Option<&'static str> {
    let path = line["path"].as_str().unwrap();
    let has = |text: &str| path.contains(text);
    if line["stable"] != true {
        return Some("skipped: depends on the moment");
    }
    if has("storeMatch") || has("shard_info") || has("/stores") || line["id"] == "query/empty/abort"
    {
        return Some("skipped: of stores behind a querier");
    }
    if !has("/api/") && !has("/-/") {
        return Some("skipped: pages for browsers");
    }
    if line["status"] == 404 && !has("/nope") {
        return Some("differs: we answer what Thanos does not");
    }
    if has("engine=prometheus") && has("explain") || has("analyze=true") {
        return Some("differs: there is one engine, and it can be analyzed");
    }
    if has("status/buildinfo") || has("status/runtimeinfo") || has("status/flags") {
        return Some("differs: another program");
    }
    match line["id"].as_str() {
        Some("query/limit-param") => Some("differs: queries know a limit"),
        Some("query/time/minint") => Some("differs: extreme times are times"),
        Some("label_values/query-store/name/U__zo_6e_e") => {
            Some("differs: names of labels may be escaped")
        }
        Some("api/query-store/api/v1/rules?match[]={") => {
            Some("differs: a bad matcher is a bad request")
        }
        _ => None,
    }
}

/// Whether the recorded server did not know a function yet that everybody may use by now.
fn is_newer(line: &Value, answer: &Answer) -> bool {
    let body = line["body"].as_str().unwrap_or("");
    body.contains("is not enabled") && line["status"] == 400 && answer.status == 200
}

/// Whether the line is about values, which are the engine's business.
fn waits_for_engine(line: &Value, answer: &Answer) -> bool {
    let path = line["path"].as_str().unwrap();
    let is_coarse = path.contains("max_source_resolution") || path.contains("start=1704326400");
    // Where replicas are folded at the start of a window.
    let is_folded = path.contains("m%5D");
    let is_value = line["status"] == 200 && (is_coarse || is_folded);
    is_value || answer.text().contains("not supported by this engine yet")
}

/// What is wrong with an answer.
fn differences(line: &Value, answer: &Answer) -> Option<String> {
    if line["status"] != answer.status {
        return Some(format!(
            "status {} not {}: {} not {}",
            answer.status,
            line["status"],
            answer.text(),
            line["body"]
        ));
    }
    if let Some(why) = agree::headers(&line["headers"], answer) {
        return Some(why);
    }
    let want = line["body"].as_str()?;
    let got = answer.text();
    let same = match (serde_json::from_str(want), serde_json::from_str(&got)) {
        (Ok(want), Ok(got)) => agree(line, want, got),
        _ => want == got,
    };
    (!same).then(|| format!("body\n  got  {got}\n  want {want}"))
}

/// Equal, but for timings, names of operators, and the order of vectors that nothing sorts.
fn agree(line: &Value, mut want: Value, mut got: Value) -> bool {
    let path = line["path"].as_str().unwrap();
    if path.contains("_explain") && line["status"] == 200 {
        return got["data"]["name"].is_string() && got["data"]["children"].is_array();
    }
    for answer in [&mut want, &mut got] {
        let timings = answer.pointer_mut("/data/stats/timings");
        for seconds in timings.and_then(Value::as_object_mut).into_iter().flatten() {
            *seconds.1 = 0.into();
        }
        if !path.contains("sort") {
            agree::sort(answer, "/data/result");
        }
        // The warnings of a set come in any order.
        agree::sort(answer, "/warnings");
    }
    // Which of the series of a group is named first is open.
    let group = |answer: &Value| {
        let error = answer["error"].as_str()?;
        error.split_once(": [").map(|(group, _)| group.to_owned())
    };
    group(&want).is_some() && group(&want) == group(&got) || close(&want, &got)
}
