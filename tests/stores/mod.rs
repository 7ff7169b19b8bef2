//! Object stores for tests: our own servers, whose faults are planned, and those of others, started as processes.

pub(crate) mod gcs;
pub(crate) mod objects;
pub(crate) mod peers;
pub(crate) mod s3;
pub(crate) mod server;
