//! What can go wrong, and where in the text.
//!
//! A position is shown as line and column in bytes, both from one. The first error of a parse is the one to show; the
//! others are kept because an editor can mark them.

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
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
