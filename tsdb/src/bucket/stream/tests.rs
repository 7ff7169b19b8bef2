//! Promises of reading and writing blocks in the bucket: the same bytes as on a disk, few requests, nothing left behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStoreExt as _, PutPayload};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::block::BucketBlock;
use super::read::{Object, ObjectReader, Pieces};
use super::verify::verify;
use super::write::{BucketBlockWriter, PART_BYTES, WriteOptions};
use crate::block::compact::{CompactOptions, compact, compacted_meta, write};
use crate::block::generated;
use crate::block::reader::Block;
use crate::bucket::Bucket;
use crate::bucket::upload::{UploadOptions, upload};
use crate::budget::Budget;
use crate::codec::Window as _;
use crate::error::ErrorKind;
use crate::generate::{Config, Generator};
use crate::id::BlockId;
use crate::label::Labels;
use crate::merge::MergeFunc;
use crate::meta::{BlockMeta, ThanosMeta};
use crate::testing::counting_store::{Asked, CountingStore, Request};
use crate::testing::faulty_store::{Faults, FaultyStore, Op, When, contents};
use crate::time::Millis;

/// So small that the blocks here have many.
const PIECE_BYTES: u64 = 64 << 10;

fn result() -> BlockId {
    BlockId::new(1_700_000_000_000, 99)
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn thanos() -> ThanosMeta {
    ThanosMeta {
        version: 1,
        labels: Labels::from_pairs([("cluster", "test")]),
        ..ThanosMeta::default()
    }
}

fn options() -> CompactOptions {
    CompactOptions {
        id: result(),
        func: MergeFunc::OneToOne,
        segment_bytes: crate::segment::SIZE_DEFAULT,
        threads: 2,
        with_tombstones: false,
        budget: Budget::unlimited("test"),
    }
}

/// Blocks of one server, on the disk and in a bucket.
struct Blocks {
    dir: tempfile::TempDir,
    dirs: Vec<PathBuf>,
    metas: Vec<BlockMeta>,
    store: CountingStore,
    bucket: Bucket,
}

impl Blocks {
    async fn generate(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = CountingStore::new(Arc::new(InMemory::new()));
        let bucket = Bucket::new(Arc::new(store.clone()), "some/where").unwrap();
        let (mut dirs, mut metas) = (Vec::new(), Vec::new());
        let blocks = config.blocks;
        let generator = Generator::new(config).unwrap();
        for number in 0..blocks {
            let id = BlockId::new(1_700_000_000_000, number.into());
            let made = generated::write(&generator, number, dir.path(), id, Some(thanos()));
            let block = made.unwrap().unwrap().0;
            let options = UploadOptions {
                concurrency: 1,
                sha256: false,
                now: jiff::Timestamp::UNIX_EPOCH,
            };
            metas.push(upload(&bucket, &block, &options).await.unwrap());
            dirs.push(block);
        }
        store.take();
        Self {
            dir,
            dirs,
            metas,
            store,
            bucket,
        }
    }

    /// Compacts on the disk; gives the new block's directory.
    fn compact_on_disk(&self) -> PathBuf {
        let blocks = self.dirs.iter().map(|dir| Block::open(dir).unwrap());
        let into = self.dir.path().join("made");
        compact(
            &blocks.collect::<Vec<_>>(),
            &into,
            Some(thanos()),
            &options(),
        )
        .unwrap();
        into.join(result().to_string())
    }

    /// Compacts from `bucket`, through whatever stands before it, into it.
    async fn compact_in(&self, bucket: &Bucket) -> crate::Result<BlockMeta> {
        let mut inputs = Vec::new();
        for meta in &self.metas {
            let open = BucketBlock::open_in_pieces(bucket, meta.clone(), 2, PIECE_BYTES);
            inputs.push(open.await?);
        }
        let all: Vec<&BlockMeta> = self.metas.iter().collect();
        let mut meta = compacted_meta(result(), &all)?;
        let how = WriteOptions { sha256: true };
        let writer = BucketBlockWriter::create(bucket, result(), how).await?;
        let (merged, writer) = tokio::task::spawn_blocking(move || {
            let merged = write(&inputs, &mut meta, &writer, &options(), None);
            (merged.map(|_| meta), writer)
        })
        .await
        .unwrap();
        let meta = match merged {
            Ok(meta) => meta,
            Err(error) => {
                writer.abandon().await;
                return Err(error);
            }
        };
        let meta = BlockMeta {
            thanos: Some(thanos()),
            ..meta
        };
        writer.publish(meta, jiff::Timestamp::UNIX_EPOCH).await
    }

    async fn objects(&self) -> BTreeMap<String, bytes::Bytes> {
        let all = contents(&*self.bucket.store).await.unwrap();
        all.into_iter().collect()
    }
}

/// The files of a directory by their path in it.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in ["index", "chunks/000001"] {
        found.insert(name.to_owned(), std::fs::read(dir.join(name)).unwrap());
    }
    found
}

