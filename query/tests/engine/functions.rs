//! Every function and aggregation that Prometheus has is one that the engine can carry out.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use query::config::Config;
use query::engine::Engine;
use query::request::{Features, Request, When};
use query::storage::{Selection, Storage, StoredStream};
use serde_json::Value as Json;
use tsdb::budget::Budget;

/// A storage without series.
struct Nothing;

impl Storage for Nothing {
    fn select<'a>(
        &'a self,
        _: &'a Selection,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<StoredStream>> {
        async { Ok(stream::empty().boxed()) }.boxed()
    }
}

/// A call that passes the type check.
fn call(function: &Json) -> String {
    let declared = function["args"].as_array().unwrap();
    let count = usize::try_from(function["min_args"].as_u64().unwrap()).unwrap();
    let args = declared.iter().take(count).map(|kind| match kind.as_str() {
        Some("vector") => "x",
        Some("matrix") => "x[5m]",
        Some("string") => "\"a\"",
        _ => "0.5",
    });
    let name = function["name"].as_str().unwrap();
    format!("{name}({})", args.collect::<Vec<_>>().join(", "))
}

fn aggregation(aggregator: &Json) -> String {
    let name = aggregator["name"].as_str().unwrap();
    match aggregator["param"].as_str().unwrap() {
        "none" => format!("{name}(x)"),
        "string" => format!("{name}(\"a\", x)"),
        _ => format!("{name}(0.5, x)"),
    }
}

#[tokio::test]
async fn golden_functions_and_aggregations_are_all_carried_out() {
    let path = query::testing::corpus::root().join("functions.json");
    let known: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let functions = known["functions"].as_array().unwrap().iter().map(call);
    let aggregations = known["aggregators"].as_array().unwrap().iter();
    let calls: Vec<String> = functions.chain(aggregations.map(aggregation)).collect();
    assert!(!calls.is_empty(), "the file names no function");
    let engine = Engine::new(Config::default(), Arc::new(Nothing)).unwrap();
    let features = Features {
        experimental_functions: true,
        start_timestamps: true,
        ..Features::default()
    };
    for text in calls {
        let mut request = Request::new(text.clone(), When::Instant(0));
        request.features = features;
        let outcome = engine.run(request).await;
        assert!(outcome.is_ok(), "{text}: {outcome:?}");
    }
}
