//! Where golden data lies: the corpus named by `STRATAL_GOLDEN`, else the selection in the repository.
//!
//! The corpus was written by the real Prometheus and Thanos; `testdata/README.md` says how. Expectations in tests are
//! rules, so that any corpus of the same form can stand there.

use std::path::{Path, PathBuf};

/// Root of the golden data.
#[must_use]
pub fn root() -> PathBuf {
    std::env::var_os("STRATAL_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden"),
        PathBuf::from,
    )
}

/// A file or directory of the golden data; it must exist.
///
/// # Panics
/// Where it does not: a test without its data would prove nothing.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    let path = root().join(relative);
    assert!(path.exists(), "golden data {} is missing", path.display());
    path
}

/// The lines of a `.jsonl` file as JSON values; at least one.
///
/// # Panics
/// Where the file is missing, empty or not JSON.
#[must_use]
pub fn json_lines(relative: &str) -> Vec<serde_json::Value> {
    let path = path(relative);
    let text = std::fs::read_to_string(&path).expect("golden data is readable UTF-8");
    let lines: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("golden lines are JSON"))
        .collect();
    assert!(!lines.is_empty(), "golden data {} is empty", path.display());
    lines
}
