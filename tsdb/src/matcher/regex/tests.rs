//! What patterns promise: Go's dialect, equal answers by every path, bounded work.
//!
//! Answers by Prometheus itself are in `tests/golden_matchers.rs`; here are the rules one by one, and the property that the
//! fast paths and the engine never differ.

use proptest::prelude::*;

use super::*;

/// The answer of the engine alone, without sets or literal forms.
fn plain(pattern: &str, value: &str) -> Result<bool> {
    let engine = engine(parser::parse(pattern)?.hir, WhichCaptures::Implicit)?;
    Ok(is_engine_match(&engine, value))
}

#[test]
fn dialect_is_that_of_go() {
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        for value in yes {
            assert!(regex.is_match(value), "{pattern:?} should match {value:?}");
        }
        for value in no {
            assert!(
                !regex.is_match(value),
                "{pattern:?} should not match {value:?}"
            );
        }
    }
    check("", &[""], &["a"]);
    check(".*", &["", "a\nb"], &[]);
    check("(?-s).+", &["ab"], &["a\nb"]);
    check("a{,3}", &["a{,3}"], &["a", "aaa"]);
    check("a{01}", &["a{01}"], &["a"]);
    check("{", &["{"], &[""]);
    check(r"\Qa.b\E+", &["a.b", "a.bb"], &["axb"]);
    check(r"\Qa.b", &["a.b"], &["axb"]);
    check(r"a*\Q\E*", &["", "aa"], &["b"]);
    check("[a&&b]+", &["a&b"], &["c"]);
    check("[[a]]", &["[]", "a]"], &["a"]);
    check("[a~~b]", &["~"], &["c"]);
    check("[[:^alpha:]]", &["1", "é"], &["a"]);
    check("[[:word:]-]+", &["a_-"], &["é"]);
    check("[[:a]", &["[", ":", "a"], &["b"]);
    check(r"[\d-z]", &["1", "-", "z"], &["b"]);
    check(r"[^\D]", &["1"], &["a"]);
    check(r"\d", &["1"], &["\u{0661}"]);
    check(r"\s", &["\u{c}"], &["\u{b}", "\u{a0}"]);
    check(r"(?i)\w", &["k", "\u{212A}"], &["é"]);
    check(r"(?i)\W", &["é"], &["\u{212A}"]);
    check(
        "(?i)straße",
        &["STRASSE".replace("SS", "\u{1E9E}").as_str()],
        &["strasse"],
    );
    check("(?i)[^k]", &["a"], &["K", "k", "\u{212A}"]);
    check("a(?i)b|c", &["aB", "C"], &["A"]);
    check("(a(?i)b)c", &["aBc"], &["abC"]);
    check(r"\x{1F600}\x41\101\0", &["😀AA\0"], &[]);
    check(r"\x{D800}", &["\u{FFFD}"], &["a"]);
    check(
        r"[\x{D000}-\x{E000}]",
        &["\u{D000}", "\u{E000}"],
        &["\u{CFFF}"],
    );
    check(r"\p{^Greek}", &["a"], &["α"]);
    check(r"\PN\p{Lu}", &["aA"], &["1A"]);
    check(r".*\bfoo\b.*", &["éfooé", "a foo"], &["afoo"]);
    check("(?m)^a$\n^b$", &["a\nb"], &["a"]);
    check("a$\n?", &["a"], &["a\n"]);
    check("^*a", &["a"], &["^a"]);
    check(r"(?P<n>a)(?<n>b)\<\_\-", &["ab<_-"], &[]);
    check("(?)a", &["a"], &[]);
    check("a|", &["a", ""], &["b"]);
    check("(|a)+", &["", "aa"], &["b"]);
}

#[test]
fn what_go_refuses_is_refused() {
    for pattern in [
        "(",
        ")",
        "a)|(b",
        "[",
        "[a",
        "[]",
        "a**",
        "a{2}{3}",
        "a++",
        "*a",
        "|*",
        "(*)",
        "a{2,1}",
        "a{1001}",
        "(a{500}){3}",
        "((a{100}){100}){100}",
        r"\",
        r"\1",
        r"\8",
        r"\C",
        r"\Z",
        r"\G",
        r"\u0041",
        r"\e",
        r"\xZ",
        r"\x{110000}",
        r"\x{}",
        "(?=a)",
        "(?<!a)",
        "(?P=n)",
        "(?P<>a)",
        "(?<n a)",
        "(?x)",
        "(?-)",
        "(?i-)",
        "(?i",
        "(?#c)",
        "(?>a)",
        "[z-a]",
        r"[a-\d]",
        r"[\b]",
        r"[\Q]",
        "[[:foo:]]",
        r"\pX",
        r"\p{greek}",
        r"\p{Letter}",
        r"\p{L",
        r"\p",
        "[a--b]",
    ] {
        assert!(Regex::new(pattern).is_err(), "{pattern:?}");
    }
}

