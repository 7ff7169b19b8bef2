//! A pattern compiles and agrees with its fast paths, or fails.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_matcher::decode_regex;

fuzz_target!(|bytes: &[u8]| decode_regex(bytes));
