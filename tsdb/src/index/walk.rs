//! All series of an index front to back, through a window: what merge, downsampling and dumps read.
//!
//! ```text
//! (zero bytes to a multiple of 16, none in version 1) | entry | (zero bytes) | entry | …
//! ```
//!
//! The walk needs no postings and never looks back. Each checksum is checked. A damaged length could make it skip entries
//! only by matching a checksum elsewhere; whoever must exclude that compares the references with the list of all series.
//! Entries are drawn in [`super::series`].

use super::series::{self, SeriesEntry};
use super::{HEAD_SIZE, SERIES_ALIGN, Toc, Version, align_up};
use crate::codec::{Cursor, Window};
use crate::error::{Corruption, Result};
use crate::id::SeriesRef;

/// Bytes looked at before an entry's length is known: most entries are shorter.
const GLANCE_BYTES: usize = 1024;

/// Longest length field.
const LENGTH_SIZE_MAX: usize = 5;

/// A position in the series section.
#[derive(Debug)]
pub struct SeriesWalk<W> {
    window: W,
    version: Version,
    at: u64,
    end: u64,
}

impl<W: Window> SeriesWalk<W> {
    /// Reads magic, version and table of contents of a whole index, and starts at its first series.
    ///
    /// # Errors
    /// Where they are not those of a sound index.
    pub fn open(mut window: W) -> Result<Self> {
        let size = window.size();
        let version = Version::decode(window.fill(0, HEAD_SIZE)?)?;
        let at = size.saturating_sub(Toc::SIZE as u64);
        let toc = Toc::decode(window.fill(at, Toc::SIZE)?, at)?;
        toc.check(size)?;
        Ok(Self::new(window, version, &toc))
    }

    /// Starts at the first series of an index whose table of contents is known.
    pub fn new(window: W, version: Version, toc: &Toc) -> Self {
        let range = toc.series_range();
        Self {
            window,
            version,
            at: range.start,
            end: range.end,
        }
    }

    /// Goes to a series, forward or back, so that it comes next.
    pub fn seek(&mut self, series: SeriesRef) {
        self.at = self.version.series_offset(series);
    }

    /// The window that is read through.
    pub fn window(&mut self) -> &mut W {
        &mut self.window
    }

    /// Fills `entry` with the next series; nothing at the end.
    ///
    /// # Errors
    /// Where the section is damaged or reading fails.
    pub fn next(&mut self, entry: &mut SeriesEntry) -> Result<Option<SeriesRef>> {
        self.skip_padding()?;
        if self.at >= self.end {
            return Ok(None);
        }
        let series = self.version.series_ref(self.at);
        let here = Cursor::new("series", &[], self.at);
        let series = series.ok_or_else(|| here.corrupt(Corruption::Overflow))?;
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let mut glance = self.window.fill_some(self.at, left.min(GLANCE_BYTES))?;
        if glance.len() < left.min(LENGTH_SIZE_MAX) {
            glance = self.window.fill(self.at, left.min(LENGTH_SIZE_MAX))?;
        }
        let mut cursor = Cursor::new("series", glance, self.at);
        let len = cursor.clone().uvarint32()? as usize;
        // Length, body and checksum.
        let need = len.saturating_add(LENGTH_SIZE_MAX + 4).min(left);
        if need > glance.len() {
            cursor = Cursor::new("series", self.window.fill(self.at, need)?, self.at);
        }
        let (body, offset) = series::take_body(&mut cursor)?;
        entry.decode(body, offset)?;
        self.at = cursor.offset();
        Ok(Some(series))
    }

    fn skip_padding(&mut self) -> Result<()> {
        if self.version != Version::One {
            self.at = align_up(self.at, SERIES_ALIGN);
            return Ok(());
        }
        // The section behind version 1's series starts at a multiple of 4; no entry starts with a zero.
        while self.at < self.end && self.end - self.at < 4 && self.window.fill(self.at, 1)? == [0] {
            self.at += 1;
        }
        Ok(())
    }
}
