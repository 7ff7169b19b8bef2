//! The house rules, as tests: what `ARCHITECTURE.md` promises about the code is held here.
//!
//! Headers, sizes, names, storeys of `tsdb`, the star of crates, one file of `unsafe`, documented fixtures, licences.
//! Files are found by walking the tree, so a new file cannot be forgotten; `target` and hidden directories are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Product lines of one file, tests not counted.
/// Files up to this length may open with one line.
const SHORT_FILE_LINES: usize = 150;

const FILE_LINES_MAX: usize = 500;
/// A header says what the file is; more than a screen of it is a chapter for `docs/`.
const HEADER_LINES: std::ops::RangeInclusive<usize> = 3..=30;
/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "base", "misc",
];
/// The crates that depend on `stratal-tsdb` and on no other of ours.
const LEAVES: [&str; 3] = ["stratal-bucket-tools", "stratal-compactor", "stratal-query"];
/// The only source file that may hold `unsafe`.
const UNSAFE_FILE: &str = "tsdb/src/block/mmap.rs";

/// Storeys of `tsdb`, top first; inside a storey an import points leftwards.
const STOREYS: [&[&str]; 4] = [
    &["source", "block", "bucket"],
    &[
        "matcher",
        "relabel",
        "postings",
        "merge",
        "digest",
        "generate",
        "openmetrics",
    ],
    &["chunk", "segment", "index", "tombstone", "meta", "mark"],
    &[
        "error",
        "float",
        "codec",
        "time",
        "id",
        "label",
        "histogram",
        "sample",
        "budget",
    ],
];

struct Source {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        ["/tests/", "/testing/", "/benches/", "/examples/", "fuzz/"]
            .iter()
            .any(|part| format!("/{}", self.path).contains(part))
            || self.path.ends_with("/tests.rs")
    }

    /// The lines before the tests at the end of the file.
    fn product_lines(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
        lines[..tests.unwrap_or(lines.len())].to_vec()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the tree is readable") {
        let entry = entry.expect("the tree is readable");
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().expect("the tree is readable");
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("inside the repository");
    path.to_string_lossy().replace('\\', "/")
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    walk(root(), &mut files);
    let mut sources: Vec<Source> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .map(|path| Source {
            path: relative(path),
            text: fs::read_to_string(path).expect("sources are UTF-8"),
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 10, "the walk found {} files", sources.len());
    sources
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let mut complaints = Vec::new();
    for source in sources() {
        let count = source
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        // A test, an example or a short file may be told in one sentence.
        let small = source.is_test() || source.text.lines().count() <= SHORT_FILE_LINES;
        let fine = HEADER_LINES.contains(&count) || (small && count > 0);
        if !fine {
            complaints.push(format!(
                "{}: {count} header lines, not {HEADER_LINES:?}",
                source.path
            ));
        }
    }
    assert_none(&complaints);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut complaints = Vec::new();
    let mut lengths = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let count = source.product_lines().len();
        lengths.push(count);
        if count > FILE_LINES_MAX {
            complaints.push(format!("{}: {count} product lines", source.path));
        }
    }
    lengths.sort_unstable();
    println!(
        "{} files, product lines median {} p90 {} max {}",
        lengths.len(),
        lengths[lengths.len() / 2],
        lengths[lengths.len() * 9 / 10],
        lengths[lengths.len() - 1]
    );
    assert_none(&complaints);
}

