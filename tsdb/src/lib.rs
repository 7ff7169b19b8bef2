//! Prometheus TSDB blocks: formats, merge, downsampling, buckets.
//!
//! Four storeys; a `use crate::…` points down, or leftwards on the same storey:
//!
//! ```text
//! 4  source   block   bucket                                            files and object storage: the only I/O, the only async
//! 3  matcher  relabel  postings  merge  digest  generate  openmetrics   algorithms over decoded things
//! 2  chunk    segment   index   tombstone   meta   mark                 formats: bytes in, values out; no I/O, no clock
//! 1  error    float   codec   time   id   label   histogram   sample   budget   primitives
//! ```

#[cfg(not(target_pointer_width = "64"))]
compile_error!("stratal needs a 64-bit target: block files are larger than 4 GiB");

pub mod budget;
pub mod chunk;
pub mod codec;
pub mod error;
pub mod float;
pub mod histogram;
pub mod id;
pub mod index;
pub mod label;
pub mod mark;
pub mod matcher;
pub mod meta;
pub mod postings;
pub mod relabel;
pub mod sample;
pub mod segment;
pub mod time;
pub mod tombstone;

pub mod digest;
pub mod generate;
pub mod merge;
pub mod openmetrics;

pub mod block;
#[cfg(feature = "bucket")]
pub mod bucket;
#[cfg(feature = "bucket")]
pub mod source;

#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Error, ErrorKind, Result};
