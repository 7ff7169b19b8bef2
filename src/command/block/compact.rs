//! Many local blocks to one, in a directory of its own; the inputs are only read.
//!
//! Thanos' part of `meta.json` is kept where all inputs agree in labels and resolution. Where they do not, the result
//! belongs to no stream of a bucket, so it gets none, and a warning says so.

use std::fs;

use anyhow::Context as _;
use tsdb::block::compact::{self, CompactOptions, Compacted};
use tsdb::block::reader::Block;
use tsdb::merge::{MergeFunc, tally};
use tsdb::meta::{BlockMeta, ThanosMeta};

use super::Outcome;
use crate::cli::block::{CompactBlocksFlags, Dedup};
use crate::{clock, output};

/// Merges and prints where the result is.
pub(super) fn run(flags: &CompactBlocksFlags) -> anyhow::Result<Outcome> {
    let inputs = flags.blocks.iter().map(|dir| Block::open(dir));
    let inputs: Vec<Block> = inputs.collect::<tsdb::Result<_>>()?;
    let out = &flags.out;
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let metas: Vec<&BlockMeta> = inputs.iter().map(Block::meta).collect();
    let thanos = common_part(&metas);
    let loses_part = thanos.is_none() && metas.iter().any(|meta| meta.thanos.is_some());
    let options = CompactOptions {
        id: clock::fresh_id(),
        func: match flags.dedup_func {
            Some(Dedup::Penalty) => MergeFunc::Penalty,
            None => MergeFunc::OneToOne,
        },
        segment_bytes: flags.segment_size,
        threads: flags.work.threads.count(),
        with_tombstones: thanos.is_none(),
        budget: flags.work.memory_limit.budget(),
    };
    match compact::compact(&inputs, out, thanos, &options)? {
        Compacted::Empty => output::text("no samples are left, so there is no block\n")?,
        Compacted::Block {
            dir, disordered, ..
        } => {
            if loses_part {
                tracing::warn!(
                    "external labels of the blocks differ; the new block has no thanos section"
                );
            }
            if disordered > 0 {
                tracing::warn!(
                    series = disordered,
                    "chunks were out of order and have been sorted"
                );
            }
            output::text(&format!("{}\n", dir.display()))?;
        }
    }
    Ok(Outcome::Done)
}

/// Thanos' part of the first block, without what is true of its files only, if the others agree with it.
fn common_part(metas: &[&BlockMeta]) -> Option<ThanosMeta> {
    let (first, rest) = metas.split_first()?;
    let part = first.thanos.as_ref()?;
    let agrees = |meta: &&BlockMeta| {
        let other = meta.thanos.as_ref();
        other
            .is_some_and(|other| other.labels == part.labels && other.resolution == part.resolution)
    };
    rest.iter().all(agrees).then(|| ThanosMeta {
        version: part.version,
        labels: part.labels.clone(),
        resolution: part.resolution,
        downsample_extra: part.downsample_extra.clone(),
        source: compactor::result_meta::SOURCE.to_owned(),
        extensions: tally::forget(part.extensions.clone()),
        ..ThanosMeta::default()
    })
}
