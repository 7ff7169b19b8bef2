//! What can go wrong in a tool.

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bucket, or a block in it, could not be read.
    #[error(transparent)]
    Tsdb(#[from] tsdb::Error),
    /// The text could not be written.
    #[error("write of the result failed")]
    Write(#[from] std::io::Error),
    /// A request that can never work; the text says what to change.
    #[error("{0}")]
    Invalid(String),
}
