//! OpenMetrics text gives samples or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsdb::testing::fuzz_openmetrics::decode_openmetrics;

fuzz_target!(|bytes: &[u8]| decode_openmetrics(bytes));
