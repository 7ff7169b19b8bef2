//! A segment of chunks gives records or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_segment;

fuzz_target!(|bytes: &[u8]| decode_segment(bytes));
