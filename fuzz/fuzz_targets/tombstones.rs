//! A tombstones file gives intervals that survive being written again, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_tombstones;

fuzz_target!(|bytes: &[u8]| decode_tombstones(bytes));
