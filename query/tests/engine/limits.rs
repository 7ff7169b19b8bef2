//! Each limit refuses with its name, and what was taken is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use query::config::Config;
use query::engine::Engine;
use query::error::{Error, ErrorKind};
use query::http::problem::Problem;
use query::request::{Request, When};
use query::storage::{Columns, Selection, Storage, StoredBatch, StoredRows, StoredStream};
use tsdb::budget::Budget;
use tsdb::label::Labels;

use super::memory::{Memory, engine, raw};

const RANGE: When = When::Range {
    start: 0,
    end: 90_000,
    step: 10_000,
};

fn hundred_series(config: Config) -> Engine {
    let mut memory = Memory::new((0, 100_000), ("cluster", "a"));
    let samples: Vec<_> = (0..100).map(|n| (n * 1_000, n as f64)).collect();
    for n in 0..100 {
        let n = format!("{n:02}");
        memory.add(&[("__name__", "x"), ("n", &n)], vec![raw(&samples)]);
    }
    engine(vec![memory], &[], config)
}

async fn refused(engine: &Engine, request: Request) -> Error {
    let text = request.text.clone();
    let outcome = engine.run(request).await;
    outcome.expect_err(&text)
}

#[tokio::test]
async fn a_selector_with_too_many_series_is_named() {
    let engine = hundred_series(Config {
        series_max: 99,
        ..Config::default()
    });
    let error = refused(&engine, Request::new("sum(x)", When::Instant(0))).await;
    assert_eq!(error.kind(), ErrorKind::Execution);
    let want = "selector {__name__=\"x\"}: number of series needs 100, the limit is 99";
    assert_eq!(Problem::from(error).message, want);
    let few = Request::new("sum(x{n=~\"0.\"})", When::Instant(0));
    assert!(engine.run(few).await.is_ok());
}

#[tokio::test]
async fn memory_of_a_query_and_of_all_is_bounded_and_given_back() {
    for (query, process) in [(8_000, 1 << 30), (1 << 30, 8_000)] {
        let engine = hundred_series(Config {
            query_bytes_max: query,
            memory: Budget::new("process", process),
            ..Config::default()
        });
        for _ in 0..3 {
            let error = refused(&engine, Request::new("x", RANGE)).await;
            assert_eq!(error.kind(), ErrorKind::Execution);
            let message = Problem::from(error).message;
            assert!(message.contains("{__name__=\"x\"}"), "{message}");
            assert!(message.contains("the limit is 8000"), "{message}");
        }
        let small = Request::new("x{n=\"07\"}", RANGE);
        assert!(engine.run(small).await.is_ok(), "{query} {process}");
    }
}

#[tokio::test]
async fn samples_count_while_they_are_held() {
    async fn check(engine: &Engine, text: &str, max_samples: u64, passes: bool) {
        let mut request = Request::new(text, RANGE);
        request.max_samples = max_samples;
        let outcome = engine.run(request).await;
        match outcome {
            Ok(_) => assert!(passes, "{text} {max_samples}"),
            Err(error) => {
                assert!(!passes, "{text} {max_samples}: {error}");
                let want =
                    "query processing would load too many samples into memory in query execution";
                assert_eq!(error.to_string(), want);
            }
        }
    }
    let engine = hundred_series(Config::default());
    // 100 series at 10 steps.
    check(&engine, "x", 1_000, true).await;
    check(&engine, "x", 999, false).await;
    check(&engine, "sum(x)", 1_000, true).await;
    check(&engine, "sum(x)", 999, false).await;
    // The first sum is one row when the second selector is read.
    check(&engine, "sum(x) + sum(x)", 1_010, true).await;
    check(&engine, "x + x", 1_999, false).await;
}

#[tokio::test]
async fn a_range_of_too_many_points_is_refused() {
    let engine = hundred_series(Config::default());
    let range = |end| When::Range {
        start: 0,
        end,
        step: 1,
    };
    assert!(engine.run(Request::new("1", range(11_000))).await.is_ok());
    let error = refused(&engine, Request::new("1", range(11_001))).await;
    assert_eq!(error.kind(), ErrorKind::BadData);
}

/// A storage that never ends, and counts its open streams.
struct Endless(Arc<AtomicUsize>);

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct NoRows;

impl StoredRows for NoRows {
    fn len(&self) -> usize {
        0
    }

    fn labels(&self, _: usize, _: &dyn Fn(&str) -> bool) -> Labels {
        Labels::default()
    }

    fn decode(&self, _: usize, _: &mut Columns) -> tsdb::Result<()> {
        Ok(())
    }
}

impl Storage for Endless {
    fn select<'a>(
        &'a self,
        _: &'a Selection,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<StoredStream>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let open = Open(Arc::clone(&self.0));
        let batches = stream::unfold(open, |open| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let batch = StoredBatch {
                rows: Box::new(NoRows),
                warnings: Vec::new(),
            };
            Some((Ok(batch), open))
        });
        async move { Ok(batches.boxed()) }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_query_or_its_time_being_up_closes_the_streams() {
    async fn closed(open: &AtomicUsize) {
        for _ in 0..1_000 {
            if open.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} streams are open", open.load(Ordering::SeqCst));
    }
    let open = Arc::new(AtomicUsize::new(0));
    let config = Config {
        timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let engine = Engine::new(config, Arc::new(Endless(Arc::clone(&open)))).unwrap();
    let request = || Request::new("sum(a) + rate(b[5m])", When::Instant(0));
    let error = refused(&engine, request()).await;
    assert_eq!(
        error.to_string(),
        "query timed out in expression evaluation"
    );
    closed(&open).await;
    for _ in 0..50 {
        let running = tokio::time::timeout(Duration::from_millis(4), engine.run(request()));
        assert!(running.await.is_err(), "nobody waits that long");
    }
    closed(&open).await;
}
