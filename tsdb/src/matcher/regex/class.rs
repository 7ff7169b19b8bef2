//! Sets of characters in Go's dialect: `[…]`, `\d`, `\pL`, `[:alpha:]`, and single escaped characters.
//!
//! `\d \s \w` and the POSIX names are ASCII. There are no set operations: `&&`, `--` and `[` inside brackets are
//! characters. Case folding is applied to each member before its negation, and to single characters before that of the
//! whole. Ranges may name surrogates, which no text contains; one alone stands for U+FFFD, as its UTF-8 form would.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::script;

/// What is wrong, and where from the start of the bracket.
pub(super) struct ClassError {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

/// Ranges that are kept before equal ones are united, so that `[\pL\pL…]` stays small.
const RANGES_PENDING_MAX: usize = 1 << 14;

const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];
const DIGIT: &[(u32, u32)] = &[(0x30, 0x39)];
const PERL_SPACE: &[(u32, u32)] = &[(0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20)];

/// Any character, with or without the newline.
pub(super) fn dot(newline: bool) -> ClassUnicode {
    let mut class = ClassUnicode::empty();
    if !newline {
        class.push(ClassUnicodeRange::new('\n', '\n'));
    }
    class.negate();
    class
}

/// All cases of one character.
pub(super) fn folded(c: char) -> ClassUnicode {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    class
}

/// The character that stands for a code point.
pub(super) fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Collects the members of one class.
pub(super) struct ClassBuilder {
    fold: bool,
    /// Single characters and ranges, to be folded together.
    plain: Vec<(u32, u32)>,
    /// Named sets, folded and negated.
    named: Vec<ClassUnicodeRange>,
}

impl ClassBuilder {
    pub(super) fn new(fold: bool) -> Self {
        Self {
            fold,
            plain: Vec::new(),
            named: Vec::new(),
        }
    }

    fn add_named(&mut self, mut class: ClassUnicode, negated: bool) {
        if self.fold {
            class.case_fold_simple();
        }
        if negated {
            class.negate();
        }
        self.named.extend(class.iter());
        if self.named.len() > RANGES_PENDING_MAX {
            let united = ClassUnicode::new(self.named.drain(..));
            self.named.extend(united.iter());
        }
    }

    /// Reads `\d`, `\pL`, `\p{Greek}` and their like; `None` where `rest` starts with something else.
    pub(super) fn named_escape(&mut self, rest: &str) -> Result<Option<usize>, &'static str> {
        let Some(letter) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) else {
            return Ok(None);
        };
        let ranges = match letter {
            'p' | 'P' => return self.property(rest, letter == 'P').map(Some),
            'd' | 'D' => DIGIT,
            's' | 'S' => PERL_SPACE,
            'w' | 'W' => WORD,
            _ => return Ok(None),
        };
        self.add_named(of_ranges(ranges), letter.is_ascii_uppercase());
        Ok(Some(2))
    }

    fn property(&mut self, rest: &str, mut negated: bool) -> Result<usize, &'static str> {
        let unknown = "unknown character property";
        let body = &rest[2..];
        let (mut name, len) = match body.strip_prefix('{') {
            Some(inner) => {
                let (name, _) = inner.split_once('}').ok_or(unknown)?;
                (name, name.len() + 4)
            }
            None => {
                let first = body.chars().next().ok_or(unknown)?;
                (&body[..first.len_utf8()], 2 + first.len_utf8())
            }
        };
        if let Some(inner) = name.strip_prefix('^') {
            name = inner;
            negated = !negated;
        }
        let class = script::property(name).ok_or(unknown)?;
        self.add_named(class, negated);
        Ok(len)
    }

    /// Reads `[:name:]`; `None` where `rest` starts with something else.
    fn posix(&mut self, rest: &str) -> Result<Option<usize>, &'static str> {
        let Some((name, _)) = rest
            .strip_prefix("[:")
            .and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(None);
        };
        let plain = name.strip_prefix('^').unwrap_or(name);
        let ranges = posix_ranges(plain).ok_or("unknown class name")?;
        self.add_named(of_ranges(ranges), plain.len() < name.len());
        Ok(Some(name.len() + 4))
    }

    /// The class, negated as a whole where asked.
    pub(super) fn finish(self, negated: bool) -> ClassUnicode {
        let mut class = if let ([(lo, hi)], true) = (&self.plain[..], self.named.is_empty())
            && lo == hi
        {
            of_char(character(*lo))
        } else {
            of_ranges(&self.plain)
        };
        if self.fold {
            class.case_fold_simple();
        }
        class.union(&ClassUnicode::new(self.named));
        if negated {
            class.negate();
        }
        class
    }
}

