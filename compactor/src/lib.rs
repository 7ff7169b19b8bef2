//! Deciding and doing: group, plan, compact, downsample, clean.
//!
//! Decisions are functions from metas, marks and `now` to data, one file each; effects fetch, write and delete, and decide nothing.

pub mod downsample;
pub mod downsample_due;
pub mod garbage;
pub mod group;
pub mod health;
pub mod overlap;
pub mod partial;
pub mod plan;
pub mod progress;
pub mod ranges;
pub mod result_meta;
pub mod retention;
