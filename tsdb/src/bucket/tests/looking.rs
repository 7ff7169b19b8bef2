//! Listing, metas, marks, ranges, and what lies about in directories.
//!
//! Each scenario runs on every kind of bucket; chance comes from seeds, ages are set on the files.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::super::list::{Discovery, FOREIGN_NAMES_MAX, discover};
use super::super::local::{is_leftover, remove_leftovers};
use super::super::mark::Put;
use super::super::range::{RangeOptions, fetch};
use super::super::sync::{MetaSync, Partial, SyncOptions};
use super::*;
use crate::error::ErrorKind;
use crate::mark::{DeletionMark, Mark, MarkKind, NoCompactMark, Reading, Reason, UnixSeconds};
use crate::testing::faulty_store::{Op, When};
use crate::time::Millis;

const TORN: &str = "01M81G2PYV09HFNQMSWXTH6Q03";
const NEWER: &str = "01M81G2Q61CMSBMSP0QPPJWE31";
const OTHER: &str = "01M81G2QBEDR9FHH7SJ7CAQJ37";
const PARTIAL: &str = "01HMX000000000000000PART00";

/// A bucket with one of everything.
async fn fill(bucket: &Bucket) {
    put(bucket, &format!("{A}/meta.json"), meta_of(A).to_json()).await;
    put(bucket, &format!("{A}/index"), "x").await;
    put(bucket, &format!("{PARTIAL}/chunks/000001"), "x").await;
    put(bucket, &format!("{PARTIAL}/old/meta.json"), "x").await;
    put(bucket, &format!("{PARTIAL}/old/deletion-mark.json"), "x").await;
    let torn = meta_of(TORN).to_json()[..20].to_vec();
    put(bucket, &format!("{TORN}/meta.json"), torn).await;
    put(bucket, &format!("{NEWER}/meta.json"), r#"{"version":2}"#).await;
    put(bucket, &format!("{OTHER}/meta.json"), meta_of(B).to_json()).await;
    put(bucket, "debug/metas/x.json", "x").await;
    put(bucket, "not-a-block/meta.json", "x").await;
    put(bucket, "bucket-index.json.gz", "x").await;
    let lower = A.to_lowercase();
    put(bucket, &format!("{lower}/meta.json"), meta_of(A).to_json()).await;
    put(bucket, "!!!!!!!!!!!!!!!!!!!!!!!!!!/meta.json", "x").await;
}

#[tokio::test]
async fn both_ways_find_the_same_blocks_among_foreign_names() {
    let scratch = tempfile::tempdir().unwrap();
    for bucket in buckets(scratch.path()) {
        fill(&bucket).await;
        let one = discover(&bucket, Discovery::Concurrent).await.unwrap();
        let mut other = discover(&bucket, Discovery::Recursive).await.unwrap();
        let marks = other.marks.take().unwrap();
        assert!(marks.is_empty(), "the one below `old/` is nobody's");
        assert_eq!(one, other);
        let with_meta: Vec<_> = [TORN, NEWER, OTHER, A].map(id).into();
        let found = one.blocks.iter().filter(|(_, meta)| meta.is_some());
        assert_eq!(found.map(|(id, _)| *id).collect::<Vec<_>>(), with_meta);
        assert_eq!(one.blocks[&id(PARTIAL)], None);
        let malformed: Vec<_> = one.malformed.iter().map(String::as_str).collect();
        assert_eq!(
            malformed,
            ["!!!!!!!!!!!!!!!!!!!!!!!!!!", A.to_lowercase().as_str()]
        );
        let foreign: Vec<_> = one.foreign.names.iter().map(String::as_str).collect();
        assert_eq!(foreign, ["bucket-index.json.gz", "debug", "not-a-block"]);
    }
}

#[tokio::test]
async fn an_empty_bucket_has_no_blocks_and_a_broken_listing_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    for bucket in buckets(scratch.path()) {
        for discovery in [Discovery::Concurrent, Discovery::Recursive] {
            let listing = discover(&bucket, discovery).await.unwrap();
            assert!(listing.blocks.is_empty());
            for (op, when) in [(Op::List, When::Before), (Op::List, When::After)] {
                let faults = Faults {
                    nth: vec![(op, 1, when)],
                    ..Faults::default()
                };
                let (broken, _) = faulty(&bucket, faults);
                let error = discover(&broken, discovery).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Transient);
            }
        }
    }
}

