//! Every fuzz body runs here from fixed seeds, and has its target in `fuzz/`, which the gate does not build: it needs nightly.
//!
//! Bodies are the public functions of `tsdb/src/testing/fuzz_*.rs` and `query/src/testing/fuzz.rs` that take bytes; a target is
//! a file that calls one of them and is named by `fuzz/Cargo.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use query::testing::fuzz::{parse_expression, parse_notation, read_parameters, read_remote};
use tsdb::testing::fuzz_block::decode_block;
use tsdb::testing::fuzz_chunk::{decode_aggregate, decode_xor, decode_xor2};
use tsdb::testing::fuzz_histogram::decode_histograms;
use tsdb::testing::fuzz_index::{
    decode_header, decode_index, decode_offsets, decode_segment, decode_series, decode_symbols,
    decode_tombstones,
};
use tsdb::testing::fuzz_matcher::{decode_regex, decode_selector};
use tsdb::testing::fuzz_meta::{decode_mark, decode_meta};
use tsdb::testing::fuzz_openmetrics::decode_openmetrics;

/// Takes any bytes and does not panic.
type Body = fn(&[u8]);

/// The bodies, each with its name.
const BODIES: &[(&str, Body)] = &[
    ("decode_aggregate", decode_aggregate),
    ("decode_block", decode_block),
    ("decode_header", decode_header),
    ("decode_histograms", decode_histograms),
    ("decode_index", decode_index),
    ("decode_mark", decode_mark),
    ("decode_meta", decode_meta),
    ("decode_offsets", decode_offsets),
    ("decode_openmetrics", decode_openmetrics),
    ("decode_regex", decode_regex),
    ("decode_segment", decode_segment),
    ("decode_selector", decode_selector),
    ("decode_series", decode_series),
    ("decode_symbols", decode_symbols),
    ("decode_tombstones", decode_tombstones),
    ("decode_xor", decode_xor),
    ("decode_xor2", decode_xor2),
    ("parse_expression", parse_expression),
    ("parse_notation", parse_notation),
    ("read_parameters", read_parameters),
    ("read_remote", read_remote),
];

/// Inputs of each body from each alphabet: all bodies together take seconds.
const INPUTS: u64 = 20_000;

/// What inputs are made of: anything, small numbers as lengths and counts are, and what text forms are written with.
const ALPHABETS: &[&[u8]] = &[
    &[],
    &[0, 0, 0, 1, 1, 2, 3, 4, 5, 8, 16, 0x7F, 0x80, 0xFF],
    b"aby_09.:-+=!~<>(){}[]|*?^$\\\"', \n#@",
];

/// Longest input.
const LEN_MAX: u64 = 200;

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

/// A sequence of numbers that follows from its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed >> 32) ^ (mixed & 0xFFFF_FFFF)) % end
    }

    fn input(&mut self, alphabet: &[u8]) -> Vec<u8> {
        let len = self.below(LEN_MAX + 1);
        let byte = |_at| match alphabet {
            [] => u8::try_from(self.below(256)).expect("below 256"),
            some => {
                let at = self.below(some.len() as u64);
                some[usize::try_from(at).expect("an alphabet is short")]
            }
        };
        (0..len).map(byte).collect()
    }
}

#[test]
fn no_body_panics_from_fixed_seeds() {
    for (name, body) in BODIES {
        for (seed, alphabet) in (1..).zip(ALPHABETS) {
            let mut numbers = Numbers(seed);
            for number in 0..INPUTS {
                let input = numbers.input(alphabet);
                let outcome = std::panic::catch_unwind(|| body(&input));
                assert!(
                    outcome.is_ok(),
                    "{name}, seed {seed}, input {number}: {input:?}"
                );
            }
        }
    }
}

#[test]
fn every_fuzz_body_is_run_and_has_a_target() {
    let mut bodies = BTreeSet::new();
    let sources = files("tsdb/src/testing", "fuzz_").into_iter();
    for file in sources.chain(files("query/src/testing", "fuzz")) {
        let text = text(&file);
        let functions = text.lines().filter_map(|line| line.strip_prefix("pub fn "));
        let named = functions.filter_map(|rest| rest.strip_suffix("(bytes: &[u8]) {"));
        bodies.extend(named.map(str::to_owned));
    }
    assert!(!bodies.is_empty(), "no fuzz bodies");
    let run: BTreeSet<String> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(bodies, run, "bodies, and those that are run here");
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
        bodies.retain(|body| !text.contains(&format!("{body}(bytes)")));
    }
    assert!(bodies.is_empty(), "bodies without a target: {bodies:?}");
}
