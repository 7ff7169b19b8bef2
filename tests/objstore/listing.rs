//! A bucket that is shared with others: foreign keys of every kind, in numbers, and markers of directories.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::run::{self, Way, fill, replicas, sources};
use crate::stores::gcs::GcsStore;
use crate::stores::objects::Objects;
use crate::stores::s3::S3Store;
use crate::stores::server::Server;

/// Objects that are no blocks.
const FOREIGN: usize = 100_000;

fn add_foreign(objects: &mut Objects) {
    let odd = [
        "..",
        "../x",
        "a/../b",
        ".",
        "./a",
        "a//b",
        "/",
        "//",
        "/a",
        "a/",
        "a/b/",
        "caf\u{e9}/x",
        "a b+c%2F",
        "a&b<c>",
        "01M81G2QM13JXB48206473Z8Z0//meta.json",
        "/01M81G2QM13JXB48206473Z8Z0/meta.json",
        "debug/metas/x.json",
    ];
    for key in odd {
        objects.put(key, Bytes::from_static(b"x"), false).unwrap();
    }
}

async fn check(yaml: &str, server: &Server, lists_of_many: usize) {
    for strategy in ["concurrent", "recursive"] {
        let dir = tempfile::tempdir().unwrap();
        server.take_requests();
        let mut arguments = run::compact(dir.path(), Way::Disk);
        arguments.push(format!("--block-discovery-strategy={strategy}"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run::run(&arguments, yaml).await.well();
        let requests = server.take_requests();
        let lists = requests
            .iter()
            .filter(|request| request.contains("list-type"))
            .count();
        if strategy == "concurrent" {
            assert!(lists < lists_of_many, "{lists} lists");
        }
    }
    let listed = run::run(&["bucket", "ls"], yaml).await.well();
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    run::run(&["bucket", "verify"], yaml).await.well();
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_are_no_obstacle_on_s3() {
    let store = S3Store::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    add_foreign(&mut store.objects.lock().unwrap());
    let all = sources(&store.objects.lock().unwrap());
    let before: BTreeMap<String, u64> = foreign(&store.objects.lock().unwrap());
    check(&store.yaml(""), &store.server, 100).await;
    assert_eq!(sources(&store.objects.lock().unwrap()), all);
    assert_eq!(
        foreign(&store.objects.lock().unwrap()),
        before,
        "foreign objects are left alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_are_no_obstacle_on_gcs() {
    let store = GcsStore::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    add_foreign(&mut store.objects.lock().unwrap());
    let before = foreign(&store.objects.lock().unwrap());
    check(&store.yaml(), &store.server, 100).await;
    assert_eq!(foreign(&store.objects.lock().unwrap()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_foreign_objects_cost_one_list_of_their_directory() {
    let store = GcsStore::start().await;
    let inputs = replicas().await;
    fill(&mut store.objects.lock().unwrap(), &inputs);
    {
        let mut objects = store.objects.lock().unwrap();
        for at in 0..FOREIGN {
            objects
                .put(&format!("logs/{:03}/{at}", at % 500), Bytes::new(), false)
                .unwrap();
        }
    }
    let listed = run::run(&["bucket", "ls"], &store.yaml()).await.well();
    assert_eq!(listed.stdout.lines().count(), 4);
    let requests = store.server.take_requests();
    let lists: Vec<_> = requests
        .iter()
        .filter(|request| request.contains("list-type"))
        .collect();
    assert_eq!(lists.len(), 1, "{lists:?}");
    // Where they lie at the root, their names have to be seen: a page for each thousand, and nothing else.
    {
        let mut objects = store.objects.lock().unwrap();
        for at in 0..FOREIGN {
            objects.put(&format!("x{at}"), Bytes::new(), false).unwrap();
        }
    }
    run::run(&["bucket", "ls"], &store.yaml()).await.well();
    let requests = store.server.take_requests();
    let lists = requests
        .iter()
        .filter(|request| request.contains("list-type"))
        .count();
    assert_eq!(lists, FOREIGN / 1000 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_of_directories_go_with_their_block() {
    let store = S3Store::start().await;
    let inputs = replicas().await;
    {
        let mut objects = store.objects.lock().unwrap();
        fill(&mut objects, &inputs);
        let blocks: Vec<String> = sources(&objects).into_iter().collect();
        for block in blocks {
            objects
                .put(&format!("{block}/"), Bytes::new(), false)
                .unwrap();
            objects
                .put(&format!("{block}/chunks/"), Bytes::new(), false)
                .unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    run::run_compact(dir.path(), &store.yaml("")).await.well();
    run::run_compact(dir.path(), &store.yaml("")).await.well();
    let objects = store.objects.lock().unwrap();
    let inputs_left = objects
        .all
        .keys()
        .filter(|key| inputs.contains_key(*key) || key.ends_with('/'))
        .count();
    assert_eq!(inputs_left, 0, "{:?}", objects.all.keys());
}

/// Generations of everything that is in no block.
fn foreign(objects: &Objects) -> BTreeMap<String, u64> {
    let is_foreign = |key: &str| {
        let name = key.split('/').next().unwrap_or_default();
        tsdb::id::BlockId::parse(name).is_err() || key.contains("//")
    };
    let all = objects.all.iter().filter(|(key, _)| is_foreign(key));
    all.map(|(key, object)| (key.clone(), object.generation))
        .collect()
}