#[tokio::test]
async fn foreign_names_are_remembered_up_to_a_bound() {
    let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
    for at in 0..FOREIGN_NAMES_MAX + 5 {
        put(&bucket, &format!("foreign{at}/x"), "x").await;
    }
    for discovery in [Discovery::Concurrent, Discovery::Recursive] {
        let listing = discover(&bucket, discovery).await.unwrap();
        assert_eq!(listing.foreign.names.len(), FOREIGN_NAMES_MAX);
        assert_eq!(listing.foreign.more, 5);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn names_that_the_store_cannot_express_are_no_obstacle() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = tempfile::tempdir().unwrap();
    let bucket = Bucket::open_local(scratch.path(), "").unwrap();
    put(&bucket, &format!("{A}/meta.json"), meta_of(A).to_json()).await;
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(scratch.path().join(odd), "x").unwrap();
    std::fs::write(scratch.path().join("Icon\r"), "x").unwrap();
    std::fs::create_dir(scratch.path().join(B)).unwrap();
    std::fs::write(scratch.path().join("index#1"), "x").unwrap();
    for discovery in [Discovery::Concurrent, Discovery::Recursive] {
        let listing = discover(&bucket, discovery).await.unwrap();
        assert!(listing.blocks[&id(A)].is_some());
        assert_eq!(listing.blocks[&id(B)], None, "an empty directory");
        assert!(listing.foreign.names.contains("Icon\r"));
    }
}

#[tokio::test]
async fn every_block_ends_in_its_place_of_the_view() {
    let scratch = tempfile::tempdir().unwrap();
    for bucket in buckets(scratch.path()) {
        fill(&bucket).await;
        let mut sync = MetaSync::new(bucket, SyncOptions::default());
        let view = sync.sync().await.unwrap();
        assert_eq!(*view.loaded[&id(A)], meta_of(A));
        assert_eq!(view.loaded.len(), 1);
        assert!(matches!(view.partial[&id(PARTIAL)], Partial::NoMeta));
        assert!(matches!(view.partial[&id(TORN)], Partial::NotJson(_)));
        assert_eq!(view.partial.len(), 2);
        let chain = |name| view.bad[&id(name)].chain();
        assert!(chain(NEWER).contains("version 2 is not supported"));
        assert!(chain(OTHER).contains(&format!("names block {B}")));
        assert!(view.unread.is_empty() && !view.is_complete());
        assert_eq!(view.first_failure().unwrap().0, id(NEWER));
    }
}

#[tokio::test]
async fn metas_are_fetched_once_and_again_when_they_change() {
    let scratch = tempfile::tempdir().unwrap();
    for (at, bucket) in buckets(scratch.path()).into_iter().enumerate() {
        let cache_dir = scratch.path().join(format!("cache{at}"));
        put(&bucket, &format!("{A}/meta.json"), meta_of(A).to_json()).await;
        put(&bucket, &format!("{B}/meta.json"), meta_of(B).to_json()).await;
        let (counted, store) = faulty(&bucket, Faults::default());
        let options = SyncOptions {
            discovery: Discovery::Recursive,
            cache_dir: Some(cache_dir.clone()),
            ..SyncOptions::default()
        };
        let mut sync = MetaSync::new(counted.clone(), options.clone());
        for want in [2, 2] {
            let view = sync.sync().await.unwrap();
            assert!(view.is_complete() && view.loaded.len() == 2 && view.cache_failure.is_none());
            assert_eq!(store.calls(Op::Get), want, "the second time from memory");
        }
        let mut other = MetaSync::new(counted, options);
        assert_eq!(other.sync().await.unwrap().loaded.len(), 2);
        assert_eq!(store.calls(Op::Get), 2, "from disk");

        std::thread::sleep(Duration::from_millis(5));
        let mut changed = meta_of(A);
        changed.max_time = Millis(7);
        put(&bucket, &format!("{A}/meta.json"), changed.to_json()).await;
        bucket
            .store
            .delete(&bucket.object(id(B), META_FILE))
            .await
            .unwrap();
        for sync in [&mut sync, &mut other] {
            let view = sync.sync().await.unwrap();
            assert_eq!(*view.loaded[&id(A)], changed);
            assert_eq!(view.loaded.len(), 1);
        }
        assert_eq!(store.calls(Op::Get), 3, "the other one finds it on disk");
        let kept = std::fs::read_dir(&cache_dir).unwrap().count();
        assert_eq!(kept, names(&bucket).await.len());
    }
}

#[tokio::test]
async fn a_damaged_cache_is_fetched_again() {
    let scratch = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
    put(&bucket, &format!("{A}/meta.json"), meta_of(A).to_json()).await;
    let options = SyncOptions {
        cache_dir: Some(scratch.path().into()),
        ..SyncOptions::default()
    };
    let view = MetaSync::new(bucket.clone(), options.clone())
        .sync()
        .await
        .unwrap();
    let written = view.listing.blocks[&id(A)].unwrap();
    for damage in ["", "{", r#"{"version":2}"#] {
        let path = scratch.path().join(A).join("meta.json");
        std::fs::write(&path, damage).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(written.0).unwrap());
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
        let view = MetaSync::new(bucket.clone(), options.clone())
            .sync()
            .await
            .unwrap();
        assert_eq!(*view.loaded[&id(A)], meta_of(A), "{damage}");
    }
    std::fs::remove_dir_all(scratch.path().join(A)).unwrap();
    std::fs::write(scratch.path().join(A), "in the way").unwrap();
    let view = MetaSync::new(bucket, options).sync().await.unwrap();
    assert!(view.is_complete() && view.cache_failure.is_some());
}

