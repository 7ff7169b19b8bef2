//! Selectors as text: `name{a="b",c=~"d"}`, as written on command lines and in requests.
//!
//! ```text
//! selector = [ metric ] [ "{" [ item { "," item } [ "," ] ] "}" ]      not both absent
//! item     = string | ( label | string ) ( "=" | "!=" | "=~" | "!~" ) string
//! metric   = [a-zA-Z_:][a-zA-Z0-9_:]*         label = [a-zA-Z_][a-zA-Z0-9_]*
//! string   = Go's quotes: "…" and '…' with escapes, `…` raw
//! ```
//!
//! A lone quoted string is the metric name in UTF-8 form; the name may stand once. Spaces and `#` comments may lie between
//! tokens. One pass, no nesting. The text form back is [`Matcher`]'s `Display`.

use super::{Matcher, MatcherKind};
use crate::error::{Error, Result};
use crate::label::METRIC_NAME;

/// Parses a selector.
///
/// # Errors
/// [`Error::Invalid`] with the byte at which it goes wrong.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_space();
    let mut matchers = Vec::new();
    let metric = parser.identifier(true);
    if let Some(metric) = metric {
        matchers.push(Matcher::equal(METRIC_NAME, metric));
        parser.skip_space();
    }
    if parser.take("{") {
        parser.items(&mut matchers, metric.is_some())?;
    } else if metric.is_none() {
        return parser.refuse("expected a metric name or an opening brace");
    }
    if !parser.rest().is_empty() {
        return parser.refuse("text after the selector");
    }
    Ok(matchers)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn refuse<T>(&self, why: &str) -> Result<T> {
        Err(Error::Invalid(format!(
            "selector: {why} at byte {}",
            self.at
        )))
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.skip_space();
        }
        found
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn identifier(&mut self, metric: bool) -> Option<&'t str> {
        let rest = self.rest();
        let fits =
            |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric() || metric && byte == b':';
        let len = rest.bytes().take_while(|byte| fits(*byte)).count();
        if len == 0 || rest.as_bytes()[0].is_ascii_digit() {
            return None;
        }
        self.at += len;
        Some(&rest[..len])
    }

    fn items(&mut self, matchers: &mut Vec<Matcher>, mut named: bool) -> Result<()> {
        while !self.take("}") {
            self.item(matchers, &mut named)?;
            if self.take("}") {
                return Ok(());
            }
            if !self.take(",") {
                return self.refuse("expected a comma or a closing brace");
            }
        }
        Ok(())
    }

    fn item(&mut self, matchers: &mut Vec<Matcher>, named: &mut bool) -> Result<()> {
        let (name, quoted) = match self.identifier(false) {
            Some(name) => (name.to_owned(), false),
            None => (self.string()?, true),
        };
        self.skip_space();
        let Some(kind) = self.operator() else {
            if !quoted {
                return self.refuse("expected one of = != =~ !~");
            }
            if std::mem::replace(named, true) {
                return self.refuse("metric name is set twice");
            }
            matchers.push(Matcher::equal(METRIC_NAME, name));
            return Ok(());
        };
        let value = self.string()?;
        self.skip_space();
        matchers.push(Matcher::new(kind, name, value)?);
        Ok(())
    }

    fn operator(&mut self) -> Option<MatcherKind> {
        // `=~` before `=`, which it starts with.
        [
            MatcherKind::Regex,
            MatcherKind::NotRegex,
            MatcherKind::NotEqual,
            MatcherKind::Equal,
        ]
        .into_iter()
        .find(|kind| self.take(kind.operator()))
    }

    fn string(&mut self) -> Result<String> {
        let Some(quote @ ('"' | '\'' | '`')) = self.rest().chars().next() else {
            return self.refuse("expected a quoted string");
        };
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest().as_bytes();
            let plain = rest
                .iter()
                .take_while(|byte| {
                    **byte != quote as u8 && (quote == '`' || **byte != b'\\' && **byte != b'\n')
                })
                .count();
            bytes.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match rest.get(plain) {
                Some(b'\\') => self.escape(quote, &mut bytes)?,
                Some(b'\n') => return self.refuse("line break in a quoted string"),
                Some(_) => break,
                None => return self.refuse("quoted string does not end"),
            }
        }
        self.at += 1;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => self.refuse("quoted string is not UTF-8"),
        }
    }

    /// Reads one escape; bytes written as `\xNN` or `\NNN` are bytes, `\u` and `\U` are characters.
    fn escape(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<()> {
        let rest = self.rest();
        let Some(letter) = rest[1..].chars().next() else {
            return self.refuse("quoted string does not end");
        };
        let (digits, radix) = match letter {
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='7' => (3, 8),
            _ => {
                let Some(byte) = simple_escape(letter, quote) else {
                    return self.refuse("unknown escape");
                };
                bytes.push(byte);
                self.at += 2;
                return Ok(());
            }
        };
        let skip = if radix == 8 { 1 } else { 2 };
        let Some(code) = number(rest, skip, digits, radix) else {
            return self.refuse("escape without its digits");
        };
        if matches!(letter, 'u' | 'U') {
            let Some(c) = char::from_u32(code) else {
                return self.refuse("escape is not a character");
            };
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let Ok(byte) = u8::try_from(code) else {
                return self.refuse("escape is past a byte");
            };
            bytes.push(byte);
        }
        self.at += skip + digits;
        Ok(())
    }
}

