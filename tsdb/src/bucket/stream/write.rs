//! A new block, written where it will lie: every object as it grows, and `meta.json` last.
//!
//! ```text
//! append ..  |  part  |  part  |  part  | rest   --> task of the runtime --> create upload, parts, complete
//!                                                    one part or less    --> one PUT
//! ```
//!
//! Until `meta.json` is written there is no block, only objects that nobody looks at. A writer that is dropped before that gives up
//! the uploads and deletes the objects that were complete; what a killed process leaves is removed by whoever cleans up partial
//! uploads, and uploads without an object by the rules of the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload, WriteMultipart};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::super::upload::{hex, no_labels, refuse_present};
use super::super::{Bucket, CHUNKS_DIR, INDEX_FILE, META_FILE};
use crate::block::writer::NewBlock;
use crate::codec::Output;
use crate::error::{Error, Result, ResultExt as _};
use crate::id::BlockId;
use crate::meta::{BlockMeta, FileHash, FileMeta};
use crate::segment::{self, SegmentFiles};

/// Bytes of one part. The size of an object is not known when it is begun: with 10,000 parts an index or a segment of any
/// legal size fits, and a few of them are little memory.
pub const PART_BYTES: usize = 8 << 20;

/// Parts of one object on their way at one time.
const PARTS_IN_FLIGHT: usize = 2;

/// Parts that wait to be sent.
const PARTS_WAITING: usize = 1;

/// How a new block is written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Whether the SHA-256 of each file goes into the meta.
    pub sha256: bool,
}

/// A block that is being written into a bucket.
#[derive(Debug)]
pub struct BucketBlockWriter {
    place: Place,
    is_finished: AtomicBool,
}

/// What the writer shares with the objects that it writes.
#[derive(Debug, Clone)]
struct Place {
    bucket: Bucket,
    id: BlockId,
    options: WriteOptions,
    /// Objects that are complete.
    files: Arc<Mutex<Vec<FileMeta>>>,
    runtime: Handle,
}

impl Place {
    fn files(&self) -> MutexGuard<'_, Vec<FileMeta>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BucketBlockWriter {
    /// Begins block `id`, whose objects are sent by tasks of the current runtime.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the bucket has the block or is about to delete it; otherwise where the store refuses.
    pub async fn create(bucket: &Bucket, id: BlockId, options: WriteOptions) -> Result<Self> {
        refuse_present(bucket, id).await?;
        Ok(Self {
            place: Place {
                bucket: bucket.clone(),
                id,
                options,
                files: Arc::default(),
                runtime: Handle::current(),
            },
            is_finished: AtomicBool::new(false),
        })
    }

