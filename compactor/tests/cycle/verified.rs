//! A new block is what was read, or it is not published; and it says of itself what it amounts to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use compactor::Outcome;
use serde_json::Value;
use tsdb::block::check::{Files, Findings, check as check_block};
use tsdb::id::BlockId;
use tsdb::merge::tally::Tally;
use tsdb::meta::BlockMeta;

use crate::bucket::{TestBucket, marked, metas};

const SEGMENT: &str = "chunks/000001";

fn change(file: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

/// Both groups have a window to compact; the first block that is written is damaged.
async fn check(damage: fn(&Path), fact: &str) {
    let bucket = TestBucket::filled().await;
    let before = bucket.objects().await;
    *bucket.world.damage.lock().unwrap() = Some(damage);
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!(report.outcome(), Outcome::NeedsPerson, "{report:?}");
    let [finding] = report.attention.as_slice() else {
        panic!("{report:?}");
    };
    assert!(finding.what.contains(fact), "{finding:?}, want {fact}");
    assert!(finding.what.contains("block 0"), "{finding:?}");
    assert_eq!(report.jobs.len(), 1, "the other group goes on");
    let objects = bucket.objects().await;
    let made = report.jobs[0].output.unwrap();
    let new: Vec<BlockId> = metas(&objects)
        .into_keys()
        .filter(|id| !metas(&before).contains_key(id))
        .collect();
    assert_eq!(new, [made], "nothing else is published");
    let sources: Vec<BlockId> = marked(&objects, "deletion-mark.json").into_iter().collect();
    assert_eq!(sources, metas(&objects)[&made].compaction.sources);
    // With an honest disk, the next run does what this one did not.
    let report = bucket.run(bucket.config()).await.unwrap();
    assert_eq!((report.outcome(), report.jobs.len()), (Outcome::Done, 1));
}

#[tokio::test]
async fn what_is_not_what_was_read_is_never_published() {
    check(
        |block| change(&block.join(SEGMENT), |bytes| bytes[40] ^= 1),
        "series {__name__=\"down\"}",
    )
    .await;
    check(
        |block| {
            change(&block.join(SEGMENT), |bytes| {
                bytes.truncate(bytes.len() - 1);
            });
        },
        "series {__name__=\"up\"}",
    )
    .await;
    check(
        |block| change(&block.join(SEGMENT), |bytes| bytes.push(0)),
        "its last record ends at",
    )
    .await;
    check(
        |block| change(&block.join("index"), |bytes| bytes[60] ^= 1),
        "checksum",
    )
    .await;
    check(
        |block| fs::remove_file(block.join(SEGMENT)).unwrap(),
        "segment",
    )
    .await;
}

fn findings(objects: &BTreeMap<String, Vec<u8>>, meta: &BlockMeta) -> Findings {
    let file = |name: &str| objects[&format!("{}/{name}", meta.ulid)].as_slice();
    let segments = [("000001".to_owned(), file(SEGMENT))];
    let files = Files {
        meta: Some(meta),
        index: Some(file("index")),
        segments: &segments,
        tombstones: None,
    };
    check_block(files).1
}

#[tokio::test]
async fn a_new_block_says_what_it_amounts_to_and_verification_believes_nothing_else() {
    let bucket = TestBucket::filled().await;
    let report = bucket.run(bucket.config()).await.unwrap();
    let objects = bucket.objects().await;
    for made in report.jobs.iter().filter_map(|job| job.output) {
        let mut meta = metas(&objects).remove(&made).unwrap();
        let tally = Tally::of(&meta).unwrap();
        let stats = meta.stats;
        assert_eq!(
            (tally.series, tally.chunks, tally.samples),
            (stats.num_series, stats.num_chunks, stats.num_samples)
        );
        assert!(findings(&objects, &meta).is_empty());
        let stored = |meta: &mut BlockMeta, change: &dyn Fn(&mut Value)| {
            let part = meta.thanos.as_mut().unwrap();
            change(&mut part.extensions.as_mut().unwrap()["stratal"]);
        };
        stored(&mut meta, &|tally| tally["checksum"] = "0".into());
        let found = findings(&objects, &meta).list;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].fact.contains("not what its writer tallied"),
            "{found:?}"
        );
        // Thanos copies it into blocks that are made of this one.
        stored(&mut meta, &|tally| {
            tally["ulid"] = "00000000000000000000000001".into();
        });
        assert!(findings(&objects, &meta).is_empty());
    }
}
