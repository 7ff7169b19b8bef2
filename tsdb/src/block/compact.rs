//! One block of many local blocks.
//!
//! The result is a directory beside nothing else that was touched: inputs are only read. Its `meta.json` follows
//! Prometheus (level, sources, parents in input order, counts); Thanos' part is the caller's, who knows the group. It gets the
//! block's tally.

use std::path::{Path, PathBuf};

use super::reader::Block;
use super::writer::{BlockWriter, NewBlock};
use crate::budget::{Budget, Memory};
use crate::error::{Error, Result};
use crate::id::BlockId;
use crate::merge::input::Input;
use crate::merge::stitch::{Outputs, Watch};
use crate::merge::tally::Tally;
use crate::merge::{self, MergeFunc, Merged};
use crate::meta::{BlockMeta, Compaction, Extra, Parent, ThanosMeta};

/// How to compact.
#[derive(Debug, Clone)]
pub struct CompactOptions {
    /// Name of the new block, from wall clock and random bits.
    pub id: BlockId,
    /// Who wins where series overlap.
    pub func: MergeFunc,
    /// Size at which segments are cut, in bytes.
    pub segment_bytes: u64,
    /// Threads to use.
    pub threads: usize,
    /// Whether an empty tombstones file is written, as Prometheus does for local blocks.
    pub with_tombstones: bool,
    /// Memory it may hold; what has no room is put aside beside the files of the new block, where they are on a disk.
    pub budget: Budget,
}

/// What came of a compaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Compacted {
    /// A new block.
    Block {
        /// Its directory.
        dir: PathBuf,
        /// Its meta.
        meta: Box<BlockMeta>,
        /// Series whose chunks were out of order in an input.
        disordered: u64,
        /// What its ranges amount to, for [`reread`](merge::reread::reread).
        ranges: Vec<Tally>,
    },
    /// No sample was left, so there is no block.
    Empty,
}

/// Merges `inputs`, in the order that decides who wins, into a new block in `parent`.
///
/// # Errors
/// Where an input is damaged, resolutions differ, overlapping chunks cannot be merged, or the disk refuses. Nothing of the
/// new block remains then.
pub fn compact(
    inputs: &[Block],
    parent: &Path,
    thanos: Option<ThanosMeta>,
    options: &CompactOptions,
) -> Result<Compacted> {
    let metas: Vec<&BlockMeta> = inputs.iter().map(Block::meta).collect();
    let mut meta = compacted_meta(options.id, &metas)?;
    let writer = BlockWriter::create(parent, options.id)?;
    let merged = write(inputs, &mut meta, &writer, options, None)?;
    if merged.stats.num_chunks == 0 {
        return Ok(Compacted::Empty);
    }
    meta.thanos = thanos;
    merged.tally().note(&mut meta);
    let bytes = if meta.thanos.is_some() {
        meta.to_json()
    } else {
        meta.to_json_prometheus()
    };
    let dir = writer.finish(&bytes, options.with_tombstones)?;
    Ok(Compacted::Block {
        dir,
        meta: Box::new(meta),
        disordered: merged.disordered,
        ranges: merged.ranges,
    })
}

/// Merges `inputs` into the files of the new block that `meta` describes, and notes its counts there. `watch` sees its series.
///
/// # Errors
/// Where an input is damaged, overlapping chunks cannot be merged, or where the files go refuses.
pub fn write<I: Input, W: NewBlock>(
    inputs: &[I],
    meta: &mut BlockMeta,
    writer: &W,
    options: &CompactOptions,
    watch: Option<Watch<'_>>,
) -> Result<Merged> {
    let merge_options = merge::Options {
        func: options.func,
        range: meta.range(),
        threads: options.threads,
        segment_bytes: options.segment_bytes,
        memory: Memory {
            budget: options.budget.clone(),
            scratch: writer.scratch(),
        },
    };
    let outputs = Outputs {
        watch,
        buffer_bytes: writer.buffer_bytes(),
        ..Outputs::new(writer.index()?, writer.segments())
    };
    let (index, _, merged) = merge::run(inputs, outputs, &merge_options)?;
    writer.close_index(index)?;
    meta.stats = merged.stats;
    Ok(merged)
}

/// The meta of a block made of `inputs`, without counts and Thanos' part.
///
/// # Errors
/// Where there is no input, or their resolutions differ.
pub fn compacted_meta(id: BlockId, inputs: &[&BlockMeta]) -> Result<BlockMeta> {
    let Some(first) = inputs.first() else {
        return Err(Error::Invalid(
            "a compaction needs at least one block".into(),
        ));
    };
    if let Some(other) = inputs
        .iter()
        .find(|meta| meta.resolution() != first.resolution())
    {
        return Err(Error::Invalid(format!(
            "blocks {} and {} have different resolutions ({} ms and {} ms): compact each resolution alone",
            first.ulid,
            other.ulid,
            first.resolution().0,
            other.resolution().0,
        )));
    }
    let mut sources: Vec<BlockId> = inputs
        .iter()
        .flat_map(|meta| &meta.compaction.sources)
        .copied()
        .collect();
    sources.sort_unstable();
    sources.dedup();
    let parent = |meta: &&BlockMeta| Parent {
        ulid: meta.ulid,
        min_time: meta.min_time,
        max_time: meta.max_time,
        extra: Extra::default(),
    };
    Ok(BlockMeta {
        ulid: id,
        min_time: inputs
            .iter()
            .map(|meta| meta.min_time)
            .min()
            .unwrap_or(first.min_time),
        max_time: inputs
            .iter()
            .map(|meta| meta.max_time)
            .max()
            .unwrap_or(first.max_time),
        compaction: Compaction {
            level: inputs
                .iter()
                .map(|meta| meta.compaction.level)
                .max()
                .unwrap_or(0)
                + 1,
            sources,
            parents: inputs.iter().map(parent).collect(),
            ..Compaction::default()
        },
        ..BlockMeta::default()
    })
}