    /// Names of the segments that are complete.
    #[must_use]
    pub fn segment_names(&self) -> Vec<String> {
        let files = self.place.files();
        let names = files.iter().filter_map(|file| {
            let name = file.rel_path.strip_prefix(CHUNKS_DIR)?.strip_prefix('/')?;
            Some(name.to_owned())
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// Bytes of all objects that are complete.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let files = self.place.files();
        files.iter().filter_map(|file| file.size_bytes).sum()
    }

    /// Completes the meta with the list of files and the time, and makes the block appear. May be repeated where it failed.
    /// Gives the meta as it is in the bucket.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a block without external labels; otherwise where the store refuses.
    pub async fn publish(&self, mut meta: BlockMeta, now: jiff::Timestamp) -> Result<BlockMeta> {
        let id = self.place.id;
        let thanos = meta.thanos.as_mut().filter(|part| !part.labels.is_empty());
        let thanos = thanos.ok_or_else(|| no_labels(id))?;
        thanos.files.clone_from(&self.place.files());
        thanos.files.push(FileMeta {
            rel_path: META_FILE.into(),
            ..FileMeta::default()
        });
        thanos.files.sort_by(|a, b| a.rel_path.cmp(&b.rel_path));
        thanos.upload_time = Some(now);
        let object = self.place.bucket.object(id, META_FILE);
        let payload = PutPayload::from(meta.to_json());
        // An answer may be lost, so from here on nothing is deleted.
        self.is_finished.store(true, Ordering::Relaxed);
        let put = self.place.bucket.store.put(&object, payload).await;
        put.at(|| &object)?;
        Ok(meta)
    }

    /// Deletes what was written of a block that will not appear.
    pub async fn abandon(self) {
        self.is_finished.store(true, Ordering::Relaxed);
        remove(&self.place).await;
    }
}

/// Best effort: what stays is nobody's block, and is cleaned up as any partial upload.
async fn remove(place: &Place) {
    let written = std::mem::take(&mut *place.files());
    for file in written {
        let object = place.bucket.object(place.id, &file.rel_path);
        let _ = place.bucket.store.delete(&object).await;
    }
}

impl Drop for BucketBlockWriter {
    fn drop(&mut self) {
        if !self.is_finished.load(Ordering::Relaxed) {
            let place = self.place.clone();
            self.place
                .runtime
                .spawn(async move { remove(&place).await });
        }
    }
}

impl NewBlock for BucketBlockWriter {
    type Index = ObjectOutput;
    type Segments = ObjectSegments;

    fn index(&self) -> Result<ObjectOutput> {
        Ok(ObjectOutput::begin(&self.place, INDEX_FILE.into()))
    }

    fn segments(&self) -> ObjectSegments {
        ObjectSegments(self.place.clone())
    }

    fn buffer_bytes(&self) -> u64 {
        // Index and one segment at a time: a part that is filled, those that wait, those on their way.
        2 * (1 + PARTS_WAITING + PARTS_IN_FLIGHT) as u64 * PART_BYTES as u64
    }

    fn close_index(&self, index: ObjectOutput) -> Result<()> {
        index.finish()
    }
}

/// The segments of a block that is being written into a bucket.
#[derive(Debug)]
pub struct ObjectSegments(Place);

impl SegmentFiles for ObjectSegments {
    type File = ObjectOutput;

    fn open(&mut self, segment: u32) -> Result<ObjectOutput> {
        let rel_path = format!("{CHUNKS_DIR}/{}", segment::file_name(segment));
        Ok(ObjectOutput::begin(&self.0, rel_path))
    }

    fn close(&mut self, _segment: u32, file: ObjectOutput) -> Result<()> {
        file.finish()
    }
}

/// What the task that sends is told. It gives up where it is told nothing more.
enum Message {
    Part(Bytes),
    Last(Bytes),
}

/// A new object, written front to back on threads that may wait.
#[derive(Debug)]
pub struct ObjectOutput {
    place: Place,
    rel_path: String,
    part: Vec<u8>,
    size: u64,
    hash: Option<Sha256>,
    parts: mpsc::Sender<Message>,
    /// How sending ended; taken by who asks first.
    sent: Option<oneshot::Receiver<Result<()>>>,
}

impl ObjectOutput {
    fn begin(place: &Place, rel_path: String) -> Self {
        let (parts, waiting) = mpsc::channel(PARTS_WAITING);
        let (tell, sent) = oneshot::channel();
        let object = place.bucket.object(place.id, &rel_path);
        let bucket = place.bucket.clone();
        place.runtime.spawn(async move {
            let done = send(&bucket, &object, waiting).await;
            // Nobody listens where the output was dropped.
            let _ = tell.send(done.at(|| &object));
        });
        Self {
            place: place.clone(),
            rel_path,
            part: Vec::new(),
            size: 0,
            hash: place.options.sha256.then(Sha256::new),
            parts,
            sent: Some(sent),
        }
    }

    /// Hands the gathered bytes on, as soon as there is room for them.
    fn tell(&mut self, message: fn(Bytes) -> Message) -> Result<()> {
        let part = std::mem::take(&mut self.part);
        if let Some(hash) = &mut self.hash {
            hash.update(&part);
        }
        self.size += part.len() as u64;
        match self.parts.blocking_send(message(part.into())) {
            Ok(()) => Ok(()),
            // The task ended before its time, and says why.
            Err(_) => self.outcome(),
        }
    }

    fn outcome(&mut self) -> Result<()> {
        let told = self.sent.take().map(oneshot::Receiver::blocking_recv);
        let given_up = || {
            let source = std::io::Error::other("the upload was given up");
            let object = self.place.bucket.object(self.place.id, &self.rel_path);
            let action = "write";
            Error::Io { action, source }.at(object)
        };
        told.and_then(std::result::Result::ok)
            .unwrap_or_else(|| Err(given_up()))
    }

    /// Sends what is left and waits until the store has all.
    ///
    /// # Errors
    /// Where the store refuses.
    pub fn finish(mut self) -> Result<()> {
        self.tell(Message::Last)?;
        self.outcome()?;
        let hash = self.hash.take();
        self.place.files().push(FileMeta {
            rel_path: self.rel_path,
            size_bytes: Some(self.size),
            hash: hash.map(|hash| FileHash::sha256(hex(&hash.finalize()))),
            ..FileMeta::default()
        });
        Ok(())
    }
}

impl Output for ObjectOutput {
    fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = PART_BYTES - self.part.len();
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.part.extend_from_slice(now);
            bytes = rest;
            if self.part.len() == PART_BYTES {
                self.tell(Message::Part)?;
            }
        }
        Ok(())
    }
}

async fn send(bucket: &Bucket, object: &Path, mut parts: mpsc::Receiver<Message>) -> Result<()> {
    let first = match parts.recv().await {
        None => return Ok(()),
        Some(Message::Last(bytes)) => {
            bucket.store.put(object, bytes.into()).await?;
            return Ok(());
        }
        Some(Message::Part(bytes)) => bytes,
    };
    let upload = bucket.store.put_multipart(object).await?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    upload.put(first);
    match send_parts(&mut upload, parts).await {
        Ok(true) => {
            upload.finish().await?;
            Ok(())
        }
        given_up => {
            // The reason matters more than whether cleaning up worked.
            let _ = upload.abort().await;
            given_up.map(|_| ())
        }
    }
}

/// Sends parts until the last; not all came where it says no.
async fn send_parts(
    upload: &mut WriteMultipart,
    mut parts: mpsc::Receiver<Message>,
) -> Result<bool> {
    while let Some(message) = parts.recv().await {
        upload.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        match message {
            Message::Part(bytes) => upload.put(bytes),
            Message::Last(bytes) => {
                upload.put(bytes);
                return Ok(true);
            }
        }
    }
    Ok(false)
}
