//! The golden data set `http` as a block, and a server of each kind over it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use query::http::{Companions, Settings};
use query::request::Features;
use serde_json::Value as Json;
use tempfile::TempDir;
use tsdb::float::STALE_NAN_BITS;
use tsdb::histogram::{FloatHistogram, Histogram, ResetHint, Span};
use tsdb::label::Labels;
use tsdb::matcher::Matcher;
use tsdb::sample::{Sample, Value};
use tsdb::source::exemplar::{Exemplar, ExemplarSource, SeriesExemplars};
use tsdb::testing::golden;
use tsdb::time::{Interval, Millis};

use super::scrape;
use super::serve::{Parts, SeriesMap, gzipped_lines, open_block, write_block};

/// The servers of the golden data that can be had from a block.
pub(crate) struct Servers {
    addresses: BTreeMap<&'static str, SocketAddr>,
    _dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = open_block(&write_block(dir.path(), &data_set()));
        let companions = Companions {
            exemplars: Arc::new(Exemplars(exemplars())),
            ..Companions::default()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let all = Features {
            experimental_functions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
            delayed_name_removal: true,
            start_timestamps: true,
            per_step_stats: true,
            ..Features::default()
        };
        let with_features = Settings {
            features: all,
            ..Settings::default()
        };
        let small = Settings {
            max_samples: 40,
            lookback: 60_000,
            ..Settings::default()
        };
        let kinds = [
            ("default", Settings::default()),
            ("features", with_features),
            ("small", small),
        ];
        let addresses = kinds.map(|(name, settings)| {
            let mut parts = Parts::over(vec![Arc::clone(&source)], settings);
            parts.companions = companions.clone();
            (name, parts.listen(&runtime))
        });
        let mut addresses = BTreeMap::from(addresses);
        addresses.insert("scrape", scraping(&dir).listen(&runtime));
        Self {
            addresses,
            _dir: dir,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name]
    }
}

/// The server whose data was scraped, shortly after that.
fn scraping(dir: &TempDir) -> Parts {
    let pages = scrape::Pages::read();
    let settings = Settings {
        external_labels: Labels::from_pairs([("cluster", "a"), ("replica", "s0")]),
        ..Settings::default()
    };
    let source = open_block(&write_block(dir.path(), &pages.series));
    let mut parts = Parts::over(vec![source], settings);
    parts.companions = Companions {
        metadata: Arc::new(pages.said.clone()),
        targets: Arc::new(pages.said),
        exemplars: Arc::new(Exemplars(pages.exemplars)),
        ..Companions::default()
    };
    parts.now = Millis(scrape::TIME + 500);
    parts
}

fn data_set() -> SeriesMap {
    let mut series = SeriesMap::new();
    for line in gzipped_lines("promql/datasets/http.jsonl.gz") {
        let samples = line["samples"].as_array().unwrap().iter().map(sample);
        series
            .entry(labels(&line["labels"]))
            .or_default()
            .extend(samples);
    }
    series
}

fn labels(json: &Json) -> Labels {
    let pairs = json.as_object().unwrap().iter();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

fn float(json: &Json) -> f64 {
    match json.as_str().unwrap() {
        "stale" => f64::from_bits(STALE_NAN_BITS),
        text => text.parse().unwrap(),
    }
}

fn sample(json: &Json) -> Sample {
    let t = json[0].as_i64().unwrap();
    if json[1].is_string() {
        return Sample::float(t, float(&json[1]));
    }
    let value = histogram(&json[1]);
    let value = if json[1]["is_float"] == true {
        Value::FloatHistogram(Box::new(value))
    } else {
        Value::Histogram(Box::new(integers(value)))
    };
    Sample { t, value }
}

fn histogram(json: &Json) -> FloatHistogram {
    let floats = |name: &str| {
        json[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(float)
            .collect()
    };
    let span = |pair: &Json| Span {
        offset: i32::try_from(pair[0].as_i64().unwrap()).unwrap(),
        length: u32::try_from(pair[1].as_u64().unwrap()).unwrap(),
    };
    let spans = |name: &str| {
        json[name]
            .as_array()
            .into_iter()
            .flatten()
            .map(span)
            .collect()
    };
    FloatHistogram {
        hint: if json["counter_reset_hint"] == "gauge" {
            ResetHint::Gauge
        } else {
            ResetHint::Unknown
        },
        schema: i32::try_from(json["schema"].as_i64().unwrap()).unwrap(),
        zero_threshold: float(&json["zero_threshold"]),
        zero_count: float(&json["zero_count"]),
        count: float(&json["count"]),
        sum: float(&json["sum"]),
        positive_spans: spans("positive_spans"),
        negative_spans: spans("negative_spans"),
        positive_buckets: floats("positive_buckets"),
        negative_buckets: floats("negative_buckets"),
        custom_bounds: floats("custom_values"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the data says that these are whole numbers"
)]
fn integers(from: FloatHistogram) -> Histogram {
    let deltas = |counts: &[f64]| {
        let mut last = 0;
        let delta = |count: &f64| {
            let count = *count as i64;
            count - std::mem::replace(&mut last, count)
        };
        counts.iter().map(delta).collect()
    };
    Histogram {
        hint: from.hint,
        schema: from.schema,
        zero_threshold: from.zero_threshold,
        zero_count: from.zero_count as u64,
        count: from.count as u64,
        sum: from.sum,
        positive_buckets: deltas(&from.positive_buckets),
        negative_buckets: deltas(&from.negative_buckets),
        positive_spans: from.positive_spans,
        negative_spans: from.negative_spans,
        custom_bounds: from.custom_bounds,
    }
}

struct Exemplars(Vec<SeriesExemplars>);

fn exemplars() -> Vec<SeriesExemplars> {
    let lines = golden::json_lines("promql/datasets/http-exemplars.jsonl");
    let exemplar = |json: &Json| Exemplar {
        labels: labels(&json["labels"]),
        value: float(&json["value"]),
        time: Millis(json["t"].as_i64().unwrap()),
    };
    let series = lines.iter().map(|line| SeriesExemplars {
        series: labels(&line["labels"]),
        exemplars: line["exemplars"]
            .as_array()
            .unwrap()
            .iter()
            .map(exemplar)
            .collect(),
    });
    series.collect()
}

impl ExemplarSource for Exemplars {
    fn exemplars<'a>(
        &'a self,
        selectors: &'a [Vec<Matcher>],
        times: Interval,
    ) -> BoxFuture<'a, tsdb::Result<Vec<SeriesExemplars>>> {
        let selected = |series: &Labels| {
            selectors
                .iter()
                .any(|all| all.iter().all(|matcher| matcher.matches_labels(series)))
        };
        let mut found = self.0.clone();
        found.retain(|one| selected(&one.series));
        for one in &mut found {
            one.exemplars
                .retain(|exemplar| times.contains(exemplar.time));
        }
        found.retain(|one| !one.exemplars.is_empty());
        async move { Ok(found) }.boxed()
    }
}
