//! What goes: superseded blocks and expired ones get marks, marked ones and abandoned uploads are deleted.
//!
//! A block is deleted only when a mark has named it for the delay; the remains of an upload only when nobody touched them for two
//! days. Failures are counted and left to the next run; they stop nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use tsdb::bucket::{delete, filter, local};
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;
use tsdb::time::Millis;

use crate::compactor::Compactor;
use crate::error::{Error, Result};
use crate::report::{Deleted, DeletedBecause};
use crate::retention::{self, Expired};
use crate::view::View;
use crate::{fetch, garbage, partial, retry};

/// Deletions at one time, as many as Thanos does.
const DELETIONS: usize = 32;

/// Deletes the blocks whose marks are older than the delay.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn delete_marked(compactor: &Compactor, view: &View) -> Result<()> {
    let now = compactor.now();
    let due: Vec<_> = view
        .deletion_marks
        .iter()
        .filter(|(_, mark)| filter::is_mark_due(mark.0, compactor.config.delete_delay, now))
        .map(|(&block, _)| block)
        .collect();
    let deletions = due
        .into_iter()
        .map(|block| delete_block(compactor, block, DeletedBecause::Marked));
    run(deletions).await
}

/// Marks the blocks that other blocks cover, if the other is whole and sound in every byte: what is marked goes.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn mark_garbage(compactor: &Compactor, view: &View) -> Result<()> {
    compactor.metrics.garbage_collections.inc();
    let known = view.blocks.values().chain(view.duplicates.values());
    let unmarked: Vec<_> = known
        .filter(|block| !view.deletion_marks.contains_key(&block.ulid))
        .collect();
    let mut whole: BTreeMap<BlockId, bool> = BTreeMap::new();
    for found in garbage::superseded(&unmarked) {
        compactor.stop.check()?;
        if view.damaged.contains(&found.by) {
            continue;
        }
        let by = unmarked
            .iter()
            .find(|block| block.ulid == found.by)
            .expect("it is one of these");
        let marked = match whole.get(&found.by) {
            Some(&is_whole) => mark_superseded(compactor, found.block, is_whole).await,
            None => match is_whole(compactor, by).await {
                Err(error) => Err(error),
                Ok(is_whole) => {
                    whole.insert(found.by, is_whole);
                    mark_superseded(compactor, found.block, is_whole).await
                }
            },
        };
        if matches!(marked, Err(Error::Stopped)) {
            return marked;
        }
        if let Err(error) = marked {
            compactor.metrics.garbage_collection_failures.inc();
            compactor.journal.failure(
                Some(found.block),
                format!("marking a superseded block: {}", error.chain()),
            );
        }
    }
    Ok(())
}

async fn is_whole(compactor: &Compactor, block: &BlockMeta) -> Result<bool> {
    if let Some(missing) = compactor.missing(block).await? {
        let what = format!("{missing}; blocks that it was made of are still there and are kept");
        compactor.journal.attention(Some(block.ulid), what);
        return Ok(false);
    }
    let damage = fetch::verify(compactor, block).await?;
    if let Some(fact) = &damage {
        compactor.fence(block.ulid, fact).await?;
    }
    Ok(damage.is_none())
}

async fn mark_superseded(compactor: &Compactor, block: BlockId, is_covered: bool) -> Result<()> {
    if is_covered {
        compactor.mark_for_deletion(block, garbage::DETAILS).await?;
        compactor.metrics.garbage_collected.inc();
    }
    Ok(())
}

/// Marks the blocks that have outlived their retention.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn mark_expired(compactor: &Compactor, view: &View) -> Result<()> {
    let blocks = view.blocks.values();
    for Expired { block, details } in
        retention::expired(blocks, &compactor.config.retention, compactor.now())
    {
        compactor.stop.check()?;
        if view.deletion_marks.contains_key(&block) {
            continue;
        }
        if let Err(error) = compactor.mark_for_deletion(block, &details).await {
            compactor.journal.failure(
                Some(block),
                format!("marking an expired block: {}", error.chain()),
            );
        }
    }
    Ok(())
}

/// Deletes uploads that died, and what killed processes left beside files.
///
/// # Errors
/// [`Error::Stopped`] only.
pub async fn delete_abandoned(compactor: &Compactor, view: &View) -> Result<()> {
    let marked: BTreeSet<_> = view.deletion_marks.keys().copied().collect();
    for &block in &view.partial {
        compactor.stop.check()?;
        let objects = || compactor.bucket.objects(block);
        let objects = match retry::transient("listing a partial block", objects).await {
            Ok(objects) => objects,
            Err(error) => {
                compactor.journal.failure(
                    Some(block),
                    format!("looking at a partial block: {}", error.chain()),
                );
                continue;
            }
        };
        let modified = objects
            .iter()
            .map(|object| Millis(object.last_modified.timestamp_millis()));
        if partial::is_abandoned(block, modified, marked.contains(&block), compactor.now()) {
            compactor.metrics.partial_deletions.inc();
            delete_block(compactor, block, DeletedBecause::Abandoned).await?;
        }
    }
    sweep(compactor);
    compactor.metrics.cleanup_loops.inc();
    Ok(())
}

/// Removes unfinished files of a bucket on the local file system.
fn sweep(compactor: &Compactor) {
    let Some(root) = compactor.bucket.local_root() else {
        return;
    };
    let age = i64::try_from(partial::ABANDONED_AFTER.as_millis()).expect("48 h fit");
    match local::remove_leftovers(root, compactor.now().saturating_sub(Millis(age))) {
        Ok(removed) => {
            for path in removed {
                tracing::info!(path = %path.display(), "unfinished file removed");
            }
        }
        Err(error) => compactor.journal.failure(
            None,
            format!("removing unfinished files: {}", error.chain()),
        ),
    }
}

async fn delete_block(compactor: &Compactor, block: BlockId, why: DeletedBecause) -> Result<()> {
    compactor.stop.check()?;
    let delete = || delete::delete(&compactor.bucket, block);
    match retry::transient("deleting a block", delete).await {
        Ok(()) => {
            tracing::info!(%block, ?why, "block deleted");
            compactor.metrics.blocks_cleaned.inc();
            compactor
                .journal
                .write(|report| report.deleted.push(Deleted { block, why }));
        }
        Err(error) => {
            compactor.metrics.cleanup_failures.inc();
            compactor
                .journal
                .failure(Some(block), format!("deleting: {}", error.chain()));
        }
    }
    Ok(())
}

async fn run(deletions: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    let mut done = futures::stream::iter(deletions).buffer_unordered(DELETIONS);
    let mut stopped = false;
    while let Some(result) = done.next().await {
        stopped |= result.is_err();
    }
    if stopped { Err(Error::Stopped) } else { Ok(()) }
}
