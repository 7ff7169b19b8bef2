//! An XOR2 chunk gives samples or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_chunk::decode_xor2;

fuzz_target!(|bytes: &[u8]| decode_xor2(bytes));
