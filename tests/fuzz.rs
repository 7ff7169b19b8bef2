//! Every fuzz body has its target in `fuzz/`, which the gate does not build: it needs nightly.
//!
//! Bodies are the `decode_*` functions of `tsdb/src/testing/fuzz_*.rs`; a target is a file that calls one of them and is named
//! by `fuzz/Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A target only calls a body.
const TARGET_LINES_MAX: usize = 40;

fn files(dir: &str, prefix: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let entries = fs::read_dir(dir).expect("the tree is readable");
    let paths = entries.map(|entry| entry.expect("the tree is readable").path());
    let named = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".rs")
    });
    named.collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("sources are UTF-8")
}

#[test]
fn every_fuzz_body_has_a_target() {
    let mut bodies = BTreeSet::new();
    for file in files("tsdb/src/testing", "fuzz_") {
        let text = text(&file);
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub fn decode_"));
        bodies.extend(names.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    assert!(!bodies.is_empty(), "no fuzz bodies");
    let manifest = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml"));
    for file in files("fuzz/fuzz_targets", "") {
        let text = text(&file);
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let lines = text.lines().count();
        assert!(lines <= TARGET_LINES_MAX, "{name}: {lines} lines");
        assert!(
            manifest.contains(&format!("\nname = \"{name}\"\n")),
            "fuzz/Cargo.toml does not name {name}"
        );
        bodies.retain(|body| !text.contains(&format!("decode_{body}(")));
    }
    assert!(bodies.is_empty(), "bodies without a target: {bodies:?}");
}