#[test]
fn sets_are_listed_and_compared_without_an_engine() {
    fn check(pattern: &str, want: Option<&[&str]>) {
        let regex = Regex::new(pattern).unwrap();
        let got = regex
            .set_matches()
            .map(|set| set.iter().map(String::as_str).collect());
        assert_eq!(got, want.map(<[&str]>::to_vec), "{pattern}");
        assert!(regex.engine.is_none() || want.is_none(), "{pattern}");
    }
    check("", Some(&[""]));
    check("a|", Some(&["", "a"]));
    check("foo|bar", Some(&["bar", "foo"]));
    check("(a|b)c", Some(&["ac", "bc"]));
    check("^(a|b)c$", Some(&["ac", "bc"]));
    check(r"(?:\Aa[0-2])?", None);
    check("a[0-2]", Some(&["a0", "a1", "a2"]));
    check("a{2,3}b?", Some(&["aa", "aaa", "aaab", "aab"]));
    check("(?i)ab", Some(&["AB", "Ab", "aB", "ab"]));
    check("foo.*", None);
    check("[^a]", None);
    check("a+", None);
    check("(a|b){9}", None);
}

#[test]
fn literals_with_gaps_need_no_engine() {
    for pattern in [
        "foo.*",
        ".*foo",
        ".+",
        "(a|b).*c.+",
        ".*foo.*|.*bar.*",
        "^foo.*$",
    ] {
        assert!(Regex::new(pattern).unwrap().engine.is_none(), "{pattern}");
    }
    for pattern in ["(?-s)foo.*", "a.b", ".+.+", r"\d+"] {
        assert!(Regex::new(pattern).unwrap().engine.is_some(), "{pattern}");
    }
}

#[test]
fn prefixes_narrow_the_search() {
    fn check(pattern: &str, want: &str) {
        assert_eq!(Regex::new(pattern).unwrap().prefix(), want, "{pattern}");
    }
    check("foo.*", "foo");
    check("foo|fob", "fo");
    check("é|è", "");
    check("foo[a-z]+", "foo");
    check("^foo(bar|baz)[0-9]+", "fooba");
    check(".*", "");
    check("a|", "");
    check("(?i)foo.+", "");
    check("(foo|)[0-9]+", "");
}

#[test]
fn stray_bytes_are_replacement_characters() {
    let dot = Regex::new("[a-z]?.").unwrap();
    assert!(dot.is_match_bytes(b"\xff") && dot.is_match_bytes(b"a\xff"));
    assert!(
        !dot.is_match_bytes(b"\xe2\x82"),
        "each stray byte is one character"
    );
    let word = Regex::from_bytes(b"a\xff|b").unwrap();
    assert!(word.is_match_bytes(b"a\xff") && word.is_match("b") && !word.is_match("a"));
    assert!(Regex::from_bytes(b"\xff*").is_err());
}

#[test]
fn deep_nesting_is_refused_and_less_is_compiled() {
    let nest = |depth: usize| format!("{}a+{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Regex::new(&nest(900)).unwrap().is_match("aa"));
    assert!(Regex::new(&nest(1001)).is_err());
    let stars = |count: usize| format!("a{}", r"*\Q\E".repeat(count));
    assert!(Regex::new(&stars(900)).unwrap().is_match("aa"));
    assert!(Regex::new(&stars(1001)).is_err());
}

#[test]
fn large_patterns_are_refused_before_they_cost_memory() {
    assert!(Regex::new(&r"\pL".repeat(10_000)).is_err());
    assert!(Regex::new(r"(\pL{100}|\pN{100}){10}").is_err());
    assert!(Regex::new(r"\pL{100}").is_ok());
    let words: Vec<_> = (0..20_000).map(|at| format!("word{at}")).collect();
    let regex = Regex::new(&words.join("|")).unwrap();
    assert!(regex.is_match("word19999") && !regex.is_match("word20000"));
    assert_eq!(regex.prefix(), "word");
}

fn pattern() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "a", "b", "ab", "é", ".", ".*", ".+", ".?", "[ab]", "[^a]", "(?i)a", "(?i:k)", "^", "$",
        r"\b", r"\B", "(a|b)", "(|a)", "a{2}", "b{0,2}", r"\d", "(?-s:.*)", "(?m:^)", "(?m:$)",
        r"\n", "|", "foo",
    ]);
    prop::collection::vec(atom, 0..6).prop_map(|atoms| atoms.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_path_gives_the_engines_answer(pattern in pattern(), value in "(a|b|k|K|é|1|\n|foo|\u{212A}){0,5}") {
        let Ok(regex) = Regex::new(&pattern) else {
            prop_assert!(plain(&pattern, &value).is_err());
            return Ok(());
        };
        prop_assert_eq!(regex.is_match(&value), plain(&pattern, &value).unwrap());
        if regex.is_match(&value) {
            prop_assert!(value.starts_with(regex.prefix()));
        }
        if let Some(set) = regex.set_matches() {
            prop_assert_eq!(regex.is_match(&value), set.contains(&value));
        }
        if regex.matches_everything() {
            prop_assert!(regex.is_match(&value));
        }
    }
}
