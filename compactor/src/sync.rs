//! One look at the bucket: which blocks are there, which of them this run works on, how they are marked.
//!
//! A block whose meta is foreign or broken is named to the operator and not looked at. A block that cannot be read now, though it
//! was tried again, ends the look: going on would compact around a hole. What is selected is decided in
//! [`crate::view`].

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use tsdb::bucket::list::{Discovery, Listing};
use tsdb::bucket::mark;
use tsdb::bucket::sync::{self, MetaSync, Partial, SyncOptions};
use tsdb::error::{Error as BlockError, ErrorKind, Result as BlockResult, ResultExt as _};
use tsdb::id::BlockId;
use tsdb::mark::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark, Reading};

use crate::compactor::{Compactor, DAMAGED};
use crate::error::Result;
use crate::metrics::State;
use crate::retry;
use crate::view::{self, States, View};

/// Looks again and again, remembering metas between looks.
#[derive(Debug)]
pub struct Syncer(MetaSync);

impl Syncer {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(compactor: &Compactor) -> Self {
        let config = &compactor.config;
        let discovery = if config.list_recursively {
            Discovery::Recursive
        } else {
            Discovery::Concurrent
        };
        let options = SyncOptions {
            discovery,
            concurrency: config.metas.get(),
            cache_dir: None,
        };
        Self(MetaSync::new(compactor.bucket.clone(), options))
    }

    /// Looks at the bucket.
    ///
    /// # Errors
    /// Where it cannot be listed, or a block or mark cannot be read for now.
    pub async fn view(&mut self, compactor: &Compactor) -> Result<View> {
        compactor.metrics.syncs.inc();
        let view = self.look(compactor).await;
        match &view {
            Ok(view) => show(compactor, view),
            Err(_) => {
                compactor.metrics.sync_failures.inc();
            }
        }
        view
    }

    async fn look(&mut self, compactor: &Compactor) -> Result<View> {
        let found = self.metas().await?;
        let mut states = States::new();
        name_unusable(compactor, &found, &mut states);
        let now = compactor.now();
        let eligible = view::eligible(&found.loaded, &compactor.config, now, &mut states);
        name_unlabelled(compactor, &found);
        let ids: Vec<_> = eligible.keys().copied().collect();
        let readings = marks::<DeletionMark>(compactor, &found.listing, &ids).await?;
        let mut deletion_marks = BTreeMap::new();
        for (id, reading) in &readings {
            if let Ok(Reading::Marked(mark)) = reading {
                deletion_marks.insert(*id, mark.time);
            }
        }
        let mut view = View::new(&eligible, deletion_marks, &compactor.config, now);
        for (id, reading) in readings {
            if let Some(what) = unreadable(reading) {
                // Somebody wants something done with this block, and we cannot tell what.
                name_mark(compactor, id, &what, &mut view);
            }
        }
        read_other_marks(compactor, &found.listing, &mut view).await?;
        view.partial = found.partial.keys().copied().collect();
        view.loaded = found.loaded;
        for (state, count) in states {
            *view.states.entry(state).or_default() += count;
        }
        Ok(view)
    }

    /// The metas, all of them that can be read at all.
    async fn metas(&mut self) -> BlockResult<sync::View> {
        let mut attempt = 1;
        loop {
            let found = self.0.sync().await;
            let passing = |error: &BlockError| error.kind() == ErrorKind::Transient;
            let failure = match &found {
                Err(error) => passing(error).then(|| error.chain()),
                Ok(view) => view
                    .unread
                    .values()
                    .find(|error| passing(error))
                    .map(BlockError::chain),
            };
            let Some(failure) = failure else {
                return found;
            };
            if attempt == retry::ATTEMPTS_MAX {
                let mut found = found?;
                let (_, error) = found
                    .unread
                    .pop_first()
                    .expect("the failure was one of these");
                return Err(error).at(|| "incomplete view of the bucket");
            }
            tracing::warn!(attempt, failure, "reading metas failed, trying again");
            tokio::time::sleep(retry::pause(attempt)).await;
            attempt += 1;
        }
    }
}

/// Names blocks whose metas are no use.
fn name_unusable(compactor: &Compactor, found: &sync::View, states: &mut States) {
    for (id, error) in found.bad.iter().chain(&found.unread) {
        *states.entry(State::Failed).or_default() += 1;
        let what = format!("meta.json: {}; the block is left alone", error.chain());
        compactor.journal.attention(Some(*id), what);
    }
    for partial in found.partial.values() {
        let state = match partial {
            Partial::NoMeta => State::NoMeta,
            Partial::NotJson(_) => State::CorruptedMeta,
        };
        *states.entry(state).or_default() += 1;
    }
    for name in &found.listing.malformed {
        tracing::warn!(name, "directory looks like a block and is none");
    }
}

