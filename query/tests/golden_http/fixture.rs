//! The golden data set `http` as a block, and a server of each kind over it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use query::config::Config;
use query::engine::Engine;
use query::http::{self, Companions, Settings, Sources};
use query::request::Features;
use query::storage::sources::SourceStorage;
use serde_json::Value as Json;
use tempfile::TempDir;
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::chunk::encode::encode_samples;
use tsdb::float::STALE_NAN_BITS;
use tsdb::histogram::{FloatHistogram, Histogram, ResetHint, Span};
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::matcher::Matcher;
use tsdb::meta::BlockMeta;
use tsdb::sample::{Sample, Value};
use tsdb::source::SeriesSource;
use tsdb::source::exemplar::{Exemplar, ExemplarSource, SeriesExemplars};
use tsdb::testing::golden;
use tsdb::time::{Clock, Interval, Millis};

use super::scrape;

/// The servers of the golden data that can be had from a block.
pub(crate) struct Servers {
    addresses: BTreeMap<&'static str, SocketAddr>,
    _dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// After the end of all data, as the recording was.
const LATE: Millis = Millis(1_790_000_000_000);

struct Stopped(Millis);

impl Clock for Stopped {
    fn now(&self) -> Millis {
        self.0
    }
}

impl Servers {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = block(&dir, &data_set());
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
        let _guard = runtime.enter();
        let addresses = kinds.map(|(name, settings)| {
            let server = server(&source, companions.clone(), LATE, settings);
            (name, serve(server, &runtime))
        });
        let mut addresses = BTreeMap::from(addresses);
        addresses.insert("scrape", serve(scraping(&dir), &runtime));
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
fn scraping(dir: &TempDir) -> http::Server {
    let pages = scrape::Pages::read();
    let settings = Settings {
        external_labels: Labels::from_pairs([("cluster", "a"), ("replica", "s0")]),
        ..Settings::default()
    };
    let companions = Companions {
        metadata: Arc::new(pages.said.clone()),
        targets: Arc::new(pages.said),
        exemplars: Arc::new(Exemplars(pages.exemplars)),
        ..Companions::default()
    };
    let now = Millis(scrape::TIME + 500);
    server(&block(dir, &pages.series), companions, now, settings)
}

fn server(
    source: &Arc<dyn SeriesSource>,
    companions: Companions,
    now: Millis,
    settings: Settings,
) -> http::Server {
    let sources: Arc<dyn Sources> = Arc::new(vec![Arc::clone(source)]);
    let storage = SourceStorage {
        sources: Arc::clone(&sources),
        replica_labels: Vec::new(),
    };
    let engine = Engine::new(Config::default(), Arc::new(storage)).unwrap();
    let clock = Arc::new(Stopped(now));
    http::Server::new(Arc::new(engine), sources, companions, clock, settings)
}

fn serve(server: http::Server, runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let router = http::router(Arc::new(server));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}

/// Samples by series.
pub(crate) type SeriesMap = BTreeMap<Labels, Vec<Sample>>;

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

fn block(dir: &TempDir, series: &SeriesMap) -> Arc<dyn SeriesSource> {
    assert!(!series.is_empty(), "the data set is empty");
    let strings = series
        .keys()
        .flat_map(Labels::iter)
        .flat_map(|(name, value)| [name, value]);
    let symbols = symbol_table(strings).unwrap();
    let id = BlockId::new(1, series.len() as u128);
    let mut builder = BlockBuilder::create(dir.path(), id, symbols, 512 << 20).unwrap();
    for (labels, samples) in series {
        builder
            .series(labels, &encode_samples(samples).unwrap())
            .unwrap();
    }
    let times = || series.values().flatten().map(|sample| sample.t);
    let meta = BlockMeta {
        ulid: id,
        min_time: Millis(times().min().unwrap()),
        max_time: Millis(times().max().unwrap() + 1),
        ..BlockMeta::default()
    };
    let (path, _) = builder.finish(meta, true).unwrap().unwrap();
    let block = Block::open(&path).unwrap();
    Arc::new(BlockSource::open(&block).unwrap())
}

fn gzipped_lines(file: &str) -> Vec<Json> {
    let bytes = std::fs::read(golden::path(file)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
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
