//! Whole blocks: up, down, away; interrupted at every step.
//!
//! Each scenario stops at every change that a crash could stop it at, then repeats the call and expects the whole block.

use std::process::Command;

use super::super::delete::delete;
use super::super::download::{TEMPORARY_SUFFIX, download};
use super::super::local::remove_leftovers;
use super::super::upload::upload;
use super::*;
use crate::error::ErrorKind;
use crate::mark::{DeletionMark, Mark, UnixSeconds};
use crate::testing::faulty_store::{ABORT_VARIABLE, Op, When, abort_from_env};
use crate::time::Millis;

fn mark_of(name: &str) -> DeletionMark {
    DeletionMark {
        id: id(name),
        details: String::new(),
        time: UnixSeconds(0),
    }
}

#[tokio::test]
async fn a_block_goes_up_and_comes_down_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = local_block(scratch.path(), A);
    for (at, bucket) in buckets(scratch.path()).into_iter().enumerate() {
        let sha256 = at % 2 == 0;
        let meta = upload(&bucket, &dir, &options(sha256)).await.unwrap();
        let want = ["chunks/000001", "chunks/000002", "index", "meta.json"];
        assert_eq!(names(&bucket).await, want.map(|name| format!("{A}/{name}")));
        let thanos = meta.thanos.as_ref().unwrap();
        assert_eq!(thanos.upload_time, Some(options(sha256).now));
        let files: Vec<_> = thanos.files.iter().map(|f| f.rel_path.as_str()).collect();
        assert_eq!(files, want);
        assert_eq!(meta.file("index").unwrap().size_bytes, Some(9));
        assert_eq!(meta.file("index").unwrap().sha256().is_some(), sha256);
        assert_eq!(meta.file("meta.json").unwrap().size_bytes, None);

        put(&bucket, &format!("{A}/extra/unknown"), "x").await;
        let into = scratch.path().join(format!("down{at}"));
        let got = download(&bucket, id(A), &into, 2).await.unwrap();
        assert_eq!(got.meta, meta);
        assert_eq!(got.fetched_bytes, 13 + 14 + 9 + 1);
        for name in ["chunks/000001", "chunks/000002", "index"] {
            let bytes = |dir: &Path| std::fs::read(dir.join(name)).unwrap();
            assert_eq!(bytes(&got.dir), bytes(&dir));
        }
        assert_eq!(
            std::fs::read(got.dir.join("meta.json")).unwrap(),
            meta.to_json()
        );
        assert!(got.dir.join("extra/unknown").exists());
        let local = std::fs::read(dir.join("meta.json")).unwrap();
        assert_eq!(local, meta_of(A).to_json(), "the local meta stays as it is");
    }
}

