//! Buckets filled by Thanos list without error, and their blocks come down as their metas describe them.
//!
//! What to expect is read off the directories themselves; the selection in the repository holds metas and marks only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use tsdb::bucket::Bucket;
use tsdb::bucket::download::download;
use tsdb::bucket::list::{Discovery, discover};
use tsdb::bucket::mark::get_all;
use tsdb::bucket::sync::{MetaSync, SyncOptions};
use tsdb::mark::{DeletionMark, MarkKind, NoCompactMark, NoDownsampleMark};
use tsdb::testing::golden;

/// Names of the first-level directories with and without a `meta.json`, ascending.
fn directories(root: &Path) -> (Vec<String>, Vec<String>) {
    let entries = std::fs::read_dir(root).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.len() == 26)
        .collect();
    names.sort();
    names
        .into_iter()
        .partition(|name| root.join(name).join("meta.json").exists())
}

fn count_files(root: &Path, name: &str) -> usize {
    let entries = std::fs::read_dir(root).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().path().join(name).exists())
        .count()
}

async fn check(name: &str) {
    let root = golden::path(name);
    let bucket = Bucket::open_local(&root, "").unwrap();
    let (with_meta, without) = directories(&root);
    assert!(!with_meta.is_empty());
    let one = discover(&bucket, Discovery::Concurrent).await.unwrap();
    let mut other = discover(&bucket, Discovery::Recursive).await.unwrap();
    let marks = other.marks.take().unwrap();
    assert_eq!(one, other);
    for kind in MarkKind::ALL {
        let seen = marks.iter().filter(|(_, seen)| *seen == kind).count();
        assert_eq!(seen, count_files(&root, kind.file_name()), "{kind:?}");
    }
    assert!(one.malformed.is_empty());
    let view = MetaSync::new(bucket.clone(), SyncOptions::default())
        .sync()
        .await
        .unwrap();
    assert!(view.is_complete(), "{:?}", view.first_failure());
    let names =
        |ids: Vec<tsdb::id::BlockId>| -> Vec<_> { ids.iter().map(ToString::to_string).collect() };
    assert_eq!(names(view.loaded.keys().copied().collect()), with_meta);
    assert_eq!(names(view.partial.keys().copied().collect()), without);
    let ids = || view.loaded.keys().copied();
    let deletions = get_all::<DeletionMark>(&bucket, ids(), 8).await.unwrap();
    assert_eq!(deletions.len(), count_files(&root, "deletion-mark.json"));
    let compacts = get_all::<NoCompactMark>(&bucket, ids(), 8).await.unwrap();
    assert_eq!(compacts.len(), count_files(&root, "no-compact-mark.json"));
    let downsamples = get_all::<NoDownsampleMark>(&bucket, ids(), 8)
        .await
        .unwrap();
    assert_eq!(
        downsamples.len(),
        count_files(&root, "no-downsample-mark.json")
    );
    assert!(deletions.into_values().all(|mark| mark.marked().is_some()));

    let into = tempfile::tempdir().unwrap();
    for id in ids() {
        // The selection in the repository has the metas alone.
        if root.join(id.to_string()).join("index").exists() {
            let got = download(&bucket, id, into.path(), 4).await.unwrap();
            assert_eq!(got.meta, *view.loaded[&id]);
        }
    }
}

#[tokio::test]
async fn golden_static_bucket() {
    check("services/static-bucket").await;
    let root = golden::path("services/static-bucket");
    let bucket = Bucket::open_local(&root, "").unwrap();
    let listing = discover(&bucket, Discovery::Concurrent).await.unwrap();
    let foreign: Vec<_> = listing.foreign.names.iter().map(String::as_str).collect();
    assert_eq!(foreign, ["debug", "not-a-block"]);
}

#[tokio::test]
async fn golden_wild_bucket() {
    check("services/wild-bucket").await;
}
