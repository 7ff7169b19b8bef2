//! Tests' own tools: generated expressions and fuzz bodies.
//!
//! Behind feature `testing`, never set by the binary. [`expression`] writes valid text by growing it bottom up, so that
//! every part of the language meets every other; [`fuzz`] must not panic on any text. Recorded answers of
//! Prometheus are run by [`corpus`]: data from [`dataset`], one line at a time by [`evaluation`] on an [`evaluator`], compared
//! by [`recorded`]. What the two evaluators make of [`queries`] over generated [`samples`] must agree, and must not where a
//! [`fault`] was put into the engine.

pub mod corpus;
pub mod dataset;
pub mod evaluation;
pub mod evaluator;
pub mod expression;
pub mod fault;
pub mod fuzz;
pub mod notation;
pub mod queries;
pub mod recorded;
pub mod samples;
pub mod script;
