//! A machine that dies at any change to the bucket: nothing is lost, and the next run completes.
//!
//! After the death every visible block is whole, and every source is in a block that no mark names.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::id::BlockId;
use tsdb::testing::faulty_store::Faults;
use tsdb::time::Millis;

use crate::bucket::{TestBucket, marked, metas};

/// What must hold whenever anybody looks.
pub(crate) fn check_invariants(
    objects: &BTreeMap<String, Vec<u8>>,
    sources: &BTreeSet<BlockId>,
    place: &str,
) {
    let doomed = marked(objects, "deletion-mark.json");
    let mut safe = BTreeSet::new();
    for (id, meta) in metas(objects) {
        for file in &meta.thanos.as_ref().unwrap().files {
            let have = objects
                .get(&format!("{id}/{}", file.rel_path))
                .map(|bytes| bytes.len() as u64);
            let whole = have.is_some() && (file.size_bytes.is_none() || file.size_bytes == have);
            assert!(whole, "{place}: {id}/{} of a visible block", file.rel_path);
        }
        if !doomed.contains(&id) {
            safe.extend(meta.compaction.sources);
        }
    }
    assert_eq!(&safe, sources, "{place}: sources in blocks that will stay");
}

/// A block by what is in it: sources, resolution, index, chunks.
type Content = (Vec<BlockId>, i64, Vec<u8>, Vec<u8>);

/// What a bucket holds, whatever its blocks are called.
fn outcome(objects: &BTreeMap<String, Vec<u8>>) -> BTreeSet<Content> {
    let doomed = marked(objects, "deletion-mark.json");
    let metas = metas(objects)
        .into_values()
        .filter(|meta| !doomed.contains(&meta.ulid));
    metas
        .map(|meta| {
            let file = |name: &str| objects[&format!("{}/{name}", meta.ulid)].clone();
            (
                meta.compaction.sources.clone(),
                meta.resolution().0,
                file("index"),
                file("chunks/000001"),
            )
        })
        .collect()
}

/// What is in the bucket, and where the blocks are made of it.
#[derive(PartialEq)]
enum Way {
    ThroughScratch,
    InBucket,
    Fused,
}

async fn check(delete_delay: Millis, way: Way) {
    let fill = async || {
        let bucket = TestBucket::new();
        match way {
            Way::Fused => bucket.fill_days().await,
            _ => bucket.fill_little().await,
        }
        bucket.store.set(Faults::default());
        let mut config = bucket.config();
        config.delete_delay = delete_delay;
        config.replica_labels = vec!["replica".into()];
        if way == Way::InBucket {
            config.scratch = None;
        }
        (bucket, config)
    };
    let (undisturbed, config) = fill().await;
    let sources: BTreeSet<_> = metas(&undisturbed.objects().await).into_keys().collect();
    undisturbed.run(config).await.unwrap();
    let changes = undisturbed.store.changes();
    let want = outcome(&undisturbed.objects().await);
    assert!(changes > 0, "a run without changes proves nothing");
    for at in 0..changes {
        let (bucket, config) = fill().await;
        bucket.store.set(Faults {
            dead_after_changes: Some(at),
            ..Faults::default()
        });
        // It fails, or it ends with failures in its report.
        drop(bucket.run(config.clone()).await);
        bucket.store.set(Faults::default());
        check_invariants(
            &bucket.objects().await,
            &sources,
            &format!("death after {at} changes"),
        );
        bucket.run(config).await.unwrap();
        let objects = bucket.objects().await;
        check_invariants(
            &objects,
            &sources,
            &format!("run after a death after {at} changes"),
        );
        assert_eq!(outcome(&objects), want, "death after {at} changes");
    }
}

#[tokio::test(start_paused = true)]
async fn death_at_any_change_loses_nothing() {
    check(Millis(48 * Millis::HOUR.0), Way::ThroughScratch).await;
}

#[tokio::test(start_paused = true)]
async fn death_at_any_change_loses_nothing_where_blocks_grow_in_the_bucket() {
    check(Millis(48 * Millis::HOUR.0), Way::InBucket).await;
}

#[tokio::test(start_paused = true)]
async fn death_at_any_change_loses_nothing_where_blocks_are_deleted_at_once() {
    check(Millis(0), Way::ThroughScratch).await;
}

#[tokio::test(start_paused = true)]
async fn death_at_any_change_loses_nothing_where_a_merge_is_downsampled_on_the_way() {
    check(Millis(48 * Millis::HOUR.0), Way::Fused).await;
}
