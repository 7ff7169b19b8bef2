//! The body that fuzz targets and property tests share: any text through lexer, parser, checker and printers.
//!
//! Nothing may panic, what is accepted must print, and what is printed must be accepted and print the same.

use crate::syntax::{Options, parse, pretty};

/// All parts of the language on.
pub const EVERYTHING: Options = Options {
    experimental_functions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    x_functions: true,
};

/// Parses bytes as an expression, with everything on and with everything off.
///
/// # Panics
/// Where a printed form is not read back.
pub fn parse_expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(errors) = parse(text, Options::default()) {
        for error in errors.errors() {
            assert!(
                error.span.start <= text.len() && error.span.end <= text.len(),
                "{error:?} of {text}"
            );
        }
        let _ = errors.to_string();
    }
    let Ok(tree) = parse(text, EVERYTHING) else {
        return;
    };
    let _ = pretty(&tree);
    let printed = tree.to_string();
    // Lengths below a millisecond print as nothing, and a minus before Inf disappears in the literal.
    if let Ok(again) = parse(&printed, EVERYTHING) {
        assert_eq!(again.to_string(), printed, "from {text}");
    }
}
