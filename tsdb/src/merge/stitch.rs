//! Finished ranges, in order, to segments and index.
//!
//! The only place where positions in the result are known: references of a range become those of the block by adding where
//! its records begin, segments are cut, series are numbered. Who builds the ranges and when is in [`mod@super::pipeline`].

use std::sync::Arc;

use super::Merged;
use super::range::{RangeOutput, SeriesEnd};
use crate::budget::{Memory, Reservation};
use crate::codec::Output;
use crate::error::Result;
use crate::id::{ChunkRef, SeriesRef};
use crate::index::series::{Body, Pair};
use crate::index::{ChunkMeta, IndexWriter, SeriesStage, SymbolTable};
use crate::segment::{SegmentFiles, SegmentWriter};

/// Sees each series as it is written: its name, its labels, its chunks with their final places.
pub type Watch<'w> = Box<dyn FnMut(SeriesRef, &[Pair], &[ChunkMeta]) -> Result<()> + Send + 'w>;

/// Where a block goes.
pub struct Outputs<'w, O, F> {
    /// The index.
    pub index: O,
    /// The segments.
    pub segments: F,
    /// Who wants to see the series, if anybody does.
    pub watch: Option<Watch<'w>>,
    /// Memory that both take, beside that of every merge, in bytes.
    pub buffer_bytes: u64,
}

impl<O, F> Outputs<'_, O, F> {
    /// Without anybody who watches.
    pub fn new(index: O, segments: F) -> Self {
        Self {
            index,
            segments,
            watch: None,
            buffer_bytes: 0,
        }
    }
}

impl<O, F> std::fmt::Debug for Outputs<'_, O, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

/// Writes series in order.
pub struct Stitcher<'w, O, F: SegmentFiles> {
    index: SeriesStage<O>,
    segments: SegmentWriter<F>,
    watch: Option<Watch<'w>>,
    merged: Merged,
    references: Vec<ChunkRef>,
    chunks: Vec<ChunkMeta>,
}

impl<'w, O: Output, F: SegmentFiles> Stitcher<'w, O, F> {
    /// Starts with the symbol table of the result.
    ///
    /// # Errors
    /// Where the index cannot be written.
    pub fn start(
        outputs: Outputs<'w, O, F>,
        symbols: Arc<SymbolTable>,
        segment_bytes: u64,
    ) -> Result<Self> {
        Ok(Self {
            index: IndexWriter::begin(outputs.index).symbols(symbols)?,
            segments: SegmentWriter::begin(outputs.segments, Some(segment_bytes))?,
            watch: outputs.watch,
            merged: Merged::default(),
            references: Vec::new(),
            chunks: Vec::new(),
        })
    }

    /// Keeps within a budget, of which `held` is reserved already.
    ///
    /// # Errors
    /// Where it has no room for what must be kept.
    pub fn bounded(mut self, memory: Memory, held: Reservation) -> Result<Self> {
        self.index = self.index.bounded(memory, held)?;
        Ok(self)
    }

    /// Writes the rest of the index and gives both outputs back.
    ///
    /// # Errors
    /// Where an output refuses.
    pub fn finish(self) -> Result<(O, F, Merged)> {
        Ok((self.index.finish()?, self.segments.finish()?, self.merged))
    }

    /// Appends the next range.
    ///
    /// # Errors
    /// Where its series do not sort after those before, or an output refuses.
    pub fn append(&mut self, range: &RangeOutput) -> Result<()> {
        self.merged.add(range);
        let base = self
            .segments
            .add_whole(&range.records, range.chunks.len())?;
        let mut start = SeriesEnd::default();
        for end in &range.series {
            let labels = &range.labels[start.labels..end.labels];
            let chunks = &range.chunks[start.chunks..end.chunks];
            if base.is_none() || self.watch.is_some() {
                self.move_chunks(chunks, base, &range.records[start.records..end.records])?;
            }
            let series = match base {
                Some(base) => {
                    let body = &range.bodies[start.bodies..end.bodies];
                    let body = Body::new(body, end.encoded, chunks);
                    let first = ChunkRef(base.0 + start.records as u64);
                    self.index.add_body(labels, body, first)?
                }
                None => self.index.add(labels, &self.chunks)?,
            };
            if let Some(watch) = &mut self.watch {
                watch(series, labels, &self.chunks)?;
            }
            start = *end;
        }
        Ok(())
    }

    /// Makes `self.chunks` those of a series with their places in the block: behind `base` where the whole range was added,
    /// else where its records are added now.
    fn move_chunks(
        &mut self,
        chunks: &[ChunkMeta],
        base: Option<ChunkRef>,
        records: &[u8],
    ) -> Result<()> {
        self.references.clear();
        match base {
            Some(base) => {
                let moved = chunks
                    .iter()
                    .map(|chunk| ChunkRef(base.0 + chunk.reference.0));
                self.references.extend(moved);
            }
            None => self.segments.add_run(records, &mut self.references)?,
        }
        let moved = chunks.iter().zip(&self.references);
        self.chunks.clear();
        self.chunks
            .extend(moved.map(|(chunk, &reference)| ChunkMeta {
                reference,
                ..*chunk
            }));
        Ok(())
    }
}
