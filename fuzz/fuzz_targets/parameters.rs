//! Any form gives parameters or what is wrong with them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::testing::fuzz::read_parameters;

fuzz_target!(|bytes: &[u8]| read_parameters(bytes));