#[tokio::test]
async fn blocks_that_must_not_go_up_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for bucket in buckets(scratch.path()) {
        let refused = async |dir: PathBuf, want: &str| {
            let error = upload(&bucket, &dir, &options(false)).await.unwrap_err();
            assert!(error.chain().contains(want), "{}", error.chain());
            assert_eq!(names(&bucket).await.len(), 0);
        };
        let dir = local_block(scratch.path(), A);
        std::fs::write(dir.join("meta.json"), meta_of(B).to_json()).unwrap();
        refused(dir.clone(), &format!("names block {B}")).await;
        let mut meta = meta_of(A);
        meta.thanos.as_mut().unwrap().labels = Labels::default();
        std::fs::write(dir.join("meta.json"), meta.to_json()).unwrap();
        refused(dir.clone(), "no external labels").await;
        meta.thanos = None;
        std::fs::write(dir.join("meta.json"), meta.to_json()).unwrap();
        refused(dir, "no external labels").await;
        refused(scratch.path().join("x"), "not a ULID").await;

        let dir = local_block(scratch.path(), A);
        std::fs::remove_file(dir.join("index")).unwrap();
        let error = upload(&bucket, &dir, &options(true)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let dir = local_block(scratch.path(), A);
        upload(&bucket, &dir, &options(false)).await.unwrap();
        let error = upload(&bucket, &dir, &options(false)).await.unwrap_err();
        assert!(error.chain().contains("is in the bucket"));
        let dir = local_block(scratch.path(), B);
        mark::put(&bucket, &mark_of(B)).await.unwrap();
        let error = upload(&bucket, &dir, &options(false)).await.unwrap_err();
        assert!(error.chain().contains("is marked for deletion"));
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_invisible_and_can_be_repeated() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = local_block(scratch.path(), A);
    for bucket in buckets(scratch.path()) {
        for nth in 1..=4 {
            let faults = Faults {
                nth: vec![(Op::Put, nth, When::Before)],
                ..Faults::default()
            };
            let (broken, _) = faulty(&bucket, faults);
            let error = upload(&broken, &dir, &options(false)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Transient);
            assert!(error.chain().contains(A), "{}", error.chain());
            assert!(!bucket.has_block(id(A)).await.unwrap(), "put {nth}");
        }
        upload(&bucket, &dir, &options(false)).await.unwrap();
        assert!(bucket.has_block(id(A)).await.unwrap());
    }
}

#[tokio::test]
async fn large_files_go_up_in_parts_and_leave_nothing_when_a_part_fails() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = local_block(scratch.path(), A);
    let large: Vec<u8> = (0..=250).cycle().take(36 << 20).collect();
    std::fs::write(dir.join("index"), &large).unwrap();
    for bucket in buckets(scratch.path()).into_iter().take(2) {
        for nth in 3..=6 {
            let faults = Faults {
                nth: vec![(Op::Put, nth, When::Before)],
                ..Faults::default()
            };
            let (broken, _) = faulty(&bucket, faults);
            upload(&broken, &dir, &options(false)).await.unwrap_err();
            assert_eq!(names(&bucket).await.len(), 2, "put {nth}");
            if let Some(root) = bucket.local_root() {
                assert_eq!(remove_leftovers(root, Millis::MAX).unwrap().len(), 0);
            }
        }
        upload(&bucket, &dir, &options(false)).await.unwrap();
        let object = bucket.object(id(A), "index");
        let bytes = bucket.read(&object, 1 << 30).await.unwrap().unwrap();
        assert!(bytes == large);
        let limit = bucket.read(&object, 1 << 20).await.unwrap_err();
        assert_eq!(limit.kind(), ErrorKind::Limit);
    }
}

#[tokio::test]
async fn a_download_goes_on_from_the_files_with_the_right_hash() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = local_block(scratch.path(), A);
    for (at, bucket) in buckets(scratch.path()).into_iter().enumerate() {
        upload(&bucket, &dir, &options(true)).await.unwrap();
        let into = scratch.path().join(format!("down{at}"));
        let faults = Faults {
            // meta.json, then the files one by one.
            nth: vec![(Op::Get, 3, When::Before)],
            ..Faults::default()
        };
        let (broken, _) = faulty(&bucket, faults);
        let error = download(&broken, id(A), &into, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(!into.join(A).exists());
        let temporary = into.join(format!("{A}{TEMPORARY_SUFFIX}"));
        std::fs::write(temporary.join("chunks/000009"), "stale").unwrap();
        let got = download(&bucket, id(A), &into, 1).await.unwrap();
        assert_eq!(got.fetched_bytes, 14 + 9);
        assert!(!temporary.exists() && !got.dir.join("chunks/000009").exists());

        std::fs::write(got.dir.join("index"), "the inde!").unwrap();
        let again = download(&bucket, id(A), &into, 1).await.unwrap();
        assert_eq!(again.fetched_bytes, 9);
        assert_eq!(
            std::fs::read(again.dir.join("index")).unwrap(),
            b"the index"
        );
    }
}

