//! The 212 series that every generated target has, by metric family in the order of their names.
//!
//! ```text
//! 50 integer counters   16 counters of hundredths   20 gauges of memory pages   12 walks   26 constants   4 info series
//!  6 floats of full entropy   78 = 6 classic histograms x (11 buckets, count, sum)
//! ```
//!
//! Invariants: metric names and the values of a label ascend. A label that differs between the targets, other than
//! `instance` itself, has a name after `instance`, so that label order is: metric, then variant and instance in the order of
//! their names. The numbers are tuned to about 2.3 bytes a sample in XOR chunks at 15 s.

use super::labels::{
    AREA, BUILD, CACHE, CHANNEL, CODE, DEVICE, Extra, FEATURE, GRPC_CODE, INTERFACE, LE, LEVEL,
    MODE, NODE, OS, QUEUE, RUNTIME, SENSOR, STATE, Variants,
};

/// What OpenMetrics calls the type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FamilyType {
    /// Only rises, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets, count and sum.
    Histogram,
    /// Always 1; the labels tell.
    Info,
}

/// Metrics that belong together.
#[derive(Debug)]
pub struct Family {
    /// Name, without the suffixes that OpenMetrics wants on its metrics.
    pub name: &'static str,
    /// Their type.
    pub family_type: FamilyType,
    /// Ascending by name.
    pub metrics: &'static [Metric],
}

/// All series of one name.
#[derive(Debug)]
pub struct Metric {
    /// Value of the label `__name__`.
    pub name: &'static str,
    /// The label that tells a target's series apart, where there are several.
    pub(super) label: Option<Variants>,
    /// Further labels, one value a target.
    pub(super) extras: &'static [Extra],
    pub(super) kind: Kind,
}

/// How a series behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Integer counter; the fastest rises by up to two to this power, in 256ths of one, in a slot.
    Counter(u8),
    /// Counter of hundredths, likewise.
    Hundredths(u8),
    /// Multiples of 4096.
    Pages,
    /// A walk over integers.
    Level,
    /// A walk over hundredths.
    Walk,
    /// Always this.
    Constant(f64),
    /// Anything from 0 to 1, all bits random.
    Entropy,
    /// The buckets of a histogram, one a variant.
    Buckets,
    /// Observations of a histogram.
    Count,
    /// Sum of a histogram's observations.
    Sum,
}

/// Series of one target.
pub const SERIES_PER_TARGET: usize = 212;

impl Metric {
    /// Series of this name in one target.
    #[must_use]
    pub fn variants(&self) -> usize {
        self.label.map_or(1, |label| label.values.len())
    }

    /// Whether series sort by variant before they sort by instance.
    pub(super) fn variant_comes_first(&self) -> bool {
        self.label.is_some_and(|label| label.name < "instance")
    }
}

const fn metric(name: &'static str, kind: Kind) -> Metric {
    Metric {
        name,
        label: None,
        extras: &[],
        kind,
    }
}

const fn by(label: Variants, name: &'static str, kind: Kind) -> Metric {
    Metric {
        label: Some(label),
        ..metric(name, kind)
    }
}

const fn info(name: &'static str, extras: &'static [Extra]) -> Metric {
    Metric {
        extras,
        ..metric(name, Kind::Constant(1.0))
    }
}

const fn family(name: &'static str, family_type: FamilyType, metrics: &'static [Metric]) -> Family {
    Family {
        name,
        family_type,
        metrics,
    }
}

use FamilyType::{Counter, Gauge, Histogram, Info};

