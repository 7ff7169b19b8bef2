//! What the handlers share: the evaluator, the sources, their companions, and the settings.
//!
//! One value holds all that handlers share: the evaluator, the sources, the companions, the clock, the settings. Handlers
//! take it by reference and keep nothing of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tsdb::budget::Budget;
use tsdb::label::Labels;
use tsdb::source::exemplar::ExemplarSource;
use tsdb::source::metadata::MetadataSource;
use tsdb::source::nothing::Nothing;
use tsdb::source::rule::RuleSource;
use tsdb::source::status::StatusSource;
use tsdb::source::target::TargetSource;
use tsdb::time::Clock;

use super::dialect::Dialect;
use super::metrics::Metrics;
use crate::error::Result;
use crate::exec::cost::Cost;
use crate::plan::explain::Explained;
use crate::request::{Answer, Features, Request};
pub use crate::storage::sources::Sources;

/// Whatever evaluates expressions: the engine, or in tests the naive evaluator.
pub trait Evaluate: Send + Sync {
    /// Evaluates; dropping the future cancels.
    fn evaluate(&self, order: Order) -> BoxFuture<'_, Result<Evaluated>>;

    /// What it would do.
    ///
    /// # Errors
    /// Where the text is wrong.
    fn explain(&self, request: &Request) -> Result<Explained>;
}

/// A query, and what only its transport knows.
#[derive(Debug, Clone)]
pub struct Order {
    /// The query.
    pub request: Request,
    /// The time that it may take, in nanoseconds, if less than the evaluator's own bound.
    pub timeout_nanos: Option<i64>,
    /// Whether it wants to know what it cost.
    pub is_measured: bool,
    /// Operator by operator, too.
    pub with_analysis: bool,
}

/// The outcome, and its cost if that was asked for.
#[derive(Debug)]
pub struct Evaluated {
    /// The outcome.
    pub answer: Answer,
    /// The cost.
    pub cost: Option<Cost>,
}

/// What is known beside the series.
#[derive(Clone)]
pub struct Companions {
    /// What metrics mean.
    pub metadata: Arc<dyn MetadataSource>,
    /// Examples with traces.
    pub exemplars: Arc<dyn ExemplarSource>,
    /// Rules and alerts.
    pub rules: Arc<dyn RuleSource>,
    /// What is scraped.
    pub targets: Arc<dyn TargetSource>,
    /// Sizes of the newest data.
    pub status: Arc<dyn StatusSource>,
}

impl Default for Companions {
    fn default() -> Self {
        Self {
            metadata: Arc::new(Nothing),
            exemplars: Arc::new(Nothing),
            rules: Arc::new(Nothing),
            targets: Arc::new(Nothing),
            status: Arc::new(Nothing),
        }
    }
}

/// What an operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose answers are given.
    pub dialect: Dialect,
    /// Parts of the language that are on.
    pub features: Features,
    /// How far back an instant selector looks, milliseconds.
    pub lookback: i64,
    /// Step of subqueries that name none, milliseconds.
    pub default_step: i64,
    /// Step of range queries that name none, milliseconds.
    pub default_range_step: i64,
    /// Most samples in memory at one time, of one query.
    pub max_samples: u64,
    /// Labels that tell replicas apart.
    pub replica_labels: Vec<String>,
    /// Range queries that ask for no resolution may read a coarser one than raw.
    pub auto_downsampling: bool,
    /// Coarsest resolution of instant queries that leave it to us, milliseconds.
    pub instant_max_resolution: i64,
    /// How far back requests for labels and series look that name no start, milliseconds; 0 for all the way.
    pub metadata_range: i64,
    /// Labels that federated series carry besides their own.
    pub external_labels: Labels,
    /// Memory of the process, which requests take theirs of.
    pub memory: Budget,
    /// Memory of one request that is no query, in bytes.
    pub request_bytes_max: u64,
    /// Most samples of one remote read.
    pub read_samples_max: u64,
    /// Most remote reads at a time.
    pub reads_max: usize,
    /// No header about other origins.
    pub disable_cors: bool,
    /// Path that all others are under, without a slash at its end.
    pub route_prefix: String,
    /// As given on the command line, for `/status/flags`.
    pub flags: Vec<(String, String)>,
    /// What was built.
    pub build: Build,
    /// Where and since when it runs.
    pub process: Process,
}

/// What was built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Version of the release.
    pub version: String,
    /// Commit.
    pub revision: String,
    /// Version of the compiler.
    pub compiler: String,
}

/// Where and since when it runs.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Start, milliseconds since 1970.
    pub start: i64,
    /// Working directory.
    pub directory: String,
    /// Name of the machine.
    pub hostname: String,
    /// Threads that run at a time.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Prometheus,
            features: Features::default(),
            lookback: crate::request::DEFAULT_LOOKBACK,
            default_step: crate::request::DEFAULT_STEP,
            default_range_step: 1000,
            max_samples: crate::request::DEFAULT_MAX_SAMPLES,
            replica_labels: Vec::new(),
            auto_downsampling: false,
            instant_max_resolution: 0,
            metadata_range: 0,
            external_labels: Labels::default(),
            memory: Budget::new("process", 4 << 30),
            request_bytes_max: 1 << 30,
            read_samples_max: 50_000_000,
            reads_max: 10,
            disable_cors: false,
            route_prefix: String::new(),
            flags: Vec::new(),
            build: Build::default(),
            process: Process::default(),
        }
    }
}

/// Everything behind the routes.
pub struct Server {
    /// Evaluates expressions.
    pub evaluator: Arc<dyn Evaluate>,
    /// Holds series.
    pub sources: Arc<dyn Sources>,
    /// Know the rest.
    pub companions: Companions,
    /// Memory of requests that are no queries.
    pub budget: Budget,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What an operator set.
    pub settings: Settings,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether traffic is welcome; the process lives either way.
    pub is_ready: AtomicBool,
    /// One permit per remote read.
    pub reads: Arc<tokio::sync::Semaphore>,
}

impl Server {
    /// A server that is ready.
    #[must_use]
    pub fn new(
        evaluator: Arc<dyn Evaluate>,
        sources: Arc<dyn Sources>,
        companions: Companions,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self {
            evaluator,
            sources,
            companions,
            budget: settings.memory.child("requests", u64::MAX),
            clock,
            metrics: Metrics::new(&settings.build),
            is_ready: AtomicBool::new(true),
            reads: Arc::new(tokio::sync::Semaphore::new(settings.reads_max.max(1))),
            settings,
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now().0
    }

    /// Turns traffic away from now on, before a stop.
    pub fn set_unready(&self) {
        self.is_ready.store(false, Ordering::Relaxed);
    }
}
