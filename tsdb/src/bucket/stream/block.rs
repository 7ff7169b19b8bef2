//! A block of the bucket opened for reading where it lies.
//!
//! Opening lists the objects, compares them with what `meta.json` says, and fetches two parts of the index: the table of contents,
//! and the list of all series. Everything else streams. The heads of segments are looked at when their first record is read.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::ObjectMeta;

use super::super::download::check_listed;
use super::super::range::fetch_one;
use super::super::{Bucket, CHUNKS_DIR, INDEX_FILE};
use super::read::{Object, ObjectReader, ObjectWindow, PIECE_BYTES, Pieces};
use crate::block::TOMBSTONES;
use crate::block::file::WINDOW_BYTES;
use crate::codec::Window as _;
use crate::error::{Error, Result, ResultExt as _};
use crate::index::{HEAD_SIZE, Toc};
use crate::merge::input::Input;
use crate::meta::BlockMeta;
use crate::segment;
use crate::tombstone::Tombstones;

/// Bytes that a look at a single series copies: more than most entries have.
const PROBE_BYTES: usize = 1024;

/// Bound of a tombstones object, in bytes; blocks of a bucket have none.
const TOMBSTONES_BYTES_MAX: u64 = 64 << 20;

/// Number of the index among the objects that share pieces.
const INDEX_NUMBER: u32 = u32::MAX;

/// A block in a bucket.
#[derive(Debug)]
pub struct BucketBlock {
    meta: BlockMeta,
    index: ObjectReader,
    segments: Vec<Segment>,
    tombstones: Tombstones,
    /// Most bytes of pieces of the index, or of the segments.
    pieces_bytes: u64,
    threads: u64,
}

/// A segment, and whether its head has been looked at.
#[derive(Debug)]
struct Segment {
    reader: ObjectReader,
    place: String,
    is_checked: OnceLock<()>,
}

impl BucketBlock {
    /// Opens the block that `meta` describes, to be read by `threads` threads.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where objects are missing, have other sizes than `meta` says, or the parts that are fetched are
    /// damaged; otherwise where the store refuses.
    pub async fn open(bucket: &Bucket, meta: BlockMeta, threads: usize) -> Result<Self> {
        Self::open_in_pieces(bucket, meta, threads, PIECE_BYTES).await
    }

    /// The same with pieces of another size.
    pub(super) async fn open_in_pieces(
        bucket: &Bucket,
        meta: BlockMeta,
        threads: usize,
        piece_bytes: u64,
    ) -> Result<Self> {
        let objects = bucket.objects(meta.ulid).await?;
        check_listed(bucket, &meta, &objects)?;
        let files = Files::sort(bucket, &meta, objects);
        let pieces = Pieces::new(piece_bytes, threads);
        let index = open_index(bucket, &meta, files.index, pieces).await?;
        let pieces = Arc::new(Pieces::new(piece_bytes, threads));
        let pieces_bytes = pieces.bytes_max();
        let mut segments = Vec::with_capacity(files.segments.len());
        for (number, found) in (0..).zip(files.segments) {
            let place = found.location.to_string();
            let object = Object {
                location: found.location,
                size: found.size,
                walked: found.size,
                pinned: Vec::new(),
                number,
            };
            segments.push(Segment {
                reader: ObjectReader::open(bucket, object, Arc::clone(&pieces)),
                place,
                is_checked: OnceLock::new(),
            });
        }
        let tombstones = match files.tombstones {
            None => Tombstones::default(),
            Some(found) => {
                let bytes = bucket.read(&found.location, TOMBSTONES_BYTES_MAX).await?;
                Tombstones::decode(&bytes.unwrap_or_default()).at(|| &found.location)?
            }
        };
        Ok(Self {
            meta,
            index,
            segments,
            tombstones,
            pieces_bytes,
            threads: threads.max(1) as u64,
        })
    }

    /// What the block says of itself.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// The block as if it had no tombstones.
    #[must_use]
    pub fn without_tombstones(mut self) -> Self {
        self.tombstones = Tombstones::default();
        self
    }

    /// The index object.
    #[must_use]
    pub fn index_object(&self) -> &ObjectReader {
        &self.index
    }

    /// The segment objects in order.
    pub fn segment_objects(&self) -> impl ExactSizeIterator<Item = &ObjectReader> {
        self.segments.iter().map(|segment| &segment.reader)
    }
}

