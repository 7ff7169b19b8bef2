//! Promises of `meta.json`: exact text, tolerance, typed refusals, round trips.
//!
//! The expected texts are those of the format's description; golden files are in `tests/golden_meta.rs`.

use proptest::prelude::*;
use serde_json::json;

use super::json::is_json;
use super::*;
use crate::error::{Corruption, Error, ErrorKind};
use crate::testing::fuzz_meta::{decode_mark, decode_meta};

const ID: &str = "01KQ0000000000000000000000";

fn id() -> BlockId {
    BlockId::parse(ID).unwrap()
}

fn small() -> BlockMeta {
    BlockMeta {
        ulid: id(),
        min_time: Millis(0),
        max_time: Millis(7_200_000),
        stats: BlockStats {
            num_samples: 8,
            num_float_samples: 8,
            num_series: 3,
            num_chunks: 4,
            ..BlockStats::default()
        },
        compaction: Compaction {
            level: 1,
            sources: vec![id()],
            ..Compaction::default()
        },
        ..BlockMeta::default()
    }
}

#[test]
fn text_is_that_of_prometheus() {
    let want = r#"{
→"ulid": "01KQ0000000000000000000000",
→"minTime": 0,
→"maxTime": 7200000,
→"stats": {
→→"numSamples": 8,
→→"numFloatSamples": 8,
→→"numSeries": 3,
→→"numChunks": 4
→},
→"compaction": {
→→"level": 1,
→→"sources": [
→→→"01KQ0000000000000000000000"
→→]
→},
→"version": 1
}"#;
    let text = String::from_utf8(small().to_json_prometheus()).unwrap();
    assert_eq!(text, want.replace('→', "\t"));
    assert_eq!(small().to_json(), (text + "\n").into_bytes());
}

#[test]
fn text_of_the_thanos_part_is_that_of_thanos() {
    let mut meta = small();
    meta.thanos = Some(ThanosMeta {
        version: 1,
        labels: Labels::from_pairs([("replica", "0"), ("cluster", "<eu1>")]),
        source: "sidecar".into(),
        segment_files: vec!["000001".into()],
        files: vec![
            FileMeta {
                rel_path: "index".into(),
                size_bytes: Some(344),
                hash: Some(FileHash::sha256("ab".into())),
                ..FileMeta::default()
            },
            FileMeta {
                rel_path: "meta.json".into(),
                ..FileMeta::default()
            },
        ],
        upload_time: Some("2026-08-01T02:03:04.050600Z".parse().unwrap()),
        ..ThanosMeta::default()
    });
    let text = String::from_utf8(meta.to_json()).unwrap();
    let want = r#"
→"thanos": {
→→"version": 1,
→→"labels": {
→→→"cluster": "\u003ceu1\u003e",
→→→"replica": "0"
→→},
→→"downsample": {
→→→"resolution": 0
→→},
→→"source": "sidecar",
→→"segment_files": [
→→→"000001"
→→],
→→"files": [
→→→{
→→→→"rel_path": "index",
→→→→"size_bytes": 344,
→→→→"hash": {
→→→→→"hashFunc": "SHA256",
→→→→→"value": "ab"
→→→→}
→→→},
→→→{
→→→→"rel_path": "meta.json"
→→→}
→→],
→→"index_stats": {},
→→"upload_time": "2026-08-01T02:03:04.0506Z"
→}
}
"#;
    let (_, tail) = text.split_once("\"version\": 1,").unwrap();
    assert_eq!(tail, want.replace('→', "\t"));
    assert_eq!(BlockMeta::from_json(text.as_bytes()).unwrap(), meta);
    assert_eq!(meta.file("index").unwrap().sha256(), Some("ab"));
}

#[test]
fn unknown_keys_stay_behind_the_known_ones_of_their_object() {
    let mut meta = small();
    meta.thanos = Some(ThanosMeta {
        files: vec![FileMeta::default()],
        ..ThanosMeta::default()
    });
    let mut value: serde_json::Value = serde_json::from_slice(&meta.to_json()).unwrap();
    for pointer in [
        "",
        "/stats",
        "/compaction",
        "/thanos",
        "/thanos/downsample",
        "/thanos/index_stats",
        "/thanos/files/0",
    ] {
        let object = value.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        object.insert("z".into(), json!({"deep": [1.0, null]}));
        object.insert("a".into(), serde_json::Value::Null);
    }
    let text = go_json::pretty(&value);
    let read = BlockMeta::from_json(&text).unwrap();
    assert_eq!(
        String::from_utf8(read.to_json_prometheus()).unwrap(),
        String::from_utf8(text).unwrap()
    );
}

