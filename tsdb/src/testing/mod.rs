//! Generators, models and injuries for tests (feature `testing`, never set by the binary).

pub mod golden;
