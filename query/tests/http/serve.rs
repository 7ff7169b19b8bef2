//! What every test of the API needs: a block of some series, and a server over it that listens.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use query::config::Config;
use query::engine::Engine;
use query::http::{self, Companions, Settings, Sources};
use query::storage::sources::SourceStorage;
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::chunk::encode::encode_samples;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::BlockMeta;
use tsdb::sample::Sample;
use tsdb::source::SeriesSource;
use tsdb::testing::golden;
use tsdb::time::{Clock, Millis};

/// Samples by series.
pub(crate) type SeriesMap = BTreeMap<Labels, Vec<Sample>>;

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) sources: Vec<Arc<dyn SeriesSource>>,
    pub(crate) companions: Companions,
    pub(crate) config: Config,
    pub(crate) settings: Settings,
    pub(crate) now: Millis,
}

impl Parts {
    pub(crate) fn over(sources: Vec<Arc<dyn SeriesSource>>, settings: Settings) -> Self {
        Self {
            sources,
            companions: Companions::default(),
            config: Config::default(),
            settings,
            // After the end of all recorded data.
            now: Millis(1_790_000_000_000),
        }
    }

    pub(crate) fn server(mut self) -> Arc<http::Server> {
        self.config.memory = self.settings.memory.clone();
        let sources: Arc<dyn Sources> = Arc::new(self.sources);
        let storage = SourceStorage {
            sources: Arc::clone(&sources),
            replica_labels: self.settings.replica_labels.clone(),
        };
        let engine = Engine::new(self.config, Arc::new(storage)).unwrap();
        let metrics = engine.clone();
        let clock = Arc::new(Stopped(self.now));
        let mut server = http::Server::new(
            Arc::new(engine),
            sources,
            self.companions,
            clock,
            self.settings,
        );
        metrics.metrics().register(server.metrics.registry());
        Arc::new(server)
    }

    pub(crate) fn listen(self, runtime: &Runtime) -> SocketAddr {
        listen(self.server(), runtime)
    }
}

struct Stopped(Millis);

impl Clock for Stopped {
    fn now(&self) -> Millis {
        self.0
    }
}

/// The address where `server` answers as long as `runtime` lives.
pub(crate) fn listen(server: Arc<http::Server>, runtime: &Runtime) -> SocketAddr {
    let _guard = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let router = http::router(server);
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}

/// Writes a block into `dir`.
pub(crate) fn write_block(dir: &Path, series: &SeriesMap) -> PathBuf {
    assert!(!series.is_empty(), "the data set is empty");
    let strings = series
        .keys()
        .flat_map(Labels::iter)
        .flat_map(|(name, value)| [name, value]);
    let symbols = symbol_table(strings).unwrap();
    let id = BlockId::new(1, series.len() as u128);
    let mut builder = BlockBuilder::create(dir, id, symbols, 512 << 20).unwrap();
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
    path
}

/// An hour of `requests_total`, which counts one a second from 1700000000 on: of instances `i0`, `i1`, … of jobs `a` and
/// `b` in turn.
pub(crate) fn counters(instances: usize) -> SeriesMap {
    const START: i64 = 1_700_000_000_000;
    let counter = |at: usize| {
        let instance = format!("i{at}");
        let labels = Labels::from_pairs([
            ("__name__", "requests_total"),
            ("instance", instance.as_str()),
            ("job", if at.is_multiple_of(2) { "a" } else { "b" }),
        ]);
        let samples =
            (0..=720_i32).map(|n| Sample::float(START + i64::from(n) * 5_000, f64::from(n) * 5.0));
        (labels, samples.collect())
    };
    (0..instances).map(counter).collect()
}

pub(crate) fn open_block(path: &Path) -> Arc<dyn SeriesSource> {
    let block = Block::open(path).unwrap();
    Arc::new(BlockSource::open(&block).unwrap())
}

pub(crate) fn gzipped_lines(file: &str) -> Vec<Json> {
    let bytes = std::fs::read(golden::path(file)).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
