//! Label pairs put aside in sorted runs, and merged back.
//!
//! ```text
//! run     (name symbol uvarint | value symbol uvarint | count uvarint | count x series u32)*      in order of (name, value)
//! ```
//!
//! Where memory has no room for the pairs of all series, those of the series so far are sorted and put aside ([`Runs::put`]), and
//! the log starts anew. Runs follow each other as their series do, so the list of a pair is what the runs have of it, one
//! after the other: merging copies bytes, and holds a window for each run. The log is in [`super::pairs`], the lists are written by
//! [`super::writer`].

use super::pairs::SortedPairs;
use super::series::Pair;
use crate::codec::{Cursor, Scratch, Sink as _, Window};
use crate::error::{Corruption, Result};
use crate::id::{SeriesRef, SymbolRef};

/// Longest head of a list: three integers of 32 bits.
const HEAD_BYTES_MAX: u64 = 15;

/// Bytes of a list that are copied at a time.
const PIECE_BYTES: u64 = 16 << 10;

/// Series encoded at a time.
const PIECE_SERIES: usize = 4096;

/// Runs that were put aside, in the order of their series.
#[derive(Debug)]
pub struct Runs {
    scratch: Box<dyn Scratch>,
    /// Where each run ends.
    ends: Vec<u64>,
    position: u64,
    buffer: Vec<u8>,
}

impl Runs {
    /// None yet.
    #[must_use]
    pub fn new(scratch: Box<dyn Scratch>) -> Self {
        Self {
            scratch,
            ends: Vec::new(),
            position: 0,
            buffer: Vec::new(),
        }
    }

    /// Puts a run aside, whose series come after those of the runs before.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn put(&mut self, pairs: &SortedPairs<'_>) -> Result<()> {
        let mut order = pairs.pairs();
        pairs.lists(|list| {
            let ((name, value), count) = order.next().expect("each pair has its list");
            self.buffer.put_uvarint(name.0.into());
            self.buffer.put_uvarint(value.0.into());
            self.buffer.put_uvarint(count.into());
            for piece in list.chunks(PIECE_SERIES) {
                self.put_series(piece)?;
            }
            Ok(())
        })?;
        self.ends.push(self.position);
        Ok(())
    }

    fn put_series(&mut self, series: &[SeriesRef]) -> Result<()> {
        for series in series {
            self.buffer.put_u32(series.0);
        }
        self.scratch.append(&self.buffer)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Starts to read all runs as one.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn merge(mut self) -> Result<MergedRuns> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs = Vec::with_capacity(self.ends.len());
        for (at, &end) in starts.zip(&self.ends) {
            let mut run = Run {
                window: self.scratch.window()?,
                at,
                end,
                head: None,
            };
            run.read_head()?;
            runs.push(run);
        }
        Ok(MergedRuns {
            runs,
            _scratch: self.scratch,
        })
    }
}

/// A position in one run.
struct Run {
    window: Box<dyn Window + Send>,
    at: u64,
    end: u64,
    head: Option<(Pair, u32)>,
}

impl Run {
    /// Reads the head that comes next; none at the end.
    fn read_head(&mut self) -> Result<()> {
        let left = (self.end - self.at).min(HEAD_BYTES_MAX);
        self.head = None;
        if left == 0 {
            return Ok(());
        }
        let bytes = self.window.fill(self.at, usize_from(left))?;
        let mut cursor = Cursor::new("scratch", bytes, self.at);
        let pair = (
            SymbolRef(cursor.uvarint32()?),
            SymbolRef(cursor.uvarint32()?),
        );
        let count = cursor.uvarint32()?;
        self.at = cursor.offset();
        if self.end - self.at < 4 * u64::from(count) {
            return Err(cursor.corrupt(Corruption::Other("a run ends inside a list".into())));
        }
        self.head = Some((pair, count));
        Ok(())
    }

    /// Hands the bytes of the list behind the head to `take`, and goes to the next head.
    fn take_list(&mut self, count: u32, take: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let end = self.at + 4 * u64::from(count);
        while self.at < end {
            let len = (end - self.at).min(PIECE_BYTES);
            take(self.window.fill(self.at, usize_from(len))?)?;
            self.at += len;
        }
        self.read_head()
    }
}

/// All runs as one.
pub struct MergedRuns {
    runs: Vec<Run>,
    /// What the windows read vanishes with it.
    _scratch: Box<dyn Scratch>,
}

impl MergedRuns {
    /// The next pair, with the length of its list; none at the end.
    #[must_use]
    pub fn head(&self) -> Option<(Pair, u32)> {
        let heads = || self.runs.iter().filter_map(|run| run.head);
        let (least, _) = heads().min_by_key(|(pair, _)| *pair)?;
        let counts = heads().filter(|(pair, _)| *pair == least);
        Some((least, counts.map(|(_, count)| count).sum()))
    }

    /// Hands the list of `pair`, which is the next one, to `take`: bytes of whole series, in order.
    ///
    /// # Errors
    /// Where the disk refuses, and those of `take`.
    pub fn take_list(
        &mut self,
        pair: Pair,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        for run in &mut self.runs {
            match run.head {
                Some((head, count)) if head == pair => run.take_list(count, &mut take)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn usize_from(small: u64) -> usize {
    usize::try_from(small).expect("a piece is small")
}
