//! PromQL: text to tree, tree to values.
//!
//! The language is in [`syntax`]: lexer, parser, type check, printer and prettifier of Prometheus 3.14. What is asked is a
//! [`request`], what comes back a [`value`] with its [`annotation`]s, or an [`error`].
//!
//! ```
//! use query::syntax::{Options, parse, pretty};
//!
//! let tree = parse("SUM(rate(x{b='2',a=\"1\"}[300])) by (job)", Options::default())?;
//! assert_eq!(tree.to_string(), "sum by (job) (rate(x{a=\"1\",b=\"2\"}[5m]))");
//! assert_eq!(pretty(&tree), tree.to_string());
//! # Ok::<(), query::error::ParseErrors>(())
//! ```

pub mod annotation;
pub mod config;
pub mod engine;
pub mod error;
pub mod exec;
pub mod functions;
pub mod gate;
pub mod histogram;
pub mod http;
pub mod metrics;
#[cfg(feature = "testing")]
pub mod naive;
pub mod plan;
pub mod request;
pub mod storage;
pub mod syntax;
#[cfg(feature = "testing")]
pub mod testing;
pub mod value;
