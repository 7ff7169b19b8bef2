//! Any text is a series with its values, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::testing::fuzz::parse_notation;

fuzz_target!(|bytes: &[u8]| parse_notation(bytes));
