//! One object read front to back by several threads, through pieces that are fetched ahead.
//!
//! ```text
//! object   |  piece  |  piece  |  piece  | .. end of what is walked |  the rest, only if asked for
//! walked              ^ threads are here
//! kept       before     here     ahead     ahead
//! ```
//!
//! A miss starts the fetch of its piece and of those behind it, and waits. Pieces are dropped least recently used first, so
//! memory is bounded and a walk fetches each once. Windows copy out of pieces into a small buffer of their own: an idle window
//! holds no piece. Who waits for a piece that did not come, but may, asks again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use tokio::runtime::Handle;

use super::super::{Bucket, range};
use crate::codec::Window;
use crate::error::{Corruption, Error, ErrorKind, Result};
use crate::merge::RANGE_BYTES;

/// Bytes of one request: the latency is little beside the transfer, and a few of them are little memory.
pub const PIECE_BYTES: u64 = 4 << 20;

/// Pieces fetched before they are asked for.
const AHEAD: usize = 2;

/// Pieces that are held for one thread: the one that is read, one behind it, and those ahead.
pub const PIECES_KEPT: usize = AHEAD + 2;

/// Attempts at one piece in all, beside those of the store's client, which knows when to be patient.
const ATTEMPTS_MAX: u32 = 3;

/// Pause before the next attempt, by the thread that waits for it.
const PAUSE: Duration = Duration::from_millis(200);

/// Pieces of one or more objects, with one bound for all.
#[derive(Debug)]
pub struct Pieces {
    piece_bytes: u64,
    kept: usize,
    recent: Mutex<VecDeque<(Place, Arc<Slot>)>>,
}

/// Number of the object, start of the piece.
type Place = (u32, u64);

/// A piece on its way, or here.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Coming,
    Here(Bytes),
    Failed(Option<Error>),
}

impl Pieces {
    /// None yet, of this size, and room for those that so many threads read side by side.
    #[must_use]
    pub fn new(piece_bytes: u64, threads: usize) -> Self {
        // Each thread builds one label range while another waits.
        let spread = 2 * threads as u64 * RANGE_BYTES / piece_bytes;
        Self {
            piece_bytes,
            kept: PIECES_KEPT + to_usize(spread),
            recent: Mutex::default(),
        }
    }

    /// Most bytes that they take together.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.kept as u64 * self.piece_bytes
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Place, Arc<Slot>)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The piece at a place, as the most recently used; `start` makes one where there is none.
    fn get(&self, place: Place, start: impl FnOnce() -> Arc<Slot>) -> Arc<Slot> {
        let mut pieces = self.lock();
        let found = pieces.iter().position(|(other, _)| *other == place);
        let piece = match found.and_then(|at| pieces.remove(at)) {
            Some(piece) => piece,
            None => (place, start()),
        };
        let slot = Arc::clone(&piece.1);
        pieces.push_back(piece);
        if pieces.len() > self.kept {
            pieces.pop_front();
        }
        slot
    }

    /// Forgets a piece that did not come, so that the next who asks fetches it anew.
    fn forget(&self, slot: &Arc<Slot>) {
        self.lock().retain(|(_, other)| !Arc::ptr_eq(other, slot));
    }
}

impl Slot {
    fn set(&self, new: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = new;
        self.changed.notify_all();
    }

    /// Waits until the piece is here or cannot come.
    fn wait(&self, object: &Path) -> Result<Bytes> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let coming = |state: &mut State| matches!(state, State::Coming);
        let mut state = self
            .changed
            .wait_while(state, coming)
            .unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Here(bytes) => Ok(bytes.clone()),
            // Only the first who waits gets the reason.
            State::Failed(error) => Err(error.take().unwrap_or_else(|| stopped(object))),
            State::Coming => Err(stopped(object)),
        }
    }
}

fn stopped(object: &Path) -> Error {
    let source = std::io::Error::other("the request was given up");
    Error::Io {
        action: "read",
        source,
    }
    .at(object)
}

/// Ends the waiting of others, also where the task is dropped.
struct Promise(Arc<Slot>);

impl Promise {
    fn keep(self, fetched: Result<Bytes>) {
        self.0.set(match fetched {
            Ok(bytes) => State::Here(bytes),
            Err(error) => State::Failed(Some(error)),
        });
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let coming = {
            let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            matches!(*state, State::Coming)
        };
        if coming {
            self.0.set(State::Failed(None));
        }
    }
}

/// An object opened for reading; cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectReader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    object: Path,
    size: u64,
    /// Where the part ends that is walked.
    walked: u64,
    /// Parts that were fetched beforehand.
    pinned: Vec<(u64, Bytes)>,
    number: u32,
    pieces: Arc<Pieces>,
    runtime: Handle,
}

/// What an object is, and how it is read.
#[derive(Debug)]
pub struct Object {
    /// Where it is.
    pub location: Path,
    /// Its size in bytes, believed.
    pub size: u64,
    /// Where the part ends that is walked front to back; nothing behind it is fetched ahead.
    pub walked: u64,
    /// Parts that are here already: where they begin, and their bytes.
    pub pinned: Vec<(u64, Bytes)>,
    /// Tells it from others that share its pieces.
    pub number: u32,
}