/// No input object is asked for often, and parts are large. Gives the bytes fetched of all inputs, per thousand.
fn judge(requests: &[Request], sizes: &BTreeMap<String, u64>) -> u64 {
    let (mut gets, mut fetched) = (BTreeMap::<&str, u64>::new(), 0);
    for request in requests
        .iter()
        .filter(|request| request.asked == Asked::Get)
    {
        *gets.entry(&request.object).or_default() += 1;
        fetched += request.bytes;
    }
    for (object, count) in gets {
        let most = 4 + sizes[object] / PIECE_BYTES;
        assert!(
            count <= most,
            "{count} requests for {object}, at most {most}"
        );
    }
    let mut parts = BTreeMap::<&str, Vec<u64>>::new();
    for request in requests
        .iter()
        .filter(|request| request.asked == Asked::Part)
    {
        parts
            .entry(&request.object)
            .or_default()
            .push(request.bytes);
    }
    for (object, sizes) in parts {
        let (_, others) = sizes.split_last().unwrap();
        assert!(
            others.iter().all(|size| *size == PART_BYTES as u64),
            "{object}: {sizes:?}"
        );
    }
    fetched * 1000 / sizes.values().sum::<u64>()
}

fn check(config: Config, most_permille: u64, has_parts: bool) {
    runtime().block_on(async {
        let blocks = Blocks::generate(config).await;
        let before = blocks.objects().await;
        let inputs = before
            .iter()
            .filter(|(name, _)| !name.ends_with("meta.json"));
        let sizes = inputs
            .map(|(name, bytes)| (name.clone(), bytes.len() as u64))
            .collect();
        blocks.store.take();
        let meta = blocks.compact_in(&blocks.bucket).await.unwrap();
        let requests = blocks.store.take();
        let permille = judge(&requests, &sizes);
        assert!(
            permille <= most_permille,
            "{permille} per thousand were fetched"
        );
        assert_eq!(
            requests.iter().any(|one| one.asked == Asked::Part),
            has_parts
        );
        let want = files(&blocks.compact_on_disk());
        let have = blocks.objects().await;
        for (name, bytes) in want {
            let found = &have[&format!("some/where/{}/{name}", result())];
            assert!(found == &bytes, "{name} differs");
            let file = meta.file(&name).unwrap();
            assert_eq!(file.size_bytes, Some(bytes.len() as u64));
            assert!(file.sha256().is_some());
        }
        assert_eq!(have.len(), before.len() + 3);
        verify(&blocks.bucket, &meta, 2, &Budget::unlimited("test"))
            .await
            .unwrap();
    });
}

fn few_series() -> Config {
    Config {
        targets: 1,
        interval: Millis(60_000),
        blocks: 3,
        churn_ppm: 100_000,
        ..Config::default()
    }
}

#[test]
fn many_series_are_merged_without_their_postings() {
    let config = Config {
        targets: 94,
        interval: Millis(300_000),
        blocks: 4,
        churn_ppm: 100_000,
        ..Config::default()
    };
    check(config, 850, false);
}

#[test]
fn many_samples_are_merged_in_few_requests_and_large_parts() {
    let config = Config {
        targets: 8,
        blocks: 9,
        ..Config::default()
    };
    check(config, 980, true);
}

