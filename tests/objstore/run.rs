//! Running the binary on a bucket, filling one, and looking at what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::Value;
use tsdb::block::generated;
use tsdb::bucket::Bucket;
use tsdb::bucket::upload::{self, UploadOptions};
use tsdb::generate::{Config, Generator};
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::ThanosMeta;
use tsdb::time::Millis;

use crate::stores::objects::Objects;

/// What a command came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Fails unless all went well.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The binary, about to work on a bucket. No credentials come from the machine that runs the tests.
pub(crate) fn stratal(arguments: &[&str], yaml: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stratal"));
    command
        .args(arguments)
        .arg(format!("--objstore.config={yaml}"))
        .env("HOME", "/no/where");
    command
}

/// Runs the binary to its end, beside the servers of this process.
pub(crate) async fn run(arguments: &[&str], yaml: &str) -> Ended {
    let mut command = stratal(arguments, yaml);
    tokio::task::spawn_blocking(move || command.output().unwrap().into())
        .await
        .unwrap()
}

/// Whether blocks go through a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Disk,
    Bucket,
}

/// The arguments of a compaction without delays, scratch in `dir` if anywhere.
pub(crate) fn compact(dir: &Path, way: Way) -> Vec<String> {
    let scratch = match way {
        Way::Disk => format!("--data-dir={}", dir.join("data").display()),
        Way::Bucket => "--scratch=none".to_owned(),
    };
    let metrics = format!("--metrics-file={}", dir.join("metrics").display());
    let fixed = [
        "compact",
        "--consistency-delay=0s",
        "--delete-delay=0s",
        "--deduplication.replica-label=replica",
        "--deduplication.func=penalty",
    ];
    fixed
        .into_iter()
        .map(str::to_owned)
        .chain([scratch, metrics])
        .collect()
}

/// Compacts through a disk.
pub(crate) async fn run_compact(dir: &Path, yaml: &str) -> Ended {
    run_compact_by(Way::Disk, dir, yaml).await
}

/// Compacts.
pub(crate) async fn run_compact_by(way: Way, dir: &Path, yaml: &str) -> Ended {
    let arguments = compact(dir, way);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&arguments, yaml).await
}

/// Objects of two blocks of two hours by each of two replicas, which compact to two blocks.
pub(crate) async fn replicas() -> BTreeMap<String, bytes::Bytes> {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
    for (replica, name) in [(0, "a"), (1, "b")] {
        let config = Config {
            targets: 1,
            interval: Millis(60_000),
            blocks: 2,
            replica,
            ..Config::default()
        };
        let generator = Generator::new(config).unwrap();
        for number in 0..2 {
            let thanos = ThanosMeta {
                version: 1,
                labels: Labels::from_pairs([("cluster", "test"), ("replica", name)]),
                ..ThanosMeta::default()
            };
            let id = BlockId::new(1_700_000_000_000, u128::from(replica * 10 + number));
            let made = generated::write(&generator, number, dir.path(), id, Some(thanos)).unwrap();
            let options = UploadOptions {
                concurrency: 1,
                sha256: false,
                now: jiff::Timestamp::UNIX_EPOCH,
            };
            upload::upload(&bucket, &made.unwrap().0, &options)
                .await
                .unwrap();
        }
    }
    let objects = contents(&*bucket.store).await.all.into_iter();
    objects.map(|(key, object)| (key, object.bytes)).collect()
}

/// Everything that a store has.
pub(crate) async fn contents(store: &dyn ObjectStore) -> Objects {
    let names: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut objects = Objects::default();
    for found in names {
        let got = store.get(&found.location).await.unwrap();
        let bytes = got.bytes().await.unwrap();
        objects.put(found.location.as_ref(), bytes, false).unwrap();
    }
    objects
}

/// Puts objects into a store of ours.
pub(crate) fn fill(objects: &mut Objects, content: &BTreeMap<String, bytes::Bytes>) {
    for (key, bytes) in content {
        objects.put(key, bytes.clone(), false).unwrap();
    }
}

/// The metas of visible blocks, each of which must be whole: every file that it lists is there with its size.
pub(crate) fn visible(objects: &Objects) -> Vec<Value> {
    let mut metas = Vec::new();
    for (key, object) in &objects.all {
        let Some(block) = key
            .strip_suffix("/meta.json")
            .filter(|block| BlockId::parse(block).is_ok())
        else {
            continue;
        };
        let meta: Value = serde_json::from_slice(&object.bytes).unwrap();
        for file in meta["thanos"]["files"].as_array().unwrap() {
            let path = file["rel_path"].as_str().unwrap();
            let found = objects.all.get(&format!("{block}/{path}"));
            let size = found
                .unwrap_or_else(|| panic!("{block} is visible without {path}"))
                .bytes
                .len();
            let want = file["size_bytes"].as_u64().unwrap_or(size as u64);
            assert_eq!(size as u64, want, "{block}/{path}");
        }
        metas.push(meta);
    }
    metas
}

/// The first blocks that visible blocks were made of.
pub(crate) fn sources(objects: &Objects) -> BTreeSet<String> {
    let of = |meta: &Value| {
        let sources = meta["compaction"]["sources"].as_array().unwrap();
        sources
            .iter()
            .map(|source| source.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    visible(objects).iter().flat_map(of).collect()
}
