//! Literals: numbers, durations, strings.
//!
//! ```text
//! number   = [ "0x" ] digits with at most one "." and one exponent, "_" between digits
//! duration = { digits unit }            which units in which order: checked when the value is taken
//! string   = "…" or '…' with Go's escapes, or `…` raw
//! ```
//!
//! What is cut here need not be a valid number; [`crate::syntax::number`] decides and words the error.

use super::{Kind, Lexed, Lexer};
use crate::syntax::quote::{code_point, text as quoted};

impl Lexer<'_> {
    pub(super) fn starts_number(&self, c: char) -> bool {
        c.is_ascii_digit() || self.peek().is_some_and(|next| next.is_ascii_digit())
    }

    fn is(&self, set: &str) -> bool {
        self.peek().is_some_and(|c| set.contains(c))
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.is(set);
        if found {
            self.at += 1;
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    /// A number or a duration; its first character was just read.
    pub(super) fn number_or_duration(&mut self) -> Lexed {
        self.at = self.start;
        if self.number() {
            return Ok(Kind::Number);
        }
        if self.duration_tail() {
            return Ok(Kind::Duration);
        }
        let read = &self.text[self.start..self.at];
        Err(format!("bad number or duration syntax: {}", quoted(read)))
    }

    fn number(&mut self) -> bool {
        let hexadecimal = self.accept("0") && self.accept("xX");
        let digits = if hexadecimal {
            self.accept("_");
            "0123456789abcdefABCDEF"
        } else {
            "0123456789"
        };
        self.accept(".");
        self.accept(digits);
        let (mut dots, mut exponents) = (0, 0);
        while self.is(digits) || self.is("._eE") {
            if self.accept(".") {
                dots += 1;
                if dots > 1 || self.accept("_.") || hexadecimal {
                    return false;
                }
            } else if self.accept("eE") {
                exponents += 1;
                if exponents > 1 {
                    return false;
                }
                self.accept("+-");
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if self.accept("_") {
                if self.accept("._eE") || self.peek().is_none() {
                    return false;
                }
            } else {
                self.accept_run(digits);
            }
        }
        self.at > self.start && !self.peek().is_some_and(is_word)
    }

    /// What follows the first digits of a duration.
    fn duration_tail(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        // Wrong units such as `hs` are found when the value is taken.
        self.accept("s");
        while self.accept("0123456789") {
            self.accept_run("0123456789");
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        match self.peek() {
            Some(c) if is_word(c) => {
                self.at += 1;
                false
            }
            _ => true,
        }
    }

    /// A quoted string; its first quote was just read.
    pub(super) fn string(&mut self, quote: char) -> Lexed {
        loop {
            match self.bump() {
                Some('\\') => self.escape(quote)?,
                None | Some('\n') => return Err("unterminated quoted string".to_owned()),
                Some(c) if c == quote => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    pub(super) fn raw_string(&mut self) -> Lexed {
        loop {
            match self.bump() {
                None => return Err("unterminated raw string".to_owned()),
                Some('`') => return Ok(Kind::String),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), String> {
        let not_terminated = || "escape sequence not terminated".to_owned();
        let c = self.bump().ok_or_else(not_terminated)?;
        let (digits, radix, largest) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if c == quote => return Ok(()),
            '0'..='7' => {
                self.at -= 1;
                (3, 8, 0xff)
            }
            'x' => (2, 16, 0xff),
            'u' => (4, 16, 0x10_ffff),
            'U' => (8, 16, 0x10_ffff),
            _ => return Err(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value: u32 = 0;
        for _ in 0..digits {
            let c = self.bump().ok_or_else(not_terminated)?;
            let digit = c
                .to_digit(radix)
                .ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        if value > largest || (0xd800..0xe000).contains(&value) {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
