//! Deciding and doing: group, plan, compact, downsample, clean.
//!
//! One run over a bucket ([`cycle::run`]):
//!
//! 1. Look at the bucket: which blocks are there, which of them are ours to work on ([`sync`], [`view`]).
//! 2. Delete blocks that a mark has named for long enough ([`clean`]).
//! 3. Mark blocks that another block covers ([`garbage`]).
//! 4. Sort the rest into groups of one resolution and one set of external labels ([`group`]), plan for each ([`plan`]) and
//!    compact what is planned ([`compact`]). From 1. again, until no group has anything to do.
//! 5. Make five-minute blocks, then one-hour blocks, of what is due ([`downsample`]); most of them were made while their raw block was
//!    merged ([`fused`]) and wait for their turn.
//! 6. Mark what has outlived its retention ([`retention`]), delete uploads that died ([`partial`]).
//!
//! Decisions are functions from metas, marks and `now` to data, one file each; effects fetch, write and delete, and decide
//! nothing. A damaged block is taken out of compaction and downsampling by marks and named; an overlap, a foreign meta, a failed
//! job are named; none of them stops the rest. What a run did and what it found is its [`report::Report`].
//!
//! Only this crate deletes blocks, and only those that a mark has named for the delay, or uploads that nobody touched for two days.
//! No source is marked before its successor is whole in the bucket.

pub mod build;
pub mod clean;
pub mod compact;
pub mod compactor;
pub mod config;
pub mod cycle;
pub mod downsample;
pub mod downsample_due;
pub mod error;
pub mod fetch;
pub mod fused;
pub mod garbage;
pub mod group;
pub mod health;
pub mod metrics;
pub mod overlap;
pub mod partial;
pub mod plan;
pub mod progress;
pub mod published;
pub mod ranges;
pub mod report;
pub mod result_meta;
pub mod retention;
pub mod retry;
pub mod stop;
pub mod streamed;
pub mod sync;
pub mod view;
pub mod work_dir;

pub use compactor::{Compactor, World};
pub use config::Config;
pub use error::{Error, Result};
pub use metrics::Metrics;
pub use report::{Outcome, Report};
