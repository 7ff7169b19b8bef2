//! Each fault of a store ends in success after retries or in a typed error; nothing is lost, no half block is visible.

use std::time::Duration;

use hyper::Method;

use crate::run::{self, Way, fill, replicas, sources, visible};
use crate::stores::s3::{S3Store, SECRET_KEY};
use crate::stores::server::Fault;

/// Faults that retries outlast.
const FEW: usize = 3;
/// Faults that they do not.
const MANY: usize = 10_000;

fn any(_: &Method, _: &str) -> bool {
    true
}
fn reads(method: &Method, _: &str) -> bool {
    method == Method::GET
}
fn writes(method: &Method, _: &str) -> bool {
    method == Method::PUT
}
fn objects_read(method: &Method, uri: &str) -> bool {
    method == Method::GET && !uri.contains("list-type")
}
fn lists(method: &Method, uri: &str) -> bool {
    method == Method::GET && uri.contains("list-type")
}
fn deletes(method: &Method, _: &str) -> bool {
    method == Method::DELETE
}
fn metas_written(method: &Method, uri: &str) -> bool {
    method == Method::PUT && uri.contains("meta.json")
}
fn indexes_written(method: &Method, uri: &str) -> bool {
    method == Method::PUT && uri.contains("/index")
}

/// Compacts through a disk and through the faults; then without, and everything must be there.
async fn check(fault: Fault, times: usize, fits: fn(&Method, &str) -> bool) {
    check_by(Way::Disk, fault, times, fits).await;
}

