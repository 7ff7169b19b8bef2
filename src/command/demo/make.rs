//! What two servers that scrape the same targets would have uploaded: two-hour blocks with a replica label each.
//!
//! Seventeen days from a fixed border of two weeks give one block of two weeks and some of two days, so that raw,
//! five-minute and one-hour blocks all appear. The generator is a pure function, so the check can ask it again.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use tsdb::block::generated;
use tsdb::bucket::Bucket;
use tsdb::bucket::upload::{self, UploadOptions};
use tsdb::generate::{Config, Generator};
use tsdb::label::Labels;
use tsdb::meta::ThanosMeta;
use tsdb::time::Millis;

use crate::command::open;
use crate::progress::Bar;
use crate::{clock, shutdown};

/// The external label that tells the servers apart.
pub(super) const REPLICA_LABEL: &str = "replica";
const REPLICAS: [&str; 2] = ["a", "b"];
const INTERVAL: Millis = Millis(60_000);
/// Length of the uploaded blocks.
pub(super) const BLOCK: Millis = Millis(2 * Millis::HOUR.0);
const BLOCKS_PER_DAY: u32 = 12;
/// A multiple of two weeks since 1970: 2023-11-09T00:00:00Z.
const START: Millis = Millis(1_699_488_000_000);
/// Blocks made and uploaded side by side.
const WORKERS: usize = 8;
/// Files of one block uploaded side by side.
const UPLOADS: usize = 3;

/// The scraped targets, as both servers saw them.
pub(super) struct Fleet {
    /// One per replica.
    pub(super) generators: Vec<Generator>,
    days: u32,
}

impl Fleet {
    /// The fleet of the demo, or of the small one.
    pub(super) fn new(small: bool) -> anyhow::Result<Self> {
        let (days, targets) = if small { (3, 1) } else { (17, 2) };
        let generator = |replica| {
            Generator::new(Config {
                targets,
                interval: INTERVAL,
                start: START,
                block_duration: BLOCK,
                blocks: days * BLOCKS_PER_DAY,
                replica,
                ..Config::default()
            })
        };
        let generators = (0..).take(REPLICAS.len()).map(generator);
        Ok(Self {
            generators: generators.collect::<tsdb::Result<_>>()?,
            days,
        })
    }

    /// What is generated, in a sentence.
    pub(super) fn describe(&self) -> String {
        let config = self.generators[0].config();
        format!(
            "{} replicas, {} target{} scraped every {} s for {} days, in blocks of two hours\n",
            self.generators.len(),
            config.targets,
            if config.targets == 1 { "" } else { "s" },
            config.interval.0 / 1000,
            self.days
        )
    }
}

/// Writes the blocks of each server into `server` and uploads them, several side by side: the time goes into waiting for the
/// disk to keep them.
pub(super) fn upload(fleet: &Fleet, bucket: &Bucket, server: &Path) -> anyhow::Result<()> {
    let blocks = fleet.generators[0].config().blocks;
    let jobs: Vec<(usize, u32)> = (0..fleet.generators.len())
        .flat_map(|replica| (0..blocks).map(move |number| (replica, number)))
        .collect();
    let bar = Bar::start("generate and upload", jobs.len() as u64);
    let runtime = open::runtime()?;
    let work = |jobs: &[(usize, u32)]| -> anyhow::Result<()> {
        for (replica, number) in jobs {
            shutdown::check()?;
            let uploading = one(
                &fleet.generators[*replica],
                *number,
                REPLICAS[*replica],
                bucket,
                server,
            );
            runtime.block_on(uploading)?;
            bar.step();
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let parts = jobs.chunks(jobs.len().div_ceil(WORKERS));
        let workers: Vec<_> = parts.map(|part| scope.spawn(|| work(part))).collect();
        let ends = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"));
        ends.collect::<anyhow::Result<()>>()
    })?;
    fs::remove_dir_all(server).with_context(|| format!("remove {}", server.display()))
}

async fn one(
    generator: &Generator,
    number: u32,
    replica: &str,
    bucket: &Bucket,
    server: &Path,
) -> anyhow::Result<()> {
    let thanos = ThanosMeta {
        version: 1,
        labels: Labels::from_pairs([("cluster", "demo"), (REPLICA_LABEL, replica)]),
        source: "sidecar".to_owned(),
        ..ThanosMeta::default()
    };
    let made = generated::write(generator, number, server, clock::fresh_id(), Some(thanos))?;
    let Some((dir, _)) = made else {
        return Ok(());
    };
    let options = UploadOptions {
        concurrency: UPLOADS,
        sha256: false,
        now: jiff::Timestamp::from_millisecond(clock::now().0)?,
    };
    upload::upload(bucket, &dir, &options).await?;
    fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}
