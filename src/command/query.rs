//! `stratal query`: local blocks behind the HTTP API of Prometheus.
//!
//! ```text
//! directories ──every 30 s──► blocks ─► storage ─► engine ─► HTTP
//! ```
//!
//! A block that stays is opened once. One that cannot be opened is logged and left out, and tried again at the next look.
//! After a signal `/-/ready` says no, and what is being answered may finish within the grace period.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use query::config::Config;
use query::engine::Engine;
use query::http::{self, Companions, Settings, Sources, server};
use query::request::Features;
use query::storage::sources::SourceStorage;
use tokio::net::TcpListener;
use tsdb::block::reader::Block;
use tsdb::block::source::BlockSource;
use tsdb::budget::Budget;
use tsdb::id::BlockId;
use tsdb::source::SeriesSource;
use tsdb::time::Millis;

use super::Outcome;
use super::open::{System, Usage, block_on};
use crate::cli::query::QueryFlags;
use crate::{clock, shutdown};

/// Time between looks for new blocks.
const RESCAN: Duration = Duration::from_secs(30);
/// Time between looks at the flag that a signal sets.
const STOP_POLL: Duration = Duration::from_millis(100);

pub(super) fn run(flags: &QueryFlags) -> anyhow::Result<Outcome> {
    let memory = flags.memory_limit.budget();
    let settings = settings(flags, &memory)?;
    let blocks = Arc::new(Blocks::default());
    blocks.scan(&flags.block_dirs)?;
    let storage = SourceStorage {
        sources: Arc::clone(&blocks) as Arc<dyn Sources>,
        replica_labels: flags.replica_labels.clone(),
    };
    let config = Config {
        concurrency: flags.max_concurrent,
        timeout: flags.timeout,
        ticks: clock::ticks,
        query_bytes_max: settings.request_bytes_max,
        memory,
        ..Config::default()
    };
    let engine = Engine::new(config, Arc::new(storage))?;
    let sources = Arc::clone(&blocks) as Arc<dyn Sources>;
    let companions = Companions::default();
    let mut server = http::Server::new(
        Arc::new(engine.clone()),
        sources,
        companions,
        Arc::new(System),
        settings,
    );
    engine.metrics().register(server.metrics.registry());
    block_on(serve(flags, Arc::new(server), blocks))??;
    Ok(Outcome::Done)
}

fn settings(flags: &QueryFlags, memory: &Budget) -> anyhow::Result<Settings> {
    let mut features = Features {
        x_functions: flags.x_functions,
        ..Features::default()
    };
    for name in &flags.features {
        if !features.enable(name) {
            return Err(Usage(format!("no feature is called {name}")).into());
        }
    }
    let prefix = flags.route_prefix.trim_matches('/');
    Ok(Settings {
        features,
        lookback: flags.lookback.0,
        default_step: flags.default_step.0,
        default_range_step: flags.default_range_step.0,
        auto_downsampling: flags.auto_downsampling,
        instant_max_resolution: flags.instant_max_resolution.0,
        metadata_range: flags.metadata_range.0,
        max_samples: flags.max_samples,
        request_bytes_max: flags.query_memory.unwrap_or(memory.limit_bytes() / 2),
        memory: memory.clone(),
        flags: told(flags),
        replica_labels: flags.replica_labels.clone(),
        disable_cors: flags.disable_cors,
        route_prefix: if prefix.is_empty() {
            String::new()
        } else {
            format!("/{prefix}")
        },
        build: build(),
        process: server::Process {
            start: clock::now().0,
            directory: std::env::current_dir()
                .map(|dir| dir.display().to_string())
                .unwrap_or_default(),
            hostname: std::env::var("HOSTNAME").unwrap_or_default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        },
        ..Settings::default()
    })
}

/// Version and commit; clients read the version as three numbers.
fn build() -> server::Build {
    let version = env!("STRATAL_VERSION");
    let (version, commit) = version.split_once(" (commit ").unwrap_or((version, ""));
    server::Build {
        version: version.to_owned(),
        revision: commit.trim_end_matches(')').to_owned(),
        ..server::Build::default()
    }
}