#[test]
fn names_say_what_is_inside() {
    let mut complaints = Vec::new();
    for source in sources() {
        let stems = source.path.trim_end_matches(".rs").split('/');
        for stem in stems.filter(|stem| BANNED_NAMES.contains(stem)) {
            complaints.push(format!("{}: the name {stem} says nothing", source.path));
        }
        for line in source.text.lines() {
            let name = line
                .trim_start()
                .trim_start_matches("pub ")
                .strip_prefix("mod ")
                .map(|rest| rest.trim_end_matches([';', '{', ' ']));
            if name.is_some_and(|name| BANNED_NAMES.contains(&name)) {
                complaints.push(format!("{}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let mut complaints = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn unsafe_lives_in_one_file() {
    let word = concat!("un", "safe");
    let mut complaints = Vec::new();
    for source in sources() {
        let allowed = source.path == UNSAFE_FILE || source.is_test();
        let code = source
            .text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let found = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
        if !allowed && found.into_iter().any(|token| token == word) {
            complaints.push(format!("{}: {word} outside {UNSAFE_FILE}", source.path));
        }
    }
    assert_none(&complaints);
}

/// Storey from the top and place from the left.
fn place(module: &str) -> Option<(usize, usize)> {
    STOREYS.iter().enumerate().find_map(|(storey, modules)| {
        let column = modules.iter().position(|name| *name == module)?;
        Some((storey, column))
    })
}

/// The modules named by `crate::…` in one line of code, also inside `crate::{a, b::c}`.
fn imports(line: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        if line[..at].ends_with('$') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let parts = group.trim_end_matches([';', '}']).split(',');
            let heads = parts.map(|part| part.trim().split("::").next().unwrap_or_default());
            found.extend(heads);
        } else {
            found.push(&rest[..word(rest).unwrap_or(rest.len())]);
        }
    }
    found
}

#[test]
fn imports_of_the_block_crate_point_down_or_leftwards() {
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(inner) = source.path.strip_prefix("tsdb/src/") else {
            continue;
        };
        let module = inner
            .split('/')
            .next()
            .unwrap_or(inner)
            .trim_end_matches(".rs");
        if module == "lib" || module == "testing" || source.path.ends_with("/tests.rs") {
            continue;
        }
        let Some((storey, column)) = place(module) else {
            complaints.push(format!("{}: {module} has no storey", source.path));
            continue;
        };
        for line in source.product_lines() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for target in imports(line) {
                let Some((other, place)) = place(target) else {
                    continue;
                };
                let fine = other > storey || (other == storey && place <= column);
                if !fine {
                    complaints.push(format!("{}: {module} imports {target}", source.path));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// What is tested against each other in `query` shares neither code nor mistakes.
#[test]
fn naive_evaluator_and_engine_do_not_know_each_other() {
    const ENGINE: [&str; 5] = ["plan", "exec", "functions", "engine", "storage"];
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources() {
        let Some(inner) = source.path.strip_prefix("query/src/") else {
            continue;
        };
        let module = inner.split('/').next().unwrap_or(inner);
        let module = module.trim_end_matches(".rs").to_owned();
        let forbidden: &[&str] = match module.as_str() {
            "naive" => &ENGINE,
            engine if ENGINE.contains(&engine) => &["naive"],
            _ => continue,
        };
        seen.insert(module);
        for line in source.product_lines() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            let found = imports(line)
                .into_iter()
                .filter(|name| forbidden.contains(name));
            complaints.extend(found.map(|name| format!("{} imports {name}", source.path)));
        }
    }
    assert_eq!(seen.len(), ENGINE.len() + 1, "moved: {seen:?}");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn imports_are_found_in_every_form() {
    fn check(line: &str, want: &[&str]) {
        assert_eq!(imports(line), want, "{line}");
    }
    check("use crate::codec::Cursor;", &["codec"]);
    check("use crate::{error::Result, time};", &["error", "time"]);
    check(
        "    let x = crate::block::open(crate::meta::NAME);",
        &["block", "meta"],
    );
    check("use std::fs;", &[]);
}

#[test]
fn every_fixture_is_documented() {
    let testdata = root().join("testdata");
    let readme = fs::read_to_string(testdata.join("README.md")).expect("testdata/README.md exists");
    let mut files = Vec::new();
    walk(&testdata, &mut files);
    let mut complaints = BTreeSet::new();
    for file in files {
        let inner = relative(&file).trim_start_matches("testdata/").to_owned();
        if inner == "README.md" {
            continue;
        }
        // A fixture is documented by its own path or by any directory above it.
        let documented = Path::new(&inner)
            .ancestors()
            .filter(|part| part.components().count() > 0)
            .any(|part| {
                readme.contains(&format!("`{}`", part.display()))
                    || readme.contains(&format!("`{}/`", part.display()))
            });
        if !documented {
            complaints.insert(format!("testdata/{inner} is not in testdata/README.md"));
        }
    }
    assert_none(&complaints.into_iter().collect::<Vec<_>>());
}

/// What cargo knows of the packages that this machine builds.
fn metadata() -> Value {
    let version = Command::new(env!("CARGO"))
        .args(["-vV"])
        .output()
        .expect("cargo runs");
    let version = String::from_utf8(version.stdout).expect("cargo speaks UTF-8");
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo names its host");
    let arguments = [
        "metadata",
        "--locked",
        "--offline",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

#[test]
fn crates_form_a_star() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let ours = |name: &str| name == "stratal" || name.starts_with("stratal-");
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().expect("packages have names");
        if !ours(name) {
            continue;
        }
        let dependencies = package["dependencies"].as_array().expect("a list").iter();
        let names = dependencies.filter_map(|dependency| dependency["name"].as_str());
        edges.insert(
            name,
            names
                .filter(|other| ours(other) && *other != name)
                .collect(),
        );
    }
    let all: BTreeSet<&str> = edges.keys().copied().collect();
    for (name, targets) in &edges {
        let want: BTreeSet<&str> = match *name {
            "stratal" => all
                .iter()
                .copied()
                .filter(|other| *other != "stratal")
                .collect(),
            "stratal-tsdb" => BTreeSet::new(),
            leaf if LEAVES.contains(&leaf) => BTreeSet::from(["stratal-tsdb"]),
            other => panic!("{other} has no place in the star"),
        };
        assert_eq!(*targets, want, "{name}");
    }
}

/// Whether an SPDX expression can be met with licences of the list; `OR` binds weaker than `AND`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    for (word, any) in [(" OR ", true), (" AND ", false)] {
        let parts = split_outside_parentheses(expression, word);
        if parts.len() > 1 {
            let mut parts = parts.into_iter();
            return if any {
                parts.any(|part| is_allowed(part, allowed))
            } else {
                parts.all(|part| is_allowed(part, allowed))
            };
        }
    }
    let inner = expression
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    inner.map_or_else(
        || allowed.contains(expression),
        |inner| is_allowed(inner, allowed),
    )
}

fn split_outside_parentheses<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(word) {
        let before = &text[..at];
        if before.matches('(').count() == before.matches(')').count() {
            parts.push(&text[start..at]);
            start = at + word.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The list in `deny.toml`, which `cargo deny` reads too.
fn allowed_licences() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml exists");
    let (_, list) = text.split_once("allow = [").expect("deny.toml has a list");
    let (list, _) = list.split_once(']').expect("the list ends");
    let words = list.split('"').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn every_dependency_has_a_licence_of_the_list() {
    let allowed = allowed_licences();
    let mut complaints = Vec::new();
    for package in metadata()["packages"]
        .as_array()
        .expect("a list of packages")
    {
        let licence = package["license"].as_str().unwrap_or("none");
        // Older manifests write a slash where SPDX has OR.
        let expression = licence.replace(" / ", " OR ").replace('/', " OR ");
        if !is_allowed(&expression, &allowed) {
            complaints.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert_none(&complaints);
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Unicode-3.0".to_owned()]);
    assert!(is_allowed("GPL-3.0 OR MIT", &allowed));
    assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed));
}
