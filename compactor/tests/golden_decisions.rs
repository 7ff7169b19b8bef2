//! Decisions against those of the real Thanos: planner, filters, retention, partial uploads, downsampling due.
//!
//! Each line of the golden files is one case; what is checked is a rule, not a list of names.

use std::collections::BTreeSet;
use std::time::Duration;

use compactor::plan::{Candidate, Plan, Planner};
use compactor::{downsample_due, partial, retention};
use serde_json::Value;
use tsdb::bucket::filter;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, Resolution, ThanosMeta};
use tsdb::testing::golden::json_lines;
use tsdb::time::Millis;

/// Some point in time; all ages count from it.
const NOW: Millis = Millis(1_800_000_000_000);

fn id(value: &Value) -> BlockId {
    BlockId::parse(value.as_str().expect("a ULID is a string")).expect("golden ULIDs are sound")
}

fn ids(value: &Value) -> Vec<BlockId> {
    value
        .as_array()
        .map_or_else(Vec::new, |ids| ids.iter().map(id).collect())
}

fn int(value: &Value) -> i64 {
    value.as_i64().expect("an integer")
}

fn labels(value: &Value) -> Labels {
    let object = value.as_object().expect("labels are an object");
    Labels::from_pairs(
        object
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("text"))),
    )
}

fn meta(value: &Value) -> BlockMeta {
    let count = |key: &str| value[key].as_u64().unwrap_or_default();
    let mut meta = BlockMeta {
        ulid: id(&value["ulid"]),
        min_time: Millis(value["mint"].as_i64().unwrap_or_default()),
        max_time: Millis(value["maxt"].as_i64().unwrap_or_default()),
        thanos: Some(ThanosMeta {
            resolution: Resolution(int(&value["resolution"])),
            labels: value.get("labels").map_or_else(Labels::default, labels),
            ..ThanosMeta::default()
        }),
        ..BlockMeta::default()
    };
    meta.stats.num_series = count("num_series");
    meta.stats.num_tombstones = count("num_tombstones");
    meta.compaction.failed = value["failed"].as_bool().unwrap_or_default();
    meta.compaction.sources = ids(&value["sources"]);
    meta
}

fn metas(case: &Value) -> Vec<BlockMeta> {
    case["metas"]
        .as_array()
        .expect("metas are a list")
        .iter()
        .map(meta)
        .collect()
}

