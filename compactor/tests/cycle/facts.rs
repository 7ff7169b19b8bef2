//! What a run does, and what it leaves alone.
//!
//! One fact a test; the buckets are those of [`super::bucket`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compactor::stop::Stop;
use compactor::{Compactor, Metrics, Outcome, World, cycle};
use tsdb::meta::BlockMeta;
use tsdb::testing::faulty_store::{Faults, Op, When};
use tsdb::time::Millis;

use crate::bucket::{Objects, TestBucket, Ticks, marked, metas};

#[tokio::test]
async fn full_windows_become_one_block_each_and_sources_are_marked() {
    let bucket = TestBucket::filled().await;
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Done, "{report:?}");
    let objects = bucket.objects().await;
    assert_eq!(metas(&objects).len(), 10 + 2);
    assert_eq!(marked(&objects, "deletion-mark.json").len(), 8);
    let again = bucket.run(bucket.config()).await.unwrap();
    assert!(
        again.jobs.is_empty() && again.marked.is_empty(),
        "{again:?}"
    );
    assert_eq!(
        bucket.objects().await,
        objects,
        "a second run changes nothing"
    );
}

#[tokio::test]
async fn replicas_become_one_block_where_their_label_is_named() {
    let bucket = TestBucket::filled().await;
    let mut config = bucket.config();
    config.replica_labels = vec!["replica".into()];
    bucket.run(config).await.unwrap();
    let objects = bucket.objects().await;
    let kept: Vec<_> = metas(&objects)
        .into_values()
        .filter(|meta| !marked(&objects, "deletion-mark.json").contains(&meta.ulid))
        .collect();
    // Eight hours of both replicas, and the last two hours of both.
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|meta| {
        meta.thanos
            .as_ref()
            .unwrap()
            .labels
            .get("replica")
            .is_empty()
    }));
}

#[tokio::test]
async fn damaged_block_is_fenced_and_the_rest_is_compacted() {
    let bucket = TestBucket::filled().await;
    let damaged = bucket.add(20, (2, 4), "c").await;
    for (number, hours) in [(21, (0, 2)), (22, (4, 6)), (23, (6, 8)), (24, (8, 10))] {
        bucket.add(number, hours, "c").await;
    }
    bucket.damage(damaged).await;
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::NeedsPerson);
    let [fenced] = report.fenced.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(fenced.block, Some(damaged));
    assert!(fenced.what.starts_with("chunks/000001"), "{fenced:?}");
    let objects = bucket.objects().await;
    for mark in ["no-compact-mark.json", "no-downsample-mark.json"] {
        assert_eq!(marked(&objects, mark), [damaged].into());
    }
    // Eight hours of a and b, and four to eight of c behind the damage.
    assert_eq!(report.jobs.len(), 3, "{:?}", report.jobs);
}

#[tokio::test]
async fn block_with_a_missing_object_is_fenced() {
    let bucket = TestBucket::filled().await;
    let block = bucket.add(30, (0, 2), "c").await;
    bucket.add(31, (2, 4), "c").await;
    bucket.add(32, (8, 10), "c").await;
    bucket.add(33, (10, 12), "c").await;
    bucket.delete(&format!("{block}/index")).await;
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.fenced.len(), 1, "{report:?}");
    assert!(report.fenced[0].what.contains("index"), "{report:?}");
}

#[tokio::test]
async fn overlaps_are_named_and_left_alone_and_the_rest_is_compacted() {
    let bucket = TestBucket::filled().await;
    let overlapping = bucket.add(40, (8, 10), "a").await;
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::NeedsPerson);
    assert!(
        report
            .attention
            .iter()
            .any(|finding| finding.block == Some(overlapping))
    );
    assert_eq!(
        report.jobs.len(),
        2,
        "the first eight hours of both replicas"
    );
    assert!(marked(&bucket.objects().await, "no-compact-mark.json").is_empty());
}

