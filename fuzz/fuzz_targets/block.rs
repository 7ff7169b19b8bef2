//! A small block, injured: the check finds it, or it can be read to its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_block::decode_block;

fuzz_target!(|bytes: &[u8]| decode_block(bytes));
