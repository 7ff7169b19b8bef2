//! What the server counts, under Thanos' names.
//!
//! Counters get their `_total` when they are written out. A request is in flight until its handler has answered or was
//! dropped; the time of sending is not part of its duration, because that depends on the client. The label `tenant` is
//! there for dashboards; one server has one tenant so far.

use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tsdb::budget::Budget;

use super::number::seconds;
use super::server::Build;

const TENANT: &str = "default-tenant";
/// Seconds; Thanos' buckets of requests.
const DURATIONS: [f64; 21] = [
    0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 2.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0, 240.0,
    360.0, 720.0, 1000.0, 3000.0, 6000.0,
];
/// Seconds that a range query asks for: minutes to a year.
const TIMESPANS: [f64; 8] = [
    900.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    31_536_000.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByHandler {
    handler: &'static str,
    method: String,
    tenant: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    code: u16,
    handler: &'static str,
    method: String,
    tenant: &'static str,
}

/// All counters of the server.
pub struct Metrics {
    registry: Registry,
    in_flight: Family<ByHandler, Gauge>,
    requests: Family<ByOutcome, Counter>,
    durations: Family<ByOutcome, Histogram, fn() -> Histogram>,
    timespans: Histogram,
    memory_used: Gauge,
    memory_limit: Gauge,
}

impl Metrics {
    /// Counters at zero.
    #[must_use]
    pub fn new(build: &Build) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            in_flight: Family::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            timespans: Histogram::new(TIMESPANS),
            memory_used: Gauge::default(),
            memory_limit: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "http_inflight_requests",
            "Requests being answered",
            metrics.in_flight.clone(),
        );
        registry.register(
            "http_requests",
            "Requests answered",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from a request to the start of its answer",
            metrics.durations.clone(),
        );
        registry.register(
            "thanos_query_range_requested_timespan_duration_seconds",
            "Time between start and end of range queries",
            metrics.timespans.clone(),
        );
        registry.register(
            "stratal_query_memory_bytes",
            "Memory counted for queries and requests",
            metrics.memory_used.clone(),
        );
        registry.register(
            "stratal_query_memory_limit_bytes",
            "The most of it",
            metrics.memory_limit.clone(),
        );
        let facts = [
            ("version", build.version.clone()),
            ("revision", build.revision.clone()),
        ];
        registry.register("stratal_build", "What was built", Info::new(facts.to_vec()));
        metrics
    }

    /// A place for the counters of others.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Everything, as OpenMetrics text, with the memory of this moment.
    #[must_use]
    pub fn text(&self, memory: &Budget) -> String {
        let gauge = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.memory_used.set(gauge(memory.used_bytes()));
        self.memory_limit.set(gauge(memory.limit_bytes()));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }

    /// Notes the time between start and end of a range query.
    pub fn observe_timespan(&self, millis: i64) {
        self.timespans.observe(seconds(millis));
    }

    /// Counts a request until what is returned is dropped.
    #[must_use]
    pub fn start(&self, path: &'static str, method: &Method, now: i64) -> InFlight<'_> {
        let labels = ByHandler {
            handler: handler(path),
            method: method.as_str().to_ascii_lowercase(),
            tenant: TENANT,
        };
        let gauge = self.in_flight.get_or_create(&labels).clone();
        gauge.inc();
        InFlight {
            metrics: self,
            labels,
            gauge,
            start: now,
        }
    }
}

/// A request that is being answered.
pub struct InFlight<'m> {
    metrics: &'m Metrics,
    labels: ByHandler,
    gauge: Gauge,
    start: i64,
}

impl InFlight<'_> {
    /// It was answered.
    pub fn finish(self, status: u16, now: i64) {
        let labels = ByOutcome {
            code: status,
            handler: self.labels.handler,
            method: self.labels.method.clone(),
            tenant: TENANT,
        };
        self.metrics.requests.get_or_create(&labels).inc();
        let took = seconds(now - self.start);
        self.metrics.durations.get_or_create(&labels).observe(took);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// The name of what answers at a path.
fn handler(path: &'static str) -> &'static str {
    match path {
        "/api/v1/label/{name}/values" => "label_values",
        "/api/v1/status/buildinfo" => "status_build",
        "/api/v1/status/runtimeinfo" => "status_runtime",
        "/api/v1/status/flags" => "status_flags",
        "/api/v1/status/tsdb" => "status_tsdb",
        other => other.rsplit('/').next().unwrap_or(other),
    }
}
