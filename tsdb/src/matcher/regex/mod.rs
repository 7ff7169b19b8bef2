//! Go's regular expressions, anchored at both ends, dot matching newline, as matchers and relabelling use them.
//!
//! ```text
//! pattern ──split at |──► words             no metacharacter anywhere: a set, never parsed
//!    └────parser───────► tree ──fast──────► set, or literals with gaps between them: compared, never run
//!                          └──────────────► engine: regex-automata, anchored
//! ```
//!
//! The dialect is RE2 with Perl flags as Go reads it; Rust's differs silently (`[a&&b]`, `\d`, `\Q`), so [`parser`] reads
//! it itself. Invariant: all three ways agree on every value. A value that is not UTF-8 is read as Go reads it, each
//! stray byte as U+FFFD, except that words are compared as bytes. Matching is linear in the value; a pattern whose
//! automaton would pass [`NFA_BYTES_MAX`] is refused. Capture groups are in [`capture`].

use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, Look};

use super::fast::{self, Fast, WordSet};
use crate::error::{Error, Result};

pub mod capture;
mod class;
mod parser;
mod script;
mod token;

/// Bytes that one compiled pattern may take: enough for `\pL{1000}`, little enough to compile in a moment.
const NFA_BYTES_MAX: usize = 32 << 20;

/// A compiled, anchored pattern.
#[derive(Debug, Clone)]
pub struct Regex {
    fast: Option<Fast>,
    engine: Option<meta::Regex>,
    prefix: String,
}

impl Regex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where Go would refuse it, or where its automaton is too large.
    pub fn new(pattern: &str) -> Result<Self> {
        if let Some(words) = fast::split_words(pattern.as_bytes()) {
            return Ok(Self::compared(Fast::Words(WordSet::new(words))));
        }
        let hir = parser::parse(pattern)?.hir;
        if let Some(fast) = fast::recognise(&hir) {
            return Ok(Self::compared(fast));
        }
        let prefix = literal_prefix(&hir);
        let engine = engine(hir, WhichCaptures::Implicit)?;
        Ok(Self {
            fast: None,
            engine: Some(engine),
            prefix,
        })
    }

    /// Compiles a pattern that may not be UTF-8; then it must be free of metacharacters and is compared as bytes.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_bytes(pattern: &[u8]) -> Result<Self> {
        if let Ok(pattern) = std::str::from_utf8(pattern) {
            return Self::new(pattern);
        }
        let words = fast::split_words(pattern)
            .ok_or_else(|| Error::Invalid("regex: pattern is not UTF-8".into()))?;
        Ok(Self::compared(Fast::Words(WordSet::new(words))))
    }

    fn compared(fast: Fast) -> Self {
        Self {
            prefix: fast.prefix(),
            fast: Some(fast),
            engine: None,
        }
    }

    /// Whether all of `value` matches.
    #[inline]
    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        match (&self.fast, &self.engine) {
            (Some(fast), _) => fast.is_match(value.as_bytes()),
            (None, Some(engine)) => is_engine_match(engine, value),
            (None, None) => false,
        }
    }

    /// Whether all of `value` matches, which may not be UTF-8.
    #[must_use]
    pub fn is_match_bytes(&self, value: &[u8]) -> bool {
        if let Some(Fast::Words(words)) = &self.fast {
            return words.contains(value);
        }
        match std::str::from_utf8(value) {
            Ok(value) => self.is_match(value),
            Err(_) => self.is_match(&replace_stray_bytes(value)),
        }
    }

    /// The only values that match, ascending, where they are few enough to be listed.
    #[must_use]
    pub fn set_matches(&self) -> Option<&[String]> {
        match &self.fast {
            Some(Fast::Words(words)) => words.listed(),
            _ => None,
        }
    }

    /// A string that every matching value starts with; empty where none is known.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether every value matches, as for `.*`.
    #[must_use]
    pub fn matches_everything(&self) -> bool {
        self.fast.as_ref().is_some_and(|fast| fast.is_gap(0))
    }

    /// Whether every value but the empty one matches, as for `.+`.
    #[must_use]
    pub fn matches_all_but_empty(&self) -> bool {
        self.fast.as_ref().is_some_and(|fast| fast.is_gap(1))
    }
}

fn is_engine_match(engine: &meta::Regex, value: &str) -> bool {
    engine.is_match(Input::new(value).anchored(Anchored::Yes).earliest(true))
}

/// The anchored automaton of a tree.
fn engine(hir: Hir, captures: WhichCaptures) -> Result<meta::Regex> {
    let anchored = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let config = meta::Config::new()
        .nfa_size_limit(Some(NFA_BYTES_MAX))
        .utf8_empty(false)
        .which_captures(captures);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(&anchored)
        .map_err(|error| {
            let limit = error.size_limit();
            Error::Invalid(match limit {
                Some(limit) => format!("regex: automaton would pass {limit} bytes"),
                None => format!("regex: {error}"),
            })
        })
}

fn literal_prefix(hir: &Hir) -> String {
    let prefixes = Extractor::new().extract(hir);
    let bytes = prefixes.longest_common_prefix().unwrap_or_default();
    fast::text_start(bytes).to_owned()
}

/// The text that Go sees in `value`: every byte that is no part of a character counts as U+FFFD.
fn replace_stray_bytes(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

#[cfg(test)]
mod tests;
