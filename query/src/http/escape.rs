//! Names that are not plain words, made fit for URLs and old parsers: the `U__` form, and three that lose something.
//!
//! ```text
//! values       a.b -> U__a_2e_b     a_ b -> U__a___20_b     the only form that reads back
//! underscores  a.b -> a_b
//! dots         a.b -> a_dot_b       a_.b -> a___dot_b
//! allow-utf-8  a.b -> a.b
//! ```
//!
//! A plain name is its own form. In the `U__` form a letter, a digit past the start and a colon stand for themselves, an underscore is doubled, anything
//! else is its code point in hexadecimal between underscores. Text that breaks the form is taken as it is.

use std::fmt::Write as _;

const PREFIX: &str = "U__";
/// Hexadecimal digits of one escape, at most.
const DIGITS_MAX: usize = 6;

/// How names are written for a reader that does not know all of Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escaping {
    /// Every odd character is an underscore.
    #[default]
    Underscores,
    /// Dots are spelt out.
    Dots,
    /// The `U__` form.
    Values,
    /// As it is, in quotes where need be.
    AllowUtf8,
}

impl Escaping {
    /// By its name in a content type.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Underscores, Self::Dots, Self::Values, Self::AllowUtf8]
            .into_iter()
            .find(|escaping| escaping.name() == name)
    }

    /// Its name in a content type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
            Self::AllowUtf8 => "allow-utf-8",
        }
    }

    /// The name in this form.
    #[must_use]
    pub fn apply(self, name: &str) -> String {
        match self {
            _ if is_plain(name) => name.to_owned(),
            Self::AllowUtf8 => name.to_owned(),
            Self::Values => escape(name),
            Self::Underscores => {
                let word = |(at, c)| if stands(at, c) { c } else { '_' };
                name.chars().enumerate().map(word).collect()
            }
            Self::Dots => dots(name),
        }
    }
}

fn dots(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.chars().enumerate() {
        match c {
            '_' => out.push_str("__"),
            '.' => out.push_str("_dot_"),
            c if stands(at, c) => out.push(c),
            _ => out.push_str("__"),
        }
    }
    out
}

/// Whether `name` is a metric name of the old kind.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().enumerate().all(|(at, c)| stands(at, c))
}

fn stands(at: usize, c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':' || (c.is_ascii_digit() && at > 0)
}

/// The `U__` form of a name; a plain name is its own.
#[must_use]
pub fn escape(name: &str) -> String {
    if name.is_empty() || is_plain(name) {
        return name.to_owned();
    }
    let mut out = String::from(PREFIX);
    for (at, c) in name.chars().enumerate() {
        match c {
            '_' => out.push_str("__"),
            c if stands(at, c) => out.push(c),
            c => write!(out, "_{:x}_", u32::from(c)).expect("a string takes any text"),
        }
    }
    out
}

/// The name that a `U__` form stands for; any other text stands for itself.
#[must_use]
pub fn unescape(text: &str) -> String {
    text.strip_prefix(PREFIX)
        .and_then(unescape_rest)
        .unwrap_or_else(|| text.to_owned())
}

fn unescape_rest(mut rest: &str) -> Option<String> {
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = rest.split_once('_')?;
        if digits.is_empty() || digits.len() > DIGITS_MAX {
            return None;
        }
        let code = u32::from_str_radix(digits, 16).ok()?;
        out.push(char::from_u32(code)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}
