//! The companion that knows nothing: its answers are empty, so that a server without rules or targets has them all.

/// Implements every companion trait with empty answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;
