//! Fuzz bodies for patterns and selectors: any text gives matchers or an error, and matchers survive being printed.
//!
//! Inputs come from operators and over the network, so they may be hostile: work is linear in their length.

use crate::matcher::{Matcher, Regex, parse_selector};

/// Compiles the first line as a pattern and matches the rest against it.
///
/// # Panics
/// Where a value in the listed set does not match, or a match lacks the prefix.
pub fn decode_regex(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (pattern, value) = bytes.split_at(at.unwrap_or(bytes.len()));
    let Ok(regex) = Regex::from_bytes(pattern) else {
        return;
    };
    if regex.is_match_bytes(value) && std::str::from_utf8(value).is_ok() {
        assert!(value.starts_with(regex.prefix().as_bytes()));
    }
    for word in regex.set_matches().unwrap_or_default() {
        assert!(
            regex.is_match(word),
            "{word:?} is listed and does not match"
        );
    }
}

/// Parses a selector.
///
/// # Panics
/// Where what was parsed does not survive being printed and parsed again.
pub fn decode_selector(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(matchers) = parse_selector(text) else {
        return;
    };
    let all: Vec<_> = matchers.iter().map(Matcher::to_string).collect();
    let printed = format!("{{{}}}", all.join(","));
    let again = parse_selector(&printed).expect("what we print is readable");
    assert_eq!(again, matchers);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_pattern_compiles_or_fails(text in r"[ab(){}|*+?\[\]\\^$.:,<>0-9PQEpLixs\n-]{0,24}", bytes: Vec<u8>) {
            decode_regex(text.as_bytes());
            decode_regex(&bytes);
        }

        #[test]
        fn any_selector_is_read_or_fails(text in "[ab{}=!~,\"'`\\\\x0-9 #\n]{0,24}", any in "\\PC*") {
            decode_selector(text.as_bytes());
            decode_selector(any.as_bytes());
            let printed = Matcher::equal(any.clone(), any).to_string();
            let selector = ["{", &printed, "}"].concat();
            decode_selector(selector.as_bytes());
            prop_assert!(parse_selector(&selector).is_ok());
        }
    }

    #[test]
    fn work_is_linear_in_the_pattern() {
        for piece in [
            "[[:", "(?i)a", "a{", "(", "|", "a|", r"\Q", "[a]", "(?:a)?", ".*a", r"\x{41}",
        ] {
            decode_regex(piece.repeat(20_000).as_bytes());
            decode_selector(piece.repeat(20_000).as_bytes());
        }
    }
}