#[tokio::test]
async fn a_download_refuses_what_the_meta_does_not_describe() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = local_block(scratch.path(), A);
    let into = scratch.path().join("down");
    for bucket in buckets(scratch.path()) {
        let refused = async |kind: ErrorKind, want: &str| {
            let error = download(&bucket, id(A), &into, 2).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}", error.chain());
            assert!(error.chain().contains(want), "{}", error.chain());
            assert!(!into.join(A).exists());
        };
        refused(ErrorKind::NotFound, "meta.json").await;
        upload(&bucket, &dir, &options(true)).await.unwrap();
        put(&bucket, &format!("{A}/index"), "the inde!").await;
        refused(ErrorKind::Corrupt, "SHA-256").await;
        put(&bucket, &format!("{A}/index"), "short").await;
        refused(ErrorKind::Corrupt, "has 5 bytes, in meta.json 9").await;
        bucket
            .store
            .delete(&bucket.object(id(A), "index"))
            .await
            .unwrap();
        refused(ErrorKind::Corrupt, "listed in meta.json and missing").await;
        put(&bucket, &format!("{A}/index"), "the index").await;
        let faults = Faults {
            truncations_permille: 1000,
            ..Faults::default()
        };
        let (broken, _) = faulty(&bucket, faults);
        let error = download(&broken, id(A), &into, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        download(&bucket, id(A), &into, 2).await.unwrap();
        std::fs::remove_dir_all(&into).unwrap();
    }
}

#[tokio::test]
async fn a_deletion_takes_the_meta_first_and_the_mark_last_wherever_it_stops() {
    let scratch = tempfile::tempdir().unwrap();
    let (a, b) = (
        local_block(scratch.path(), A),
        local_block(scratch.path(), B),
    );
    for bucket in buckets(scratch.path()) {
        upload(&bucket, &b, &options(false)).await.unwrap();
        for stop in 0..=5 {
            upload(&bucket, &a, &options(false)).await.unwrap();
            mark::put(&bucket, &mark_of(A)).await.unwrap();
            let faults = Faults {
                dead_after_changes: Some(stop),
                ..Faults::default()
            };
            let (broken, _) = faulty(&bucket, faults);
            let outcome = delete(&broken, id(A)).await;
            assert_eq!(outcome.is_ok(), stop == 5, "stop {stop}");
            let left = names(&bucket).await;
            let has = |name: &str| left.contains(&format!("{A}/{name}"));
            assert_eq!(has("meta.json"), stop == 0);
            assert_eq!(has(DeletionMark::KIND.file_name()), stop < 5);
            delete(&bucket, id(A)).await.unwrap();
            delete(&bucket, id(A)).await.unwrap();
            assert_eq!(names(&bucket).await.len(), 4, "the other block stays");
        }
        if let Some(root) = bucket.local_root() {
            let dir = root.join(A);
            std::fs::create_dir_all(dir.join("chunks")).unwrap();
            std::fs::write(dir.join("chunks/000001#1"), "left by a kill").unwrap();
            delete(&bucket, id(A)).await.unwrap();
            assert!(!dir.exists());
        }
    }
}

const CRASH_DIR: &str = "STRATAL_TEST_CRASH_DIR";

/// Runs this test again in a process that aborts before its nth change.
#[tokio::test]
async fn a_killed_upload_leaves_nothing_visible_and_only_what_can_be_removed() {
    if let Some(scratch) = std::env::var_os(CRASH_DIR).map(PathBuf::from) {
        let bucket = Bucket::open_local(&scratch.join("bucket"), "").unwrap();
        let (bucket, _) = faulty(&bucket, abort_from_env());
        upload(&bucket, &scratch.join(A), &options(false))
            .await
            .unwrap();
        return;
    }
    let mut nth = 1;
    loop {
        let scratch = tempfile::tempdir().unwrap();
        let dir = local_block(scratch.path(), A);
        std::fs::write(dir.join("index"), vec![7; 17 << 20]).unwrap();
        let root = scratch.path().join("bucket");
        std::fs::create_dir(&root).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bucket::tests::moving::a_killed_upload_leaves_nothing_visible_and_only_what_can_be_removed"])
            .env(CRASH_DIR, scratch.path())
            .env(ABORT_VARIABLE, nth.to_string())
            .output()
            .unwrap()
            .status;
        let bucket = Bucket::open_local(&root, "").unwrap();
        assert_eq!(bucket.has_block(id(A)).await.unwrap(), status.success());
        if status.success() {
            assert_eq!(nth, 7, "two segments, two parts and their end, the meta");
            break;
        }
        let removed = remove_leftovers(&root, Millis::MAX).unwrap();
        assert_eq!(
            removed.len(),
            usize::from((3..=5).contains(&nth)),
            "{removed:?}"
        );
        upload(&bucket, &dir, &options(false)).await.unwrap();
        nth += 1;
    }
}
