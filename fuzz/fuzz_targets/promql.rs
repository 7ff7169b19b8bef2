//! Any text is an expression that prints and is read back, or an error inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::testing::fuzz::parse_expression;

fuzz_target!(|bytes: &[u8]| parse_expression(bytes));
