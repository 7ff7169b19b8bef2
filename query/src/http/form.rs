//! What a request says: the pairs of its query string and of its form, in Go's reading.
//!
//! ```text
//! pairs = pair { "&" pair }    pair = name [ "=" value ]    +  is a space, %xx a byte; a pair with a stray % or a ; is dropped
//! ```
//!
//! A form counts before the query string, and of equal names the first counts where one value is asked for. Bytes that are
//! no UTF-8 become U+FFFD, which no valid query holds.

use std::borrow::Cow;

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Of a body, which may be empty, and a query string.
    #[must_use]
    pub fn parse(body: &[u8], query: &str) -> Self {
        let mut pairs = Vec::new();
        parse_pairs(body, &mut pairs);
        parse_pairs(query.as_bytes(), &mut pairs);
        Self(pairs)
    }

    /// One value for each of some names; for fuzzing.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn of(names: &[&str], value: &[u8]) -> Self {
        let value = String::from_utf8_lossy(value).into_owned();
        Self(
            names
                .iter()
                .map(|name| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    /// The first value of `name`, empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// All values of `name`.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }
}

fn parse_pairs(text: &[u8], pairs: &mut Vec<(String, String)>) {
    for pair in text.split(|byte| *byte == b'&') {
        if pair.is_empty() || pair.contains(&b';') {
            continue;
        }
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        if let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) {
            pairs.push((text_of(name), text_of(value)));
        }
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| Cow::into_owned(String::from_utf8_lossy(error.as_bytes())))
}

/// Bytes with their `%xx` undone; none where a `%` is not followed by two hexadecimal digits.
#[must_use]
pub fn decode(text: &[u8], plus_is_space: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                let digits = std::str::from_utf8(digits).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            b'+' if plus_is_space => out.push(b' '),
            byte => out.push(*byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_counts_before_the_query_string() {
        let form = Form::parse(b"query=b", "query=a&time=1");
        assert_eq!(form.get("query"), "b");
        assert_eq!(form.get("time"), "1");
        assert!(form.all("query").eq(["b", "a"]));
        assert_eq!(form.get("step"), "");
    }

    #[test]
    fn pairs_are_read_as_go_reads_them() {
        fn check(text: &str, want: &str) {
            assert_eq!(Form::parse(b"", text).get("q"), want, "{text}");
        }
        check("q=a+b%20c", "a b c");
        check("q=%zz", "");
        check("q=up;time=1", "");
        check("q=%f", "");
        check("q=a=b", "a=b");
        check("q=%ff", "\u{FFFD}");
        check("&&q=1", "1");
        check("q=1&q=2", "1");
    }
}
