//! The compactor.
