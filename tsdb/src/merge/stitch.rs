//! Finished ranges, in order, to segments and index.
//!
//! The only place where positions in the result are known: references of a range become those of the block by adding where
//! its records begin, segments are cut, series are numbered. Who builds the ranges and when is in [`super::pipeline`].

use std::sync::Arc;

pub use super::pipeline::pipeline;

use super::Merged;
use super::range::{RangeOutput, SeriesEnd};
use crate::budget::{Memory, Reservation};
use crate::codec::Output;
use crate::error::Result;
use crate::id::ChunkRef;
use crate::index::series::Body;
use crate::index::{ChunkMeta, IndexWriter, SeriesStage, SymbolTable};
use crate::segment::{SegmentFiles, SegmentWriter};

/// Writes series in order.
pub struct Stitcher<O, F: SegmentFiles> {
    index: SeriesStage<O>,
    segments: SegmentWriter<F>,
    merged: Merged,
    references: Vec<ChunkRef>,
    chunks: Vec<ChunkMeta>,
}

impl<O: Output, F: SegmentFiles> Stitcher<O, F> {
    /// Starts with the symbol table of the result.
    ///
    /// # Errors
    /// Where the index cannot be written.
    pub fn start(
        index: O,
        segments: F,
        symbols: Arc<SymbolTable>,
        segment_bytes: u64,
    ) -> Result<Self> {
        Ok(Self {
            index: IndexWriter::begin(index).symbols(symbols)?,
            segments: SegmentWriter::begin(segments, Some(segment_bytes))?,
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
            let body = Body::new(&range.bodies[start.bodies..end.bodies], end.encoded, chunks);
            if let Some(base) = base {
                self.index
                    .add_body(labels, body, ChunkRef(base.0 + start.records as u64))?;
            } else {
                self.references.clear();
                self.segments.add_run(
                    &range.records[start.records..end.records],
                    &mut self.references,
                )?;
                let moved = chunks.iter().zip(&self.references);
                self.chunks.clear();
                self.chunks
                    .extend(moved.map(|(chunk, &reference)| ChunkMeta {
                        reference,
                        ..*chunk
                    }));
                self.index.add(labels, &self.chunks)?;
            }
            start = *end;
        }
        Ok(())
    }
}