#[tokio::test]
async fn what_was_known_remains_when_a_meta_cannot_be_read() {
    let bucket = Bucket::new(Arc::new(InMemory::new()), "").unwrap();
    put(&bucket, &format!("{A}/meta.json"), meta_of(A).to_json()).await;
    let (broken, store) = faulty(&bucket, Faults::default());
    let options = SyncOptions {
        discovery: Discovery::Recursive,
        ..SyncOptions::default()
    };
    let mut sync = MetaSync::new(broken, options);
    sync.sync().await.unwrap();
    std::thread::sleep(Duration::from_millis(5));
    let mut changed = meta_of(A);
    changed.max_time = Millis(7);
    put(&bucket, &format!("{A}/meta.json"), changed.to_json()).await;
    for faults in [
        Faults {
            nth: vec![(Op::Get, 1, When::Before)],
            ..Faults::default()
        },
        Faults {
            truncations_permille: 1000,
            ..Faults::default()
        },
    ] {
        store.set(faults);
        let view = sync.sync().await.unwrap();
        assert_eq!(*view.loaded[&id(A)], meta_of(A));
        assert_eq!(view.unread[&id(A)].kind(), ErrorKind::Transient);
        assert!(!view.is_complete() && view.partial.is_empty());
    }
    store.set(Faults::default());
    let view = sync.sync().await.unwrap();
    assert_eq!(*view.loaded[&id(A)], changed);
}