#[test]
fn absent_and_null_keys_are_tolerated() {
    let text = format!(
        r#"{{"version":1,"ulid":"{ID}","stats":{{"numSamples":5}},"compaction":null,
            "thanos":{{"labels":null,"downsample":null,"files":null,"extensions":null,"rewrites":[{{"sources":[]}}]}}}}"#
    );
    let meta = BlockMeta::from_json(text.as_bytes()).unwrap();
    assert_eq!(meta.stats.num_samples, 5);
    assert_eq!(meta.stats.num_float_samples, 0);
    let thanos = meta.thanos.as_ref().unwrap();
    assert!(thanos.labels.is_empty() && thanos.upload_time.is_none());
    assert_eq!(thanos.rewrites, [json!({"sources": []})]);
    assert!(
        String::from_utf8(meta.to_json())
            .unwrap()
            .contains("0001-01-01T00:00:00Z")
    );
}

#[test]
fn a_block_without_a_thanos_part_is_raw_and_without_labels() {
    assert_eq!(small().group_key(), "0@17241709254077376921");
    assert_eq!(small().resolution(), Resolution::RAW);
}

/// Replaces `from` in a sound meta and expects an error that says `want`.
fn check_refused(from: &str, to: &str, want: &str) {
    let mut meta = small();
    meta.thanos = Some(ThanosMeta {
        version: 1,
        labels: Labels::from_pairs([("a", "b")]),
        ..ThanosMeta::default()
    });
    let sound = String::from_utf8(meta.to_json()).unwrap();
    let text = sound.replacen(from, to, 1);
    assert_ne!(text, sound, "{from} must occur");
    let error = BlockMeta::from_json(text.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.chain().contains(want), "{} / {want}", error.chain());
}

#[test]
fn versions_other_than_1_are_refused() {
    check_refused(
        "\"version\": 1,\n\t\"th",
        "\"version\": 2,\n\t\"th",
        "version 2",
    );
    check_refused("\"version\": 1,\n\t\"th", "\n\t\"th", "version 0");
    check_refused(
        "\"version\": 1,\n\t\t\"l",
        "\"version\": 2,\n\t\t\"l",
        "thanos: meta.json at 0x0: version 2",
    );
    check_refused("\"version\": 1,", "\"version\": 1", "at 0x");
}

#[test]
fn values_of_the_wrong_type_are_named() {
    check_refused(ID, "01KQ", "ulid is not a ULID");
    check_refused(
        "[\n\t\t\t\"01",
        "[\n\t\t\t\"x1",
        "compaction.sources[0] is not a ULID",
    );
    check_refused(
        "\"minTime\": 0",
        "\"minTime\": 0.5",
        "minTime is not an integer",
    );
    check_refused(
        "\"minTime\": 0",
        "\"minTime\": 9223372036854775808",
        "minTime is not an integer",
    );
    check_refused(
        "\"numSamples\": 8",
        "\"numSamples\": -8",
        "stats.numSamples is not a count",
    );
    check_refused(
        "\"level\": 1",
        "\"level\": 4294967296",
        "compaction.level is not a level",
    );
    check_refused(
        "\"a\": \"b\"",
        "\"a\": 1",
        "thanos.labels.a is not a string",
    );
    check_refused(
        "\"source\": \"\"",
        "\"source\": []",
        "thanos.source is not a string",
    );
    check_refused(
        "0001-01",
        "0001-13",
        "thanos.upload_time is not an RFC 3339 time",
    );
    check_refused(
        "\"index_stats\": {}",
        "\"index_stats\": 1",
        "thanos.index_stats is not an object",
    );
}

#[test]
fn syntax_errors_carry_their_offset() {
    let error = BlockMeta::from_json(b"{\n\t\"ulid\": x}").unwrap_err();
    let Error::Corrupt { offset, what, .. } = error.root() else {
        panic!("{error}");
    };
    assert_eq!(*offset, 11);
    assert!(matches!(what, Corruption::Other(_)));
}

#[test]
fn a_torn_upload_is_not_json_and_a_newer_version_is() {
    let sound = small().to_json();
    for len in 0..sound.len() - 2 {
        assert!(!is_json(&sound[..len]), "{len}");
    }
    assert!(is_json(&sound));
    assert!(is_json(b"{\"version\": 2}"));
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert!(is_json(deep.as_bytes()) && BlockMeta::from_json(deep.as_bytes()).is_err());
}

#[test]
fn invalid_utf8_is_replaced_as_go_does() {
    let mut bytes =
        br#"{"version":1,"ulid":"01KQ0000000000000000000000","thanos":{"source":"?"}}"#.to_vec();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xFF;
    let meta = BlockMeta::from_json(&bytes).unwrap();
    assert_eq!(meta.thanos.unwrap().source, "\u{fffd}");
}

