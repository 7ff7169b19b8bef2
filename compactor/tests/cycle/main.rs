//! Runs over small buckets in memory, each test a fact.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bucket;
mod crashes;
mod facts;
mod fused;
mod on_disk;
mod verified;
