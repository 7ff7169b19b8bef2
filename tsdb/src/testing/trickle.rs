//! A window that gives as little as its promise allows.
//!
//! Code that reads through a [`Window`] must not take the size of what it gets for the size of what there is. This one gives no
//! more than asked by `fill`, and by `fill_some` at most a few bytes.

use crate::codec::Window;
use crate::error::Result;

/// A slice, given in pieces of at most `most` bytes where the caller leaves the size open.
#[derive(Debug, Clone, Copy)]
pub struct Trickle<'a> {
    /// The whole object.
    pub bytes: &'a [u8],
    /// Bytes given at a time, at least 1.
    pub most: usize,
}

impl Window for Trickle<'_> {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        self.bytes.fill(at, len)
    }

    fn fill_some(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        self.bytes.fill_some(at, len.min(self.most))
    }
}
