//! Looking at buckets and blocks: list, inspect, verify, mark, analyze, dump.
//!
//! One function per tool. Those of a bucket take `&Bucket` and an options struct; those of a block take its directory.
//! What they find is data; [`report`] turns rows and columns into text, and whoever calls says where the text goes. Nothing
//! here deletes anything, and only [`mark`] writes.
//!
//! | Tool | Where | What |
//! |---|---|---|
//! | [`ls`] | bucket | which blocks |
//! | [`inspect`] | bucket | what each block is |
//! | [`verify`] | bucket | whether blocks are sound, and fit each other |
//! | [`mark`] | bucket | put or remove a mark |
//! | [`analyze`] | block | cardinality, churn, bytes |
//! | [`dump`] | block | samples as text |

pub mod analyze;
pub mod dump;
pub mod error;
pub mod inspect;
pub mod ls;
pub mod mark;
pub mod report;
pub mod select;
mod template;
pub mod verify;

pub use error::{Error, Result};
