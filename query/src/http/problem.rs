//! Why a request gets no data: a kind, which decides the status, and a text.

use super::dialect::Dialect;
use crate::error::{Error, ErrorKind};

/// A failure as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whose fault.
    pub kind: ErrorKind,
    /// What is wrong, for people.
    pub message: String,
}

impl Problem {
    /// The request is at fault.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::BadData,
            message: message.into(),
        }
    }

    /// A failure of the storage while `doing` something.
    #[must_use]
    pub fn storage(error: &tsdb::Error) -> Self {
        let kind = match error.kind() {
            tsdb::ErrorKind::Limit => ErrorKind::Execution,
            _ => ErrorKind::Internal,
        };
        Self {
            kind,
            message: error.chain(),
        }
    }

    /// Its name in the envelope.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            ErrorKind::BadData => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Internal => "internal",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self, dialect: Dialect) -> u16 {
        match self.kind {
            ErrorKind::BadData => 400,
            ErrorKind::Execution => 422,
            ErrorKind::Timeout => 503,
            ErrorKind::Canceled => dialect.canceled_status(),
            ErrorKind::Internal => 500,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Storage(inner) => Self::storage(inner),
            other => Self {
                kind: other.kind(),
                message: other.to_string(),
            },
        }
    }
}

impl From<tsdb::Error> for Problem {
    fn from(error: tsdb::Error) -> Self {
        Self::storage(&error)
    }
}