impl ObjectReader {
    /// Opens an object, whose pieces are fetched by tasks of the current runtime.
    ///
    /// # Panics
    /// Outside a runtime.
    #[must_use]
    pub fn open(bucket: &Bucket, object: Object, pieces: Arc<Pieces>) -> Self {
        Self(Arc::new(Shared {
            bucket: bucket.clone(),
            object: object.location,
            size: object.size,
            walked: object.walked.min(object.size),
            pinned: object.pinned,
            number: object.number,
            pieces,
            runtime: Handle::current(),
        }))
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// A window that copies `bytes` at a time out of the pieces. It must be used on threads that may wait.
    #[must_use]
    pub fn window(&self, bytes: usize) -> ObjectWindow {
        ObjectWindow {
            reader: self.clone(),
            bytes,
            start: 0,
            buffer: Vec::new(),
        }
    }

    /// Appends bytes from `at` on to `buffer`, until it has `len`.
    fn read(&self, mut at: u64, len: usize, buffer: &mut Vec<u8>) -> Result<()> {
        while buffer.len() < len {
            let (start, bytes) = self.0.piece(at)?;
            let from = to_usize(at - start);
            let more = bytes.get(from..).unwrap_or_default();
            let more = &more[..more.len().min(len - buffer.len())];
            if more.is_empty() {
                return Err(self.0.outside(at, len as u64));
            }
            buffer.extend_from_slice(more);
            at += more.len() as u64;
        }
        Ok(())
    }
}

impl Shared {
    /// The bounds of the piece with the byte at `at`.
    fn bounds(&self, at: u64) -> Range<u64> {
        let bytes = self.pieces.piece_bytes;
        let (from, end) = match at < self.walked {
            true => (0, self.walked),
            false => (self.walked, self.size),
        };
        let start = from + (at - from) / bytes * bytes;
        start..(start + bytes).min(end)
    }

    /// The piece with the byte at `at`, and where it begins.
    fn piece(self: &Arc<Self>, at: u64) -> Result<(u64, Bytes)> {
        let has =
            |(start, bytes): &&(u64, Bytes)| (*start..*start + bytes.len() as u64).contains(&at);
        if let Some((start, bytes)) = self.pinned.iter().find(has) {
            return Ok((*start, bytes.clone()));
        }
        let bounds = self.bounds(at);
        let mut next = bounds.end;
        for _ in 0..AHEAD {
            if next < self.walked {
                let ahead = self.bounds(next);
                next = ahead.end;
                self.start(ahead);
            }
        }
        let mut attempt = 1;
        loop {
            let slot = self.start(bounds.clone());
            match slot.wait(&self.object) {
                Ok(bytes) => return Ok((bounds.start, bytes)),
                Err(error) => {
                    self.pieces.forget(&slot);
                    if error.kind() != ErrorKind::Transient || attempt == ATTEMPTS_MAX {
                        return Err(error);
                    }
                }
            }
            attempt += 1;
            std::thread::sleep(PAUSE);
        }
    }

    /// The slot of a piece, whose fetch is under way or over.
    fn start(self: &Arc<Self>, bounds: Range<u64>) -> Arc<Slot> {
        self.pieces.get((self.number, bounds.start), || {
            let slot = Arc::new(Slot::default());
            let promise = Promise(Arc::clone(&slot));
            let (bucket, object) = (self.bucket.clone(), self.object.clone());
            self.runtime.spawn(async move {
                promise.keep(range::fetch_one(&bucket, &object, bounds).await);
            });
            slot
        })
    }

    fn outside(&self, at: u64, len: u64) -> Error {
        let have = self.size.saturating_sub(at);
        let what = Corruption::Truncated { need: len, have };
        Error::Corrupt {
            section: "object",
            offset: at,
            what,
        }
        .at(&self.object)
    }
}

/// Some bytes of one object.
#[derive(Debug)]
pub struct ObjectWindow {
    reader: ObjectReader,
    bytes: usize,
    /// Where `buffer` lies in the object.
    start: u64,
    buffer: Vec<u8>,
}

impl ObjectWindow {
    /// Makes the buffer start at `at` and hold at least `len` bytes, keeping what it already has of them.
    fn read(&mut self, at: u64, len: usize) -> Result<()> {
        let end = self.start + self.buffer.len() as u64;
        if (self.start..end).contains(&at) {
            self.buffer.drain(..to_usize(at - self.start));
        } else {
            self.buffer.clear();
        }
        self.start = at;
        // Behind what is walked, nothing is read for being near.
        let near = self.reader.0.walked.saturating_sub(at);
        let want = len.max(self.bytes.min(to_usize(near)));
        let from = at + self.buffer.len() as u64;
        let read = self.reader.read(from, want, &mut self.buffer);
        if read.is_err() {
            self.buffer.clear();
        }
        read
    }
}

impl Window for ObjectWindow {
    fn size(&self) -> u64 {
        self.reader.size()
    }

    #[inline]
    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let have = at
            .checked_sub(self.start)
            .and_then(|from| usize::try_from(from).ok());
        match have {
            Some(from) if from + len <= self.buffer.len() => Ok(&self.buffer[from..from + len]),
            _ => {
                let size = self.reader.size();
                if at > size || len as u64 > size - at {
                    return Err(self.reader.0.outside(at, len as u64));
                }
                self.read(at, len)?;
                Ok(&self.buffer[..len])
            }
        }
    }

    #[inline]
    fn fill_some(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let walked = self.reader.0.walked;
        let end = if at < walked { walked } else { self.size() };
        self.fill(at, len.min(to_usize(end.saturating_sub(at))))
    }
}

/// A distance inside bytes that are in memory.
fn to_usize(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}