/// The flags as `/status/flags` tells them.
fn told(flags: &QueryFlags) -> Vec<(String, String)> {
    let dirs = flags.block_dirs.iter().map(|dir| dir.display().to_string());
    let all = [
        ("block-dir", dirs.collect::<Vec<_>>().join(",")),
        ("enable-feature", flags.features.join(",")),
        ("http-address", flags.http_address.to_string()),
        (
            "http-grace-period",
            format!("{:?}", flags.http_grace_period),
        ),
        (
            "query.auto-downsampling",
            flags.auto_downsampling.to_string(),
        ),
        (
            "query.default-evaluation-interval",
            millis(flags.default_step),
        ),
        ("query.default-step", millis(flags.default_range_step)),
        ("query.enable-x-functions", flags.x_functions.to_string()),
        ("query.lookback-delta", millis(flags.lookback)),
        ("query.max-concurrent", flags.max_concurrent.to_string()),
        ("query.max-samples", flags.max_samples.to_string()),
        (
            "query.metadata.default-time-range",
            millis(flags.metadata_range),
        ),
        ("query.replica-label", flags.replica_labels.join(",")),
        ("query.timeout", format!("{:?}", flags.timeout)),
        ("web.disable-cors", flags.disable_cors.to_string()),
        ("web.route-prefix", flags.route_prefix.clone()),
    ];
    all.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn millis(time: Millis) -> String {
    let millis = u64::try_from(time.0).unwrap_or(0);
    format!("{:?}", Duration::from_millis(millis))
}

async fn serve(
    flags: &QueryFlags,
    server: Arc<http::Server>,
    blocks: Arc<Blocks>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(flags.http_address).await;
    let listener = listener.with_context(|| format!("listen on {}", flags.http_address))?;
    let address = listener.local_addr().context("the address listened on")?;
    tracing::info!(%address, blocks = blocks.current().len(), "serving queries");
    let rescans = tokio::spawn(rescan(blocks, flags.block_dirs.clone()));
    let router = http::router(Arc::clone(&server));
    let stopped = async move {
        stop_requested().await;
        server.set_unready();
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
    let grace = flags.http_grace_period;
    let overdue = async move {
        stop_requested().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        outcome = serving => outcome.context("serve HTTP")?,
        () = overdue => tracing::warn!("requests were still being answered at the end of the grace period"),
    }
    rescans.abort();
    Ok(())
}

async fn stop_requested() {
    let stop = shutdown::flag();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(STOP_POLL).await;
    }
}

async fn rescan(blocks: Arc<Blocks>, dirs: Vec<PathBuf>) {
    loop {
        tokio::time::sleep(RESCAN).await;
        let (blocks, dirs) = (Arc::clone(&blocks), dirs.clone());
        let looked = tokio::task::spawn_blocking(move || blocks.scan(&dirs)).await;
        if let Ok(Err(error)) = looked {
            tracing::error!(
                error = format!("{error:#}"),
                "looking for blocks failed; the known ones are served on"
            );
        }
    }
}

/// The blocks that are served, by directory.
#[derive(Default)]
struct Blocks(RwLock<BTreeMap<PathBuf, BlockSource>>);

impl Blocks {
    /// Looks which blocks there are: opens new ones, forgets those that are gone.
    fn scan(&self, dirs: &[PathBuf]) -> anyhow::Result<()> {
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut found = BTreeMap::new();
        for dir in dirs {
            for path in block_dirs(dir)? {
                if let Some(block) = known.get(&path) {
                    found.insert(path, block.clone());
                    continue;
                }
                match Block::open(&path).and_then(|block| BlockSource::open(&block)) {
                    Ok(block) => {
                        found.insert(path, block);
                    }
                    Err(error) => {
                        tracing::warn!(block = %path.display(), error = error.chain(), "block left out");
                    }
                }
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}

/// Directories whose names are those of blocks, and which have a meta.
fn block_dirs(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("look into {}", dir.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("look into {}", dir.display()))?
            .path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_block = name.is_some_and(|name| name.parse::<BlockId>().is_ok());
        if is_block && path.join("meta.json").exists() {
            found.push(path);
        }
    }
    Ok(found)
}

impl Sources for Blocks {
    fn current(&self) -> Vec<Arc<dyn SeriesSource>> {
        let blocks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let blocks = blocks.values().cloned();
        blocks
            .map(|block| Arc::new(block) as Arc<dyn SeriesSource>)
            .collect()
    }
}
