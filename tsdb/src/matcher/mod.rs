//! Matchers: `=`, `!=`, `=~`, `!~` on the value of one label; regexes that are really sets.
//!
//! A selector is the conjunction of its matchers, several of which may name the same label. A series without a label is one
//! with the empty value, so the question that decides how a matcher is answered is whether it matches the empty string.
//! Patterns are Go's, anchored, dot matching newline: [`regex`]. Selectors as text: [`selector`]. What a set of matchers
//! asks of an index: [`crate::postings::select`].

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::label::{self, Labels};

mod fast;
pub mod regex;
pub mod selector;

pub use regex::Regex;
pub use selector::parse_selector;

/// What a matcher asks of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatcherKind {
    /// `=`: it is this string.
    Equal,
    /// `!=`: it is another string.
    NotEqual,
    /// `=~`: all of it matches.
    Regex,
    /// `!~`: not all of it matches.
    NotRegex,
}

impl MatcherKind {
    /// The operator, as written between name and value.
    #[must_use]
    pub fn operator(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether it refuses what its value names.
    #[must_use]
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }

    fn inverse(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Regex => Self::NotRegex,
            Self::NotRegex => Self::Regex,
        }
    }
}

/// A condition on the value of one label.
#[derive(Clone)]
pub struct Matcher {
    kind: MatcherKind,
    name: String,
    value: String,
    /// Compiled `value`, for the two regex kinds.
    regex: Option<Arc<Regex>>,
}

impl Matcher {
    /// A matcher on label `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a pattern does not compile; the text names the matcher.
    pub fn new(
        kind: MatcherKind,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self> {
        let mut matcher = Self {
            kind,
            name: name.into(),
            value: value.into(),
            regex: None,
        };
        if matches!(kind, MatcherKind::Regex | MatcherKind::NotRegex) {
            match Regex::new(&matcher.value) {
                Ok(regex) => matcher.regex = Some(Arc::new(regex)),
                Err(Error::Invalid(why)) => {
                    return Err(Error::Invalid(format!("matcher {matcher}: {why}")));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(matcher)
    }

    /// The matcher `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            kind: MatcherKind::Equal,
            name: name.into(),
            value: value.into(),
            regex: None,
        }
    }

    /// What it asks.
    #[must_use]
    pub fn kind(&self) -> MatcherKind {
        self.kind
    }

    /// The label it asks about.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The string or pattern it compares with.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The compiled pattern, of `=~` and `!~`.
    #[must_use]
    pub fn regex(&self) -> Option<&Regex> {
        self.regex.as_deref()
    }

    /// Whether a series with this value of the label, empty where it has none, is selected.
    #[inline]
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let named = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        named != self.kind.is_negative()
    }

    /// As [`Self::matches`], of a value that may not be UTF-8.
    #[must_use]
    pub fn matches_bytes(&self, value: &[u8]) -> bool {
        let named = match &self.regex {
            Some(regex) => regex.is_match_bytes(value),
            None => self.value.as_bytes() == value,
        };
        named != self.kind.is_negative()
    }

    /// Whether a series with these labels is selected.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name))
    }

    /// Whether a series without the label is selected.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The only values that the pattern matches, ascending, where they can be listed; never for `=` and `!=`.
    #[must_use]
    pub fn set_matches(&self) -> Option<&[String]> {
        self.regex.as_ref().and_then(|regex| regex.set_matches())
    }

    /// What every value that the pattern (or string) names starts with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match &self.regex {
            Some(regex) => regex.prefix(),
            None => &self.value,
        }
    }

    /// The matcher that selects exactly the other values.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self {
            kind: self.kind.inverse(),
            ..self.clone()
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.value) == (other.kind, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    /// The form `name="value"`, as Prometheus prints it; the name quoted where it needs quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        label::write_name(f, &self.name)?;
        f.write_str(self.kind.operator())?;
        write!(f, "\"{}\"", label::Escaped(&self.value))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_label_is_an_empty_value() {
        fn check(kind: MatcherKind, value: &str, want: bool) {
            let matcher = Matcher::new(kind, "l", value).unwrap();
            let got = matcher.matches_labels(&Labels::default());
            assert_eq!(got, want, "{matcher}");
        }
        check(MatcherKind::Equal, "x", false);
        check(MatcherKind::Equal, "", true);
        check(MatcherKind::NotEqual, "x", true);
        check(MatcherKind::NotEqual, "", false);
        check(MatcherKind::Regex, "x|", true);
        check(MatcherKind::Regex, ".+", false);
        check(MatcherKind::NotRegex, ".+", true);
        check(MatcherKind::NotRegex, ".*", false);
    }

    #[test]
    fn an_inverse_selects_the_others() {
        for kind in [MatcherKind::Equal, MatcherKind::Regex] {
            let matcher = Matcher::new(kind, "l", "a").unwrap();
            for value in ["", "a", "b"] {
                assert_ne!(matcher.matches(value), matcher.inverse().matches(value));
            }
            assert_eq!(matcher.inverse().inverse(), matcher);
        }
    }

    #[test]
    fn text_form_is_that_of_prometheus() {
        let matcher = Matcher::new(MatcherKind::Regex, "job", "a|b\n").unwrap();
        assert_eq!(matcher.to_string(), r#"job=~"a|b\n""#);
        assert_eq!(Matcher::equal("a.b", "\"").to_string(), r#""a.b"="\"""#);
        assert_eq!(Matcher::equal("", "").to_string(), r#"""="""#);
    }

    #[test]
    fn a_bad_pattern_is_named_with_its_label() {
        let error = Matcher::new(MatcherKind::NotRegex, "job", "a)|(b").unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            r#"matcher job!~"a)|(b": regex: closing parenthesis without an opening one at byte 1"#
        );
    }
}
