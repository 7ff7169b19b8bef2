//! Which blocks of a bucket a tool looks at: by time, external labels, marks and names.
//!
//! Blocks without a sound meta are never among them; [`Selected::view`] tells about those.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tsdb::bucket::sync::{MetaSync, SyncOptions, View};
use tsdb::bucket::{Bucket, filter, mark};
use tsdb::id::BlockId;
use tsdb::mark::MarkKind;
use tsdb::meta::BlockMeta;
use tsdb::relabel::Relabel;
use tsdb::time::Interval;

use crate::error::{Error, Result};

/// Questions for marks at one time.
const CONCURRENCY: usize = 32;

/// What a block must be like.
#[derive(Debug, Default)]
pub struct Selection {
    /// It reaches into these times; none for all.
    pub times: Option<Interval>,
    /// The rules keep its external labels.
    pub relabel: Option<Relabel>,
    /// It has no deletion mark.
    pub exclude_marked: bool,
    /// It is one of these; empty for all.
    pub ids: BTreeSet<BlockId>,
}

/// The blocks that are like that.
#[derive(Debug)]
pub struct Selected {
    /// Their metas, by start and name.
    pub metas: Vec<Arc<BlockMeta>>,
    /// Everything that lies in the bucket.
    pub view: View,
}

/// Looks at the bucket.
///
/// # Errors
/// Where the store refuses, or a named block is not there.
pub async fn select(bucket: &Bucket, selection: &Selection) -> Result<Selected> {
    let mut sync = MetaSync::new(bucket.clone(), SyncOptions::default());
    let view = sync.sync().await?;
    if let Some((_, error)) = view.unread.first_key_value() {
        let chain = error.chain();
        return Err(Error::Invalid(format!(
            "a block could not be read, try again: {chain}"
        )));
    }
    if let Some(id) = selection
        .ids
        .iter()
        .find(|id| !view.listing.blocks.contains_key(id))
    {
        return Err(Error::Invalid(format!("block {id} is not in the bucket")));
    }
    let mut metas: Vec<_> = (view.loaded.values())
        .filter(|meta| selection.wants(meta))
        .map(Arc::clone)
        .collect();
    if selection.exclude_marked {
        let marked = marked(bucket, &metas, MarkKind::Deletion).await?;
        metas.retain(|meta| !marked.contains(&meta.ulid));
    }
    metas.sort_by_key(|meta| (meta.min_time, meta.ulid));
    Ok(Selected { metas, view })
}

impl Selection {
    fn wants(&self, meta: &BlockMeta) -> bool {
        let in_time = |times| filter::in_time_partition(meta, times);
        let kept = |relabel: &Relabel| relabel.apply(filter::shard_labels(meta, &[])).is_some();
        (self.ids.is_empty() || self.ids.contains(&meta.ulid))
            && self.times.is_none_or(in_time)
            && self.relabel.as_ref().is_none_or(kept)
    }
}

/// Which of the blocks have a mark of the kind.
pub(crate) async fn marked(
    bucket: &Bucket,
    metas: &[Arc<BlockMeta>],
    kind: MarkKind,
) -> Result<BTreeSet<BlockId>> {
    let ids: Vec<BlockId> = metas.iter().map(|meta| meta.ulid).collect();
    let questions = ids.into_iter().map(|id| async move {
        let there = mark::exists(bucket, id, kind).await?;
        Ok::<_, Error>(there.then_some(id))
    });
    futures::stream::iter(questions)
        .buffer_unordered(CONCURRENCY)
        .try_filter_map(|id| std::future::ready(Ok(id)))
        .try_collect()
        .await
}
