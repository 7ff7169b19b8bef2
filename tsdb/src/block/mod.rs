//! A block on a local disk.
//!
//! ```text
//! <ULID>/
//!   meta.json      what the block says of itself; written last                   crate::meta
//!   index          symbols, series, postings                                      crate::index
//!   chunks/000001  segments of chunk records, consecutive numbers                 crate::segment
//!   tombstones     deleted intervals; local blocks only, optional                 crate::tombstone
//! ```
//!
//! A block appears whole or not at all: it is written as `<ULID>.tmp-for-creation` beside its place and renamed when the
//! disk has everything. Prometheus removes directories of that name when it starts. Read with [`reader::Block`], write with
//! [`writer::BlockWriter`]; [`compact`] makes one block of many,
//! [`build`] one of series that are at hand, `source` answers selects.

pub mod build;
pub mod check;
pub mod compact;
pub mod digest;
pub mod file;
pub mod generated;
pub mod import;
pub mod mmap;
pub mod reader;
#[cfg(feature = "bucket")]
pub mod source;
pub mod writer;

/// Name of the meta file.
pub const META: &str = "meta.json";
/// Name of the index file.
pub const INDEX: &str = "index";
/// Name of the directory of segments.
pub const CHUNKS: &str = "chunks";
/// Name of the tombstones file.
pub const TOMBSTONES: &str = "tombstones";
/// End of the name of a directory that is being written.
pub const CREATION_SUFFIX: &str = ".tmp-for-creation";
