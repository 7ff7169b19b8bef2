//! The blocks that are there, by their names alone.
//!
//! Two ways to find them. [`Discovery::Concurrent`] lists the root and asks for each block's `meta.json`: many small
//! requests, few bytes. [`Discovery::Recursive`] lists every object once: few requests, many names. Both find the same
//! blocks; the second also sees which marks are there, so that no block has to be asked for them. A first-level directory counts as a block's by the lenient rule of Thanos (26 bytes, the first not above
//! `7`), so that we look at what Thanos looks at; one that is not a strict ULID is reported as malformed and never
//! worked on. Foreign names are reported, at most [`FOREIGN_NAMES_MAX`] of them, and never an obstacle.
//!
//! Invariant: a listing is complete or an error. A block missing from it would be taken for deleted, a missing
//! `meta.json` for a broken upload. What the metas say is in [`super::sync`].

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};

use super::{Bucket, META_FILE, local};
use crate::error::{Error, Result, ResultExt};
use crate::id::BlockId;
use crate::mark::MarkKind;
use crate::time::Millis;

/// Foreign names that are remembered; the others are counted.
pub const FOREIGN_NAMES_MAX: usize = 100;

/// Questions for `meta.json` at one time, as many as Thanos asks.
const EXISTS_CONCURRENCY: usize = 64;

/// How to find the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discovery {
    /// List the root, then ask for each block's meta.
    #[default]
    Concurrent,
    /// List everything.
    Recursive,
}

/// What lies at the root of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The blocks; with the time their `meta.json` was written, where there is one.
    pub blocks: BTreeMap<BlockId, Option<Millis>>,
    /// Directories that Thanos takes for blocks and whose names are not ULIDs.
    pub malformed: BTreeSet<String>,
    /// First-level names that are not ours.
    pub foreign: Foreign,
    /// The marks, where the way of listing shows them.
    pub marks: Option<BTreeSet<(BlockId, MarkKind)>>,
}

impl Listing {
    /// Whether a block has such a mark, as far as the listing can tell: it has to be asked.
    #[must_use]
    pub fn may_have(&self, id: BlockId, kind: MarkKind) -> bool {
        let seen = self.marks.as_ref();
        seen.is_none_or(|marks| marks.contains(&(id, kind)))
    }
}

/// Names that are not ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreign {
    /// Some of them.
    pub names: BTreeSet<String>,
    /// How often a name beyond those was met.
    pub more: usize,
}

impl Foreign {
    fn add(&mut self, name: &str) {
        if self.names.contains(name) {
            return;
        }
        if self.names.len() < FOREIGN_NAMES_MAX {
            self.names.insert(name.to_owned());
        } else {
            self.more += 1;
        }
    }
}

/// What a first-level name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A block's.
    Block(BlockId),
    /// A block's to Thanos, but no ULID.
    Malformed,
    /// Somebody else's.
    Foreign,
}

/// Sorts a first-level name by its form.
#[must_use]
pub fn classify(name: &str) -> Name {
    match BlockId::parse(name) {
        // Lower case is the same ULID and another directory.
        Ok(id) if id.to_string() == name => Name::Block(id),
        _ if name.len() == 26 && name.as_bytes().first().is_some_and(|first| *first <= b'7') => {
            Name::Malformed
        }
        _ => Name::Foreign,
    }
}

/// Lists the blocks of a bucket.
///
/// # Errors
/// Where the store refuses at any point: there is no partial listing.
pub async fn discover(bucket: &Bucket, discovery: Discovery) -> Result<Listing> {
    match discovery {
        Discovery::Concurrent => concurrent(bucket).await,
        Discovery::Recursive => match recursive(bucket).await {
            // Some name cannot be expressed, and the stream ends there: go round it.
            Err(error) if is_inexpressible(&error) => concurrent(bucket).await,
            listing => listing,
        },
    }
}