#[tokio::test]
async fn a_mark_is_put_once_read_and_removed() {
    let scratch = tempfile::tempdir().unwrap();
    for bucket in buckets(scratch.path()) {
        let first = DeletionMark {
            id: id(A),
            details: "first".into(),
            time: UnixSeconds(1),
        };
        let second = DeletionMark {
            details: "second".into(),
            ..first.clone()
        };
        assert_eq!(mark::put(&bucket, &first).await.unwrap(), Put::Written);
        assert_eq!(
            mark::put(&bucket, &second).await.unwrap(),
            Put::AlreadyThere
        );
        assert_eq!(
            mark::get(&bucket, id(A)).await.unwrap().marked(),
            Some(first)
        );
        let compact = NoCompactMark {
            id: id(B),
            details: String::new(),
            time: UnixSeconds(2),
            reason: Reason::Manual,
        };
        mark::put(&bucket, &compact).await.unwrap();
        for kind in MarkKind::ALL {
            let has = mark::exists(&bucket, id(A), kind).await.unwrap();
            assert_eq!(has, kind == MarkKind::Deletion);
            mark::remove(&bucket, id(A), kind).await.unwrap();
            mark::remove(&bucket, id(A), kind).await.unwrap();
        }
        let reading = mark::get::<DeletionMark>(&bucket, id(A)).await.unwrap();
        assert!(matches!(reading, Reading::Unmarked));
        let path = format!("{A}/{}", NoCompactMark::KIND.file_name());
        put(&bucket, &path, "{").await;
        let all = mark::get_all::<NoCompactMark>(&bucket, [A, B, TORN].map(id), 2).await;
        let all = all.unwrap();
        assert!(matches!(all[&id(A)], Reading::Unreadable(_)));
        assert!(matches!(&all[&id(B)], Reading::Marked(mark) if *mark == compact));
        assert_eq!(all.len(), 2);
        put(&bucket, &path, format!(r#"{{"id":"{A}","version":3}}"#)).await;
        let error = mark::get::<NoCompactMark>(&bucket, id(A))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn fetched_ranges_are_the_bytes_that_were_wanted() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let buckets = buckets(scratch.path());
    for bucket in &buckets {
        runtime.block_on(put(bucket, &format!("{A}/index"), bytes.clone()));
    }
    let options = RangeOptions {
        gap_bytes_max: 20,
        fetch_bytes_max: 200,
        concurrency: 3,
    };
    let starts = prop::collection::vec((0u32..900, 0u32..100), 0..20);
    let config = ProptestConfig::with_cases(32);
    proptest!(config, |(starts in starts)| {
        let wanted: Vec<_> = starts.iter().map(|(start, len)| u64::from(*start)..u64::from(start + len)).collect();
        for bucket in &buckets {
            let object = bucket.object(id(A), "index");
            let got = runtime.block_on(fetch(bucket, &object, &wanted, &options)).unwrap();
            for ((start, len), got) in starts.iter().zip(got) {
                let (start, len) = (*start as usize, *len as usize);
                prop_assert_eq!(&got[..], &bytes[start..start + len]);
            }
        }
    });
    for bucket in &buckets {
        let object = bucket.object(id(A), "index");
        let past = runtime.block_on(fetch(
            bucket,
            &object,
            std::slice::from_ref(&(990..1001)),
            &options,
        ));
        assert!(past.is_err());
        let gone = bucket.object(id(A), "nothing");
        let gone = runtime.block_on(fetch(
            bucket,
            &gone,
            std::slice::from_ref(&(0..1)),
            &options,
        ));
        assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn leftovers_are_known_by_their_names() {
    for name in ["index#1", "000001#23", "#1"] {
        assert!(is_leftover(name), "{name}");
    }
    for name in ["index", "index#", "index#1a", "a#b#1", "index#-1", ""] {
        assert!(!is_leftover(name), "{name}");
    }
}

#[test]
fn old_leftovers_are_removed_with_the_directories_that_they_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    for name in [
        "gone/chunks/000001#1",
        "kept/index",
        "kept/index#12",
        "young#1",
    ] {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        let age = if name.contains("young") { 100 } else { 10 };
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(age))
            .unwrap();
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    assert_eq!(
        remove_leftovers(root, Millis(10_000)).unwrap(),
        Vec::<PathBuf>::new()
    );
    let mut removed = remove_leftovers(root, Millis(10_001)).unwrap();
    removed.sort();
    assert_eq!(
        removed,
        ["gone/chunks/000001#1", "kept/index#12"].map(|name| root.join(name))
    );
    let mut left: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["empty", "kept", "young#1"]);
    assert!(root.join("kept/index").exists());
    assert!(
        remove_leftovers(&root.join("nowhere"), Millis::MAX)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn prefixes_lose_their_outer_slashes_and_may_not_lead_elsewhere() {
    let open = |prefix: &str| Bucket::new(Arc::new(InMemory::new()), prefix);
    let name = |prefix| {
        open(prefix)
            .unwrap()
            .object(id(A), "chunks/000001")
            .to_string()
    };
    assert_eq!(name(""), format!("{A}/chunks/000001"));
    assert_eq!(name("///"), format!("{A}/chunks/000001"));
    assert_eq!(name("/a%2F/b/"), format!("a%2F/b/{A}/chunks/000001"));
    for bad in ["a//b", "../a", "a/."] {
        assert_eq!(open(bad).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let missing = Bucket::open_local(Path::new("/nowhere/at/all"), "").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
