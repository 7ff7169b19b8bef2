//! Labels: the name of a series, as sorted pairs of strings.
//!
//! Invariants of [`Labels`]: sorted by name in byte order, names unique. Comparison is pairwise, name then value, in byte
//! order; a proper prefix sorts first. The hash is xxhash64 (seed 0) over `name FF value FF …`, as Prometheus' slice
//! implementation computes it; Thanos' group keys are made of it.

use std::fmt;

use xxhash_rust::xxh64::Xxh64;

/// Label name of the metric name.
pub const METRIC_NAME: &str = "__name__";

/// Byte that ends names and values in hashed forms; it never occurs in UTF-8.
pub const SEPARATOR: u8 = 0xFF;

/// One name and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Sorted on.
    pub name: String,
    /// Never empty in a stored series.
    pub value: String,
}

/// A sorted, unique set of labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// Sorts the pairs; of equal names the last wins.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut map = std::collections::BTreeMap::new();
        for (name, value) in pairs {
            map.insert(name.into(), value.into());
        }
        Self(
            map.into_iter()
                .map(|(name, value)| Label { name, value })
                .collect(),
        )
    }

    /// The value of `name`, empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0
            .binary_search_by(|label| label.name.as_str().cmp(name))
            .map_or("", |at| &self.0[at].value)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|label| (label.name.as_str(), label.value.as_str()))
    }

    /// The pairs in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Label] {
        &self.0
    }

    /// Number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same labels without `names`.
    #[must_use]
    pub fn without(&self, names: &[String]) -> Self {
        Self(
            self.0
                .iter()
                .filter(|label| !names.contains(&label.name))
                .cloned()
                .collect(),
        )
    }

    /// Adds or replaces one label.
    pub fn set(&mut self, name: &str, value: &str) {
        match self
            .0
            .binary_search_by(|label| label.name.as_str().cmp(name))
        {
            Ok(at) => self.0[at].value = value.into(),
            Err(at) => self.0.insert(
                at,
                Label {
                    name: name.into(),
                    value: value.into(),
                },
            ),
        }
    }

    /// Keeps only labels of which `keep(name, value)` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|label| keep(&label.name, &label.value));
    }

    /// xxhash64 as Thanos' group keys use it.
    #[must_use]
    pub fn hash64(&self) -> u64 {
        hash_pairs(
            self.0
                .iter()
                .map(|label| (label.name.as_bytes(), label.value.as_bytes())),
        )
    }
}

/// xxhash64 (seed 0) over each name and value, each ended by [`SEPARATOR`].
pub fn hash_pairs<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> u64 {
    let mut hash = Xxh64::new(0);
    for (name, value) in pairs {
        hash.update(name);
        hash.update(&[SEPARATOR]);
        hash.update(value);
        hash.update(&[SEPARATOR]);
    }
    hash.digest()
}

impl fmt::Display for Labels {
    /// The form `{name="value", other="value"}`, as Prometheus prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, label) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write_name(f, &label.name)?;
            write!(f, "=\"{}\"", Escaped(&label.value))?;
        }
        f.write_str("}")
    }
}

pub(crate) fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if is_legacy_name(name) {
        f.write_str(name)
    } else {
        write!(f, "\"{}\"", Escaped(name))
    }
}

/// Whether `name` needs no quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_legacy_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Text with `\`, `"` and control characters escaped, as in a Go string literal.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{b}' => f.write_str("\\v")?,
                '\u{c}' => f.write_str("\\f")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_that_of_the_slice_implementation() {
        assert_eq!(Labels::default().hash64(), 17_241_709_254_077_376_921);
        let labels = Labels::from_pairs([("replica", "0"), ("cluster", "eu1")]);
        assert_eq!(labels.hash64(), 17_479_814_343_131_532_407);
    }

    #[test]
    fn a_proper_prefix_sorts_first() {
        let short = Labels::from_pairs([(METRIC_NAME, "a")]);
        let long = Labels::from_pairs([(METRIC_NAME, "a"), ("job", "1")]);
        assert!(short < long && long < Labels::from_pairs([("job", "1")]));
    }

    #[test]
    fn text_form_quotes_what_needs_quotes() {
        let labels = Labels::from_pairs([("a", "x\"y\n"), ("b.c", "ü")]);
        assert_eq!(labels.to_string(), r#"{a="x\"y\n", "b.c"="ü"}"#);
    }
}
