//! Promises of buckets, on the in-memory store and on a directory alike.
//!
//! Here are the fixtures: two blocks, buckets with and without a prefix, and faults put before any of them.

mod looking;
mod moving;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};

use super::upload::UploadOptions;
use super::*;
use crate::label::Labels;
use crate::meta::{BlockMeta, ThanosMeta};
use crate::testing::faulty_store::{Faults, FaultyStore, contents};

const A: &str = "01M81G2QM13JXB48206473Z8Z0";
const B: &str = "01M81G3901NY8BPFEHCQMHQRYG";

fn id(text: &str) -> BlockId {
    BlockId::parse(text).unwrap()
}

fn options(sha256: bool) -> UploadOptions {
    UploadOptions {
        concurrency: 2,
        sha256,
        now: jiff::Timestamp::new(1_785_549_784, 50_600_000).unwrap(),
    }
}

fn meta_of(name: &str) -> BlockMeta {
    BlockMeta {
        ulid: id(name),
        thanos: Some(ThanosMeta {
            labels: Labels::from_pairs([("cluster", "a")]),
            ..ThanosMeta::default()
        }),
        ..BlockMeta::default()
    }
}

/// A directory that looks like a block: two segments, an index, and tombstones that stay at home.
fn local_block(parent: &Path, name: &str) -> PathBuf {
    let dir = parent.join(name);
    std::fs::create_dir_all(dir.join("chunks")).unwrap();
    std::fs::write(dir.join("chunks/000001"), "first segment").unwrap();
    std::fs::write(dir.join("chunks/000002"), "second segment").unwrap();
    std::fs::write(dir.join("index"), "the index").unwrap();
    std::fs::write(dir.join("tombstones"), "deleted").unwrap();
    std::fs::write(dir.join("meta.json"), meta_of(name).to_json()).unwrap();
    dir
}

/// The same bucket in memory and in a directory, each with and without a prefix.
fn buckets(scratch: &Path) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    for prefix in ["", "/tenant/a/"] {
        buckets.push(Bucket::new(Arc::new(InMemory::new()), prefix).unwrap());
        let dir = scratch.join(format!("bucket{}", buckets.len()));
        std::fs::create_dir_all(&dir).unwrap();
        buckets.push(Bucket::open_local(&dir, prefix).unwrap());
    }
    buckets
}

/// The same bucket with faults before it.
fn faulty(bucket: &Bucket, faults: Faults) -> (Bucket, FaultyStore) {
    let store = FaultyStore::new(Arc::clone(&bucket.store), faults);
    let bucket = Bucket {
        store: Arc::new(store.clone()),
        ..bucket.clone()
    };
    (bucket, store)
}

async fn put(bucket: &Bucket, name: &str, bytes: impl Into<PutPayload>) {
    let path = object_store::path::Path::parse(name).unwrap();
    let path = path
        .parts()
        .fold(bucket.prefix.clone(), |all, part| all.join(part));
    bucket.store.put(&path, bytes.into()).await.unwrap();
}

/// Names of all objects, relative to the prefix.
async fn names(bucket: &Bucket) -> Vec<String> {
    let all = contents(&*bucket.store).await.unwrap();
    let strip = |name: String| match bucket.root() {
        Some(prefix) => name[prefix.as_ref().len() + 1..].to_owned(),
        None => name,
    };
    all.into_iter().map(|(name, _)| strip(name)).collect()
}
