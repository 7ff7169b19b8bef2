//! A new block of series that are at hand: generated, imported, or cut from a head.
//!
//! The index names every string up front, so the caller first says which symbols there will be, then gives the series in
//! label order. Memory: the symbol table, what the index writer keeps for postings, and one range of output.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::FileOutput;
use super::writer::{BlockWriter, NewBlock as _, Segments};
use crate::chunk::Chunk;
use crate::error::{Error, Result};
use crate::id::{BlockId, SymbolRef};
use crate::index::SymbolTable;
use crate::label::Labels;
use crate::merge::RANGE_BYTES;
use crate::merge::range::RangeOutput;
use crate::merge::stitch::{Outputs, Stitcher};
use crate::meta::BlockMeta;

/// A block that is being built.
pub struct BlockBuilder {
    writer: BlockWriter,
    stitcher: Stitcher<'static, FileOutput, Segments>,
    symbols: Arc<SymbolTable>,
    range: RangeOutput,
    labels: Vec<(SymbolRef, SymbolRef)>,
}

impl BlockBuilder {
    /// Starts block `id` in `parent`; `symbols` has every name and value that will occur.
    ///
    /// # Errors
    /// Where the block exists already or the disk refuses.
    pub fn create(
        parent: &Path,
        id: BlockId,
        symbols: SymbolTable,
        segment_bytes: u64,
    ) -> Result<Self> {
        let writer = BlockWriter::create(parent, id)?;
        let symbols = Arc::new(symbols);
        let outputs = Outputs::new(writer.index()?, writer.segments());
        let stitcher = Stitcher::start(outputs, Arc::clone(&symbols), segment_bytes)?;
        Ok(Self {
            writer,
            stitcher,
            symbols,
            range: RangeOutput::default(),
            labels: Vec::new(),
        })
    }

    /// Adds a series, which must sort after the one before; without chunks it leaves no trace.
    ///
    /// # Errors
    /// Where labels or chunks are out of order, a string is not among the symbols, or the disk refuses.
    pub fn series(&mut self, labels: &Labels, chunks: &[Chunk]) -> Result<()> {
        self.labels.clear();
        for (name, value) in labels.iter() {
            self.labels.push((self.symbol(name)?, self.symbol(value)?));
        }
        for chunk in chunks {
            self.range.put(chunk.min, chunk.max, chunk.view())?;
        }
        self.range.finish_series(&self.labels)?;
        if self.range.records.len() as u64 >= RANGE_BYTES {
            self.stitcher.append(&std::mem::take(&mut self.range))?;
        }
        Ok(())
    }

    fn symbol(&self, text: &str) -> Result<SymbolRef> {
        let found = self.symbols.find(text.as_bytes());
        found.ok_or_else(|| {
            Error::Invalid(format!("{text:?} is not among the symbols of the block"))
        })
    }

    /// Makes the block appear with `meta`, whose counts are filled in; no block where there is no sample.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(
        mut self,
        mut meta: BlockMeta,
        with_tombstones: bool,
    ) -> Result<Option<(PathBuf, BlockMeta)>> {
        self.stitcher.append(&self.range)?;
        let (index, _, merged) = self.stitcher.finish()?;
        index.finish()?;
        if merged.stats.num_chunks == 0 {
            return Ok(None);
        }
        meta.stats = merged.stats;
        let bytes = if meta.thanos.is_some() {
            meta.to_json()
        } else {
            meta.to_json_prometheus()
        };
        let dir = self.writer.finish(&bytes, with_tombstones)?;
        Ok(Some((dir, meta)))
    }
}

/// The sorted, unique symbols of `strings`.
///
/// # Errors
/// Where all strings together exceed what a table can hold.
pub fn symbol_table<S: AsRef<str> + Ord>(
    strings: impl IntoIterator<Item = S>,
) -> Result<SymbolTable> {
    let sorted: BTreeSet<S> = strings.into_iter().collect();
    let mut table = SymbolTable::new();
    for text in &sorted {
        table.push(text.as_ref().as_bytes())?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::reader::Block;
    use crate::chunk::encode_samples;
    use crate::sample::Sample;
    use crate::segment::SIZE_DEFAULT;
    use crate::time::Millis;

    fn meta(id: BlockId) -> BlockMeta {
        BlockMeta {
            ulid: id,
            max_time: Millis(100),
            ..BlockMeta::default()
        }
    }

    #[test]
    fn a_built_block_opens_with_its_series() {
        let dir = tempfile::tempdir().unwrap();
        let id = BlockId::new(1, 1);
        let symbols = symbol_table(["b", "a", "x"]).unwrap();
        let mut builder = BlockBuilder::create(dir.path(), id, symbols, SIZE_DEFAULT).unwrap();
        let chunks = encode_samples(&[Sample::float(1, 2.0), Sample::float(2, 3.0)]).unwrap();
        builder
            .series(&Labels::from_pairs([("a", "b")]), &chunks)
            .unwrap();
        assert!(
            builder
                .series(&Labels::from_pairs([("a", "missing")]), &chunks)
                .is_err()
        );
        builder
            .series(&Labels::from_pairs([("a", "x")]), &[])
            .unwrap();
        let (path, meta) = builder.finish(meta(id), true).unwrap().unwrap();
        assert_eq!((meta.stats.num_series, meta.stats.num_samples), (1, 2));
        let block = Block::open(&path).unwrap();
        assert_eq!(block.meta(), &meta);
        let index = block.index_reader().unwrap();
        let (_, entry) = index.all_series().unwrap().next().unwrap().unwrap();
        assert_eq!(
            index.labels(&entry).unwrap(),
            Labels::from_pairs([("a", "b")])
        );
    }

    #[test]
    fn without_samples_there_is_no_block() {
        let dir = tempfile::tempdir().unwrap();
        let id = BlockId::new(1, 1);
        let builder =
            BlockBuilder::create(dir.path(), id, SymbolTable::new(), SIZE_DEFAULT).unwrap();
        assert!(builder.finish(meta(id), false).unwrap().is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
