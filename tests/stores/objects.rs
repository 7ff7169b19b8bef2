//! What a store of ours keeps, in memory, whichever protocol asks: objects, unfinished uploads, pages of lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) modified: SystemTime,
    /// Grows with every write, so it serves as entity tag too.
    pub(crate) generation: u64,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Object)>,
    pub(crate) directories: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

/// All objects of one bucket.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) all: BTreeMap<String, Object>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    generation: u64,
    /// What lists show instead of what is there.
    pub(crate) stale: Option<BTreeMap<String, Object>>,
    /// Whether conditions of writes are taken and ignored.
    pub(crate) ignores_conditions: bool,
    /// Sizes of all parts that came.
    pub(crate) parts: Vec<usize>,
}

/// The objects, shared between server and test.
pub(crate) type Shared = Arc<Mutex<Objects>>;

/// Keys on one page, as S3 has it.
pub(crate) const PAGE_KEYS: usize = 1000;

impl Objects {
    /// Keeps an object; none where it must not exist and does.
    pub(crate) fn put(&mut self, key: &str, bytes: Bytes, must_be_new: bool) -> Option<u64> {
        if must_be_new && !self.ignores_conditions && self.all.contains_key(key) {
            return None;
        }
        self.generation += 1;
        let (modified, generation) = (now(), self.generation);
        self.all.insert(
            key.to_owned(),
            Object {
                bytes,
                modified,
                generation,
            },
        );
        Some(generation)
    }

    pub(crate) fn begin_upload(&mut self) -> String {
        self.generation += 1;
        let id = format!("upload-{}", self.generation);
        self.uploads.insert(id.clone(), BTreeMap::new());
        id
    }

    /// Keeps a part; whether there is such an upload.
    pub(crate) fn put_part(&mut self, id: &str, number: u32, bytes: Bytes) -> bool {
        self.parts.push(bytes.len());
        self.uploads
            .get_mut(id)
            .map(|parts| parts.insert(number, bytes))
            .is_some()
    }

    /// Makes one object of the parts; none where there is no such upload.
    pub(crate) fn finish_upload(&mut self, id: &str, key: &str) -> Option<u64> {
        let parts = self.uploads.remove(id)?;
        let bytes: Vec<u8> = parts.into_values().flatten().collect();
        self.put(key, bytes.into(), false)
    }

    pub(crate) fn abort_upload(&mut self, id: &str) {
        self.uploads.remove(id);
    }

    /// The page behind `after`.
    pub(crate) fn page(&self, prefix: &str, delimiter: Option<&str>, after: &str) -> Page {
        let shown = self.stale.as_ref().unwrap_or(&self.all);
        let mut page = Page::default();
        let mut directories = BTreeSet::new();
        for (key, object) in shown
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
        {
            let directory = delimiter.and_then(|delimiter| {
                let end = key[prefix.len()..].find(delimiter)?;
                Some(key[..prefix.len() + end + delimiter.len()].to_owned())
            });
            // A directory is behind every key in it, as the stores sort.
            let seen = directory.as_ref().unwrap_or(key).as_str() <= after;
            if seen
                || directory
                    .as_ref()
                    .is_some_and(|name| directories.contains(name))
            {
                continue;
            }
            if page.objects.len() + directories.len() == PAGE_KEYS {
                let last = page.objects.last().map(|(key, _)| key.clone());
                page.next = last.max(directories.last().cloned());
                break;
            }
            match directory {
                Some(name) => drop(directories.insert(name)),
                None => page.objects.push((key.clone(), object.clone())),
            }
        }
        page.directories = directories.into_iter().collect();
        page
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a store tells the real time of its objects"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
