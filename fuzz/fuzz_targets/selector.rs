//! A selector gives matchers that survive being printed, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_matcher::decode_selector;

fuzz_target!(|bytes: &[u8]| decode_selector(bytes));