#[test]
fn every_damaged_byte_gives_a_value_or_an_error() {
    let sound = small().to_json();
    for at in 0..sound.len() {
        for byte in [0, b'"', b'{', b'9', 0xFF, sound[at] ^ 1] {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            decode_meta(&bytes);
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| json!(items)),
            prop::collection::vec((any::<String>(), inner), 0..3)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn any_extra() -> impl Strategy<Value = Extra> {
    // The prefix keeps them unknown.
    prop::collection::vec(("x-.{0,3}", any_json()), 0..3)
        .prop_map(|fields| fields.into_iter().collect())
}

fn any_id() -> impl Strategy<Value = BlockId> {
    (0u64..1 << 48, any::<u128>()).prop_map(|(time, random)| BlockId::new(time, random))
}

fn any_file() -> impl Strategy<Value = FileMeta> {
    let hash = (any::<String>(), any::<String>(), any_extra())
        .prop_map(|(func, value, extra)| FileHash { func, value, extra });
    (
        any::<String>(),
        prop::option::of(1u64..),
        prop::option::of(hash),
        any_extra(),
    )
        .prop_map(|(rel_path, size_bytes, hash, extra)| FileMeta {
            rel_path,
            size_bytes,
            hash,
            extra,
        })
}

fn any_thanos() -> impl Strategy<Value = ThanosMeta> {
    let texts = || prop::collection::vec(any::<String>(), 0..3);
    let heads = (
        0u32..2,
        prop::collection::vec((any::<String>(), any::<String>()), 0..3),
        any::<i64>(),
        any::<String>(),
        texts(),
    );
    let tails = (
        prop::collection::vec(any_file(), 0..3),
        prop::collection::vec(any_json(), 0..2),
        any::<i64>(),
        prop::option::of(any_json().prop_filter("null is none", |value| !value.is_null())),
        prop::option::of(0i64..4_000_000_000),
    );
    (heads, tails, any_extra(), any_extra()).prop_map(|(head, tail, extra, inner)| ThanosMeta {
        version: head.0,
        labels: Labels::from_pairs(head.1),
        resolution: Resolution(head.2),
        downsample_extra: inner.clone(),
        source: head.3,
        segment_files: head.4,
        files: tail.0,
        rewrites: tail.1,
        series_max_size: tail.2,
        chunk_max_size: tail.2,
        index_stats_extra: inner,
        extensions: tail.3,
        upload_time: tail
            .4
            .map(|second| jiff::Timestamp::new(second, 120_300_000).unwrap()),
        extra,
    })
}

fn any_compaction() -> impl Strategy<Value = Compaction> {
    let parent =
        (any_id(), any::<i64>(), any::<i64>(), any_extra()).prop_map(|(ulid, min, max, extra)| {
            Parent {
                ulid,
                min_time: Millis(min),
                max_time: Millis(max),
                extra,
            }
        });
    (
        any::<u32>(),
        prop::collection::vec(any_id(), 0..3),
        prop::collection::vec(parent, 0..3),
        any::<(bool, bool)>(),
        prop::collection::vec(any::<String>(), 0..3),
        any_extra(),
    )
        .prop_map(
            |(level, sources, parents, flags, hints, extra)| Compaction {
                level,
                sources,
                deletable: flags.0,
                parents,
                failed: flags.1,
                hints,
                extra,
            },
        )
}

fn any_meta() -> impl Strategy<Value = BlockMeta> {
    let stats = any::<[u64; 6]>().prop_map(|counts| BlockStats {
        num_samples: counts[0],
        num_float_samples: counts[1],
        num_histogram_samples: counts[2],
        num_series: counts[3],
        num_chunks: counts[4],
        num_tombstones: counts[5],
    });
    (
        (any_id(), any::<i64>(), any::<i64>()),
        stats,
        any_compaction(),
        prop::option::of(any_thanos()),
        (any_extra(), any_extra()),
    )
        .prop_map(|(head, stats, compaction, thanos, extra)| BlockMeta {
            ulid: head.0,
            min_time: Millis(head.1),
            max_time: Millis(head.2),
            stats,
            stats_extra: extra.0,
            compaction,
            thanos,
            extra: extra.1,
        })
}

proptest! {
    #[test]
    fn metas_survive_a_round_trip(meta in any_meta()) {
        let text = meta.to_json();
        let read = BlockMeta::from_json(&text).unwrap();
        prop_assert_eq!(&read, &meta);
        prop_assert_eq!(read.to_json(), text);
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_meta(&bytes);
        decode_mark(&bytes);
    }

    #[test]
    fn injured_metas_give_a_value_or_an_error(
        meta in any_meta(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = meta.to_json();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        decode_meta(&bytes);
        decode_mark(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        decode_meta(&bytes);
    }
}
