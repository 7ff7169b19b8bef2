//! What can go wrong, sorted by who can help, and where in the text.
//!
//! A position is shown as line and column in bytes, both from one. The first error of a parse is the one to show; the
//! others are kept because an editor can mark them. Reactions, not causes, are the [`ErrorKind`]s: they are the error
//! types of Prometheus' API.

use std::fmt;

use crate::syntax::ast::Span;

/// One thing wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// What, in Prometheus' words.
    pub message: String,
}

/// Why an expression is none; there is at least one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseErrors {
    errors: Vec<ParseError>,
    position: String,
}

impl std::error::Error for ParseErrors {}

impl ParseErrors {
    pub(crate) fn new(text: &str, errors: Vec<ParseError>) -> Self {
        let start = errors.first().map_or(0, |error| error.span.start);
        let position = if text.is_empty() {
            "unknown position".to_owned()
        } else {
            position(text, start)
        };
        Self { errors, position }
    }

    /// All of them, in the order found.
    #[must_use]
    pub fn errors(&self) -> &[ParseError] {
        &self.errors
    }
}

/// Line and column of a byte, as messages show them.
#[must_use]
pub fn position(text: &str, at: usize) -> String {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("{line}:{}", before.len() - line_start + 1)
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self
            .errors
            .first()
            .map_or("", |error| error.message.as_str());
        write!(f, "{}: parse error: {message}", self.position)
    }
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no valid expression.
    #[error(transparent)]
    Parse(#[from] ParseErrors),
    /// The request makes no sense; fix it.
    #[error("{0}")]
    BadData(String),
    /// The expression fails on this data.
    #[error("{0}")]
    Execution(String),
    /// More would be needed than is allowed; ask for less.
    #[error("{0}")]
    Limit(String),
    /// The time was up.
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// So many queries wait already; ask again later.
    #[error("{0} queries wait already")]
    Busy(usize),
    /// Whoever asked is gone.
    #[error("query was canceled in {0}")]
    Canceled(&'static str),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] tsdb::Error),
}

/// What an answer calls the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is at fault.
    BadData,
    /// The evaluation failed, or would have taken too much.
    Execution,
    /// The time was up.
    Timeout,
    /// Whoever asked is gone.
    Canceled,
    /// This program or its storage is at fault.
    Internal,
}

impl Error {
    /// More samples at one time than `--query.max-samples`.
    #[must_use]
    pub fn too_many_samples() -> Self {
        Self::Limit(
            "query processing would load too many samples into memory in query execution"
                .to_owned(),
        )
    }

    /// What to call it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse(_) | Self::BadData(_) => ErrorKind::BadData,
            Self::Execution(_) | Self::Limit(_) => ErrorKind::Execution,
            Self::Timeout(_) | Self::Busy(_) => ErrorKind::Timeout,
            Self::Canceled(_) => ErrorKind::Canceled,
            Self::Storage(error) => match error.kind() {
                tsdb::ErrorKind::Limit => ErrorKind::Execution,
                _ => ErrorKind::Internal,
            },
        }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
