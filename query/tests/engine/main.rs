//! The engine as a library: what it can carry out, what it reads of its sources, where it says no.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod downsampled;
mod functions;
mod limits;
mod memory;
mod replicas;