fn name_unlabelled(compactor: &Compactor, found: &sync::View) {
    for (id, _) in found
        .loaded
        .iter()
        .filter(|(_, meta)| !view::has_labels(meta))
    {
        let what =
            "meta.json: no external labels, so the block belongs to no stream; it is left alone";
        compactor.journal.attention(Some(*id), what);
    }
}

/// Reads no-compact and no-downsample marks of the blocks in view.
async fn read_other_marks(compactor: &Compactor, listing: &Listing, view: &mut View) -> Result<()> {
    let ids: Vec<_> = view.blocks.keys().copied().collect();
    for (id, reading) in marks::<NoCompactMark>(compactor, listing, &ids).await? {
        match reading {
            Ok(Reading::Marked(mark)) => {
                view.no_compact.insert(id);
                if mark.reason.as_str() == DAMAGED {
                    view.damaged.insert(id);
                    compactor
                        .journal
                        .attention(Some(id), format!("marked as damaged: {}", mark.details));
                }
            }
            reading => {
                if let Some(what) = unreadable(reading) {
                    name_mark(compactor, id, &what, view);
                }
            }
        }
    }
    for (id, reading) in marks::<NoDownsampleMark>(compactor, listing, &ids).await? {
        match reading {
            Ok(Reading::Marked(_)) => {
                view.no_downsample.insert(id);
            }
            reading => {
                if let Some(what) = unreadable(reading) {
                    name_mark(compactor, id, &what, view);
                }
            }
        }
    }
    Ok(())
}

/// What is wrong with a mark.
enum Unreadable {
    /// It is no mark at all; the block counts as unmarked, as in Thanos.
    NoMark(String),
    /// It is of a version that we do not know.
    Version(String),
}

fn unreadable(reading: BlockResult<Reading<impl Mark>>) -> Option<Unreadable> {
    match reading {
        Ok(Reading::Marked(_) | Reading::Unmarked) => None,
        Ok(Reading::Unreadable(error)) => Some(Unreadable::NoMark(error.chain())),
        Err(error) => Some(Unreadable::Version(error.chain())),
    }
}

fn name_mark(compactor: &Compactor, id: BlockId, what: &Unreadable, view: &mut View) {
    match what {
        Unreadable::NoMark(what) => tracing::warn!(block = %id, what, "unreadable mark is ignored"),
        Unreadable::Version(what) => {
            view.no_compact.insert(id);
            view.no_downsample.insert(id);
            compactor
                .journal
                .attention(Some(id), format!("{what}; the block is left alone"));
        }
    }
}

/// The marks of one kind on these blocks; a mark of another version is the block's affair, a store that refuses is not.
async fn marks<M: Mark>(
    compactor: &Compactor,
    listing: &Listing,
    ids: &[BlockId],
) -> BlockResult<Vec<(BlockId, BlockResult<Reading<M>>)>> {
    let read = |id: BlockId| async move {
        let get = || mark::get::<M>(&compactor.bucket, id);
        match retry::transient("reading a mark", get).await {
            Err(error) if error.kind() != ErrorKind::Corrupt => Err(error),
            reading => Ok((id, reading)),
        }
    };
    let asked = ids.iter().copied();
    let asked = asked.filter(|id| listing.may_have(*id, M::KIND));
    futures::stream::iter(asked.map(read))
        .buffer_unordered(compactor.config.metas.get())
        .try_filter(|(_, reading)| {
            let unmarked = matches!(reading, Ok(Reading::Unmarked));
            async move { !unmarked }
        })
        .try_collect()
        .await
}

/// Shows the look in the gauges.
fn show(compactor: &Compactor, view: &View) {
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for state in State::ALL {
        let count = view.states.get(&state).copied().unwrap_or_default();
        compactor.metrics.state(state).set(gauge(count));
    }
    compactor
        .metrics
        .state(State::MarkedForNoCompact)
        .set(gauge(view.no_compact.len()));
    compactor
        .metrics
        .state(State::MarkedForNoDownsample)
        .set(gauge(view.no_downsample.len()));
    compactor
        .metrics
        .replica_labels_removed()
        .set(gauge(view.relabelled));
}
