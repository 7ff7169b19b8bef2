//! Generate, upload, compact with deduplication, downsample, verify: on moto, Azurite, MinIO and a fake of Google's.

use std::time::Duration;

use object_store::ObjectStoreExt as _;
use object_store::prefix::PrefixStore;

use crate::run::{self, Way, stratal};
use crate::stores::gcs::GcsStore;
use crate::stores::peers::{AZURITE_ACCOUNT, AZURITE_KEY, Kind, MINIO_KEYS, Peer, start};
use crate::stores::s3::S3Store;

fn s3_yaml(port: u16, keys: (&str, &str), lines: &str) -> String {
    format!(
        "type: S3\nconfig:\n  bucket: metrics\n  endpoint: 127.0.0.1:{port}\n  insecure: true\n  access_key: {}\n  secret_key: {}\n{lines}",
        keys.0, keys.1
    )
}

/// The demo does all of it and checks every sample; then the tools look.
async fn everything(yaml: &str) {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("demo").display().to_string();
    let demo = run::run(&["demo", "--small", "--dir", &work], yaml)
        .await
        .well();
    assert!(demo.stdout.contains("checked: "), "{}", demo.stdout);
    let verified = run::run(&["bucket", "verify"], yaml).await.well();
    assert!(
        verified.stderr.contains("findings=0"),
        "{}",
        verified.stderr
    );
    let listed = run::run(&["bucket", "ls"], yaml).await.well();
    let block = listed.stdout.lines().next().unwrap().to_owned();
    run::run(&["bucket", "inspect"], yaml).await.well();
    // A mark, its removal, and the removal of what is gone already.
    for more in [&["--details=test"][..], &["--remove"], &["--remove"]] {
        let mut arguments = vec![
            "tools",
            "bucket",
            "mark",
            "--marker=no-compact-mark.json",
            "--id",
            &block,
        ];
        arguments.extend(more);
        run::run(&arguments, yaml).await.well();
    }
    // Nothing is due any more, and deleting twice is deleting.
    let scratch = tempfile::tempdir().unwrap();
    run::run_compact(scratch.path(), yaml).await.well();
    run::run(&["bucket", "cleanup", "--delete-delay=0s"], yaml)
        .await
        .well();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_our_own_s3_and_parts_are_as_large_as_asked() {
    let store = S3Store::start().await;
    everything(&store.yaml("  part_size: 8388608\nprefix: team/a\n")).await;
    let objects = store.objects.lock().unwrap();
    assert!(objects.all.keys().all(|key| key.starts_with("team/a/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_the_fake_of_googles() {
    let store = GcsStore::start().await;
    everything(&store.yaml()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_moto() {
    let Some(moto) = start(Kind::Moto) else {
        return;
    };
    let created = reqwest_put(&format!("http://127.0.0.1:{}/metrics", moto.port)).await;
    assert_eq!(created, 200);
    everything(&s3_yaml(moto.port, ("any", "pair"), "")).await;
}

/// What TLS needs before the first client, as the binary does; another test may have been first.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn reqwest_put(url: &str) -> u16 {
    install_provider();
    reqwest::Client::new()
        .put(url)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_azurite_where_the_container_is_made() {
    let Some(azurite) = start(Kind::Azurite) else {
        return;
    };
    let yaml = format!(
        "type: AZURE\nconfig:\n  storage_account: {AZURITE_ACCOUNT}\n  container: metrics\n  storage_connection_string: AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};BlobEndpoint=http://127.0.0.1:{}/{AZURITE_ACCOUNT}\n",
        azurite.port
    );
    everything(&yaml).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_minio() {
    let Some(minio) = start(Kind::Minio) else {
        return;
    };
    everything(&s3_yaml(minio.port, MINIO_KEYS, "prefix: demo\n")).await;
    killed_in_the_middle(&minio).await;
}

/// Kills compactions at every turn, as the kernel would: what is visible is whole and has every source. The last one is let
/// alone.
async fn killed_in_the_middle(minio: &Peer) {
    let yaml = s3_yaml(minio.port, MINIO_KEYS, "prefix: killed\n");
    install_provider();
    let store = object_store::aws::AmazonS3Builder::new()
        .with_bucket_name("metrics")
        .with_endpoint(format!("http://127.0.0.1:{}", minio.port))
        .with_allow_http(true)
        .with_access_key_id(MINIO_KEYS.0)
        .with_secret_access_key(MINIO_KEYS.1)
        .build()
        .unwrap();
    let store = PrefixStore::new(store, "killed");
    for (key, bytes) in run::replicas().await {
        let path = object_store::path::Path::from(key);
        store.put(&path, bytes.into()).await.unwrap();
    }
    let all = run::sources(&run::contents(&store).await);
    let dir = tempfile::tempdir().unwrap();
    let both = [Way::Disk, Way::Bucket].into_iter().cycle();
    for (millis, way) in (10..=400).step_by(30).zip(both) {
        let arguments = run::compact(dir.path(), way);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut child = stratal(&arguments, &yaml)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        // SIGKILL; it may have ended before.
        drop(child.kill());
        child.wait().unwrap();
        let left = run::sources(&run::contents(&store).await);
        assert_eq!(left, all, "after {millis} ms");
        let verified = run::run(&["bucket", "verify"], &yaml).await;
        let is_sound = verified.stderr.contains("damaged=false");
        assert!(is_sound, "after {millis} ms: {}", verified.stderr);
    }
    run::run_compact_by(Way::Bucket, dir.path(), &yaml)
        .await
        .well();
    // Delay is zero, so the next run deletes what is marked.
    run::run_compact(dir.path(), &yaml).await.well();
    let listed = run::run(&["bucket", "ls"], &yaml).await.well();
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    assert_eq!(run::sources(&run::contents(&store).await), all);
}
