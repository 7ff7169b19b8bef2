//! Whole runs over buckets, against what Thanos left of the same buckets.
//!
//! `blocks/bucket/*.json` are runs over blocks of the corpus, `services/compact_scenarios` runs over packed buckets. Where Thanos
//! ends well the bucket must end the same; where it stops, ours goes on: nothing is lost, damaged blocks are fenced, sound
//! groups end as they would alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus;
mod flags;
mod scenarios;
mod state;
mod stops;
mod world;

use std::path::Path;

use compactor::{Compactor, Config, Metrics, Report, cycle};
use tsdb::bucket::Bucket;
use tsdb::time::Millis;

use world::TestWorld;

/// One run over the bucket in `dir`.
fn run(dir: &Path, config: Config, now: Millis) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bucket = Bucket::open_local(dir, "").unwrap();
        let world = TestWorld::at(now);
        let compactor =
            Compactor::begin(bucket, config, world, Metrics::default(), "test").unwrap();
        cycle::run(&compactor).await.unwrap()
    })
}
