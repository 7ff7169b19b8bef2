//! The HTTP API on real sockets: recorded answers of Prometheus and Thanos, and what no recording can tell.
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

mod agree;
mod client;
mod fixture;
mod golden;
mod grafana;
mod hostile;
mod load;
mod scrape;
mod serve;
mod thanos;
