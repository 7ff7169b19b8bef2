//! Generators, models and injuries for tests (feature `testing`, never set by the binary).

#[cfg(feature = "bucket")]
pub mod counting_store;
pub mod damage;
#[cfg(feature = "bucket")]
pub mod faulty_store;
pub mod fuzz_block;
pub mod fuzz_chunk;
pub mod fuzz_histogram;
pub mod fuzz_index;
pub mod fuzz_matcher;
pub mod fuzz_meta;
pub mod fuzz_openmetrics;
pub mod golden;
pub mod hex;
pub mod index_model;
pub mod metas;
pub mod model;
pub mod strategy;
pub mod trickle;
