//! One series entry gives labels and chunks, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_index::decode_series;

fuzz_target!(|bytes: &[u8]| decode_series(bytes));
