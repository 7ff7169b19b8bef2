//! A block of generated data, as a server that scraped the targets would have cut it.
//!
//! Samples come from [`crate::generate`], cut into chunks of [`CHUNK_SAMPLES`]. Series are encoded on all cores, a batch at a
//! time, and written in order, so the bytes depend on the generator alone.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::build::{self, BlockBuilder};
use crate::chunk::{Chunk, Encoding, xor};
use crate::error::Result;
use crate::generate::flat::Flat;
use crate::generate::{Generator, Series};
use crate::id::BlockId;
use crate::index::SymbolTable;
use crate::label::Labels;
use crate::meta::{BlockMeta, Compaction, ThanosMeta};
use crate::segment::SIZE_DEFAULT;
use crate::time::TimeRange;

/// Samples of a full chunk, as Prometheus' head cuts them.
const CHUNK_SAMPLES: usize = 120;
/// Series encoded side by side; bounds what is in memory.
const BATCH_SERIES: usize = 1024;

/// Writes the block with this zero-based index into `parent`; nothing where all its scrapes failed.
///
/// # Errors
/// Where the disk refuses.
pub fn write(
    generator: &Generator,
    number: u32,
    parent: &Path,
    id: BlockId,
    thanos: Option<ThanosMeta>,
) -> Result<Option<(PathBuf, BlockMeta)>> {
    let block = generator.block(number);
    let symbols = build::symbol_table(block.symbols())?;
    let builder = BlockBuilder::create(parent, id, symbols, SIZE_DEFAULT)?;
    let encode = |series: &Series<'_>| encode(series, block.range);
    let builder = add_all(builder, block.series(), encode)?;
    finish(builder, block.range, id, thanos)
}

/// Writes the block with this zero-based index of data of one metric.
///
/// # Errors
/// Where the disk refuses.
pub fn write_flat(
    flat: &Flat,
    number: u32,
    parent: &Path,
    id: BlockId,
) -> Result<Option<(PathBuf, BlockMeta)>> {
    let mut symbols = SymbolTable::new();
    for text in flat.symbols() {
        symbols.push(text.as_bytes())?;
    }
    let builder = BlockBuilder::create(parent, id, symbols, SIZE_DEFAULT)?;
    let encode = |series: &u32| {
        let (mut ts, mut vs) = (Vec::new(), Vec::new());
        flat.fill(*series, number, &mut ts, &mut vs);
        (flat.labels(*series), chunks(&ts, &vs))
    };
    let builder = add_all(builder, 0..flat.series, encode)?;
    finish(builder, flat.range(number), id, None)
}

/// Adds series in order, each encoded beside others of its batch.
fn add_all<S: Sync>(
    mut builder: BlockBuilder,
    mut all: impl Iterator<Item = S>,
    encode: impl Fn(&S) -> (Labels, Vec<Chunk>) + Sync,
) -> Result<BlockBuilder> {
    let mut batch: Vec<S> = Vec::with_capacity(BATCH_SERIES);
    loop {
        batch.clear();
        batch.extend(all.by_ref().take(BATCH_SERIES));
        if batch.is_empty() {
            return Ok(builder);
        }
        let encoded: Vec<(Labels, Vec<Chunk>)> = batch.par_iter().map(&encode).collect();
        for (labels, chunks) in &encoded {
            builder.series(labels, chunks)?;
        }
    }
}

fn finish(
    builder: BlockBuilder,
    range: TimeRange,
    id: BlockId,
    thanos: Option<ThanosMeta>,
) -> Result<Option<(PathBuf, BlockMeta)>> {
    let with_tombstones = thanos.is_none();
    let meta = BlockMeta {
        ulid: id,
        min_time: range.min,
        max_time: range.max,
        compaction: Compaction {
            level: 1,
            sources: vec![id],
            ..Compaction::default()
        },
        thanos,
        ..BlockMeta::default()
    };
    builder.finish(meta, with_tombstones)
}

fn encode(series: &Series<'_>, range: TimeRange) -> (Labels, Vec<Chunk>) {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    series.fill(range, &mut ts, &mut vs);
    (series.labels(), chunks(&ts, &vs))
}

/// Full chunks of these samples, the last one shorter.
pub(crate) fn chunks(ts: &[i64], vs: &[f64]) -> Vec<Chunk> {
    let parts = ts.chunks(CHUNK_SAMPLES).zip(vs.chunks(CHUNK_SAMPLES));
    let chunk = |(ts, vs): (&[i64], &[f64])| Chunk {
        min: ts[0],
        max: ts[ts.len() - 1],
        encoding: Encoding::Xor,
        payload: xor::encode(ts, vs),
    };
    parts.map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::check;
    use crate::block::reader::Block;
    use crate::generate::Config;
    use crate::generate::flat::Shape;

    fn write_one(dir: &Path) -> (PathBuf, BlockMeta) {
        let config = Config {
            targets: 2,
            ..Config::default()
        };
        let generator = Generator::new(config).unwrap();
        let id = BlockId::new(1, 1);
        write(&generator, 0, dir, id, None).unwrap().unwrap()
    }

    #[test]
    fn a_generated_block_has_all_series_and_full_chunks() {
        let dir = tempfile::tempdir().unwrap();
        let (path, meta) = write_one(dir.path());
        assert_eq!(meta.stats.num_series, 2 * 212);
        assert!(meta.stats.num_samples > 2 * 212 * 470, "{:?}", meta.stats);
        assert_eq!(meta.stats.num_chunks, 2 * 212 * 4);
        assert_eq!(Block::open(&path).unwrap().meta(), &meta);
    }

    #[test]
    fn the_same_generator_gives_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (write_one(one.path()).0, write_one(two.path()).0);
        for file in ["index", "chunks/000001", "meta.json"] {
            let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
            assert_eq!(read(&one), read(&two), "{file}");
        }
    }

    #[test]
    fn a_flat_block_has_a_chunk_for_each_series() {
        let dir = tempfile::tempdir().unwrap();
        let flat = Flat {
            series: 1500,
            ..Flat::new(Shape::Wide)
        };
        let (path, meta) = write_flat(&flat, 0, dir.path(), BlockId::new(1, 1))
            .unwrap()
            .unwrap();
        let stats = &meta.stats;
        let counts = (stats.num_series, stats.num_chunks, stats.num_samples);
        assert_eq!(counts, (1500, 1500, 3000));
        let (_, findings) = check::directory(&path).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
}
