//! Every compaction of the golden corpus: index, segments, tombstones and meta byte for byte.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its data is not as it must be"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tsdb::block::compact::{CompactOptions, Compacted, compact};
use tsdb::block::reader::Block;
use tsdb::budget::Budget;
use tsdb::id::BlockId;
use tsdb::merge::MergeFunc;
use tsdb::meta::BlockMeta;
use tsdb::testing::golden;

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(golden::path("blocks/cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cases: Vec<Value> = cases
        .into_iter()
        .filter(|case| case["op"] == "compact")
        .collect();
    assert!(!cases.is_empty(), "the corpus has no compaction");
    cases
}

fn paths(case: &Value, key: &str) -> Vec<PathBuf> {
    let list = case[key].as_array().into_iter().flatten();
    list.map(|path| golden::path(&format!("blocks/{}", path.as_str().unwrap())))
        .collect()
}

fn options(case: &Value, id: BlockId, threads: usize) -> CompactOptions {
    CompactOptions {
        id,
        func: match case["params"]["merge"].as_str() {
            Some("penalty") => MergeFunc::Penalty,
            Some("one-to-one") => MergeFunc::OneToOne,
            other => panic!("unknown merge function {other:?}"),
        },
        segment_bytes: case["params"]["segment_size"]
            .as_u64()
            .unwrap_or(tsdb::segment::SIZE_DEFAULT),
        threads,
        with_tombstones: true,
        budget: Budget::unlimited("test"),
    }
}

fn run(case: &Value, threads: usize, out: &Path) -> Result<(), String> {
    let inputs: Vec<Block> = paths(case, "inputs")
        .iter()
        .map(|dir| Block::open(dir).unwrap())
        .collect();
    let want = paths(case, "outputs");
    let id = want.first().map_or(BlockId::new(1, 1), |dir| {
        BlockId::parse(dir.file_name().unwrap().to_str().unwrap()).unwrap()
    });
    let result = compact(&inputs, out, None, &options(case, id, threads));
    match (result, want.first(), case["error"].as_str()) {
        (Err(_), _, Some(_)) => Ok(()),
        (Err(error), _, None) => Err(error.chain()),
        (Ok(_), _, Some(_)) => Err("must fail and did not".into()),
        (Ok(Compacted::Empty), None, None) => Ok(()),
        (Ok(Compacted::Block { dir, .. }), Some(want), None) => same_block(&dir, want),
        (Ok(got), want, None) => Err(format!("got {got:?}, want {want:?}")),
    }
}

fn same_block(got: &Path, want: &Path) -> Result<(), String> {
    let mut files = vec!["index".to_owned(), "tombstones".to_owned()];
    for entry in fs::read_dir(want.join("chunks")).unwrap() {
        files.push(format!(
            "chunks/{}",
            entry.unwrap().file_name().to_str().unwrap()
        ));
    }
    for file in &files {
        let (got, want) = (fs::read(got.join(file)), fs::read(want.join(file)).unwrap());
        let got = got.map_err(|error| format!("{file}: {error}"))?;
        if got != want {
            let at = got.iter().zip(&want).position(|(a, b)| a != b);
            return Err(format!(
                "{file} differs: {} bytes, want {}, first at {at:?}",
                got.len(),
                want.len()
            ));
        }
    }
    let count = fs::read_dir(got.join("chunks")).unwrap().count();
    if count + 2 != files.len() {
        return Err(format!("{count} segments, want {}", files.len() - 2));
    }
    same_meta(
        &fs::read(got.join("meta.json")).unwrap(),
        &fs::read(want.join("meta.json")).unwrap(),
    )
}

fn same_meta(got: &[u8], want: &[u8]) -> Result<(), String> {
    let mut parsed = BlockMeta::from_json(want).unwrap();
    let want = match parsed.thanos.take() {
        None => want.to_vec(),
        // Thanos' part is the caller's.
        Some(_) => parsed.to_json_prometheus(),
    };
    if got != want {
        return Err(format!("meta.json is {}", String::from_utf8_lossy(got)));
    }
    Ok(())
}

#[test]
fn golden_compactions_are_byte_equal_for_any_number_of_threads() {
    let mut failures = Vec::new();
    let cases = cases();
    for case in &cases {
        for threads in [1, 2, 5] {
            let out = tempfile::tempdir().unwrap();
            if let Err(error) = run(case, threads, out.path()) {
                failures.push(format!("{} with {threads} threads: {error}", case["name"]));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures in {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}
