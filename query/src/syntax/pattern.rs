//! What is wrong with a pattern, in the words of Go's regexp.
//!
//! `tsdb` refuses the patterns that Go refuses and says where; Go quotes the part of the pattern instead. The frequent
//! mistakes are worded as there, `error parsing regexp: missing closing ]: `[``, the rare ones keep `tsdb`'s own text.

/// Go's text for what `tsdb` says of a pattern.
pub(super) fn error(pattern: &str, why: &str) -> String {
    translated(pattern, why).unwrap_or_else(|| why.to_owned())
}

fn translated(pattern: &str, why: &str) -> Option<String> {
    let (what, at) = why.strip_prefix("regex: ")?.rsplit_once(" at byte ")?;
    let at: usize = at.parse().ok()?;
    let rest = pattern.get(at..)?;
    let (text, part) = match what {
        "missing closing bracket" => ("missing closing ]", &pattern[open_class(pattern)?..]),
        "missing closing parenthesis" => ("missing closing )", pattern),
        "closing parenthesis without an opening one" => ("unexpected )", pattern),
        "nothing to repeat" => ("missing argument to repetition operator", operator(rest)),
        "repetition of a repetition" => {
            let before = previous_operator(&pattern[..at]);
            (
                "invalid nested repetition operator",
                &pattern[before..at + operator(rest).len()],
            )
        }
        "repetition count is not within 0 to 1000 and ascending" => {
            ("invalid repeat count", operator(rest))
        }
        "invalid escape" => {
            let len = rest.chars().take(2).map(char::len_utf8).sum();
            ("invalid escape sequence", &rest[..len])
        }
        _ => return None,
    };
    Some(format!("error parsing regexp: {text}: `{part}`"))
}

/// The repetition a text starts with, its `?` included.
fn operator(text: &str) -> &str {
    let len = if text.starts_with('{') {
        text.find('}').map_or(text.len(), |at| at + 1)
    } else {
        text.chars().next().map_or(0, char::len_utf8)
    };
    let lazy = usize::from(text[len..].starts_with('?'));
    &text[..len + lazy]
}

/// Where the repetition starts that a text ends with.
fn previous_operator(text: &str) -> usize {
    let without_lazy = match text.strip_suffix('?') {
        Some(shorter) if shorter.ends_with(['*', '+', '?', '}']) => shorter,
        _ => text,
    };
    if without_lazy.ends_with('}') {
        without_lazy.rfind('{').unwrap_or(0)
    } else {
        without_lazy
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at)
    }
}

/// Where the character class starts that is never closed.
fn open_class(pattern: &str) -> Option<usize> {
    let bytes = pattern.as_bytes();
    let (mut at, mut open) = (0, None);
    while at < bytes.len() {
        match (bytes[at], open) {
            (b'\\', _) => at += 1,
            (b'[', None) => {
                open = Some(at);
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            (b']', Some(_)) => open = None,
            _ => {}
        }
        at += 1;
    }
    open
}

#[cfg(test)]
mod tests {
    use tsdb::matcher::Regex;

    #[test]
    fn mistakes_are_worded_as_go_words_them() {
        fn check(pattern: &str, want: &str) {
            let why = Regex::new(pattern).err().unwrap().to_string();
            assert_eq!(
                super::error(pattern, &why),
                format!("error parsing regexp: {want}")
            );
        }
        check("[", "missing closing ]: `[`");
        check("[a]b[^]c", "missing closing ]: `[^]c`");
        check("(a", "missing closing ): `(a`");
        check("a)", "unexpected ): `a)`");
        check("a+*", "invalid nested repetition operator: `+*`");
        check("a{2}*", "invalid nested repetition operator: `{2}*`");
        check("*?b", "missing argument to repetition operator: `*?`");
        check("x{1001}", "invalid repeat count: `{1001}`");
        check("a\\8", "invalid escape sequence: `\\8`");
    }
}
