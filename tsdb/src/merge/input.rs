//! A block as merging reads it: windows over its files, and what must be known of it beforehand.
//!
//! Kept in memory per block, as the format forces it: the symbol table's remap (4 bytes a symbol) and the list of all
//! series (4 bytes a series). Everything else streams, the strings of the tables too.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::symbols::{self, Ascending};
use crate::codec::{Cursor, Window};
use crate::error::{Corruption, Result, ResultExt};
use crate::id::{ChunkRef, SeriesRef, SymbolRef};
use crate::index::series::{self, Pair, SeriesEntry};
use crate::index::{ChunkMeta, HEAD_SIZE, SymbolReader, SymbolTable, Toc, Version, postings};
use crate::time::Interval;
use crate::tombstone::{Intervals, Tombstones};

/// Bytes of a series entry that are asked for first; few are longer.
const ENTRY_GUESS_BYTES: usize = 512;

/// Series before a guess that a search may look at without another read.
const LOOKS_BEFORE: usize = 16;

/// A block's files.
pub trait Input: Sync {
    /// How one file is read.
    type Window: Window + Send;

    /// The block's name for errors and reports.
    fn name(&self) -> String;

    /// A new window over the index.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn index(&self) -> Result<Self::Window>;

    /// A new window over the index for a few reads here and there, which cost less than a walk's.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn index_probe(&self) -> Result<Self::Window> {
        self.index()
    }

    /// A new window over the segment with a zero-based index.
    ///
    /// # Errors
    /// Where it is missing or cannot be opened.
    fn segment(&self, segment: u32) -> Result<Self::Window>;

    /// Memory that one window takes, in bytes; 64 KiB where nothing else is said.
    fn window_bytes(&self) -> u64 {
        64 << 10
    }

    /// Size of index and segments in bytes.
    fn size_bytes(&self) -> u64;

    /// Deletions; empty for blocks of a bucket.
    fn tombstones(&self) -> &Tombstones;

    /// Sees each series once while the block is merged, before anything of it is left out; several threads call it, in any
    /// order of series.
    fn pass(&self, _labels: &[Pair], _chunks: &[ChunkMeta]) {}
}

/// An input with its tables loaded.
pub struct Source<'a, I: Input> {
    /// The files.
    pub input: &'a I,
    /// All series in index order.
    pub series: Vec<SeriesRef>,
    /// Windows that no lane uses now. A lane that continues where another ended finds the bytes it needs in them.
    index_windows: Mutex<Vec<I::Window>>,
    segment_windows: Mutex<Vec<(u32, I::Window)>>,
    version: Version,
    /// Where the block's own strings lie, kept only where series name them so and not by position.
    offsets: Option<Vec<u32>>,
    remap: Vec<SymbolRef>,
}

/// What an index says of its tables before they are read.
#[derive(Debug)]
pub struct Head {
    version: Version,
    toc: Toc,
    /// Number of symbols.
    pub symbols: u64,
    /// Length of all symbols, in bytes.
    pub string_bytes: u64,
    /// Number of series.
    pub series: u64,
}

impl Head {
    /// Reads it.
    ///
    /// # Errors
    /// Where the index is damaged or cannot be read.
    pub fn read<W: Window>(window: &mut W) -> Result<Self> {
        let version = Version::decode(window.fill(0, HEAD_SIZE)?)?;
        let end = window.size().saturating_sub(Toc::SIZE as u64);
        let toc = Toc::decode(window.fill(end, Toc::SIZE)?, end)?;
        toc.check(window.size())?;
        let mut symbols = Cursor::new("symbols", window.fill(toc.symbols, 8)?, toc.symbols);
        let (string_bytes, symbols) = (symbols.u32()?, symbols.u32()?);
        let series = postings::read_len(window, toc.postings.next_multiple_of(4))?;
        Ok(Self {
            version,
            toc,
            symbols: symbols.into(),
            string_bytes: string_bytes.into(),
            series: series.into(),
        })
    }
}

/// The strings of one input.
struct Strings<W> {
    reader: SymbolReader<W>,
    place: String,
}

impl<W: Window> Ascending for Strings<W> {
    fn head(&self) -> Option<&[u8]> {
        self.reader.head()
    }

    fn count(&self) -> usize {
        self.reader.len()
    }

    fn advance(&mut self) -> Result<()> {
        self.reader.advance().at(|| self.place.clone())
    }
}

/// Loads the tables of all inputs: the merged symbol table, and what each needs to read its series by it.
///
/// # Errors
/// Where an index is damaged or cannot be read.
pub fn load_all<I: Input>(inputs: &[I]) -> Result<(SymbolTable, Vec<Source<'_, I>>)> {
    let loaded = inputs.par_iter().map(|input| {
        let place = format!("{}: index", input.name());
        load(input, &place).at(|| place.clone())
    });
    let loaded: Vec<_> = loaded.collect::<Result<_>>()?;
    let (mut strings, mut sources): (Vec<_>, Vec<_>) = loaded.into_iter().unzip();
    let (union, remaps) = symbols::merge(&mut strings)?;
    for ((source, remap), strings) in sources.iter_mut().zip(remaps).zip(strings) {
        source.remap = remap;
        source.offsets = strings.reader.into_offsets();
    }
    Ok((union, sources))
}

fn load<'a, I: Input>(input: &'a I, place: &str) -> Result<(Strings<I::Window>, Source<'a, I>)> {
    let mut window = input.index()?;
    let head = Head::read(&mut window)?;
    // The list of all series is the first of the postings.
    let series = postings::read(&mut window, head.toc.postings.next_multiple_of(4))?;
    let strings = Strings {
        reader: SymbolReader::open(window, &head.toc, head.version)?,
        place: place.to_owned(),
    };
    let source = Source {
        input,
        series,
        index_windows: Mutex::default(),
        segment_windows: Mutex::default(),
        version: head.version,
        offsets: None,
        remap: Vec::new(),
    };
    Ok((strings, source))
}

