//! The digest of a block on disk: the walk that feeds [`crate::digest`].
//!
//! Series are decoded on all threads, some thousands at a time; the digest is a sum, so their order does not matter.

use rayon::prelude::*;

use super::reader::Block;
use crate::chunk::ChunkView;
use crate::digest::{Digest, Totals};
use crate::error::{Result, ResultExt};
use crate::id::SeriesRef;
use crate::index::{IndexReader, SeriesEntry, SymbolTable};
use crate::merge::input::Input as _;
use crate::segment::SegmentReader;
use crate::time::{Interval, Millis};

/// Series that one thread takes at a time.
const SERIES_PER_PIECE: usize = 1024;

/// Digest of all samples, or of those that the block's tombstones leave.
///
/// # Errors
/// Where anything that is read on the way is damaged.
pub fn digest(block: &Block, with_tombstones: bool) -> Result<Totals> {
    let index = block.index_reader()?;
    let place = || block.dir().display().to_string();
    let view = View {
        symbols: index.symbols().at(place)?,
        segments: open_segments(block).at(place)?,
        block,
        with_tombstones,
    };
    let all: Vec<SeriesRef> = index.all_postings().at(place)?.iter().collect();
    let pieces = all.par_chunks(SERIES_PER_PIECE);
    let totals = pieces.map(|piece| view.digest(&index, piece));
    let sum = totals.try_reduce(Totals::default, |a, b| Ok(add(a, b)));
    sum.at(place)
}

fn open_segments(block: &Block) -> Result<Vec<SegmentReader<super::mmap::Mapped>>> {
    let mapped = block.map_segments()?;
    mapped.into_iter().map(SegmentReader::open).collect()
}

fn add(a: Totals, b: Totals) -> Totals {
    let mut sum = Digest::default();
    sum.add(a);
    sum.add(b);
    sum.totals()
}

struct View<'a> {
    symbols: SymbolTable,
    segments: Vec<SegmentReader<super::mmap::Mapped>>,
    block: &'a Block,
    with_tombstones: bool,
}

impl View<'_> {
    fn digest<B: AsRef<[u8]>>(
        &self,
        index: &IndexReader<B>,
        series: &[SeriesRef],
    ) -> Result<Totals> {
        let mut digest = Digest::default();
        let mut entry = SeriesEntry::default();
        let mut labels: Vec<(&str, &str)> = Vec::new();
        for &series in series {
            index.series_into(series, &mut entry)?;
            labels.clear();
            for (name, value) in &entry.labels {
                let symbol = |symbol| self.symbols.text(self.symbols.position(symbol)?);
                labels.push((symbol(*name)?, symbol(*value)?));
            }
            let chunks = entry.chunks.iter().map(|meta| {
                let interval = Interval::new(Millis(meta.min), Millis(meta.max));
                Ok((interval, self.chunk(meta.reference)?))
            });
            let pairs = labels.iter().copied();
            match self.block.tombstones().get(series) {
                Some(deleted) if self.with_tombstones => {
                    digest.series_without(pairs, chunks, deleted.as_slice())?;
                }
                None if self.with_tombstones => digest.series_without(pairs, chunks, &[])?,
                _ => digest.series(pairs, chunks)?,
            }
        }
        Ok(digest.totals())
    }

    fn chunk(&self, reference: crate::id::ChunkRef) -> Result<ChunkView<'_>> {
        let segment = self.segments.get(reference.segment() as usize);
        let missing = || {
            let what = format!("chunk reference names segment {}", reference.segment());
            crate::Error::corrupt("series", 0, what)
        };
        segment.ok_or_else(missing)?.chunk(reference.offset())
    }
}
