//! The longer tokens of Go's dialect: counts in braces, group names, flags.
//!
//! ```text
//! {2}  {2,}  {2,5}        (?P<name>  (?<name>        (?i)  (?i-s:
//! ```
//!
//! Each function takes the text from the token on and gives its parts and its length, or nothing where it is something else.

/// What `(?imsU)` sets, from there to the end of its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    /// `i`: letters of either case.
    pub(super) fold: bool,
    /// `m`: `^` and `$` at line breaks too.
    pub(super) multi_line: bool,
    /// `s`: the dot takes newlines; on from the start.
    pub(super) dot_newline: bool,
    /// `U`: repetitions take little, and much with `?`.
    pub(super) lazy: bool,
}

/// Upper bound of a repetition.
#[derive(Clone, Copy)]
pub(super) enum Max {
    None,
    Count(u32),
}

/// Reads `{n}`, `{n,}` or `{n,m}`; anything else is text. Numbers past all bounds come back as `u32::MAX`.
pub(super) fn braces(rest: &str) -> Option<(u32, Max, usize)> {
    let inner = rest.strip_prefix('{')?;
    // Looks no further than the numbers go, so that a text of braces is read in linear time.
    let end = inner
        .bytes()
        .position(|byte| byte != b',' && !byte.is_ascii_digit())?;
    let (body, after) = inner.split_at(end);
    if !after.starts_with('}') {
        return None;
    }
    let len = body.len() + 2;
    match body.split_once(',') {
        None => {
            let count = count(body)?;
            Some((count, Max::Count(count), len))
        }
        Some((min, "")) => Some((count(min)?, Max::None, len)),
        Some((min, max)) => Some((count(min)?, Max::Count(count(max)?), len)),
    }
}

fn count(digits: &str) -> Option<u32> {
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if digits.is_empty() || leading_zero || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

/// Reads `(?P<name>` or `(?<name>`.
pub(super) fn group_name(rest: &str) -> Option<(&str, usize)> {
    let start = if rest.starts_with("(?P<") { 4 } else { 3 };
    let (name, _) = rest[start..].split_once('>')?;
    let word = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    (!name.is_empty() && name.bytes().all(word)).then_some((name, start + name.len() + 1))
}

/// Reads `(?flags)` or `(?flags:`: the new flags, whether a group opens, and the length.
pub(super) fn flag_group(rest: &str, mut flags: Flags) -> Option<(Flags, bool, usize)> {
    let mut on = true;
    let mut seen = false;
    for (at, byte) in rest.bytes().enumerate().skip(2) {
        match byte {
            b'i' => flags.fold = on,
            b'm' => flags.multi_line = on,
            b's' => flags.dot_newline = on,
            b'U' => flags.lazy = on,
            b'-' if on => {
                on = false;
                seen = false;
                continue;
            }
            b':' | b')' if on || seen => return Some((flags, byte == b':', at + 1)),
            _ => return None,
        }
        seen = true;
    }
    None
}
