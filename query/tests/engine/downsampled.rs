//! Windows of downsampled blocks stand for their samples: functions that can be exact are.

use query::config::Config;
use query::engine::Engine;
use query::request::{Request, When};
use query::value::Value;
use tsdb::meta::Resolution;

use super::memory::{Memory, answer, engine, raw, windows};

const HOUR: i64 = 3_600_000;
const MINUTES: i64 = 60_000;

/// A counter that falls now and then, off the round minute.
fn samples(from: i64, to: i64) -> Vec<(i64, f64)> {
    let times = (from / MINUTES..to / MINUTES).map(|minute| minute * MINUTES + 137);
    let value = |t: i64| ((t / MINUTES) % 77) as f64 * 1.5 + 2.0;
    times.map(|t| (t, value(t))).collect()
}

/// One hour as windows and raw, the next hour raw only.
fn engine_over_two_hours() -> Engine {
    let mut coarse = Memory::new((0, HOUR - 1), ("cluster", "a"));
    coarse.info.resolution = Resolution::FIVE_MINUTES;
    coarse.add(
        &[("__name__", "x_total")],
        windows(&samples(0, HOUR), 5 * MINUTES),
    );
    let mut fine = Memory::new((0, HOUR - 1), ("cluster", "a"));
    fine.add(&[("__name__", "x_total")], vec![raw(&samples(0, HOUR))]);
    let mut late = Memory::new((HOUR, 2 * HOUR - 1), ("cluster", "a"));
    late.add(
        &[("__name__", "x_total")],
        vec![raw(&samples(HOUR, 2 * HOUR))],
    );
    engine(vec![coarse, fine, late], &[], Config::default())
}

async fn value(engine: &Engine, text: &str, max_resolution: i64) -> (f64, Vec<String>) {
    let mut request = Request::new(text, When::Instant(2 * HOUR - 1));
    request.max_resolution = max_resolution;
    let answer = answer(engine, request).await;
    let Value::Vector(samples) = &answer.value else {
        panic!("{text}: {answer:?}")
    };
    assert_eq!(samples.len(), 1, "{text}: {samples:?}");
    (samples[0].value.float().unwrap(), answer.infos)
}

#[tokio::test]
async fn windows_count_for_what_they_stand_for() {
    async fn check(engine: &Engine, text: &str, tolerance: f64, is_told: bool) {
        let (want, infos) = value(engine, text, 0).await;
        assert_eq!(infos, Vec::<String>::new(), "{text}");
        let (got, infos) = value(engine, text, 5 * MINUTES).await;
        assert!(
            (got - want).abs() <= tolerance * want,
            "{text}: {got}, raw {want}"
        );
        let told = infos.iter().any(|info| info.contains("downsampled"));
        assert_eq!(told, is_told, "{text}: {infos:?}");
    }
    let engine = engine_over_two_hours();
    for function in ["sum", "count", "avg", "min", "max", "present"] {
        let text = format!("{function}_over_time(x_total[2h])");
        check(&engine, &text, 1e-12, false).await;
    }
    check(&engine, "increase(x_total[2h])", 0.01, false).await;
    check(&engine, "rate(x_total[2h])", 0.01, false).await;
    check(&engine, "quantile_over_time(0.5, x_total[2h])", 0.2, true).await;
    check(&engine, "stddev_over_time(x_total[2h])", 0.2, true).await;
    // Raw samples are near enough.
    check(&engine, "avg_over_time(x_total[30m])", 1e-12, false).await;
}

#[tokio::test]
async fn a_selector_shows_the_mean_of_a_window_and_says_so() {
    let engine = engine_over_two_hours();
    let mean: f64 = samples(55 * MINUTES, HOUR)
        .iter()
        .map(|(_, v)| v / 5.0)
        .sum();
    let (got, infos) = value(&engine, "x_total @ 3599.999", 5 * MINUTES).await;
    assert!((got - mean).abs() < 1e-9, "{got} {mean}");
    let want = "PromQL info: downsampled samples were read, the result is an approximation (1:1)";
    assert_eq!(infos, [want]);
}

#[tokio::test]
async fn a_rate_wants_two_samples_in_its_range() {
    let engine = engine_over_two_hours();
    // Half of the range is below five minutes, so raw samples are read.
    let raw = value(&engine, "rate(x_total[9m] @ 3599.999)", 0).await;
    let got = value(&engine, "rate(x_total[9m] @ 3599.999)", 5 * MINUTES).await;
    assert_eq!(got, raw);
}