fn simple_escape(letter: char, quote: char) -> Option<u8> {
    Some(match letter {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0C,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0B,
        '\\' => b'\\',
        // Only the quote in use may be escaped.
        '"' if quote == '"' => b'"',
        '\'' if quote == '\'' => b'\'',
        _ => return None,
    })
}

fn number(rest: &str, skip: usize, digits: usize, radix: u32) -> Option<u32> {
    let text = rest.get(skip..skip + digits)?;
    let all = text.chars().all(|c| c.is_digit(radix));
    all.then(|| u32::from_str_radix(text, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_prometheus_writes_them() {
        fn check(text: &str, want: &str) {
            let matchers = parse_selector(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let got: Vec<_> = matchers.iter().map(ToString::to_string).collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
        check("up", r#"__name__="up""#);
        check("a:b{}", r#"__name__="a:b""#);
        check("{}", "");
        check(r#"{a="b",c=~"d"}"#, r#"a="b" c=~"d""#);
        check(
            r#" up { a != "b" , c !~ 'd', } # c"#,
            r#"__name__="up" a!="b" c!~"d""#,
        );
        check(r#"{"a.b"="c"}"#, r#""a.b"="c""#);
        check(r#"{"a.b", c="d"}"#, r#"__name__="a.b" c="d""#);
        check("{a=`\\d\n`}", r#"a="\\d\n""#);
        check(r#"{a="\x41\102\u00e9\U0001F600\"\\"}"#, r#"a="ABé😀\"\\""#);
        check(r#"{a="\xc3\xa9"}"#, r#"a="é""#);
        check("{# c\na=\"b\"}", r#"a="b""#);
        check(r#"{""=""}"#, r#"""="""#);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        fn check(text: &str, want: &str) {
            let error = parse_selector(text).unwrap_err();
            assert_eq!(error.to_string(), format!("selector: {want}"), "{text}");
        }
        check("", "expected a metric name or an opening brace at byte 0");
        check("1a", "expected a metric name or an opening brace at byte 0");
        check("up{", "expected a quoted string at byte 3");
        check("{a}", "expected one of = != =~ !~ at byte 2");
        check("{a=b}", "expected a quoted string at byte 3");
        check("{a=\"b\"", "expected a comma or a closing brace at byte 6");
        check("{a=\"b", "quoted string does not end at byte 5");
        check("{a=\"b\\", "quoted string does not end at byte 5");
        check("{a=\"b\n\"}", "line break in a quoted string at byte 5");
        check(r#"{a="\q"}"#, "unknown escape at byte 4");
        check(r#"{a="\'"}"#, "unknown escape at byte 4");
        check(r#"{a="\x4"}"#, "escape without its digits at byte 4");
        check(r#"{a="\777"}"#, "escape is past a byte at byte 4");
        check(r#"{a="\ud800"}"#, "escape is not a character at byte 4");
        check(r#"{a="\xff"}"#, "quoted string is not UTF-8 at byte 9");
        check(r#"up{"x"}"#, "metric name is set twice at byte 6");
        check("up{} x", "text after the selector at byte 5");
        check("{,}", "expected a quoted string at byte 1");
        check(r#"{a="b",,}"#, "expected a quoted string at byte 7");
    }
}
