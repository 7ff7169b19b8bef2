//! Relabelling: rules that rewrite a label set, or drop what carries it.
//!
//! ```text
//! source labels ──join with separator──► value ──regex──► action ──► target label, or keep / drop
//! ```
//!
//! Rules run in order, each on what the one before left. A label set to the empty string is removed. Patterns are those
//! of matchers, anchored; templates are Go's ([`crate::matcher::regex`]). What operators write is [`config`]; block
//! filters take only the actions of [`Actions::Selector`]. Pure: the same labels give the same result on every machine,
//! which sharding by `hashmod` relies on.

use md5::{Digest, Md5};

use crate::error::Result;
use crate::label::Labels;
use crate::matcher::Regex;
use crate::matcher::regex::capture::CaptureRegex;

mod config;

pub use config::{Action, Actions, RelabelConfig};

/// Compiled rules.
#[derive(Debug, Clone, Default)]
pub struct Relabel {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
struct Rule {
    source_labels: Vec<String>,
    separator: String,
    effect: Effect,
}

/// What a rule does with the joined value.
#[derive(Debug, Clone)]
enum Effect {
    Replace(Replacement),
    Keep(Regex),
    Drop(Regex),
    KeepEqual { target: String },
    DropEqual { target: String },
    HashMod { target: String, modulus: u64 },
    LabelMap(Replacement),
    LabelDrop(Regex),
    LabelKeep(Regex),
    Lowercase { target: String },
    Uppercase { target: String },
}

#[derive(Debug, Clone)]
struct Replacement {
    regex: CaptureRegex,
    /// The same pattern, which refuses most values faster.
    filter: Regex,
    target: String,
    template: String,
}

impl Relabel {
    /// Compiles rules, of which only `allowed` actions may occur.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] with the position of the first rule that is wrong, and why.
    pub fn new(configs: &[RelabelConfig], allowed: Actions) -> Result<Self> {
        let numbered = configs.iter().enumerate();
        let rules = numbered.map(|(at, config)| config.compile(at, allowed));
        Ok(Self {
            rules: rules.collect::<Result<_>>()?,
        })
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The labels after all rules; `None` where a rule drops them. Labels may come back empty: what that means is the
    /// caller's choice (a block selector drops such a block).
    #[must_use]
    pub fn apply(&self, mut labels: Labels) -> Option<Labels> {
        for rule in &self.rules {
            if !rule.apply(&mut labels) {
                return None;
            }
        }
        Some(labels)
    }
}

impl Rule {
    /// Changes `labels` and tells whether to keep them.
    fn apply(&self, labels: &mut Labels) -> bool {
        let value = self.joined(labels);
        match &self.effect {
            Effect::Keep(regex) => return regex.is_match(&value),
            Effect::Drop(regex) => return !regex.is_match(&value),
            Effect::KeepEqual { target } => return labels.get(target) == value,
            Effect::DropEqual { target } => return labels.get(target) != value,
            Effect::Replace(replacement) => replacement.replace(&value, labels),
            Effect::HashMod { target, modulus } => {
                assign(labels, target, &hash_mod(&value, *modulus).to_string());
            }
            Effect::Lowercase { target } => assign(labels, target, &lowercase(&value)),
            Effect::Uppercase { target } => assign(labels, target, &uppercase(&value)),
            Effect::LabelMap(replacement) => replacement.map_names(labels),
            Effect::LabelDrop(regex) => labels.retain(|name, _| !regex.is_match(name)),
            Effect::LabelKeep(regex) => labels.retain(|name, _| regex.is_match(name)),
        }
        true
    }

    fn joined(&self, labels: &Labels) -> String {
        let mut value = String::new();
        for (at, name) in self.source_labels.iter().enumerate() {
            if at > 0 {
                value.push_str(&self.separator);
            }
            value.push_str(labels.get(name));
        }
        value
    }
}

impl Replacement {
    fn replace(&self, value: &str, labels: &mut Labels) {
        if !self.filter.is_match(value) {
            return;
        }
        let Some(captures) = self.regex.captures(value) else {
            return;
        };
        let target = captures.expand(&self.target);
        if !target.is_empty() {
            assign(labels, &target, &captures.expand(&self.template));
        }
    }

    /// Copies values of matching names to new names; those that were there stay.
    fn map_names(&self, labels: &mut Labels) {
        for label in labels.clone().as_slice() {
            let captures = self.regex.captures(&label.name);
            let name = captures.map(|captures| captures.expand(&self.template));
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                assign(labels, &name, &label.value);
            }
        }
    }
}

fn assign(labels: &mut Labels, name: &str, value: &str) {
    if value.is_empty() {
        labels.retain(|known, _| known != name);
    } else {
        labels.set(name, value);
    }
}

/// Remainder of the last eight bytes of the MD5, which is how Prometheus shards.
fn hash_mod(value: &str, modulus: u64) -> u64 {
    let hash: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let (_, last) = hash.split_last_chunk::<8>().expect("an MD5 has 16 bytes");
    u64::from_be_bytes(*last) % modulus
}

/// Lower case as Go has it: character by character, so a final sigma is like any other.
fn lowercase(value: &str) -> String {
    let lower = |c: char| match c {
        '\u{130}' => 'i',
        c => single(c, c.to_lowercase()),
    };
    value.chars().map(lower).collect()
}

/// Upper case as Go has it: character by character, so `ß` stays.
fn uppercase(value: &str) -> String {
    let upper = |c: char| match c {
        // Greek with iota subscript: one character in simple case mapping, two in full.
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => {
            char::from_u32(u32::from(c) + 8).unwrap_or(c)
        }
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => char::from_u32(u32::from(c) + 9).unwrap_or(c),
        c => single(c, c.to_uppercase()),
    };
    value.chars().map(upper).collect()
}

fn single(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    if mapped.len() == 1 {
        mapped.next().unwrap_or(c)
    } else {
        c
    }
}

#[cfg(test)]
mod tests;
