//! The doors through which formats meet files and objects, as traits without I/O of their own.
//!
//! [`Window`] is one object read mostly front to back: `fill` makes some bytes available and lets go of what lies before
//! them. [`Output`] is one object written front to back, never seeking, so that it may be a file or a multipart upload.
//! [`Scratch`] is both, one after the other: where bytes go that memory has no room for.

use std::fmt::Debug;

use super::Cursor;
use crate::error::{Corruption, Result};

/// Bytes of one object, some at a time.
pub trait Window {
    /// Size of the object in bytes.
    fn size(&self) -> u64;

    /// The bytes `[at, at + len)`. Going back is allowed and may cost a read.
    ///
    /// # Errors
    /// Where the range leaves the object, or reading fails.
    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]>;

    /// The bytes from `at` on, at least one and at most `len` unless `at` is the end: as many as are cheap to give.
    ///
    /// # Errors
    /// As [`Self::fill`].
    fn fill_some(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let left = usize::try_from(self.size().saturating_sub(at)).unwrap_or(usize::MAX);
        self.fill(at, len.min(left))
    }
}

impl Window for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let range = usize::try_from(at)
            .ok()
            .and_then(|at| self.get(at..)?.get(..len));
        range.ok_or_else(|| {
            let have = (self.len() as u64).saturating_sub(at);
            Cursor::new("file", &[], at).corrupt(Corruption::Truncated {
                need: len as u64,
                have,
            })
        })
    }
}

/// Takes bytes in order.
pub trait Output {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// Where the disk or the store refuses.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Output for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Bytes put aside: appended in order, then read at any position.
pub trait Scratch: Output + Debug + Send {
    /// A window over all that was appended so far.
    ///
    /// # Errors
    /// Where the disk refuses.
    fn window(&mut self) -> Result<Box<dyn Window + Send>>;
}

/// A place where bytes can be put aside.
pub trait ScratchSpace: Debug + Send + Sync {
    /// Nothing put aside yet. What is, vanishes when it is dropped.
    ///
    /// # Errors
    /// Where the disk refuses.
    fn create(&self) -> Result<Box<dyn Scratch>>;
}

impl<O: Output + ?Sized> Output for &mut O {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        (**self).append(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_a_window_that_never_reads_past_its_end() {
        let mut window: &[u8] = b"abcdef";
        assert_eq!(window.fill(2, 3).unwrap(), b"cde");
        assert_eq!(window.fill_some(4, 100).unwrap(), b"ef");
        assert!(window.fill(4, 3).is_err());
        assert!(window.fill(u64::MAX, 1).is_err());
    }
}
