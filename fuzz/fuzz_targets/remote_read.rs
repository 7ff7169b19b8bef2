//! Any body is a request of remote read, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::testing::fuzz::read_remote;

fuzz_target!(|bytes: &[u8]| read_remote(bytes));
