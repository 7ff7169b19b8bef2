//! An XOR chunk gives samples that survive being packed again, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_chunk::decode_xor;

fuzz_target!(|bytes: &[u8]| decode_xor(bytes));
