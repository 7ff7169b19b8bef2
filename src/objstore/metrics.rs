//! `thanos_objstore_*`: what a bucket is asked, how long it takes, how much moves.
//!
//! | Metric | Labels |
//! |---|---|
//! | `thanos_objstore_bucket_operations_total` | bucket, operation |
//! | `thanos_objstore_bucket_operation_failures_total` | bucket, operation |
//! | `thanos_objstore_bucket_operation_duration_seconds` | bucket, operation |
//! | `thanos_objstore_bucket_operation_fetched_bytes_total` | bucket, operation |
//! | `thanos_objstore_bucket_operation_transferred_bytes` | bucket, operation |
//! | `thanos_objstore_bucket_last_successful_upload_time` | bucket |
//! | `stratal_objstore_conditional_put_honoured` | bucket |
//!
//! An operation counts once however often it is tried. That something is not there, or there already, is an answer and no
//! failure. Series of fixed labels are there from the start.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use object_store::Error;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::clock;

/// Bounds of durations, in seconds.
const DURATIONS: [f64; 14] = [
    0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0,
];
/// The first bound of sizes, in bytes; each next one doubles it.
const FIRST_SIZE: f64 = 32_768.0;
const SIZES: i32 = 16;

/// What a bucket is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// For the objects below a name.
    Iter,
    /// For an object.
    Get,
    /// For a part of one.
    GetRange,
    /// Whether an object is there.
    Exists,
    /// To keep an object.
    Upload,
    /// To forget one.
    Delete,
    /// For size and time; we learn them by other operations.
    Attributes,
}

impl Operation {
    const ALL: [Self; 7] = [
        Self::Iter,
        Self::Get,
        Self::GetRange,
        Self::Exists,
        Self::Upload,
        Self::Delete,
        Self::Attributes,
    ];
    /// Those that move the bytes of objects.
    const MOVING: [Self; 3] = [Self::Get, Self::GetRange, Self::Upload];
}

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Iter => "iter",
            Self::Get => "get",
            Self::GetRange => "get_range",
            Self::Exists => "exists",
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Attributes => "attributes",
        };
        name.encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByBucket {
    bucket: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperation {
    bucket: Arc<str>,
    operation: Operation,
}

/// The metrics of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    bucket: Arc<str>,
    operations: Family<ByOperation, Counter>,
    failures: Family<ByOperation, Counter>,
    durations: Family<ByOperation, Histogram, fn() -> Histogram>,
    fetched: Family<ByOperation, Counter>,
    transferred: Family<ByOperation, Histogram, fn() -> Histogram>,
    last_upload: Family<ByBucket, Gauge<f64, AtomicU64>>,
    conditional_put: Family<ByBucket, Gauge>,
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

fn sizes() -> Histogram {
    Histogram::new((0..SIZES).map(|at| FIRST_SIZE * 2_f64.powi(at)))
}

impl Metrics {
    /// All at zero, for the bucket of this name.
    pub(super) fn new(bucket: &str) -> Self {
        let metrics = Self {
            bucket: bucket.into(),
            operations: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(durations),
            fetched: Family::default(),
            transferred: Family::new_with_constructor(sizes),
            last_upload: Family::default(),
            conditional_put: Family::default(),
        };
        for operation in Operation::ALL {
            let labels = metrics.by(operation);
            drop(metrics.operations.get_or_create(&labels));
            drop(metrics.failures.get_or_create(&labels));
            drop(metrics.durations.get_or_create(&labels));
        }
        for operation in Operation::MOVING {
            let labels = metrics.by(operation);
            drop(metrics.fetched.get_or_create(&labels));
            drop(metrics.transferred.get_or_create(&labels));
        }
        drop(metrics.last_upload.get_or_create(&metrics.label()));
        metrics
    }

    /// Shows them in a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let name = |rest: &str| format!("thanos_objstore_bucket_{rest}");
        registry.register(
            name("operations"),
            "operations on the bucket",
            self.operations.clone(),
        );
        registry.register(
            name("operation_failures"),
            "operations that failed",
            self.failures.clone(),
        );
        registry.register(
            name("operation_duration_seconds"),
            "time of operations, answers included",
            self.durations.clone(),
        );
        registry.register(
            name("operation_fetched_bytes"),
            "bytes fetched from the bucket",
            self.fetched.clone(),
        );
        registry.register(
            name("operation_transferred_bytes"),
            "bytes moved by one operation",
            self.transferred.clone(),
        );
        registry.register(
            name("last_successful_upload_time"),
            "when an object was last uploaded, in Unix seconds",
            self.last_upload.clone(),
        );
        registry.register(
            "stratal_objstore_conditional_put_honoured",
            "whether the bucket refuses to create what exists",
            self.conditional_put.clone(),
        );
    }

    /// Says what the probe found.
    pub(super) fn set_conditional_put(&self, honoured: bool) {
        self.conditional_put
            .get_or_create(&self.label())
            .set(i64::from(honoured));
    }

    /// An operation begins.
    pub(super) fn begin(&self, operation: Operation) -> Running {
        self.begin_at(operation, clock::instant())
    }

    /// An operation began then.
    pub(super) fn begin_at(&self, operation: Operation, begun: Instant) -> Running {
        self.operations.get_or_create(&self.by(operation)).inc();
        Running {
            metrics: self.clone(),
            operation,
            begun,
            bytes: 0,
        }
    }

    fn label(&self) -> ByBucket {
        ByBucket {
            bucket: Arc::clone(&self.bucket),
        }
    }

    fn by(&self, operation: Operation) -> ByOperation {
        ByOperation {
            bucket: Arc::clone(&self.bucket),
            operation,
        }
    }
}

/// An operation that has not ended; one that is given up is never counted as ended.
#[derive(Debug)]
pub(super) struct Running {
    metrics: Metrics,
    operation: Operation,
    begun: Instant,
    bytes: u64,
}

impl Running {
    /// Bytes of the object moved.
    pub(super) fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.operation != Operation::Upload {
            let labels = self.metrics.by(self.operation);
            self.metrics.fetched.get_or_create(&labels).inc_by(bytes);
        }
    }

    /// It ended like this.
    pub(super) fn end<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        match &result {
            Ok(_) => self.succeed(),
            Err(error) => self.fail(error),
        }
        result
    }

    /// It did what it was asked.
    pub(super) fn succeed(self) {
        let labels = self.metrics.by(self.operation);
        let seconds = self.begun.elapsed().as_secs_f64();
        self.metrics
            .durations
            .get_or_create(&labels)
            .observe(seconds);
        if Operation::MOVING.contains(&self.operation) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a histogram needs no exact sizes"
            )]
            let bytes = self.bytes as f64;
            self.metrics
                .transferred
                .get_or_create(&labels)
                .observe(bytes);
        }
        if self.operation == Operation::Upload {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds fit for millennia")]
            let now = clock::now().0 as f64 / 1000.0;
            self.metrics
                .last_upload
                .get_or_create(&self.metrics.label())
                .set(now);
        }
    }

    /// It ended with an error.
    pub(super) fn fail(&self, error: &Error) {
        let is_answer = matches!(
            error,
            Error::NotFound { .. }
                | Error::AlreadyExists { .. }
                | Error::Precondition { .. }
                | Error::NotModified { .. }
        );
        if !is_answer {
            self.metrics
                .failures
                .get_or_create(&self.metrics.by(self.operation))
                .inc();
        }
    }
}