/// Reads a bracketed class at the start of `rest`; also gives its length. No `:]` lies past `posix_end`.
pub(super) fn bracketed(
    rest: &str,
    fold: bool,
    posix_end: usize,
) -> Result<(ClassUnicode, usize), ClassError> {
    let mut builder = ClassBuilder::new(fold);
    let negated = rest[1..].starts_with('^');
    let start = 1 + usize::from(negated);
    let mut at = start;
    while at == start || !rest[at..].starts_with(']') {
        let posix = at < posix_end;
        let len = member(&mut builder, &rest[at..], posix).map_err(|why| ClassError { at, why })?;
        at += len;
    }
    Ok((builder.finish(negated), at + 1))
}

/// Reads one member and gives its length.
fn member(builder: &mut ClassBuilder, rest: &str, posix: bool) -> Result<usize, &'static str> {
    if posix && let Some(len) = builder.posix(rest)? {
        return Ok(len);
    }
    if let Some(len) = builder.named_escape(rest)? {
        return Ok(len);
    }
    let (lo, mut len) = class_character(rest)?;
    let mut hi = lo;
    let after = &rest.as_bytes()[len..];
    if after.first() == Some(&b'-') && after.len() >= 2 && after[1] != b']' {
        let (end, end_len) = class_character(&rest[len + 1..])?;
        hi = end;
        len += 1 + end_len;
        if hi < lo {
            return Err("descending range in a class");
        }
    }
    builder.plain.push((lo, hi));
    Ok(len)
}

fn class_character(rest: &str) -> Result<(u32, usize), &'static str> {
    match rest.chars().next() {
        None => Err("missing closing bracket"),
        Some('\\') => character_escape(rest),
        Some(c) => Ok((u32::from(c), c.len_utf8())),
    }
}

/// Reads an escape that stands for one code point, and gives its length.
pub(super) fn character_escape(rest: &str) -> Result<(u32, usize), &'static str> {
    let invalid = "invalid escape";
    let body = &rest.as_bytes()[1..];
    let Some(&first) = body.first() else {
        return Err("trailing backslash");
    };
    let code = match first {
        b'a' => 0x07,
        b'f' => 0x0C,
        b'n' => 0x0A,
        b'r' => 0x0D,
        b't' => 0x09,
        b'v' => 0x0B,
        b'x' => {
            let (code, len) = hexadecimal(&body[1..]).ok_or(invalid)?;
            return Ok((code, 2 + len));
        }
        b'0'..=b'7' => return octal(body).ok_or(invalid),
        first if first.is_ascii() && !first.is_ascii_alphanumeric() => u32::from(first),
        _ => return Err(invalid),
    };
    Ok((code, 2))
}

/// Up to three digits; one alone is a back-reference unless it is zero.
fn octal(body: &[u8]) -> Option<(u32, usize)> {
    let digits = body
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(*byte));
    let (code, len) = digits.fold((0, 0), |(code, len), digit| {
        (code * 8 + u32::from(digit - b'0'), len + 1)
    });
    (len > 1 || body.first() == Some(&b'0')).then_some((code, 1 + len))
}

/// Two digits, or any number of them in braces.
fn hexadecimal(body: &[u8]) -> Option<(u32, usize)> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [b'{', inner @ ..] = body else {
        let (high, low) = (body.first().and_then(digit)?, body.get(1).and_then(digit)?);
        return Some((high * 16 + low, 2));
    };
    let mut code = 0;
    for (at, byte) in inner.iter().enumerate() {
        if *byte == b'}' {
            return (at > 0).then_some((code, at + 2));
        }
        code = code * 16 + digit(byte)?;
        if code > u32::from(char::MAX) {
            return None;
        }
    }
    None
}

fn of_char(c: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(c, c)])
}

/// A class of code point ranges; surrogates fall out.
fn of_ranges(ranges: &[(u32, u32)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().filter_map(|&(lo, hi)| {
        let start = char::from_u32(lo).unwrap_or('\u{E000}');
        let end = char::from_u32(hi).unwrap_or('\u{D7FF}');
        (start <= end).then(|| ClassUnicodeRange::new(start, end))
    }))
}

fn posix_ranges(name: &str) -> Option<&'static [(u32, u32)]> {
    Some(match name {
        "alnum" => &[(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)],
        "alpha" => &[(0x41, 0x5A), (0x61, 0x7A)],
        "ascii" => &[(0x00, 0x7F)],
        "blank" => &[(0x09, 0x09), (0x20, 0x20)],
        "cntrl" => &[(0x00, 0x1F), (0x7F, 0x7F)],
        "digit" => DIGIT,
        "graph" => &[(0x21, 0x7E)],
        "lower" => &[(0x61, 0x7A)],
        "print" => &[(0x20, 0x7E)],
        "punct" => &[(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)],
        "space" => &[(0x09, 0x0D), (0x20, 0x20)],
        "upper" => &[(0x41, 0x5A)],
        "word" => WORD,
        "xdigit" => &[(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)],
        _ => return None,
    })
}
