//! A whole index gives values or errors, by every way of reading it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_index;

fuzz_target!(|bytes: &[u8]| decode_index(bytes));
