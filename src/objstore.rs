//! The bucket configuration of Thanos (`--objstore.config`) becomes a bucket; the only place that names a provider.
//!
//! ```text
//! type: FILESYSTEM          upper or lower case
//! config:
//!   directory: $(DATA)/b    `$(NAME)` is replaced by the environment variable before anything is read
//! prefix: tenant/a          optional
//! ```
//!
//! Whatever we cannot honour is said with its line: an unknown key at the top is an error, one inside the configuration of
//! FILESYSTEM a warning, because Thanos ignores it there and files with such keys exist. The bucket itself is in
//! [`tsdb::bucket`].

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_saphyr::Spanned;
use tsdb::bucket::Bucket;

/// Types that Thanos knows and we do not yet.
const LATER: [&str; 9] = [
    "S3",
    "GCS",
    "AZURE",
    "SWIFT",
    "COS",
    "ALIYUNOSS",
    "BOS",
    "OCI",
    "OBS",
];

/// A bucket, and what of its configuration has no effect.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The bucket.
    pub(crate) bucket: Bucket,
    /// One line each, for the log.
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "C: DeserializeOwned")]
struct Document<C> {
    #[serde(rename = "type")]
    kind: String,
    config: Option<C>,
    prefix: Option<String>,
}

#[derive(Deserialize)]
struct Filesystem {
    directory: Option<String>,
}

/// Opens the bucket that `yaml` describes; `variable` looks up the environment.
pub(crate) fn open(yaml: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Opened> {
    let yaml = substitute(yaml, variable)?;
    // The type decides how the rest is read, so the document is read once for it alone.
    let kind = read::<IgnoredAny>(&yaml)?.kind.to_ascii_uppercase();
    match kind.as_str() {
        "FILESYSTEM" => open_filesystem(&yaml),
        later if LATER.contains(&later) => {
            bail!("type {later} comes with object stores; this version opens FILESYSTEM only")
        }
        other => bail!("unknown bucket type {other:?}; this version opens FILESYSTEM only"),
    }
}

fn open_filesystem(yaml: &str) -> Result<Opened> {
    let keys: HashMap<String, Spanned<IgnoredAny>> = read(yaml)?.config.unwrap_or_default();
    let mut unknown: Vec<(u64, &String)> = keys
        .iter()
        .filter(|(key, _)| *key != "directory")
        .map(|(key, value)| (value.referenced.line(), key))
        .collect();
    unknown.sort_unstable();
    let warnings = unknown
        .into_iter()
        .map(|(line, key)| format!("line {line}: key {key:?} of a FILESYSTEM has no effect"))
        .collect();
    let document = read::<Filesystem>(yaml)?;
    let directory = document
        .config
        .and_then(|config| config.directory)
        .filter(|directory| !directory.is_empty())
        .ok_or_else(|| anyhow!("config.directory of a FILESYSTEM is missing"))?;
    let prefix = document.prefix.unwrap_or_default();
    let bucket = Bucket::open_local(Path::new(&directory), &prefix).context("open bucket")?;
    Ok(Opened { bucket, warnings })
}

fn read<C: DeserializeOwned>(yaml: &str) -> Result<Document<C>> {
    serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        anyhow!("line {line}: {}", error.without_snippet())
    })
}

/// Replaces each `$(NAME)`; what is not of that form stays.
fn substitute(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        out.push_str(before);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match after.split_once(')') {
            Some((name, tail)) if !name.is_empty() && name.chars().all(word) => {
                let line = text[..text.len() - after.len()].lines().count();
                let value = variable(name)
                    .with_context(|| format!("line {line}: $({name}) is not in the environment"))?;
                out.push_str(&value);
                rest = tail;
            }
            _ => {
                out.push_str("$(");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(yaml: &str) -> Result<Opened> {
        let dir = std::env::temp_dir().display().to_string();
        open(yaml, &|name| (name == "DIR_1").then(|| dir.clone()))
    }

    #[test]
    fn a_directory_opens_in_any_case_with_its_prefix() {
        fn check(yaml: &str, prefix: &str) {
            let opened = opened(yaml).unwrap();
            assert_eq!(opened.bucket.prefix.as_ref(), prefix, "{yaml}");
            assert!(opened.warnings.is_empty());
        }
        check("type: FILESYSTEM\nconfig:\n  directory: $(DIR_1)\n", "");
        check(
            "type: filesystem\nconfig: {directory: $(DIR_1)}\nprefix: /a/b/\n",
            "a/b",
        );
        check(
            "prefix:\nconfig:\n  directory: \"$(DIR_1)\"\ntype: 'FileSystem'\n",
            "",
        );
    }

    #[test]
    fn unknown_keys_of_a_directory_are_warnings_with_their_line() {
        let yaml = "type: FILESYSTEM\nconfig:\n  colour: red\n  directory: $(DIR_1)\n  x: [1, 2]\n";
        let warnings = opened(yaml).unwrap().warnings;
        let want = [(3, "colour"), (5, "x")]
            .map(|(line, key)| format!("line {line}: key {key:?} of a FILESYSTEM has no effect"));
        assert_eq!(warnings, want);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_its_place() {
        fn check(yaml: &str, want: &str) {
            let error = format!("{:#}", opened(yaml).unwrap_err());
            assert!(error.contains(want), "{error} / {want}");
        }
        let sound = "type: FILESYSTEM\nconfig:\n  directory: $(DIR_1)\n";
        check(&format!("{sound}cache: 1\n"), "line 4: ");
        check(&format!("{sound}cache: 1\n"), "cache");
        check(&format!("{sound}type: S3\n"), "line 4: ");
        check(
            "type: s3\nconfig:\n  bucket: x\n",
            "type S3 comes with object stores",
        );
        check("type: FTP\n", "unknown bucket type \"FTP\"");
        check("config: {}\n", "type");
        check(
            "type: FILESYSTEM\n",
            "config.directory of a FILESYSTEM is missing",
        );
        check("type: FILESYSTEM\nconfig: {directory: ''}\n", "is missing");
        check(
            "type: FILESYSTEM\nconfig: {directory: /no/where}\n",
            "/no/where not found",
        );
        check(
            "type: FILESYSTEM\nconfig:\n  directory: $(NONE)\n",
            "line 3: $(NONE) is not",
        );
        check(&format!("{sound}prefix: a//b\n"), "prefix");
        check("type: [", "line 1");
        check("", "line 1");
    }

    #[test]
    fn only_whole_names_are_substituted() {
        fn check(text: &str, want: &str) {
            let got = substitute(text, &|name| Some(format!("<{name}>")));
            assert_eq!(got.unwrap(), want);
        }
        check("a $(B_1)$(c)", "a <B_1><c>");
        check("$() $(a-b) $(a $x ${y} $", "$() $(a-b) $(a $x ${y} $");
        check("$($(A))", "$(<A>)");
    }
}