/// The same by one way or the other, which must not even make the directory for scratch.
async fn check_by(way: Way, fault: Fault, times: usize, fits: fn(&Method, &str) -> bool) {
    let store = S3Store::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    let all = sources(&store.objects.lock().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let yaml = store.yaml("  max_retries: 5\n  http_config: {response_header_timeout: 1s}\n");
    store.server.plan(fault, times, fits);
    let ended = run::run_compact_by(way, dir.path(), &yaml).await;
    let what = format!("{way:?}, {fault:?} x {times}\n{}", ended.stderr);
    assert_eq!(way == Way::Disk, dir.path().join("data").exists(), "{what}");
    assert!(store.server.heal() > 0, "nothing met the fault {what}");
    assert!(!ended.stderr.contains(SECRET_KEY), "{what}");
    if times == FEW {
        assert_eq!(ended.code, Some(0), "{what}");
    } else {
        assert_eq!(ended.code, Some(1), "{what}");
        assert!(
            ended.stderr.contains("level=error") || ended.stderr.contains("level=warn"),
            "{what}"
        );
    }
    assert_eq!(
        sources(&store.objects.lock().unwrap()),
        all,
        "lost after {what}"
    );
    run::run_compact(dir.path(), &yaml).await.well();
    let objects = store.objects.lock().unwrap();
    assert_eq!(sources(&objects), all, "lost in the end, after {what}");
    let unmarked: Vec<_> = visible(&objects)
        .into_iter()
        .filter(|meta| {
            let mark = format!("{}/deletion-mark.json", meta["ulid"].as_str().unwrap());
            !objects.all.contains_key(&mark)
        })
        .collect();
    assert_eq!(
        unmarked.len(),
        2,
        "two hours each, after {what}\n{unmarked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_store_are_outlasted() {
    check(Fault::Refuse(500, "InternalError"), FEW, any).await;
    check(Fault::Refuse(503, "SlowDown"), FEW, writes).await;
    check(Fault::Refuse(503, "SlowDown"), FEW, lists).await;
    check(Fault::Refuse(500, "InternalError"), FEW, deletes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_outlasted() {
    check(Fault::LoseAnswer, FEW, writes).await;
    check(Fault::LoseAnswer, FEW, deletes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_are_outlasted() {
    check(Fault::Cut, FEW, any).await;
    check(Fault::Cut, FEW, writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_bodies_are_outlasted() {
    check(Fault::Truncate, FEW, objects_read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_byte_that_is_late_is_asked_for_again() {
    check(Fault::Slow(Duration::from_secs(3)), FEW, reads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_broken_is_an_error_and_loses_nothing() {
    check(Fault::Refuse(500, "InternalError"), MANY, metas_written).await;
    check(Fault::Refuse(403, "AccessDenied"), MANY, indexes_written).await;
    check(Fault::Refuse(500, "InternalError"), MANY, lists).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_grow_in_the_bucket_outlast_what_passes() {
    for (fault, fits) in [
        (
            Fault::Refuse(500, "InternalError"),
            any as fn(&Method, &str) -> bool,
        ),
        (Fault::Refuse(503, "SlowDown"), writes),
        (Fault::LoseAnswer, writes),
        (Fault::Cut, any),
        (Fault::Truncate, objects_read),
    ] {
        check_by(Way::Bucket, fault, FEW, fits).await;
    }
    let denied = Fault::Refuse(403, "AccessDenied");
    check_by(Way::Bucket, denied, MANY, indexes_written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_list_is_never_taken_for_the_whole() {
    // Whether the answer is success or an error depends on who asked; that nothing is lost does not.
    let store = S3Store::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    let all = sources(&store.objects.lock().unwrap());
    let dir = tempfile::tempdir().unwrap();
    store.server.plan(Fault::Truncate, FEW, lists);
    run::run_compact(dir.path(), &store.yaml("")).await;
    assert!(store.server.heal() > 0);
    assert_eq!(sources(&store.objects.lock().unwrap()), all);
    run::run_compact(dir.path(), &store.yaml("")).await.well();
    assert_eq!(sources(&store.objects.lock().unwrap()), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_lists_lose_nothing() {
    let store = S3Store::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    let all = sources(&store.objects.lock().unwrap());
    {
        let mut objects = store.objects.lock().unwrap();
        objects.stale = Some(objects.all.clone());
    }
    let dir = tempfile::tempdir().unwrap();
    // It sees nothing of what it does itself; whatever it makes of that, no sample may go.
    run::run_compact(dir.path(), &store.yaml("")).await;
    assert_eq!(sources(&store.objects.lock().unwrap()), all);
    store.objects.lock().unwrap().stale = None;
    run::run_compact(dir.path(), &store.yaml("")).await.well();
    assert_eq!(sources(&store.objects.lock().unwrap()), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_conditions_are_found_out_and_said() {
    for (ignores, line, metric) in [
        (
            false,
            "bucket honours conditional writes",
            "conditional_put_honoured{bucket=\"metrics\"} 1",
        ),
        (
            true,
            "bucket ignores conditional writes",
            "conditional_put_honoured{bucket=\"metrics\"} 0",
        ),
    ] {
        let store = S3Store::start().await;
        let inputs = replicas().await;
        fill(&mut store.objects.lock().unwrap(), &inputs);
        store.objects.lock().unwrap().ignores_conditions = ignores;
        let all = sources(&store.objects.lock().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let ended = run::run_compact(dir.path(), &store.yaml("")).await.well();
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
        let metrics = std::fs::read_to_string(dir.path().join("metrics")).unwrap();
        assert!(metrics.contains(metric), "{metrics}");
        let uploads =
            "thanos_objstore_bucket_operations_total{bucket=\"metrics\",operation=\"upload\"}";
        assert!(
            metrics
                .lines()
                .any(|line| line.starts_with(uploads) && !line.ends_with(" 0")),
            "{metrics}"
        );
        let objects = store.objects.lock().unwrap();
        assert_eq!(sources(&objects), all);
        assert!(
            !objects.all.keys().any(|key| key.contains("stratal-probe")),
            "the probe is gone"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_and_not_told() {
    let store = S3Store::start().await;
    let yaml = store.yaml("").replace(SECRET_KEY, "some-other-secret");
    let ended = run::run(&["bucket", "ls"], &yaml).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("SignatureDoesNotMatch"),
        "{}",
        ended.stderr
    );
    for secret in [SECRET_KEY, "some-other-secret"] {
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
    let ended = run::run(
        &["bucket", "ls"],
        &store.yaml("").replace("bucket: metrics", "bucket: nobody"),
    )
    .await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("NoSuchBucket"), "{}", ended.stderr);
}
