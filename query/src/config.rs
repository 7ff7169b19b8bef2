//! What an operator sets about the evaluation of queries.

use std::time::Duration;

use tsdb::budget::Budget;

use crate::exec::cost::Ticks;

/// Settings of an [`crate::engine::Engine`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads that decode and compute.
    pub threads: usize,
    /// Queries at one time; others wait (`--query.max-concurrent`).
    pub concurrency: usize,
    /// Longest evaluation, and longest wait for it (`--query.timeout`).
    pub timeout: Duration,
    /// Memory of one query, in bytes.
    pub query_bytes_max: u64,
    /// Memory of the process, which queries take theirs of.
    pub memory: Budget,
    /// Most series that one selector may find; 0 for no bound.
    pub series_max: u64,
    /// Most points per series of a range query.
    pub points_max: u64,
    /// Measures how long queries take, for those who ask; a clock that stands still says nothing.
    pub ticks: Ticks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            concurrency: 20,
            timeout: Duration::from_mins(2),
            query_bytes_max: 1 << 30,
            memory: Budget::new("process", 4 << 30),
            series_max: 0,
            points_max: 11_000,
            ticks: || 0,
        }
    }
}
