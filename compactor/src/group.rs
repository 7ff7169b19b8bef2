//! Blocks to groups: only blocks of one resolution and one set of external labels are ever merged; pure.
//!
//! The key is Thanos': `<resolution>@<xxhash64 of the labels>`, computed after replica labels were taken off. Groups come in
//! the order of their keys, blocks of a group in the order of their first time (ties: by name). Groups are independent: they
//! may be worked on at the same time.

use std::collections::BTreeMap;

use serde_json::Value;
use tsdb::label::Labels;
use tsdb::merge::tally;
use tsdb::meta::{BlockMeta, Resolution};

/// Blocks that may become one block.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name of the group, also of its scratch directory.
    pub key: String,
    /// External labels of all its blocks.
    pub labels: Labels,
    /// Resolution of all its blocks.
    pub resolution: Resolution,
    /// What all blocks' extensions share, for the result.
    pub extensions: Option<Value>,
    /// The blocks in order of time.
    pub blocks: Vec<BlockMeta>,
}

/// Sorts blocks into groups.
#[must_use]
pub fn groups(blocks: impl IntoIterator<Item = BlockMeta>) -> Vec<Group> {
    let mut by_key: BTreeMap<String, Vec<BlockMeta>> = BTreeMap::new();
    for block in blocks {
        by_key.entry(block.group_key()).or_default().push(block);
    }
    by_key
        .into_iter()
        .map(|(key, mut blocks)| {
            blocks.sort_by_key(|block| (block.min_time, block.ulid));
            Group {
                key,
                labels: blocks[0]
                    .thanos
                    .as_ref()
                    .map_or_else(Labels::default, |part| part.labels.clone()),
                resolution: blocks[0].resolution(),
                extensions: shared_extensions(&blocks),
                blocks,
            }
        })
        .collect()
}

/// The first block's extensions without the keys that another block lacks; blocks whose extensions are no object
/// have no say. Keys are sorted, as Go writes maps. What a block amounts to is nobody else's.
fn shared_extensions(blocks: &[BlockMeta]) -> Option<Value> {
    let own = blocks
        .iter()
        .filter_map(|block| tally::forget(block.thanos.as_ref()?.extensions.clone()));
    let mut objects = own.filter_map(|extensions| match extensions {
        Value::Object(object) => Some(object),
        _ => None,
    });
    let mut shared = objects.next()?;
    for other in objects {
        shared.retain(|key, _| other.contains_key(key));
    }
    let mut shared = Value::Object(shared);
    shared.sort_all_objects();
    Some(shared)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tsdb::id::BlockId;
    use tsdb::meta::ThanosMeta;
    use tsdb::time::Millis;

    use super::*;

    fn block(id: u128, min: i64, cluster: &str, extensions: Value) -> BlockMeta {
        BlockMeta {
            ulid: BlockId::new(0, id),
            min_time: Millis(min),
            max_time: Millis(min + 10),
            thanos: Some(ThanosMeta {
                labels: Labels::from_pairs([("cluster", cluster)]),
                extensions: (!extensions.is_null()).then_some(extensions),
                ..ThanosMeta::default()
            }),
            ..BlockMeta::default()
        }
    }

    #[test]
    fn blocks_of_one_group_share_labels_and_resolution() {
        let mut downsampled = block(4, 0, "a", Value::Null);
        if let Some(part) = &mut downsampled.thanos {
            part.resolution = Resolution::FIVE_MINUTES;
        }
        let blocks = [
            block(1, 20, "a", Value::Null),
            block(3, 0, "a", Value::Null),
            block(2, 0, "a", Value::Null),
            block(5, 0, "b", Value::Null),
            downsampled,
        ];
        let groups = groups(blocks);
        assert!(groups.is_sorted_by_key(|group| group.key.clone()));
        let sizes: Vec<_> = groups.iter().map(|group| group.blocks.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 5);
        let largest = groups.iter().find(|group| group.blocks.len() == 3).unwrap();
        let order: Vec<_> = largest
            .blocks
            .iter()
            .map(|block| block.ulid.0.random())
            .collect();
        assert_eq!(order, [2, 3, 1], "by first time, then by name");
    }

    #[test]
    fn extensions_keep_what_all_objects_have() {
        fn check(extensions: [Value; 3], want: Value) {
            let blocks = extensions.map(|value| block(0, 0, "a", value));
            let got = groups(blocks).remove(0).extensions.unwrap_or(Value::Null);
            assert_eq!(got.to_string(), want.to_string());
        }
        check([Value::Null, Value::Null, Value::Null], Value::Null);
        check(
            [json!({"a": 1, "b": 2}), json!({"a": 3}), Value::Null],
            json!({"a": 1}),
        );
        let nested = json!({"b": {"z": 1, "y": 2}, "a": 3});
        check(
            [nested.clone(), nested, Value::Null],
            json!({"a": 3, "b": {"y": 2, "z": 1}}),
        );
        check(
            [json!("text"), json!({"a": 1}), json!({"a": 2, "c": 3})],
            json!({"a": 1}),
        );
        check([json!({"a": 1}), json!({"b": 1}), Value::Null], json!({}));
        let tallied = json!({"stratal": {"ulid": "x"}});
        check([tallied.clone(), tallied.clone(), Value::Null], Value::Null);
        check([tallied, json!({"a": 1}), Value::Null], json!({"a": 1}));
    }
}
