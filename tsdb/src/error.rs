//! What can go wrong, sorted by what the caller should do about it.
//!
//! Decoders return [`Error::Corrupt`] with the section and the offset inside it; whoever knows the file, the
//! block or the object adds it with [`Error::at`] (or [`ResultExt::at`]), so that the printed chain reads from the outside in:
//! `block 01H…: index: series at 0x1f3a40: label value symbol 99 is past the table of 12`.
//! Reactions, not causes, are the [`ErrorKind`]s.

use std::fmt;
use std::io;
use std::path::Path;

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that break their format.
    #[error("{section} at {offset:#x}: {what}")]
    Corrupt {
        /// Part of the file, in the words of the format: `symbols`, `series`, `chunk`.
        section: &'static str,
        /// Bytes from the start of what the decoder was given, usually the file.
        offset: u64,
        /// The broken promise.
        what: Corruption,
    },
    /// Something that is not there.
    #[error("{0} not found")]
    NotFound(String),
    /// A bound that the work would exceed; ask for less or raise it.
    #[error("{what} needs {need}, the limit is {limit}")]
    Limit {
        /// The bounded thing, with its unit.
        what: &'static str,
        /// What the work asked for.
        need: u64,
        /// What it may have.
        limit: u64,
    },
    /// A request that can never work; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// What was written is not what was read: a bug of ours, or a machine that cannot be trusted.
    #[error("the result is not what was read: {0}")]
    Mismatch(String),
    /// The operating system refused.
    #[error("{action} failed{}", advice(source))]
    Io {
        /// What was tried: `read`, `rename`.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The object store refused. Its text tells its own causes, so they are not a chain here.
    #[cfg(feature = "bucket")]
    #[error("object store refused{todo}: {source}", todo = system(.0).map_or("", advice), source = .0)]
    Store(Box<object_store::Error>),
    /// A failure inside a named place.
    #[error("{place}")]
    In {
        /// File, block or object.
        place: String,
        /// What happened there.
        source: Box<Self>,
    },
}

/// The promise that some bytes broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corruption {
    /// The bytes end too early.
    #[error("ends after {have} of {need} bytes")]
    Truncated {
        /// Bytes asked for.
        need: u64,
        /// Bytes left.
        have: u64,
    },
    /// A checksum does not fit its bytes.
    #[error("checksum is {stored:08x}, the bytes give {computed:08x}")]
    Checksum {
        /// As written in the file.
        stored: u32,
        /// As computed from the bytes.
        computed: u32,
    },
    /// Not the magic number of this kind of file.
    #[error("magic number is {found:08x}, not {want:08x}")]
    Magic {
        /// First bytes of the file.
        found: u32,
        /// First bytes of a sound file.
        want: u32,
    },
    /// A version that this program does not read.
    #[error("version {0} is not supported")]
    Version(u64),
    /// A variable-length integer longer than its type.
    #[error("variable-length integer overflows")]
    Overflow,
    /// A number past its bound.
    #[error("{what} {value} is past {limit}")]
    Range {
        /// Name of the number.
        what: &'static str,
        /// The number.
        value: u64,
        /// First value that is too large.
        limit: u64,
    },
    /// Things that must ascend and do not.
    #[error("{0} out of order")]
    Order(&'static str),
    /// Any other broken promise.
    #[error("{0}")]
    Other(String),
}

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Give up on this data and name the place.
    Corrupt,
    /// There is no such thing.
    NotFound,
    /// The same call may work later.
    Transient,
    /// Ask for less.
    Limit,
    /// Fix the request.
    Invalid,
    /// A person must look.
    Halt,
}

impl Error {
    /// A corruption without further arguments than text.
    pub fn corrupt(section: &'static str, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt {
            section,
            offset,
            what: Corruption::Other(what.into()),
        }
    }

    /// An I/O failure during `action` on `path`.
    #[must_use]
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound(path.display().to_string()),
            _ => Self::Io { action, source }.at(path.display()),
        }
    }

    /// This failure, inside `place`.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self::In {
            place: place.to_string(),
            source: Box::new(self),
        }
    }

    /// The failure itself, without the places around it.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::In { source, .. } => source.root(),
            _ => self,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.root() {
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Mismatch(_) => ErrorKind::Halt,
            Self::Io { source, .. } => io_kind(source),
            #[cfg(feature = "bucket")]
            Self::Store(source) => store_kind(source),
            Self::In { .. } => unreachable!("root() never returns a place"),
        }
    }

    /// The whole chain in one line, outermost place first.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

#[cfg(feature = "bucket")]
impl From<object_store::Error> for Error {
    fn from(source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other => Self::Store(Box::new(other)),
        }
    }
}

/// What to do about a refusal that comes again until someone does something.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ", make room and run it again",
        io::ErrorKind::FileTooLarge => ", allow larger files (ulimit -f) and run it again",
        io::ErrorKind::PermissionDenied => ", run it as someone who may",
        io::ErrorKind::ReadOnlyFilesystem => ", give a directory that can be written",
        _ => "",
    }
}

fn io_kind(source: &io::Error) -> ErrorKind {
    match source.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::Limit
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Invalid,
        _ => ErrorKind::Transient,
    }
}

#[cfg(feature = "bucket")]
fn store_kind(source: &object_store::Error) -> ErrorKind {
    use object_store::Error as Store;
    match source {
        Store::NotFound { .. } => ErrorKind::NotFound,
        Store::InvalidPath { .. }
        | Store::NotSupported { .. }
        | Store::NotImplemented { .. }
        | Store::PermissionDenied { .. }
        | Store::Unauthenticated { .. }
        | Store::UnknownConfigurationKey { .. } => ErrorKind::Invalid,
        other => system(other).map_or(ErrorKind::Transient, io_kind),
    }
}

/// What the operating system said, where a store is a directory.
#[cfg(feature = "bucket")]
fn system(error: &object_store::Error) -> Option<&io::Error> {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// Adds places to the failures of a result.
pub trait ResultExt<T> {
    /// Names the place in which this failed; costs nothing on success.
    ///
    /// # Errors
    /// The same failure, inside `place()`.
    fn at<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for Result<T, E> {
    #[inline]
    fn at<P: fmt::Display>(self, place: impl FnOnce() -> P) -> Result<T> {
        self.map_err(|error| error.into().at(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_reads_from_the_outside_in() {
        let error = Error::corrupt("series", 0x30, "no labels")
            .at("index")
            .at("block X");
        assert_eq!(error.chain(), "block X: index: series at 0x30: no labels");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_full_disk_is_a_limit() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::io("write", Path::new("/x"), full);
        assert_eq!(error.kind(), ErrorKind::Limit);
        let start = "/x: write failed, make room and run it again: ";
        assert!(error.chain().starts_with(start), "{}", error.chain());
    }

    #[cfg(feature = "bucket")]
    #[test]
    fn a_full_directory_is_no_passing_trouble_of_a_store() {
        let generic = |source| object_store::Error::Generic {
            store: "directory",
            source,
        };
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::from(generic(Box::new(generic(full.into()))));
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.chain().contains(", make room"), "{}", error.chain());
        let error = Error::from(generic("timed out".into()));
        assert_eq!(error.kind(), ErrorKind::Transient);
    }

    #[test]
    fn what_is_not_there_is_named_once() {
        let absent = io::Error::from(io::ErrorKind::NotFound);
        let error = Error::io("open", Path::new("/x"), absent);
        assert_eq!(error.chain(), "/x not found");
    }
}