impl<I: Input> Source<'_, I> {
    /// A window over the index, used before if there is one.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn index_window(&self) -> Result<I::Window> {
        let idle = self
            .index_windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.map_or_else(|| self.input.index(), Ok)
    }

    /// A window over a segment, used before if there is one.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn segment_window(&self, segment: u32) -> Result<I::Window> {
        let mut idle = self
            .segment_windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = idle.iter().position(|(which, _)| *which == segment) {
            return Ok(idle.swap_remove(at).1);
        }
        drop(idle);
        self.input.segment(segment)
    }

    /// Takes windows back.
    pub fn give_back(&self, index: Option<I::Window>, segment: Option<(u32, I::Window)>) {
        self.index_windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(index);
        self.segment_windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(segment);
    }

    /// Reads the series at a position of the list, with labels remapped.
    ///
    /// # Errors
    /// Where the entry is damaged, names a symbol past the table, or cannot be read.
    pub fn read_series(
        &self,
        index: &mut I::Window,
        at: usize,
        entry: &mut SeriesEntry,
    ) -> Result<()> {
        let offset = self.version.series_offset(self.series[at]);
        let place = || {
            format!(
                "{}: index: series {at} of {}",
                self.input.name(),
                self.series.len()
            )
        };
        read_entry(index, offset, entry).at(place)?;
        if self.offsets.is_some() || !self.remap_all(&mut entry.labels) {
            for (name, value) in &mut entry.labels {
                *name = self.position(*name, offset).at(place)?;
                *value = self.position(*value, offset).at(place)?;
            }
        }
        Ok(())
    }

    /// Replaces positions in the block's table by those in the merged one; changes nothing where one is outside.
    #[inline]
    fn remap_all(&self, labels: &mut [(SymbolRef, SymbolRef)]) -> bool {
        let inside = |symbol: SymbolRef| (symbol.0 as usize) < self.remap.len();
        let sound = labels
            .iter()
            .all(|(name, value)| inside(*name) & inside(*value));
        if sound {
            for (name, value) in labels {
                *name = self.remap[name.0 as usize];
                *value = self.remap[value.0 as usize];
            }
        }
        sound
    }

    fn position(&self, symbol: SymbolRef, offset: u64) -> Result<SymbolRef> {
        let position = match &self.offsets {
            Some(offsets) => offsets.binary_search(&symbol.0).ok(),
            None => Some(symbol.0 as usize),
        };
        position
            .and_then(|at| self.remap.get(at))
            .copied()
            .ok_or_else(|| {
                let what = Corruption::Range {
                    what: "label symbol",
                    value: u64::from(symbol.0),
                    limit: self.remap.len() as u64,
                };
                Cursor::new("series", &[], offset).corrupt(what)
            })
    }

    /// Deleted intervals of a series.
    #[must_use]
    pub fn deleted(&self, series: SeriesRef) -> &[Interval] {
        self.input
            .tombstones()
            .get(series)
            .map_or(&[], Intervals::as_slice)
    }

    /// Where a chunk lies, for errors.
    #[must_use]
    pub fn chunk_place(&self, reference: ChunkRef) -> String {
        format!(
            "{}: chunks/{:06}",
            self.input.name(),
            u64::from(reference.segment()) + 1
        )
    }

    /// The first position from `start` on whose series does not sort before `labels`, thought to lie about `guess` further.
    ///
    /// Doubles the step from there before it halves: neighbouring blocks have nearly the same series, and each look is a read.
    ///
    /// # Errors
    /// As [`Self::read_series`].
    pub fn lower_bound(
        &self,
        index: &mut I::Window,
        labels: &[(SymbolRef, SymbolRef)],
        start: usize,
        guess: usize,
    ) -> Result<usize> {
        let mut entry = SeriesEntry::default();
        let (mut low, mut high) = (start, self.series.len());
        let (mut next, mut step) = (start.saturating_add(guess), 1);
        // Most looks are near the guess: one read for all of them.
        if let Some(&first) = self
            .series
            .get(next.saturating_sub(LOOKS_BEFORE).max(start))
        {
            index.fill_some(self.version.series_offset(first), 1)?;
        }
        while low < high {
            let at = if (low..high).contains(&next) {
                next
            } else {
                low.midpoint(high)
            };
            self.read_series(index, at, &mut entry)?;
            if entry.labels.as_slice() < labels {
                low = at + 1;
                next = at.saturating_add(step);
            } else {
                high = at;
                next = at.saturating_sub(step);
            }
            step *= 2;
        }
        Ok(low)
    }
}

/// Reads one series entry through a window, with its checksum verified.
fn read_entry<W: Window>(index: &mut W, offset: u64, entry: &mut SeriesEntry) -> Result<()> {
    let bytes = index.fill_some(offset, ENTRY_GUESS_BYTES)?;
    let mut cursor = Cursor::new("series", bytes, offset);
    let len = cursor.uvarint32()? as usize;
    let head = bytes.len() - cursor.len();
    if bytes.len() < head + len + 4 {
        let bytes = index.fill(offset, head + len + 4)?;
        cursor = Cursor::new("series", bytes, offset);
        cursor.bytes(head)?;
    }
    let (body, at) = series::take_checked(&mut cursor, len)?;
    entry.decode(body, at)
}
