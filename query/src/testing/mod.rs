//! Tests' own tools: generated expressions and fuzz bodies.
//!
//! Behind feature `testing`, never set by the binary. [`expression`] writes valid text by growing it bottom up, so that
//! every part of the language meets every other; [`fuzz`] must not panic on any text.

pub mod expression;
pub mod fuzz;
