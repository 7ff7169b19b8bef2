//! Marks of each kind survive being written again, or are errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_meta::decode_mark;

fuzz_target!(|bytes: &[u8]| decode_mark(bytes));
