//! What the engine counts, under the names that a Thanos querier and the engine in it have.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds at the gate; Thanos' buckets.
const WAITS: [f64; 9] = [0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0];

/// Counters of one engine.
#[derive(Debug)]
pub struct EngineMetrics {
    /// Queries that run.
    pub running: Gauge,
    /// Queries that were let in.
    pub admitted: Counter,
    /// How long they waited for that, in seconds.
    pub waits: Histogram,
    /// Queries that may run at one time.
    pub width: Gauge,
}

impl EngineMetrics {
    /// Counters at zero of an engine that runs `width` queries at one time.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let metrics = Self {
            running: Gauge::default(),
            admitted: Counter::default(),
            waits: Histogram::new(WAITS),
            width: Gauge::default(),
        };
        metrics.width.set(i64::try_from(width).unwrap_or(i64::MAX));
        metrics
    }

    /// Puts the counters among those of a server.
    pub fn register(&self, registry: &mut Registry) {
        let gate = registry.sub_registry_with_prefix("thanos_query_concurrent_gate_queries");
        let (running, width) = (&self.running, &self.width);
        gate.register("in_flight", "Queries that run", running.clone());
        gate.register("max", "Queries that may run at one time", width.clone());
        gate.register("duration_seconds", "Time at the gate", self.waits.clone());
        registry.register(
            "thanos_query_concurrent_gate_queries",
            "Queries let in",
            self.admitted.clone(),
        );
        let engine = registry.sub_registry_with_prefix("prometheus_engine");
        engine.register("queries", "Queries that run", running.clone());
        engine.register(
            "queries_concurrent_max",
            "Queries that may run at one time",
            width.clone(),
        );
    }
}
