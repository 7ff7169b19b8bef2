//! Strings and characters as Go quotes them, and Go's escapes read back.
//!
//! `text` is for labels, literals and messages; `character` for messages. Escapes were checked by [`super::lexer`], so
//! [`unquote`] only fails where the bytes they give are not UTF-8.

use std::fmt::Write as _;

/// A string in double quotes.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        escape(&mut out, c, '"');
    }
    out.push('"');
    out
}

/// A character in single quotes.
pub(crate) fn character(c: char) -> String {
    let mut out = String::from("'");
    escape(&mut out, c, '\'');
    out.push('\'');
    out
}

/// A character with its number, `U+002E '.'`.
pub(super) fn code_point(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if is_printable(c) {
        format!("{number} '{c}'")
    } else {
        number
    }
}

fn escape(out: &mut String, c: char, quote: char) {
    let number = u32::from(c);
    let _ = match c {
        _ if c == quote => write!(out, "\\{c}"),
        '\\' => out.write_str("\\\\"),
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\x0b' => out.write_str("\\v"),
        _ if is_printable(c) => out.write_char(c),
        _ if number < 0x80 => write!(out, "\\x{number:02x}"),
        _ if number < 0x1_0000 => write!(out, "\\u{number:04x}"),
        _ => write!(out, "\\U{number:08x}"),
    };
}

fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    if c.is_whitespace() {
        return false;
    }
    // What Rust's own Debug writes as it is; only a combining mark at the start of a text is treated apart there.
    format!("{:?}", format!("a{c}")).len() == 3 + c.len_utf8()
}

/// The string a literal stands for; none where its escapes give bytes that are not UTF-8.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if literal.starts_with('`') {
        return Some(inner.replace('\r', ""));
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape(&rest[at + 1..], &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Reads one escape after its backslash; gives what follows it.
fn unescape<'t>(rest: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let simple = match rest.chars().next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        'x' => return number(rest, 1..3, 16, bytes),
        'u' => return number(rest, 1..5, 16, bytes),
        'U' => return number(rest, 1..9, 16, bytes),
        '0'..='7' => return number(rest, 0..3, 8, bytes),
        other => u8::try_from(other).ok()?,
    };
    bytes.push(simple);
    rest.get(1..)
}

fn number<'t>(
    rest: &'t str,
    digits: std::ops::Range<usize>,
    radix: u32,
    bytes: &mut Vec<u8>,
) -> Option<&'t str> {
    let value = u32::from_str_radix(rest.get(digits.clone())?, radix).ok()?;
    if digits.end == 3 {
        bytes.push(u8::try_from(value).ok()?);
    } else {
        let c = char::from_u32(value)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    rest.get(digits.end..)
}
