//! A symbol table gives strings or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_symbols;

fuzz_target!(|bytes: &[u8]| decode_symbols(bytes));
