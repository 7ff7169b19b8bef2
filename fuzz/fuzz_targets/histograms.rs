//! Histogram chunks of each encoding give samples that survive being packed again, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_histogram::decode_histograms;

fuzz_target!(|bytes: &[u8]| decode_histograms(bytes));
