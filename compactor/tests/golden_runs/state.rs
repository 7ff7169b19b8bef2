//! What lies in a bucket, in a form in which two buckets can be compared.
//!
//! Names of new blocks and times differ from run to run. New blocks are known by what they are: resolution, range, level, labels and
//! sources; times by their being there. The order of parents of equal first time is open, so parents are a set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Objects by path: JSON as it is, other things by their digest.
pub(crate) type Objects = BTreeMap<String, Value>;

/// All objects below `dir`.
pub(crate) fn read(dir: &Path) -> Objects {
    let mut objects = Objects::new();
    walk(dir, dir, &mut objects);
    objects
}

fn walk(root: &Path, dir: &Path, objects: &mut Objects) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, objects);
            continue;
        }
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = fs::read(&path).unwrap();
        let parsed = name
            .ends_with(".json")
            .then(|| serde_json::from_slice(&bytes).ok())
            .flatten();
        objects.insert(
            name,
            parsed.unwrap_or_else(|| json!({ "sha256": sha256(&bytes) })),
        );
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Name of the block to which an object belongs.
pub(crate) fn block_of(object: &str) -> &str {
    object.split('/').next().unwrap()
}

/// Metas of all blocks.
pub(crate) fn metas(objects: &Objects) -> BTreeMap<String, &Value> {
    let metas = objects.iter().filter_map(|(name, value)| {
        let block = name.strip_suffix("/meta.json")?;
        value.get("ulid").map(|_| (block.to_owned(), value))
    });
    metas.collect()
}

/// What a block is, whatever its name.
pub(crate) fn identity(meta: &Value) -> String {
    let compaction = &meta["compaction"];
    let thanos = &meta["thanos"];
    json!([
        thanos["downsample"]["resolution"],
        thanos["labels"],
        meta["minTime"],
        meta["maxTime"],
        compaction["level"],
        compaction["sources"],
    ])
    .to_string()
}

/// The bucket with blocks that are not in `known` named by what they are, and times taken out.
pub(crate) fn normalise(objects: &Objects, known: &dyn Fn(&str) -> bool) -> Objects {
    let names: BTreeMap<String, String> = metas(objects)
        .into_iter()
        .filter(|(block, _)| !known(block))
        .map(|(block, meta)| (block, identity(meta)))
        .collect();
    let rename = |block: &str| match names.get(block) {
        Some(identity) => identity.clone(),
        None if known(block) => block.to_owned(),
        None => "<gone>".into(),
    };
    let normalised = objects.iter().map(|(name, value)| {
        let block = block_of(name);
        let name = names.get(block).map_or_else(
            || name.clone(),
            |identity| name.replacen(block, identity, 1),
        );
        (name, normal_value(value, &rename))
    });
    normalised.collect()
}

fn normal_value(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    let mut value = value.clone();
    for key in ["ulid", "id"] {
        if let Some(Value::String(id)) = value.get_mut(key) {
            *id = rename(id);
        }
    }
    for key in ["deletion_time", "no_compact_time", "no_downsample_time"] {
        if let Some(time) = value.get_mut(key) {
            *time = json!("<NOW>");
        }
    }
    if let Some(time) = value.pointer_mut("/thanos/upload_time") {
        *time = json!("<TIME>");
    }
    if let Some(thanos) = value.get_mut("thanos") {
        take_tally_out(thanos);
    }
    if let Some(Value::Array(parents)) = value.pointer_mut("/compaction/parents") {
        for parent in parents.iter_mut() {
            parent["ulid"] = json!(rename(parent["ulid"].as_str().unwrap()));
        }
        parents.sort_by_key(Value::to_string);
    }
    value
}

/// What our blocks amount to is not in Thanos' metas; what it alone brought into being goes too.
fn take_tally_out(thanos: &mut Value) {
    let Some(Value::Object(extensions)) = thanos.get_mut("extensions") else {
        return;
    };
    extensions.remove("stratal");
    if extensions.is_empty() {
        thanos.as_object_mut().unwrap().remove("extensions");
    }
}
