//! Patterns with their groups, and Go's templates over them (`$1`, `${1}`, `${name}`), as relabelling needs both.
//!
//! ```text
//! $name   the longest run of letters, digits and _: $1x is the group called 1x, not group 1 and an x
//! ${name} exactly that name        $$ a dollar sign        any other $ stands for itself
//! ```
//!
//! A name of digits is a number. An unknown group, or one that took no part in the match, gives nothing. Of groups that
//! share a name the first that took part counts.

use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input};

use super::{engine, parser};
use crate::error::Result;

/// A compiled, anchored pattern with groups.
#[derive(Debug, Clone)]
pub struct CaptureRegex {
    engine: meta::Regex,
    names: Vec<String>,
}

impl CaptureRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Where Go would refuse it, too.
    pub fn new(pattern: &str) -> Result<Self> {
        let parsed = parser::parse(pattern)?;
        Ok(Self {
            engine: engine(parsed.hir, WhichCaptures::All)?,
            names: parsed.names,
        })
    }

    /// The groups of `value`, where all of it matches.
    #[must_use]
    pub fn captures<'a>(&'a self, value: &'a str) -> Option<Captures<'a>> {
        let mut captures = self.engine.create_captures();
        let input = Input::new(value).anchored(Anchored::Yes);
        self.engine.captures(input, &mut captures);
        captures.is_match().then_some(Captures {
            names: &self.names,
            value,
            captures,
        })
    }
}

/// The groups of one match.
pub struct Captures<'a> {
    names: &'a [String],
    value: &'a str,
    captures: regex_automata::util::captures::Captures,
}

impl Captures<'_> {
    /// Fills in a template.
    #[must_use]
    pub fn expand(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            rest = match reference(after) {
                Some((name, after)) => {
                    text.push_str(self.group(name));
                    after
                }
                None => {
                    text.push('$');
                    after.strip_prefix('$').unwrap_or(after)
                }
            };
        }
        text.push_str(rest);
        text
    }

    fn group(&self, name: &str) -> &str {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            return name
                .parse()
                .ok()
                .and_then(|at| self.numbered(at))
                .unwrap_or("");
        }
        let named = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, known)| *known == name);
        named
            .filter_map(|(at, _)| self.numbered(at + 1))
            .next()
            .unwrap_or("")
    }

    fn numbered(&self, at: usize) -> Option<&str> {
        let span = self.captures.get_group(at)?;
        self.value.get(span.range())
    }
}

/// Reads `name` or `{name}` after a dollar sign, and gives what follows.
fn reference(after: &str) -> Option<(&str, &str)> {
    let word = |c: char| c == '_' || c.is_alphanumeric();
    let (name, rest) = match after.strip_prefix('{') {
        Some(inner) => {
            let end = inner.find(|c| !word(c))?;
            let (name, rest) = inner.split_at(end);
            (name, rest.strip_prefix('}')?)
        }
        None => after.split_at(after.find(|c| !word(c)).unwrap_or(after.len())),
    };
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_follow_go() {
        fn check(pattern: &str, value: &str, template: &str, want: &str) {
            let regex = CaptureRegex::new(pattern).unwrap();
            let got = regex.captures(value).unwrap().expand(template);
            assert_eq!(got, want, "{pattern} {value} {template}");
        }
        check("(.*)", "a", "$1", "a");
        check("(a)(b)", "ab", "$2$1", "ba");
        check("(a)(b)", "ab", "$1x", "");
        check("(a)(b)", "ab", "${1}x", "ax");
        check("(a)(b)", "ab", "$0", "ab");
        check("(a)(b)", "ab", "$3|", "|");
        check("(?P<n>a)b", "ab", "$n-${n}", "a-a");
        check("(?<n>a)|(?<n>b)", "b", "$n", "b");
        check("a", "a", "$$1", "$1");
        check("a", "a", "$", "$");
        check("a", "a", "$-", "$-");
        check("a", "a", "${1", "${1");
        check("a", "a", "${", "${");
        check("a", "a", "${}", "${}");
        check("(a)", "a", "é${1}é", "éaé");
        check("(a)?b", "b", "[$1]", "[]");
        check("(a+?)(a*)", "aaa", "$1-$2", "a-aa");
        check("(?U)(a+)(a*)", "aaa", "$1-$2", "a-aa");
    }

    #[test]
    fn groups_need_all_of_the_value() {
        let regex = CaptureRegex::new("(a|ab)(c|)").unwrap();
        assert!(regex.captures("abcd").is_none());
        assert_eq!(regex.captures("abc").unwrap().expand("$1,$2"), "ab,c");
        assert_eq!(regex.captures("ab").unwrap().expand("$1,$2"), "ab,");
    }
}