/// Everything that a target shows.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "api_request_duration_seconds",
        Histogram,
        &[
            by(LE, "api_request_duration_seconds_bucket", Kind::Buckets),
            metric("api_request_duration_seconds_count", Kind::Count),
            metric("api_request_duration_seconds_sum", Kind::Sum),
        ],
    ),
    family("build", Info, &[info("build_info", BUILD)]),
    family(
        "cache_hits",
        Counter,
        &[by(CACHE, "cache_hits_total", Kind::Counter(26))],
    ),
    family(
        "cache_misses",
        Counter,
        &[by(CACHE, "cache_misses_total", Kind::Counter(22))],
    ),
    family(
        "config_last_reload_successful",
        Gauge,
        &[metric("config_last_reload_successful", Kind::Constant(1.0))],
    ),
    family(
        "context_switches",
        Counter,
        &[metric("context_switches_total", Kind::Counter(30))],
    ),
    family(
        "cpu_cores",
        Gauge,
        &[metric("cpu_cores", Kind::Constant(16.0))],
    ),
    family(
        "cpu_seconds",
        Counter,
        &[by(MODE, "cpu_seconds_total", Kind::Hundredths(20))],
    ),
    family(
        "db_query_duration_seconds",
        Histogram,
        &[
            by(LE, "db_query_duration_seconds_bucket", Kind::Buckets),
            metric("db_query_duration_seconds_count", Kind::Count),
            metric("db_query_duration_seconds_sum", Kind::Sum),
        ],
    ),
    family(
        "disk_io_seconds",
        Counter,
        &[by(DEVICE, "disk_io_seconds_total", Kind::Hundredths(18))],
    ),
    family(
        "disk_reads",
        Counter,
        &[by(DEVICE, "disk_reads_total", Kind::Counter(26))],
    ),
    family(
        "disk_writes",
        Counter,
        &[by(DEVICE, "disk_writes_total", Kind::Counter(26))],
    ),
    family(
        "feature_enabled",
        Gauge,
        &[by(FEATURE, "feature_enabled", Kind::Constant(1.0))],
    ),
    family(
        "filesystem_free_bytes",
        Gauge,
        &[by(DEVICE, "filesystem_free_bytes", Kind::Pages)],
    ),
    family(
        "filesystem_size_bytes",
        Gauge,
        &[by(
            DEVICE,
            "filesystem_size_bytes",
            Kind::Constant(274877906944.0),
        )],
    ),
    family(
        "gc_pause_seconds",
        Histogram,
        &[
            by(LE, "gc_pause_seconds_bucket", Kind::Buckets),
            metric("gc_pause_seconds_count", Kind::Count),
            metric("gc_pause_seconds_sum", Kind::Sum),
        ],
    ),
    family(
        "gc_seconds",
        Counter,
        &[metric("gc_seconds_total", Kind::Hundredths(16))],
    ),
    family("goroutines", Gauge, &[metric("goroutines", Kind::Level)]),
    family(
        "grpc_server_handled",
        Counter,
        &[by(
            GRPC_CODE,
            "grpc_server_handled_total",
            Kind::Counter(24),
        )],
    ),
    family("heap_bytes", Gauge, &[by(STATE, "heap_bytes", Kind::Pages)]),
    family(
        "http_requests",
        Counter,
        &[by(CODE, "http_requests_total", Kind::Counter(24))],
    ),
    family(
        "interrupts",
        Counter,
        &[metric("interrupts_total", Kind::Counter(30))],
    ),
    family(
        "job_run_seconds",
        Histogram,
        &[
            by(LE, "job_run_seconds_bucket", Kind::Buckets),
            metric("job_run_seconds_count", Kind::Count),
            metric("job_run_seconds_sum", Kind::Sum),
        ],
    ),
    family("load1", Gauge, &[metric("load1", Kind::Walk)]),
    family("load15", Gauge, &[metric("load15", Kind::Walk)]),
    family("load5", Gauge, &[metric("load5", Kind::Walk)]),
    family(
        "lock_wait_seconds",
        Counter,
        &[metric("lock_wait_seconds_total", Kind::Hundredths(14))],
    ),
    family(
        "log_messages",
        Counter,
        &[by(LEVEL, "log_messages_total", Kind::Counter(20))],
    ),
    family(
        "memory_bytes",
        Gauge,
        &[by(AREA, "memory_bytes", Kind::Pages)],
    ),
    family(
        "memory_limit_bytes",
        Gauge,
        &[metric("memory_limit_bytes", Kind::Constant(8589934592.0))],
    ),
    family(
        "network_mtu_bytes",
        Gauge,
        &[by(INTERFACE, "network_mtu_bytes", Kind::Constant(1500.0))],
    ),
    family(
        "network_receive_bytes",
        Counter,
        &[by(
            INTERFACE,
            "network_receive_bytes_total",
            Kind::Counter(30),
        )],
    ),
    family(
        "network_receive_errors",
        Counter,
        &[by(
            INTERFACE,
            "network_receive_errors_total",
            Kind::Counter(14),
        )],
    ),
    family(
        "network_transmit_bytes",
        Counter,
        &[by(
            INTERFACE,
            "network_transmit_bytes_total",
            Kind::Counter(30),
        )],
    ),
    family(
        "network_transmit_errors",
        Counter,
        &[by(
            INTERFACE,
            "network_transmit_errors_total",
            Kind::Counter(14),
        )],
    ),
    family(
        "network_up",
        Gauge,
        &[by(INTERFACE, "network_up", Kind::Constant(1.0))],
    ),
    family("node", Info, &[info("node_info", NODE)]),
    family(
        "open_connections",
        Gauge,
        &[metric("open_connections", Kind::Level)],
    ),
    family("os", Info, &[info("os_info", OS)]),
    family(
        "process_cpu_seconds",
        Counter,
        &[metric("process_cpu_seconds_total", Kind::Hundredths(18))],
    ),
    family(
        "process_forks",
        Counter,
        &[metric("process_forks_total", Kind::Counter(20))],
    ),
    family(
        "process_max_fds",
        Gauge,
        &[metric("process_max_fds", Kind::Constant(1048576.0))],
    ),
    family(
        "process_resident_memory_bytes",
        Gauge,
        &[metric("process_resident_memory_bytes", Kind::Pages)],
    ),
    family(
        "process_start_time_seconds",
        Gauge,
        &[metric(
            "process_start_time_seconds",
            Kind::Constant(1700000000.25),
        )],
    ),
    family(
        "process_virtual_memory_bytes",
        Gauge,
        &[metric("process_virtual_memory_bytes", Kind::Pages)],
    ),
    family(
        "queue_depth",
        Gauge,
        &[by(QUEUE, "queue_depth", Kind::Level)],
    ),
    family(
        "queue_wait_seconds",
        Histogram,
        &[
            by(LE, "queue_wait_seconds_bucket", Kind::Buckets),
            metric("queue_wait_seconds_count", Kind::Count),
            metric("queue_wait_seconds_sum", Kind::Sum),
        ],
    ),
    family(
        "rpc_latency_seconds",
        Histogram,
        &[
            by(LE, "rpc_latency_seconds_bucket", Kind::Buckets),
            metric("rpc_latency_seconds_count", Kind::Count),
            metric("rpc_latency_seconds_sum", Kind::Sum),
        ],
    ),
    family("runtime", Info, &[info("runtime_info", RUNTIME)]),
    family(
        "scheduler_wait_seconds",
        Counter,
        &[metric("scheduler_wait_seconds_total", Kind::Hundredths(14))],
    ),
    family(
        "sensor_reading",
        Gauge,
        &[by(CHANNEL, "sensor_reading", Kind::Entropy)],
    ),
    family(
        "temperature_celsius",
        Gauge,
        &[by(SENSOR, "temperature_celsius", Kind::Walk)],
    ),
    family("up", Gauge, &[metric("up", Kind::Constant(1.0))]),
];
