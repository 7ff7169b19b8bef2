//! Put or remove a mark.
//!
//! Other than Thanos' tool this one refuses a block that is not there: a mark alone would look like a broken upload. A block
//! is there if anything but marks lies in its directory, so that partial uploads can be marked too.

use tsdb::bucket::{Bucket, mark};
use tsdb::id::BlockId;
use tsdb::mark::{DeletionMark, MarkKind, NoCompactMark, NoDownsampleMark, Reason, UnixSeconds};
use tsdb::time::Millis;

use crate::error::{Error, Result};

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The blocks.
    pub ids: Vec<BlockId>,
    /// Which mark.
    pub kind: MarkKind,
    /// Why, for people; needed where a mark is put.
    pub details: String,
    /// Take the mark away.
    pub remove: bool,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has the mark now.
    Marked,
    /// It had one, which stays.
    AlreadyMarked,
    /// Its mark is gone.
    Removed,
}

/// The mark whose file has this name.
#[must_use]
pub fn kind(file_name: &str) -> Option<MarkKind> {
    MarkKind::ALL
        .into_iter()
        .find(|kind| kind.file_name() == file_name)
}

/// Puts or removes the marks, in the order of the blocks.
///
/// # Errors
/// Where details are missing, a block is not there (then nothing was done), or the store refuses.
pub async fn run(
    bucket: &Bucket,
    options: &Options,
    now: Millis,
) -> Result<Vec<(BlockId, Outcome)>> {
    if options.details.is_empty() && !options.remove {
        return Err(Error::Invalid(
            "required flag --details not provided".into(),
        ));
    }
    for &id in &options.ids {
        check_block(bucket, id, options.remove).await?;
    }
    let mut outcomes = Vec::new();
    for &id in &options.ids {
        let outcome = if options.remove {
            mark::remove(bucket, id, options.kind).await?;
            Outcome::Removed
        } else {
            match put(bucket, id, options, now).await? {
                mark::Put::Written => Outcome::Marked,
                mark::Put::AlreadyThere => Outcome::AlreadyMarked,
            }
        };
        outcomes.push((id, outcome));
    }
    Ok(outcomes)
}

async fn check_block(bucket: &Bucket, id: BlockId, marks_count: bool) -> Result<()> {
    let objects = bucket.objects(id).await?;
    let is_part = |path| {
        let name = bucket.rel_path(id, path).unwrap_or_default();
        marks_count || kind(name).is_none()
    };
    if objects.iter().any(|object| is_part(&object.location)) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "block {id} is not in the bucket; 'stratal bucket ls' lists those that are"
    )))
}

async fn put(
    bucket: &Bucket,
    id: BlockId,
    options: &Options,
    now: Millis,
) -> tsdb::Result<mark::Put> {
    let details = options.details.clone();
    let time = UnixSeconds::from(now);
    let reason = Reason::Manual;
    match options.kind {
        MarkKind::Deletion => mark::put(bucket, &DeletionMark { id, details, time }).await,
        MarkKind::NoCompact => {
            let mark = NoCompactMark {
                id,
                details,
                time,
                reason,
            };
            mark::put(bucket, &mark).await
        }
        MarkKind::NoDownsample => {
            let mark = NoDownsampleMark {
                id,
                details,
                time,
                reason,
            };
            mark::put(bucket, &mark).await
        }
    }
}