async fn concurrent(bucket: &Bucket) -> Result<Listing> {
    let mut listing = Listing::default();
    let (dirs, others) = root_names(bucket).await?;
    for name in others {
        listing.foreign.add(&name);
    }
    let mut ids = Vec::new();
    for name in dirs {
        match classify(&name) {
            Name::Block(id) => ids.push(id),
            Name::Malformed => {
                listing.malformed.insert(name);
            }
            Name::Foreign => listing.foreign.add(&name),
        }
    }
    let heads = ids.into_iter().map(|id| async move {
        let meta = bucket.head(&bucket.object(id, META_FILE)).await?;
        Ok::<_, Error>((id, meta.as_ref().map(modified)))
    });
    listing.blocks = futures::stream::iter(heads)
        .buffer_unordered(EXISTS_CONCURRENCY)
        .try_collect()
        .await?;
    Ok(listing)
}

/// Names of the directories and of the objects at the root.
async fn root_names(bucket: &Bucket) -> Result<(Vec<String>, Vec<String>)> {
    let found = bucket.store.list_with_delimiter(bucket.root()).await;
    let found = match (found.at(|| "list of the bucket"), &bucket.local_root) {
        (Ok(found), _) => found,
        (Err(error), Some(dir)) if is_inexpressible(&error) => {
            let dir = dir.clone();
            return super::blocking(move || local::entry_names(&dir)).await;
        }
        (Err(error), _) => return Err(error),
    };
    let name = |path: &object_store::path::Path| path.filename().unwrap_or_default().to_owned();
    let dirs = found.common_prefixes.iter().map(name).collect();
    let others = found.objects.iter().map(|object| name(&object.location));
    Ok((dirs, others.collect()))
}

async fn recursive(bucket: &Bucket) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut marks = BTreeSet::new();
    let mut objects = bucket.store.list(bucket.root());
    while let Some(object) = objects.try_next().await.at(|| "list of the bucket")? {
        let Some(parts) = object.location.prefix_match(&bucket.prefix) else {
            continue;
        };
        let parts: Vec<_> = parts.take(3).collect();
        match parts.as_slice() {
            [name] => listing.foreign.add(name.as_ref()),
            [name, inner @ ..] => {
                // Only what lies directly in the block's directory is the block's.
                let file = match inner {
                    [file] => file.as_ref(),
                    _ => "",
                };
                let meta = (file == META_FILE).then(|| modified(&object));
                note(&mut listing, name.as_ref(), meta);
                let kind = MarkKind::ALL
                    .into_iter()
                    .find(|kind| kind.file_name() == file);
                if let (Some(kind), Name::Block(id)) = (kind, classify(name.as_ref())) {
                    marks.insert((id, kind));
                }
            }
            [] => {}
        }
    }
    listing.marks = Some(marks);
    Ok(listing)
}

/// Remembers one object of the directory `name`; with its time where it is the `meta.json`.
fn note(listing: &mut Listing, name: &str, meta: Option<Millis>) {
    match classify(name) {
        Name::Block(id) => {
            let entry = listing.blocks.entry(id).or_default();
            *entry = meta.or(*entry);
        }
        Name::Malformed => {
            listing.malformed.insert(name.to_owned());
        }
        Name::Foreign => listing.foreign.add(name),
    }
}

/// When an object was last written.
pub(super) fn modified(object: &ObjectMeta) -> Millis {
    Millis(object.last_modified.timestamp_millis())
}

/// Whether a listing failed at a name that [`object_store::path::Path`] cannot hold.
fn is_inexpressible(error: &Error) -> bool {
    matches!(error.root(), Error::Store(store) if matches!(**store, object_store::Error::InvalidPath { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_directories_are_found_leniently_and_named_strictly() {
        let id = BlockId::parse("01M81G2QM13JXB48206473Z8Z0").unwrap();
        assert_eq!(classify("01M81G2QM13JXB48206473Z8Z0"), Name::Block(id));
        for malformed in [
            "01m81g2qm13jxb48206473z8z0",
            "01M81G2QM13JXB48206473Z8ZU",
            "!!!!!!!!!!!!!!!!!!!!!!!!!!",
            "01KYD4MZF8XNC7NH16TSFAü00",
        ] {
            let want = if malformed.len() == 26 {
                Name::Malformed
            } else {
                Name::Foreign
            };
            assert_eq!(classify(malformed), want, "{malformed}");
        }
        for foreign in [
            "",
            "debug",
            "81M81G2QM13JXB48206473Z8Z0",
            "01M81G2QM13JXB48206473Z8Z",
        ] {
            assert_eq!(classify(foreign), Name::Foreign, "{foreign}");
        }
    }
}