#[test]
fn golden_planners_plan_and_mark_as_thanos_does() {
    for case in json_lines("blocks/planner.jsonl") {
        let levels: Vec<_> = case["ranges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|width| Millis(int(width)))
            .collect();
        let metas = metas(&case);
        let candidates: Vec<_> = metas
            .iter()
            .zip(case["metas"].as_array().unwrap())
            .map(|(meta, value)| Candidate {
                meta,
                no_compact: value["no_compact"].as_bool().unwrap_or_default(),
                index_size_bytes: value["index_size"].as_u64().unwrap(),
            })
            .collect();
        let limit = case["index_limit"].as_u64();
        let check = |name: &str, limit: Option<u64>, vertical: Vertical| {
            let got = vertical.plan(&levels, limit, &candidates);
            let want = &case[name];
            assert_eq!(got.blocks, ids(&want["plan"]), "{} {name}", case["name"]);
            let marked: Vec<_> = got.exclusions.iter().map(|one| one.block).collect();
            assert_eq!(
                marked,
                ids(&want["marked_no_compact"]),
                "{} {name} marks",
                case["name"]
            );
            let reasons: Vec<_> = got
                .exclusions
                .iter()
                .map(|one| one.reason.as_str())
                .collect();
            let wanted = want["mark_reasons"].as_array().cloned().unwrap_or_default();
            assert_eq!(reasons, wanted, "{} {name} reasons", case["name"]);
        };
        check("tsdb", None, Vertical::OverlapsMergedWhateverTheResolution);
        check(
            "large_index",
            limit,
            Vertical::OverlapsMergedWhateverTheResolution,
        );
        check("vertical_downsample", limit, Vertical::DownsampledKeptOut);
    }
}

/// Which of Thanos' planners is meant.
enum Vertical {
    /// Its inner ones, which do not know about downsampling.
    OverlapsMergedWhateverTheResolution,
    /// The outermost.
    DownsampledKeptOut,
}

impl Vertical {
    fn plan(&self, levels: &[Millis], limit: Option<u64>, group: &[Candidate<'_>]) -> Plan {
        let planner = Planner {
            levels,
            index_limit_bytes: limit,
            vertical: true,
        };
        match self {
            Self::DownsampledKeptOut => planner.plan(group),
            Self::OverlapsMergedWhateverTheResolution => {
                let raw: Vec<_> = group
                    .iter()
                    .map(|block| BlockMeta {
                        thanos: None,
                        ..block.meta.clone()
                    })
                    .collect();
                let group: Vec<_> = group
                    .iter()
                    .zip(&raw)
                    .map(|(block, meta)| Candidate { meta, ..*block })
                    .collect();
                planner.plan(&group)
            }
        }
    }
}

#[test]
fn golden_duplicates_are_those_of_thanos() {
    for case in json_lines("blocks/dedupfilter.jsonl") {
        let metas = metas(&case);
        let got: BTreeSet<_> = filter::duplicates(&metas.iter().collect::<Vec<_>>())
            .into_iter()
            .collect();
        let want: BTreeSet<_> = ids(&case["removed"]).into_iter().collect();
        assert_eq!(got, want, "{}", case["name"]);
    }
}

#[test]
fn golden_blocks_due_for_downsampling_are_those_of_thanos() {
    for case in json_lines("blocks/downsample_select.jsonl") {
        let metas = metas(&case);
        let marks = case["metas"].as_array().unwrap().iter();
        let open: Vec<_> = metas
            .iter()
            .zip(marks)
            .filter(|(_, value)| !value["no_downsample"].as_bool().unwrap_or_default())
            .map(|(meta, _)| meta)
            .collect();
        let got: BTreeSet<_> = downsample_due::due(&open)
            .iter()
            .map(|due| (due.block, due.to))
            .collect();
        let want: BTreeSet<_> = case["selected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (id(&one["ulid"]), Resolution(int(&one["to"]))))
            .collect();
        assert_eq!(got, want, "{}", case["name"]);
    }
}

#[test]
fn golden_retention_marks_what_thanos_marks() {
    for case in json_lines("blocks/retention.jsonl") {
        let keep = |name: &str| Duration::from_millis(case["retention_ms"][name].as_u64().unwrap());
        let retention = retention::Retention {
            raw: keep("raw"),
            five_minutes: keep("5m"),
            one_hour: keep("1h"),
        };
        let metas: Vec<_> = case["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|block| BlockMeta {
                max_time: Millis(NOW.0 - int(&block["max_time_age_ms"])),
                ..meta(block)
            })
            .collect();
        let got: BTreeSet<_> = retention::expired(&metas, &retention, NOW)
            .into_iter()
            .map(|one| (one.block, one.details))
            .collect();
        let details = case["details"].as_array().cloned().unwrap_or_default();
        let want: BTreeSet<_> = ids(&case["marked"])
            .into_iter()
            .zip(details)
            .map(|(block, details)| (block, details.as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(got, want, "{}", case["name"]);
    }
}

#[test]
fn golden_partial_uploads_are_given_up_when_thanos_does() {
    for case in json_lines("blocks/partial.jsonl") {
        let deleted = case["deleted"].as_array().cloned().unwrap_or_default();
        for block in case["blocks"].as_array().unwrap() {
            let before = |age_s: i64| Millis(NOW.0 - age_s * 1000);
            let named_at = before(int(&block["ulid_age_s"])).0.unsigned_abs();
            let objects = block["objects"].as_array().cloned().unwrap_or_default();
            let modified = objects
                .iter()
                .filter_map(|object| object["age_s"].as_i64())
                .map(before);
            let marked = block["deletion_marked"].as_bool().unwrap();
            let got = partial::is_abandoned(BlockId::new(named_at, 1), modified, marked, NOW);
            assert_eq!(
                got,
                deleted.contains(&block["ulid"]),
                "{} {}",
                case["name"],
                block["ulid"]
            );
        }
    }
}

#[test]
fn golden_deletion_marks_hide_and_delete_after_their_delays() {
    for case in json_lines("blocks/deletion_delay.jsonl") {
        let [hide, delete] =
            ["filter_delay_s", "delete_delay_s"].map(|key| Millis(int(&case[key]) * 1000));
        let marks: Vec<_> = case["blocks"]
            .as_array()
            .unwrap()
            .iter()
            // What is no mark of version 1 hides nothing: Thanos warns, or fails its sync where the version is another.
            .filter(|block| block.get("mark_raw").is_none())
            .filter_map(|block| {
                Some((
                    id(&block["ulid"]),
                    NOW.0 / 1000 - block["mark_age_s"].as_i64()?,
                ))
            })
            .collect();
        let due = |delay: Millis| -> BTreeSet<_> {
            marks
                .iter()
                .filter(|(_, time_s)| filter::is_mark_due(*time_s, delay, NOW))
                .map(|(block, _)| *block)
                .collect()
        };
        let want = |key: &str| ids(&case[key]).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(due(hide), want("hidden"), "{} hidden", case["name"]);
        assert_eq!(due(delete), want("deleted"), "{} deleted", case["name"]);
    }
}

#[test]
fn golden_replica_labels_are_taken_off() {
    for case in json_lines("blocks/replica_labels.jsonl") {
        let names: Vec<String> = serde_json::from_value(case["replica_labels"].clone()).unwrap();
        let mut meta = BlockMeta {
            thanos: Some(ThanosMeta {
                labels: labels(&case["labels"]),
                ..ThanosMeta::default()
            }),
            ..BlockMeta::default()
        };
        filter::remove_replica_labels(&mut meta, &names);
        assert_eq!(
            meta.thanos.unwrap().labels,
            labels(&case["result"]),
            "{case}"
        );
    }
}

#[test]
fn golden_consistency_delay_keeps_what_thanos_keeps() {
    for case in json_lines("blocks/consistency_delay.jsonl") {
        let before = |age_s: i64| NOW.0 - age_s * 1000;
        let upload_time = case["upload_age_s"]
            .as_i64()
            .map(|age_s| jiff::Timestamp::from_millisecond(before(age_s)).unwrap());
        let meta = BlockMeta {
            ulid: BlockId::new(before(int(&case["ulid_age_s"])).unsigned_abs(), 1),
            thanos: Some(ThanosMeta {
                source: case["source"].as_str().unwrap().into(),
                upload_time,
                ..ThanosMeta::default()
            }),
            ..BlockMeta::default()
        };
        let delay = Millis(int(&case["delay_s"]) * 1000);
        assert_eq!(
            !filter::is_too_fresh(&meta, delay, NOW),
            case["kept"],
            "{case}"
        );
    }
}
