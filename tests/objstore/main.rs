//! The real binary on object stores: our own with planned faults, and those of others.
//!
//! | File | Promise |
//! |---|---|
//! | [`faults`] | each fault ends in success or a typed error; nothing is lost, no half block is visible |
//! | [`listing`] | foreign keys are no obstacle, and nobody lists inside blocks needlessly |
//! | [`peers`] | everything works on moto, Azurite, MinIO and a fake of Google's, also after a kill |

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test fails where something is not as it should be, and its objects are small"
)]

#[path = "../stores/mod.rs"]
mod stores;

mod faults;
mod listing;
mod peers;
mod run;
