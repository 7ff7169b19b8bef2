//! Names the commit in `stratal --version`.
//!
//! Only where the sources are the top of a git checkout: a package unpacked inside somebody's repository must not claim
//! that repository's commit. Without git the version stands alone; the build never fails for it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let commit = commit().map_or_else(String::new, |id| format!(" (commit {id})"));
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets the version");
    println!("cargo::rustc-env=STRATAL_VERSION={version}{commit}");
}

fn commit() -> Option<String> {
    let home = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&home).canonicalize().ok()? {
        return None;
    }
    // The log of HEAD changes with every commit and checkout; HEAD itself only with checkouts.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