#[tokio::test(start_paused = true)]
async fn read_errors_are_tried_again_and_never_marked() {
    let bucket = TestBucket::filled().await;
    // Rare enough that a listing, which fails as a whole, can succeed.
    let nth = (3..400)
        .step_by(31)
        .map(|n| (Op::Get, n, When::Before))
        .collect();
    bucket.store.set(Faults {
        nth,
        ..Faults::default()
    });
    let report = bucket.run(bucket.config()).await.unwrap();
    assert!(
        report.fenced.is_empty() && report.failures.is_empty(),
        "{report:?}"
    );
    assert_eq!(report.jobs.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn answers_that_get_lost_change_nothing() {
    let bucket = TestBucket::filled().await;
    let nth = (1..60)
        .step_by(3)
        .map(|n| (Op::Put, n, When::After))
        .collect();
    bucket.store.set(Faults {
        nth,
        ..Faults::default()
    });
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Done, "{report:?}");
    assert_eq!(
        marked(&bucket.objects().await, "deletion-mark.json").len(),
        8
    );
}

/// A bucket after a run, and one of the blocks that it made.
async fn compacted() -> (TestBucket, Objects, BlockMeta) {
    let bucket = TestBucket::filled().await;
    bucket.run(bucket.config()).await.unwrap();
    let objects = bucket.objects().await;
    let mut made = metas(&objects).into_values();
    let made = made.find(|meta| meta.compaction.level == 2).unwrap();
    (bucket, objects, made)
}

#[tokio::test]
async fn superseding_block_that_is_not_whole_supersedes_nothing() {
    let (bucket, objects, made) = compacted().await;
    // As if the run had been killed before it marked the sources, and then a file of the result was lost.
    for block in marked(&objects, "deletion-mark.json") {
        bucket.delete(&format!("{block}/deletion-mark.json")).await;
    }
    bucket.delete(&format!("{}/chunks/000001", made.ulid)).await;
    let report = bucket.run(bucket.config()).await.unwrap();
    assert!(
        report
            .attention
            .iter()
            .any(|finding| finding.block == Some(made.ulid)),
        "{report:?}"
    );
    let marked = marked(&bucket.objects().await, "deletion-mark.json");
    assert!(
        made.compaction
            .sources
            .iter()
            .all(|source| !marked.contains(source))
    );
    assert_eq!(
        marked.len(),
        4,
        "the other result is whole and its sources go"
    );
}

/// Found by the simulation: a run died after the upload, the result rotted, and the next run trusted its size.
#[tokio::test]
async fn superseding_block_that_is_damaged_supersedes_nothing() {
    let (bucket, _, made) = compacted().await;
    for source in &made.compaction.sources {
        bucket.delete(&format!("{source}/deletion-mark.json")).await;
    }
    bucket.damage(made.ulid).await;
    for _ in 0..2 {
        let report = bucket.run(bucket.config()).await.unwrap();
        assert_eq!(report.outcome(), Outcome::NeedsPerson, "{report:?}");
        let objects = bucket.objects().await;
        assert!(marked(&objects, "no-compact-mark.json").contains(&made.ulid));
        let doomed = marked(&objects, "deletion-mark.json");
        let sources = &made.compaction.sources;
        assert!(sources.iter().all(|source| !doomed.contains(source)));
    }
}

#[tokio::test]
async fn job_that_does_not_fit_the_disk_fails_before_it_begins_and_smaller_ones_go_on() {
    let bucket = TestBucket::filled().await;
    // The same window in fewer blocks: a smaller job.
    bucket.add(50, (0, 2), "c").await;
    bucket.add(51, (2, 4), "c").await;
    bucket.add(52, (8, 10), "c").await;
    bucket.add(53, (10, 12), "c").await;
    let sizes = bucket.objects().await;
    let size_of = |block: tsdb::id::BlockId| -> u64 {
        let objects = sizes
            .iter()
            .filter(|(name, _)| name.starts_with(&block.to_string()));
        objects.map(|(_, bytes)| bytes.len() as u64).sum()
    };
    let small: u64 = metas(&sizes)
        .keys()
        .filter(|id| [50, 51].contains(&id.0.random()))
        .map(|&id| size_of(id))
        .sum();
    bucket.world.free_bytes.store(small * 2, Ordering::Relaxed);
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::Failed);
    assert_eq!(report.jobs.len(), 1, "{:?}", report.jobs);
    assert_eq!(report.jobs[0].bytes_read, small);
    assert_eq!(report.failures.len(), 2, "the larger jobs");
    for failure in &report.failures {
        assert!(failure.what.contains("are free; free some"), "{failure:?}");
    }
    // Where nothing fits, nothing changes.
    let bucket = TestBucket::filled().await;
    let before = bucket.objects().await;
    bucket.world.free_bytes.store(0, Ordering::Relaxed);
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!((report.jobs.len(), report.failures.len()), (0, 2));
    assert_eq!(bucket.objects().await, before);
}

#[tokio::test]
async fn wish_to_stop_ends_a_run_before_it_changes_anything() {
    let bucket = TestBucket::filled().await;
    let before = bucket.objects().await;
    let world: Arc<dyn World> = Arc::<Ticks>::clone(&bucket.world);
    let mut compactor = Compactor::begin(
        bucket.bucket(),
        bucket.config(),
        world,
        Metrics::default(),
        "test",
    )
    .unwrap();
    compactor.stop = Stop::new(Arc::new(AtomicBool::new(true)));
    let report = cycle::run(&compactor).await.unwrap();
    assert!(report.stopped);
    assert_eq!(bucket.objects().await, before);
}

#[tokio::test]
async fn marked_blocks_go_after_the_delay() {
    let bucket = TestBucket::filled().await;
    let mut config = bucket.config();
    config.delete_delay = Millis(0);
    let report = bucket.run(config).await.unwrap();
    assert_eq!(report.deleted.len(), 8);
    let objects = bucket.objects().await;
    assert_eq!(metas(&objects).len(), 4);
    assert!(marked(&objects, "deletion-mark.json").is_empty());
}
