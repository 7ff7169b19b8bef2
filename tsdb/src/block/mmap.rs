//! A sealed local file as bytes, through a memory map. The only `unsafe` in the project.
//!
//! For selective reads of an index (postings, single series) the page cache is the best cache there is. Sequential walks
//! use [`super::file::FileWindow`], whose memory does not count against the process. A file that is truncated while it is
//! mapped kills the process, so only blocks are mapped: nobody rewrites a block in place.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of one sealed file.
#[derive(Debug)]
pub struct Mapped(Option<memmap2::Mmap>);

impl Mapped {
    /// Maps a file of a block.
    ///
    /// # Errors
    /// Where it is missing or cannot be mapped.
    #[expect(
        unsafe_code,
        reason = "a map is the one thing that cannot be done without"
    )]
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let size = file
            .metadata()
            .map_err(|error| Error::io("stat", path, error))?
            .len();
        if size == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is read only, and a block's files are never written or truncated once the block has its final
        // name: Prometheus, Thanos and this program replace blocks, they do not change them.
        let map = unsafe { memmap2::Mmap::map(&file) };
        map.map(|map| Self(Some(map)))
            .map_err(|error| Error::io("map", path, error))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_maps_to_no_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, b"").unwrap();
        assert!(Mapped::open(&path).unwrap().is_empty());
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(&*Mapped::open(&path).unwrap(), b"abc");
    }
}
