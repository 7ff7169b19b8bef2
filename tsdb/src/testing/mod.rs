//! Generators, models and injuries for tests (feature `testing`, never set by the binary).

pub mod fuzz_meta;
pub mod golden;
