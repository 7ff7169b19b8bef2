//! Blocks that are read and written where they lie in the bucket, without a local file.
//!
//! ```text
//! index, segments  --ranged GETs-->  pieces, some ahead  -->  window        -->  merge, checks       [`read`], [`block`]
//! merge            -->  parts of one size  --multipart-->  segments, index  -->  meta.json last      [`write`]
//! block            -->  merged alone  -->  compared with what the bucket has                         [`verify`]
//! ```
//!
//! What merges is synchronous and knows nothing of this: it reads through [`Window`](crate::codec::Window) and writes through
//! [`Output`](crate::codec::Output), on threads that may wait; tasks of the runtime move the bytes. Of an input's index come the
//! symbols, the series, the list of all series and the table of contents: the other lists and their table are made anew, so
//! they are not fetched. Every byte that comes is checked by its checksum before it is believed, as on a disk; the SHA-256
//! of whole files is not.
//!
//! Memory, which merges reserve before they begin: per input [`read::PIECES_KEPT`] pieces of [`read::PIECE_BYTES`] for the index
//! and as many for the segments; per new block eight parts of [`write::PART_BYTES`].

pub mod block;
pub mod read;
pub mod verify;
pub mod write;

#[cfg(test)]
mod tests;