/// The objects of a block that are read.
#[derive(Default)]
struct Files {
    index: Option<ObjectMeta>,
    segments: Vec<ObjectMeta>,
    tombstones: Option<ObjectMeta>,
}

impl Files {
    /// Segments are the files of `chunks/` whose names are numbers, in the order of their names.
    fn sort(bucket: &Bucket, meta: &BlockMeta, objects: Vec<ObjectMeta>) -> Self {
        let mut files = Self::default();
        for found in objects {
            let rel_path = bucket.rel_path(meta.ulid, &found.location);
            let segment =
                rel_path.and_then(|path| path.strip_prefix(CHUNKS_DIR)?.strip_prefix('/'));
            if segment.is_some_and(|name| name.parse::<u64>().is_ok()) {
                files.segments.push(found);
            } else if rel_path == Some(INDEX_FILE) {
                files.index = Some(found);
            } else if rel_path == Some(TOMBSTONES) {
                files.tombstones = Some(found);
            }
        }
        files
    }
}

async fn open_index(
    bucket: &Bucket,
    meta: &BlockMeta,
    found: Option<ObjectMeta>,
    pieces: Pieces,
) -> Result<ObjectReader> {
    let location = bucket.object(meta.ulid, INDEX_FILE);
    let Some(found) = found else {
        return Err(Error::corrupt("object", 0, "is missing").at(location));
    };
    let least = (HEAD_SIZE + Toc::SIZE) as u64;
    if found.size < least {
        let what = format!(
            "an index has at least {least} bytes, this has {}",
            found.size
        );
        return Err(Error::corrupt("index", 0, what).at(location));
    }
    let end = found.size - Toc::SIZE as u64;
    let tail = fetch_one(bucket, &location, end..found.size).await?;
    let toc = Toc::decode(&tail, end).at(|| &location)?;
    toc.check(found.size).at(|| &location)?;
    let list = all_series(&toc, meta, end);
    let mut pinned = vec![(end, tail)];
    if !list.is_empty() {
        let bytes: Bytes = fetch_one(bucket, &location, list.clone()).await?;
        pinned.push((list.start, bytes));
    }
    let object = Object {
        location,
        size: found.size,
        walked: toc.series_range().end,
        pinned,
        number: INDEX_NUMBER,
    };
    Ok(ObjectReader::open(bucket, object, Arc::new(pieces)))
}

/// Where the list of all series lies, if it has as many as the meta says; if it has not, the rest is fetched when it is read.
fn all_series(toc: &Toc, meta: &BlockMeta, end: u64) -> Range<u64> {
    let start = toc.postings.next_multiple_of(4).min(end);
    let len = meta.stats.num_series.saturating_mul(4).saturating_add(12);
    start..start.saturating_add(len).min(end)
}

impl Input for BucketBlock {
    type Window = ObjectWindow;

    fn name(&self) -> String {
        format!("block {}", self.meta.ulid)
    }

    fn index(&self) -> Result<ObjectWindow> {
        Ok(self.index.window(WINDOW_BYTES))
    }

    fn index_probe(&self) -> Result<ObjectWindow> {
        Ok(self.index.window(PROBE_BYTES))
    }

    fn segment(&self, segment: u32) -> Result<ObjectWindow> {
        let Some(found) = self.segments.get(segment as usize) else {
            return Err(segment::missing(segment, self.segments.len()).at(self.name()));
        };
        let mut window = found.reader.window(WINDOW_BYTES);
        if found.is_checked.get().is_none() {
            let head = window.size().min(segment::HEAD_SIZE);
            let bytes = window.fill(0, usize::try_from(head).expect("at most 8"))?;
            segment::check_head(bytes).at(|| &found.place)?;
            // Another thread may have been faster; it saw the same.
            let _ = found.is_checked.set(());
        }
        Ok(window)
    }

    fn window_bytes(&self) -> u64 {
        // A merge counts two windows for each thread: beside their own bytes, a share of the pieces.
        WINDOW_BYTES as u64 + self.pieces_bytes / self.threads
    }

    fn size_bytes(&self) -> u64 {
        self.index.size() + self.segment_objects().map(ObjectReader::size).sum::<u64>()
    }

    fn tombstones(&self) -> &Tombstones {
        &self.tombstones
    }
}
