//! Which blocks a step compacts: planning, with the marks that it asks for, and what this run leaves alone.
//!
//! The decision is [`crate::plan`]'s; here are the facts that it needs from the bucket, and what follows from it.

use futures::{StreamExt as _, TryStreamExt as _};
use tsdb::bucket::INDEX_FILE;
use tsdb::error::Error as BlockError;
use tsdb::mark::Reason;
use tsdb::meta::{BlockMeta, Resolution};

use crate::compactor::Compactor;
use crate::downsample::ahead;
use crate::error::Result;
use crate::group::Group;
use crate::plan::{Candidate, Planner, chain};
use crate::view::View;
use crate::{overlap, ranges, retry};

/// The blocks to compact, and what follows of it.
#[derive(Default)]
pub(super) struct Chosen<'a> {
    /// In order of time. Empty: none.
    pub(super) blocks: Vec<&'a BlockMeta>,
    /// Resolutions of which a block will be due of the result once all compaction is done.
    pub(super) coarser: Vec<Resolution>,
}

/// Chooses, after writing the marks that planning asks for.
pub(super) async fn choose<'a>(
    compactor: &Compactor,
    view: &View,
    group: &'a Group,
) -> Result<Chosen<'a>> {
    let sizes = index_sizes(compactor, group).await?;
    let aside = compactor.not_compacted.all();
    let mut candidates: Vec<_> = group
        .blocks
        .iter()
        .zip(sizes)
        .map(|(meta, index_size_bytes)| Candidate {
            meta,
            no_compact: view.no_compact.contains(&meta.ulid) || aside.contains(&meta.ulid),
            index_size_bytes,
        })
        .collect();
    let config = &compactor.config;
    if !config.merges_overlaps() {
        leave_overlaps(compactor, group, &mut candidates).await?;
    }
    let planner = Planner {
        levels: ranges::levels(config.level_max),
        index_limit_bytes: Some(config.index_limit_bytes),
        vertical: config.merges_overlaps(),
    };
    let plan = planner.plan(&candidates);
    for exclusion in plan.exclusions {
        compactor.not_compacted.add(exclusion.block);
        compactor
            .mark_no_compact(exclusion.block, exclusion.reason, &exclusion.details)
            .await?;
    }
    // A single block is planned for its tombstones, and blocks of a bucket have none.
    if plan.blocks.len() < 2 {
        return Ok(Chosen::default());
    }
    let planned = plan
        .blocks
        .iter()
        .filter_map(|id| group.blocks.iter().find(|meta| meta.ulid == *id));
    let blocks: Vec<_> = planned.collect();
    let coarser = if config.downsample && chain::is_last(&planner, &candidates, &plan.blocks) {
        let others: Vec<_> = view.downsampled().collect();
        ahead::resolutions_of_result(&blocks, &others)
    } else {
        Vec::new()
    };
    Ok(Chosen { blocks, coarser })
}

/// Keeps blocks that overlap out of planning where overlaps are not merged.
async fn leave_overlaps(
    compactor: &Compactor,
    group: &Group,
    candidates: &mut [Candidate<'_>],
) -> Result<()> {
    let overlapping = overlap::overlapping(candidates);
    for &block in &overlapping {
        let facts = format!(
            "overlaps other blocks of group {} {}",
            group.key, group.labels
        );
        if group.resolution == Resolution::RAW {
            compactor.journal.attention(
                Some(block),
                format!("{facts}; turn on vertical compaction, or mark one of them no-compact"),
            );
        } else {
            compactor.not_compacted.add(block);
            compactor
                .mark_no_compact(block, Reason::DownsampleVerticalCompaction, &facts)
                .await?;
            compactor.journal.attention(
                Some(block),
                format!("{facts}; downsampled blocks are not merged"),
            );
        }
    }
    for candidate in candidates {
        candidate.no_compact |= overlapping.contains(&candidate.meta.ulid);
    }
    Ok(())
}

/// Sizes of the blocks' indexes, from their metas or else from the bucket.
async fn index_sizes(compactor: &Compactor, group: &Group) -> Result<Vec<u64>> {
    let size = |meta: BlockMeta| async move {
        let listed = meta
            .file(INDEX_FILE)
            .and_then(|file| file.size_bytes)
            .filter(|&size| size > 0);
        if let Some(size) = listed {
            return Ok(size);
        }
        let object = compactor.bucket.object(meta.ulid, INDEX_FILE);
        let head = || compactor.bucket.head(&object);
        let found = retry::transient("measuring an index", head).await?;
        Ok::<_, BlockError>(found.map_or(0, |found| found.size))
    };
    let sizes = group.blocks.iter().cloned().map(size);
    let sizes = futures::stream::iter(sizes).buffered(compactor.config.metas.get());
    Ok(sizes.try_collect().await?)
}
