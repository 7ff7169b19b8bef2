//! An index-header gives labels and ranges of postings, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_header;

fuzz_target!(|bytes: &[u8]| decode_header(bytes));
