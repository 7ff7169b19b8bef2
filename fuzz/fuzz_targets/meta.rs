//! A meta.json gives a meta that survives being written again, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_meta::decode_meta;

fuzz_target!(|bytes: &[u8]| decode_meta(bytes));
