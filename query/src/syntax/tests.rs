//! Bounds of the parser, and printing as the inverse of parsing.
//!
//! Whole expressions against Prometheus' own answers are in `query/tests/golden_corpus.rs`.

use proptest::prelude::*;

use super::*;
use crate::testing::expression::vectors;
use crate::testing::fuzz::{EVERYTHING, parse_expression};

fn check_error(text: &str, want: &str) {
    let errors = parse(text, Options::default()).unwrap_err();
    assert_eq!(errors.to_string(), want, "{text}");
}

#[test]
fn nesting_is_refused_one_past_its_bound() {
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&nested(NESTING_MAX - 1), Options::default()).is_ok());
    check_error(
        &nested(NESTING_MAX),
        "1:257: parse error: expression is nested more than 256 levels deep",
    );
    check_error(
        &format!("{}1", "-".repeat(NESTING_MAX)),
        "1:257: parse error: expression is nested more than 256 levels deep",
    );
}

#[test]
fn text_is_refused_one_past_its_bound() {
    let padded = |len: usize| format!("1{}", " ".repeat(len - 1));
    assert!(parse(&padded(TEXT_BYTES_MAX), Options::default()).is_ok());
    check_error(
        &padded(TEXT_BYTES_MAX + 1),
        "1:1: parse error: query of 1048577 bytes is longer than 1048576",
    );
}

#[test]
fn chain_as_long_as_a_text_is_parsed_printed_and_dropped_on_a_small_stack() {
    let chain = |term: &str, op: &str| {
        let count = TEXT_BYTES_MAX / (term.len() + op.len());
        vec![term; count].join(op)
    };
    let run = move || {
        for text in [chain("a", " + "), chain("1", " * ")] {
            let tree = parse(&text, Options::default()).unwrap();
            assert_eq!(tree.to_string(), text);
            assert!(tree.nodes().len() <= text.len());
            assert!(pretty(&tree).len() > text.len());
        }
        let range = format!(
            "a[{}]",
            chain("1s", " + ")
                .get(..TEXT_BYTES_MAX - 7)
                .unwrap_or_default()
                .trim_end_matches([' ', '+'])
        );
        assert!(parse(&range, Options::default()).unwrap().to_string().len() > TEXT_BYTES_MAX / 2);
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn lexer_reads_every_byte_of_hostile_text_a_bounded_number_of_times() {
    // One error ends a text; until then each token is longer than nothing, so tokens bound the steps.
    for text in [
        "{",
        "[",
        "a{b=\"",
        "\\",
        "1_",
        "sum(",
        "a offset ",
        "#",
        "\"\\x41",
    ] {
        let hostile = text.repeat(TEXT_BYTES_MAX / text.len());
        assert!(parse(&hostile, EVERYTHING).is_err(), "{text}");
        let mut lexer = lexer::Lexer::new(&hostile);
        let mut at = 0;
        while let Ok(token) = lexer.next() {
            if token.kind == token::Kind::Eof {
                break;
            }
            assert!(token.span.end > at, "{text}");
            at = token.span.end;
        }
    }
}

#[test]
fn x_functions_are_known_only_where_asked_for() {
    check_error(
        "xrate(a[5m])",
        "1:1: parse error: unknown function with name \"xrate\"",
    );
    assert!(parse("xrate(a[5m])", EVERYTHING).is_ok());
}

#[test]
fn strings_that_are_not_utf8_are_refused_with_their_position() {
    check_error(
        "a{b=\"\\xff\"}",
        "1:5: parse error: string is not valid UTF-8",
    );
}

#[test]
fn info_selector_without_matchers_reads_back() {
    let tree = parse("info(a, {})", EVERYTHING).unwrap();
    assert_eq!(tree.to_string(), "info(a, {})");
    assert!(parse("info(a, {})", EVERYTHING).is_ok());
}

/// Everything of a tree but where it was written.
fn shape(tree: &Tree) -> Vec<ast::Expr> {
    tree.nodes().iter().map(|node| node.expr.clone()).collect()
}

proptest! {
    #[test]
    fn printed_tree_parses_to_itself(text in vectors()) {
        let tree = parse(&text, EVERYTHING);
        prop_assert!(tree.is_ok(), "{}: {}", text, tree.unwrap_err());
        let tree = tree.unwrap();
        let printed = tree.to_string();
        let again = parse(&printed, EVERYTHING).unwrap();
        prop_assert_eq!(&again.to_string(), &printed);
        prop_assert_eq!(format!("{:?}", shape(&again)), format!("{:?}", shape(&tree)));
        let pretty_again = parse(&pretty(&tree), EVERYTHING).unwrap();
        prop_assert_eq!(pretty_again.to_string(), printed);
    }

    #[test]
    fn damaged_expression_is_an_expression_or_an_error(text in vectors(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        parse_expression(&bytes);
        bytes.remove(at);
        parse_expression(&bytes);
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[a-z(){}\\[\\]\"'`\\\\ 0-9.:@+*/<>=!~,#\u{e9}-]{0,60}") {
        parse_expression(text.as_bytes());
    }
}
