//! A postings offset table gives its entries or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_offsets;

fuzz_target!(|bytes: &[u8]| decode_offsets(bytes));
