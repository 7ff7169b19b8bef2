//! An aggregate chunk gives its five parts or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_chunk::decode_aggregate;

fuzz_target!(|bytes: &[u8]| decode_aggregate(bytes));
