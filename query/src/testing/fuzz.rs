//! The bodies that fuzz targets and property tests share: any text through lexer, parser, checker and printers, any bytes
//! as what the API takes.
//!
//! Nothing may panic, what is accepted must print, and what is printed must be accepted and print the same.

use super::notation::parse_series;
use crate::http::dialect::{Blame, Dialect};
use crate::http::form::Form;
use crate::http::params::Params;
use crate::http::read;
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

/// Reads bytes as the parameters of a request, in the words of either dialect.
///
/// # Panics
/// Where a range has no steps, or more than are allowed.
pub fn read_parameters(bytes: &[u8]) {
    const NAME: &str = "x";
    let forms = [
        // Pairs as they come, and each parameter as all there is.
        Form::parse(bytes, "start=0&end=1&step=1"),
        Form::of(
            &["start", "end", "step", "limit", "timeout", "match[]", NAME],
            bytes,
        ),
    ];
    for form in &forms {
        for dialect in [Dialect::Prometheus, Dialect::Thanos] {
            let params = Params { form, dialect };
            let _ = (
                params.time(NAME),
                params.required_time(NAME),
                params.interval(),
            );
            let _ = (
                params.limit(),
                params.timeout_nanos(),
                params.lookback_millis(),
            );
            let _ = params.selectors(Blame::Parameter("match[]"));
            if let Ok((start, end, step)) = params.range(1000) {
                assert!(start <= end && step > 0, "{start} {end} {step}");
            }
        }
    }
}

/// Reads bytes as the body of a remote read, packed and not.
pub fn read_remote(bytes: &[u8]) {
    let _ = read::is_request(bytes);
    if let Ok(packed) = snap::raw::Encoder::new().compress_vec(bytes) {
        let _ = read::is_request(&packed);
    }
}

/// Reads bytes as a series with its values.
pub fn parse_notation(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse_series(text).map_err(|error| error.to_string());
    }
}
