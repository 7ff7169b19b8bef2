//! What ends a run or a job.
//!
//! Most failures end one job only and go into the report; what comes out of this crate as an error ends the run.

use std::path::PathBuf;

use tsdb::ErrorKind;

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process works in the data directory.
    #[error("data directory {} is in use by {holder}; wait for it, or give another one", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// What the holder says of itself.
        holder: String,
    },
    /// The plan does not fit on the disk.
    #[error("needs {need_bytes} bytes in {}, {free_bytes} are free; free some, or give another data directory", dir.display())]
    NoSpace {
        /// The directory.
        dir: PathBuf,
        /// What the job and those running beside it may write.
        need_bytes: u64,
        /// What is left on the file system.
        free_bytes: u64,
    },
    /// A configuration that cannot work; the text says what to change.
    #[error("{0}")]
    Config(String),
    /// A stop was wished.
    #[error("stopped on request")]
    Stopped,
    /// A task of ours died: a bug.
    #[error("a worker died: {0}")]
    Died(String),
    /// Data, disk or store.
    #[error(transparent)]
    Block(#[from] tsdb::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Locked { .. } | Self::Stopped => ErrorKind::Transient,
            Self::NoSpace { .. } => ErrorKind::Limit,
            Self::Config(_) => ErrorKind::Invalid,
            Self::Died(_) => ErrorKind::Halt,
            Self::Block(error) => error.kind(),
        }
    }

    /// The whole chain in one line, outermost place first.
    #[must_use]
    pub fn chain(&self) -> String {
        match self {
            Self::Block(error) => error.chain(),
            other => other.to_string(),
        }
    }
}