#[test]
fn a_failure_leaves_nothing_behind_and_one_that_passes_is_outlasted() {
    fn check(op: Op, nth: u64, works: bool) {
        runtime().block_on(async {
            let blocks = Blocks::generate(few_series()).await;
            let faults = Faults {
                nth: vec![(op, nth, When::Before)],
                ..Faults::default()
            };
            let store = FaultyStore::new(Arc::clone(&blocks.bucket.store), faults);
            let bucket = Bucket {
                store: Arc::new(store),
                ..blocks.bucket.clone()
            };
            let before = blocks.objects().await.len();
            let made = blocks.compact_in(&bucket).await;
            assert_eq!(made.is_ok(), works, "{op:?} {nth}: {made:?}");
            // The writer cleans up in a task.
            for _ in 0..100 {
                if works || blocks.objects().await.len() == before {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("{op:?} {nth} leaves something behind");
        });
    }
    // Segment and index; where the meta's answer is lost, nothing may be deleted.
    check(Op::Put, 1, false);
    check(Op::Put, 2, false);
    // Opening asks twice for each index, then the merge reads.
    check(Op::Get, 9, true);
}

#[test]
fn every_damaged_byte_is_found_where_the_block_lies() {
    runtime().block_on(async {
        let blocks = Blocks::generate(few_series()).await;
        let meta = blocks.compact_in(&blocks.bucket).await.unwrap();
        let objects = blocks.objects().await;
        let of_result = objects
            .iter()
            .filter(|(name, _)| name.contains(&result().to_string()));
        for (name, bytes) in of_result.filter(|(name, _)| !name.ends_with("meta.json")) {
            let path = object_store::path::Path::from(name.as_str());
            let step = bytes.len() / 23;
            for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 0x10;
                let payload = PutPayload::from(damaged);
                blocks.bucket.store.put(&path, payload).await.unwrap();
                let found = verify(&blocks.bucket, &meta, 1, &Budget::unlimited("test")).await;
                let kind = found.map_err(|error| error.kind());
                assert_eq!(kind, Err(ErrorKind::Corrupt), "{name} at {at}");
            }
            let payload = PutPayload::from(bytes.clone());
            blocks.bucket.store.put(&path, payload).await.unwrap();
        }
        verify(&blocks.bucket, &meta, 1, &Budget::unlimited("test"))
            .await
            .unwrap();
        let index = blocks.bucket.object(result(), "index");
        blocks.bucket.store.delete(&index).await.unwrap();
        let error = verify(&blocks.bucket, &meta, 1, &Budget::unlimited("test"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.chain().contains("missing"));
    });
}

#[test]
fn an_object_that_ends_early_or_is_gone_is_an_error_and_nobody_waits_for_ever() {
    let runtime = runtime();
    let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
    let location = object_store::path::Path::from("a");
    let open = || {
        let object = Object {
            location: location.clone(),
            size: 3,
            walked: 3,
            pinned: Vec::new(),
            number: 0,
        };
        ObjectReader::open(&bucket, object, Arc::new(Pieces::new(128, 1)))
    };
    let (whole, gone, late) = runtime.block_on(async {
        let payload = PutPayload::from_static(b"abc");
        bucket.store.put(&location, payload).await.unwrap();
        (open(), open(), open())
    });
    let mut window = whole.window(10);
    assert_eq!(window.fill(1, 2).unwrap(), b"bc");
    assert!(window.fill(1, 3).is_err());
    runtime.block_on(bucket.store.delete(&location)).unwrap();
    let error = gone.window(10).fill(0, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    runtime.shutdown_background();
    assert!(late.window(10).fill(0, 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_window_shows_what_the_object_has(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        walked in 0..2100_u64,
        pinned in (0..2000_usize, 0..300_usize),
        reads in prop::collection::vec((0..2100_u64, 0..300_usize), 1..20),
    ) {
        let runtime = runtime();
        let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
        let location = object_store::path::Path::from("a");
        let reader = runtime.block_on(async {
            bucket.store.put(&location, PutPayload::from(bytes.clone())).await.unwrap();
            let start = pinned.0.min(bytes.len());
            let end = (start + pinned.1).min(bytes.len());
            let object = Object {
                location,
                size: bytes.len() as u64,
                walked,
                pinned: vec![(start as u64, bytes[start..end].to_vec().into())],
                number: 0,
            };
            ObjectReader::open(&bucket, object, Arc::new(Pieces::new(128, 1)))
        });
        let mut window = reader.window(64);
        for (at, len) in reads {
            let mut model = bytes.as_slice();
            match (window.fill(at, len), model.fill(at, len)) {
                (Ok(got), Ok(want)) => prop_assert_eq!(got, want),
                (got, want) => prop_assert_eq!(got.is_err(), want.is_err(), "{} {}", at, len),
            }
        }
    }
}
