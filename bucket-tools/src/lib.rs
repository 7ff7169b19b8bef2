//! Bucket tools.
