//! Merge, five minutes and one hour from one read: the same blocks as one after another, in the same order.

use std::collections::BTreeMap;

use compactor::report::JobKind;
use compactor::{Config, Outcome, Report};
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::bucket::upload::{UploadOptions, upload};
use tsdb::chunk::{Chunk, Encoding, encode_samples};
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, Resolution, ThanosMeta};
use tsdb::sample::Sample;
use tsdb::testing::faulty_store::{Faults, Op};
use tsdb::time::Millis;

use crate::bucket::{NOW, TestBucket, metas};

/// Two replicas of ten days, and a block after them.
async fn fill(bucket: &TestBucket) {
    bucket.add(0, (0, 240), "a").await;
    bucket.add(1, (0, 240), "b").await;
    bucket.add(2, (336, 338), "a").await;
}

fn config(bucket: &TestBucket) -> Config {
    let mut config = bucket.config();
    config.replica_labels = vec!["replica".into()];
    config
}

/// Everything that two buckets must have in common: files by what their block is, metas without names and times.
fn content(objects: &BTreeMap<String, Vec<u8>>) -> BTreeMap<(i64, Vec<BlockId>, String), Vec<u8>> {
    let mut content = BTreeMap::new();
    for (id, mut meta) in metas(objects) {
        let mut put = |name: &str, bytes: Vec<u8>| {
            let block = (meta.resolution().0, meta.compaction.sources.clone());
            content.insert((block.0, block.1, name.to_owned()), bytes);
        };
        for name in ["index", "chunks/000001"] {
            put(name, objects[&format!("{id}/{name}")].clone());
        }
        meta.ulid = BlockId::default();
        let part = meta.thanos.as_mut().unwrap();
        part.upload_time = None;
        if let Some(extensions) = &mut part.extensions {
            extensions["stratal"]["ulid"] = "".into();
        }
        part.files.retain(|file| file.rel_path != "meta.json");
        content.insert(
            (
                meta.resolution().0,
                meta.compaction.sources.clone(),
                "meta.json".into(),
            ),
            meta.to_json(),
        );
    }
    content
}

fn resolutions(report: &Report) -> Vec<(JobKind, i64)> {
    let jobs = report.jobs.iter();
    jobs.map(|job| (job.kind, job.resolution_ms)).collect()
}

#[tokio::test]
async fn blocks_made_beside_a_merge_are_those_made_one_after_another() {
    let (at_once, in_turn) = (TestBucket::new(), TestBucket::new());
    fill(&at_once).await;
    fill(&in_turn).await;
    at_once.store.set(Faults::default());
    let report = at_once.run(config(&at_once)).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Done, "{report:?}");
    let (five, hour) = (Resolution::FIVE_MINUTES.0, Resolution::ONE_HOUR.0);
    let want = [
        (JobKind::Compact, 0),
        (JobKind::Downsample, five),
        (JobKind::Downsample, hour),
    ];
    assert_eq!(resolutions(&report), want);
    let gets = at_once.store.calls(Op::Get);

    in_turn.store.set(Faults::default());
    let mut only_merge = config(&in_turn);
    only_merge.downsample = false;
    in_turn.run(only_merge).await.unwrap();
    in_turn.run(config(&in_turn)).await.unwrap();
    assert_eq!(
        content(&at_once.objects().await),
        content(&in_turn.objects().await)
    );
    assert!(
        gets < in_turn.store.calls(Op::Get),
        "nothing is fetched to be downsampled"
    );
    let scratch = at_once.scratch.path().join("data/ready");
    assert!(
        std::fs::read_dir(scratch).unwrap().next().is_none(),
        "nothing waits after a run"
    );
}

#[tokio::test]
async fn where_there_is_room_for_the_merge_alone_it_comes_first() {
    let bucket = TestBucket::new();
    fill(&bucket).await;
    let objects = bucket.objects().await;
    let inputs = objects
        .iter()
        .filter(|(name, _)| !name.starts_with(&BlockId::new(1_000_002, 2).to_string()));
    let bytes: usize = inputs.map(|(_, bytes)| bytes.len()).sum();
    bucket
        .world
        .free_bytes
        .store(bytes as u64 * 2, std::sync::atomic::Ordering::Relaxed);
    let report = bucket.run(config(&bucket)).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Done, "{report:?}");
    assert_eq!(report.jobs.len(), 3);
    assert!(
        report.jobs.iter().take(2).all(|job| job.bytes_read > 0),
        "{:?}",
        report.jobs
    );
}

/// A block with a chunk of an encoding that can be copied, and not downsampled.
async fn add_opaque(bucket: &TestBucket, number: u64, hours: (i64, i64)) {
    let id = BlockId::new(1_000_000 + number, u128::from(number));
    let symbols = symbol_table(["__name__", "opaque", "up"]).unwrap();
    let mut builder = BlockBuilder::create(bucket.scratch.path(), id, symbols, 1 << 20).unwrap();
    let (min, max) = (hours.0 * Millis::HOUR.0, hours.1 * Millis::HOUR.0);
    let opaque = Chunk {
        min,
        max: max - 1,
        encoding: Encoding::Unknown(77),
        payload: vec![1, 2, 3],
    };
    builder
        .series(&Labels::from_pairs([("__name__", "opaque")]), &[opaque])
        .unwrap();
    let chunks = encode_samples(&[Sample::float(min, 1.0), Sample::float(max - 1, 2.0)]).unwrap();
    builder
        .series(&Labels::from_pairs([("__name__", "up")]), &chunks)
        .unwrap();
    let mut meta = BlockMeta {
        ulid: id,
        min_time: Millis(min),
        max_time: Millis(max),
        thanos: Some(ThanosMeta {
            labels: Labels::from_pairs([("cluster", "one")]),
            ..ThanosMeta::default()
        }),
        ..BlockMeta::default()
    };
    meta.compaction.level = 1;
    meta.compaction.sources = vec![id];
    let (dir, _) = builder.finish(meta, false).unwrap().unwrap();
    let options = UploadOptions {
        concurrency: 1,
        sha256: false,
        now: jiff::Timestamp::from_millisecond(NOW.0 - 100 * Millis::HOUR.0).unwrap(),
    };
    upload(&bucket.bucket(), &dir, &options).await.unwrap();
}

#[tokio::test]
async fn a_series_that_cannot_be_downsampled_does_not_keep_its_block_from_being_merged() {
    let bucket = TestBucket::new();
    for (number, hours) in [(0, (0, 24)), (1, (24, 48)), (2, (48, 50))] {
        add_opaque(&bucket, number, hours).await;
    }
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(resolutions(&report), [(JobKind::Compact, 0)]);
    assert_eq!(report.fenced.len(), 1, "{report:?}");
    assert!(report.fenced[0].what.contains("encoding 77"), "{report:?}");
}
