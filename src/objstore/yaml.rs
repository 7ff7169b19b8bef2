//! How the configuration of a store is read: types of values, strictness, and errors that name a line.
//!
//! Go's reader takes an empty value for the default, so every key is an `Option`. A key that we cannot honour is refused
//! with its line and a hint ([`refuse`]); an unknown one is refused where Thanos does, else named in a warning.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::anyhow;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::cli::value;

/// The document around the configuration of a provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "C: DeserializeOwned")]
pub(super) struct Document<C> {
    /// Type of the store, in any case.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// What the provider needs.
    pub(super) config: Option<C>,
    /// What comes before each block.
    pub(super) prefix: Option<String>,
}

/// Reads the whole document.
///
/// # Errors
/// With the line, and without a word of the text.
pub(super) fn read<C: DeserializeOwned>(yaml: &str) -> anyhow::Result<Document<C>> {
    serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        anyhow!("line {line}: {}", error.without_snippet())
    })
}

/// The keys of the configuration that are none of `known`, each with its line, as warnings.
///
/// # Errors
/// As [`read`].
pub(super) fn unknown(yaml: &str, kind: &str, known: &[&str]) -> anyhow::Result<Vec<String>> {
    let keys: HashMap<String, Spanned<IgnoredAny>> = read(yaml)?.config.unwrap_or_default();
    let mut unknown: Vec<(u64, &String)> = keys
        .iter()
        .filter(|(key, _)| !known.contains(&key.as_str()))
        .map(|(key, value)| (value.referenced.line(), key))
        .collect();
    unknown.sort_unstable();
    let warning = |(line, key)| format!("line {line}: key {key:?} of type {kind} has no effect");
    Ok(unknown.into_iter().map(warning).collect())
}

/// What is said of a key that cannot be honoured.
pub(super) fn refuse<T>(value: &Spanned<T>, key: &str, hint: &str) -> anyhow::Error {
    anyhow!("line {}: {key} {hint}", value.referenced.line())
}

/// A value that must be there.
///
/// # Errors
/// Where it is missing or empty.
pub(super) fn required(value: Option<String>, kind: &str, key: &str) -> anyhow::Result<String> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| anyhow!("config.{key} of type {kind} is missing"))
}

/// A duration as Prometheus writes it: `90s`, `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        value::duration(&text).map(Self).map_err(D::Error::custom)
    }
}
