//! A text and where one is in it, with the words that errors use for what stands there.

use crate::error::{ParseError, ParseErrors};
use crate::syntax::ast::Span;
use crate::syntax::{number, quote};

/// Most positions of one series: a repetition is a few bytes long.
pub(super) const POSITIONS_MAX: u64 = 1_000_000;

pub(super) type Result<T> = std::result::Result<T, ParseErrors>;

#[derive(Debug, Clone)]
pub(super) struct Reader<'t> {
    text: &'t str,
    pub(super) at: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn before(&self) -> &'t str {
        &self.text[..self.at]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Skips white space; whether there was some.
    pub(super) fn space(&mut self) -> bool {
        let before = self.at;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.at > before
    }

    /// Takes what `belongs` says, by the position in it.
    pub(super) fn run(&mut self, belongs: impl Fn(usize, char) -> bool) -> &'t str {
        let rest = self.rest();
        let mut count = 0;
        let end = rest.find(|c| {
            count += 1;
            !belongs(count - 1, c)
        });
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Letters, digits, underscores.
    pub(super) fn word(&mut self) -> &'t str {
        self.run(|_, c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// The text of a number without its sign; empty if there is none.
    pub(super) fn number_text(&mut self) -> &'t str {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut at = from;
        while digit(at)
            || bytes.get(at) == Some(&b'.')
            || at > from && bytes.get(at) == Some(&b'_') && digit(at + 1)
        {
            at += 1;
        }
        if at > from && matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            if digit(at + 1 + sign) {
                at += 1 + sign;
                while digit(at) {
                    at += 1;
                }
            }
        }
        self.at = at;
        &self.text[from..at]
    }

    /// The text of a number that must stand here, and end here.
    fn numeral(&mut self) -> Result<&'t str> {
        let from = self.at;
        let text = self.number_text();
        if text.is_empty() {
            return Err(self.unexpected());
        }
        let goes_on = |c: char| c.is_ascii_alphanumeric() && c != 'x';
        if self.peek().is_some_and(goes_on) {
            let text = quote::text(text);
            return Err(self.fail(from, format!("bad number syntax: {text}")));
        }
        Ok(text)
    }

    /// A number without a sign.
    pub(super) fn number(&mut self) -> Result<f64> {
        let from = self.at;
        let text = self.numeral()?;
        // Without the zeros in front it is decimal, as it is meant here.
        let trimmed = text.trim_start_matches('0');
        let is_whole = trimmed.starts_with(|c: char| c.is_ascii_digit());
        let decimal = if is_whole { trimmed } else { text };
        number::parse_number(decimal).map_err(|why| self.fail(from, why))
    }

    /// A count: of repetitions, of buckets.
    pub(super) fn count(&mut self) -> Result<u64> {
        let from = self.at;
        let text = self.numeral()?;
        text.parse().map_err(|_error| {
            let text = quote::text(text);
            let why = format!("strconv.ParseUint: parsing {text}: invalid syntax");
            self.fail(from, format!("invalid repetition in series values: {why}"))
        })
    }

    /// A string in quotes, its escapes resolved.
    pub(super) fn string(&mut self) -> Result<String> {
        let from = self.at;
        let quote_mark = self.peek().unwrap_or('"');
        let mut is_escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, c)| {
            let closes = *c == quote_mark && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            closes
        });
        let Some((end, _)) = end else {
            return Err(self.fail(from, "unterminated quoted string".to_owned()));
        };
        let literal = &self.rest()[..=end];
        self.at += literal.len();
        quote::unquote(literal)
            .ok_or_else(|| self.fail(from, "string is not valid UTF-8".to_owned()))
    }

    pub(super) fn fail(&self, at: usize, message: String) -> ParseErrors {
        let span = Span {
            start: at,
            end: self.text.len(),
        };
        ParseErrors::new(self.text, vec![ParseError { span, message }])
    }

    /// What stands here should not.
    pub(super) fn unexpected(&self) -> ParseErrors {
        match self.token() {
            Some(token) => self.fail(self.at, format!("unexpected {token} in series values")),
            None => self.stray(),
        }
    }

    /// A character that begins nothing.
    pub(super) fn stray(&self) -> ParseErrors {
        let c = quote::character(self.peek().unwrap_or(' '));
        self.fail(
            self.at,
            format!("unexpected character in series sequence: {c}"),
        )
    }

    /// What stands here, as messages name it; none where it begins nothing.
    pub(super) fn token(&self) -> Option<String> {
        let Some(c) = self.peek() else {
            return Some("end of input".to_owned());
        };
        Some(match c {
            '+' | '-' => format!("<op:{c}>"),
            ' ' | '\t' => "\" \"".to_owned(),
            'x' | ']' | '[' => format!("\"{c}\""),
            '0'..='9' | '.' => format!("number {}", quote::text(self.clone().number_text())),
            _ if c.is_ascii_alphabetic() => {
                format!("identifier {}", quote::text(self.clone().word()))
            }
            _ => return None,
        })
    }
}
