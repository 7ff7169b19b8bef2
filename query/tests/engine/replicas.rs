//! Replicas of one series are one series: copies are dropped, others followed one at a time.

use query::config::Config;
use query::engine::Engine;
use query::request::{Request, When};
use query::value::Value;

use super::memory::{Memory, answer, engine, raw};

async fn values(engine: &Engine, text: &str, t: i64) -> Vec<(String, f64)> {
    let answer = answer(engine, Request::new(text, When::Instant(t))).await;
    let Value::Vector(samples) = &answer.value else {
        panic!("{text}: {answer:?}")
    };
    let samples = samples.iter();
    samples
        .map(|sample| (sample.labels.to_string(), sample.value.float().unwrap()))
        .collect()
}

fn replica(name: &str, samples: &[(i64, f64)]) -> Memory {
    let mut memory = Memory::new((0, 3_600_000), ("replica", name));
    memory.add(&[("__name__", "x")], vec![raw(samples)]);
    memory
}

#[tokio::test]
async fn copies_count_once_and_shifted_replicas_are_followed_one_at_a_time() {
    async fn check(a: &[(i64, f64)], b: &[(i64, f64)], text: &str, want: f64) {
        let sources = || vec![replica("a", a), replica("b", b)];
        let together = engine(sources(), &["replica"], Config::default());
        let t = 599_999;
        assert_eq!(
            values(&together, text, t).await,
            [("{}".to_owned(), want)],
            "{text}"
        );
        let apart = engine(sources(), &[], Config::default());
        assert_eq!(values(&apart, text, t).await.len(), 2, "{text}");
    }
    let every = |shift: i64, add: f64| {
        let times = (0..40).map(|n| n * 15_000 + shift);
        times
            .map(|t| (t, t as f64 / 1000.0 + add))
            .collect::<Vec<_>>()
    };
    let (a, b) = (every(0, 0.0), every(7_000, -9.0));
    check(&a, &a, "count_over_time(x[10m])", 40.0).await;
    check(&a, &b, "count_over_time(x[10m])", 41.0).await;
    // The replica that lags behind is lifted, so that the change to it is no reset.
    check(&a, &b, "resets(x[10m])", 0.0).await;
    let gap: Vec<_> = a
        .iter()
        .copied()
        .filter(|(t, _)| !(150_000..400_000).contains(t))
        .collect();
    check(&gap, &b, "resets(x[10m])", 0.0).await;
}

#[tokio::test]
async fn replicas_are_merged_without_holding_all_of_them() {
    const SERIES: usize = 3_000;
    let noise = (0..1_800_u32).map(|n| f64::from(n.wrapping_mul(2_654_435_761)).sqrt());
    let samples: Vec<(i64, f64)> = (0..).map(|n| n * 1_000).zip(noise).collect();
    let chunk = raw(&samples);
    let sources = ["a", "b"].map(|name| {
        let mut memory = Memory::new((0, 3_600_000), ("replica", name));
        for series in 0..SERIES {
            let number = format!("{series:05}");
            memory.add(&[("__name__", "x"), ("n", &number)], vec![chunk.clone()]);
        }
        memory
    });
    let all = 2 * SERIES * chunk.payload.len();
    let config = Config {
        threads: 2,
        query_bytes_max: 24 << 20,
        ..Config::default()
    };
    assert!(all as u64 > 2 * config.query_bytes_max, "{all} bytes");
    let engine = engine(sources.into(), &["replica"], config);
    let got = values(&engine, "count(x)", 1_799_000).await;
    assert_eq!(got, [("{}".to_owned(), 3_000.0)]);
}
