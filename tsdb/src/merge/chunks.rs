//! Overlapping chunks of one series to disjoint ones.
//!
//! ```text
//! block A   [0 ──── 20]        [60 ── 80]
//! block B       [10 ───── 40]              [90 ── 99]
//! result    [0 ────────── 40]  [60 ── 80]  [90 ── 99]      the first re-encoded, the others copied
//! ```
//!
//! Chunks meet in a heap by (min, max). A chunk that touches or overlaps the ones taken so far joins them; equal copies
//! (same interval, same payload) met one after the other are dropped undecoded. What stands alone is copied, what overlaps
//! is merged sample by sample and cut anew every 120 samples; the new chunks but the first go back into the heap, for they
//! may overlap what comes. Aggregate and unknown chunks cannot be merged: an overlap of them is an error, never a loss.

use super::heap::Heap;
use super::samples::{self, Pick};
use super::{MergeFunc, dedup, tally};
use crate::chunk::{self, Chunk, ChunkView, Encoding};
use crate::error::{Error, Result};
use crate::histogram::ResetHint;
use crate::sample::{Sample, Value};

/// One chunk whose record or payload lies in a buffer of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Time of the first sample.
    pub min: i64,
    /// Time of the last sample.
    pub max: i64,
    /// How the payload is packed.
    pub encoding: Encoding,
    /// Where the payload starts in the buffer.
    pub start: usize,
    /// Length of the payload.
    pub len: usize,
}

impl Piece {
    /// The chunk's bytes in `buffer`.
    #[must_use]
    pub fn view<'a>(&self, buffer: &'a [u8]) -> ChunkView<'a> {
        ChunkView {
            encoding: self.encoding,
            payload: &buffer[self.start..self.start + self.len],
        }
    }

    fn key(&self) -> (i64, i64) {
        (self.min, self.max)
    }

    /// Whether this is a copy of `other`: same interval, same payload.
    #[must_use]
    pub fn same_as(&self, other: &Self, buffer: &[u8]) -> bool {
        self.key() == other.key() && self.view(buffer).payload == other.view(buffer).payload
    }
}

/// Whether the pieces ascend without touching, so that nothing needs to be merged.
#[must_use]
pub fn disjoint(pieces: &[Piece]) -> bool {
    pieces.windows(2).all(|pair| pair[0].max < pair[1].min)
}

/// Chunks of one series in one block, in the order of their times.
#[derive(Debug, Default)]
struct Lane {
    pieces: Vec<Piece>,
    taken: usize,
}

impl Lane {
    fn head(&self) -> &Piece {
        &self.pieces[self.taken]
    }
}

/// Merges the lanes of one series. Payloads of re-encoded chunks are appended to `buffer`.
#[derive(Debug)]
pub struct ChunkMerger<'a> {
    func: MergeFunc,
    buffer: &'a mut Vec<u8>,
    lanes: Vec<Lane>,
    heap: Heap<usize>,
}

impl<'a> ChunkMerger<'a> {
    /// A merger whose pieces lie in `buffer`.
    pub fn new(func: MergeFunc, buffer: &'a mut Vec<u8>) -> Self {
        Self {
            func,
            buffer,
            lanes: Vec::new(),
            heap: Heap::default(),
        }
    }

    /// Adds the chunks of one block, ascending by time; the order of the calls decides who wins.
    pub fn push(&mut self, pieces: Vec<Piece>) {
        if pieces.is_empty() {
            return;
        }
        self.lanes.push(Lane { pieces, taken: 0 });
        self.push_lane(self.lanes.len() - 1);
    }

    /// All chunks of the result, in order.
    ///
    /// # Errors
    /// Where overlapping chunks are damaged or of a kind that cannot be merged.
    pub fn finish(mut self) -> Result<Vec<Piece>> {
        let mut out = Vec::new();
        let mut overlapping = Vec::new();
        while let Some(base) = self.pop() {
            self.gather(base, &mut overlapping);
            if overlapping.is_empty() {
                out.push(base);
                continue;
            }
            let mut merged = self.merge(base, &overlapping)?;
            if !merged.is_empty() {
                out.push(merged.remove(0));
                self.push(merged);
            }
        }
        Ok(out)
    }

    /// Takes what touches `base`, directly or through others.
    fn gather(&mut self, base: Piece, overlapping: &mut Vec<Piece>) {
        overlapping.clear();
        let (mut max, mut previous) = (base.max, base);
        while let Some(top) = self.heap.top() {
            let next = *self.lanes[top].head();
            if next.min > max {
                break;
            }
            if !next.same_as(&previous, self.buffer) {
                overlapping.push(next);
                max = max.max(next.max);
                previous = next;
            }
            self.pop();
        }
    }

    fn push_lane(&mut self, lane: usize) {
        let lanes = &self.lanes;
        self.heap
            .push(lane, |a, b| lanes[a].head().key() < lanes[b].head().key());
    }

    fn pop(&mut self) -> Option<Piece> {
        let lanes = &self.lanes;
        let lane = self
            .heap
            .pop(|a, b| lanes[a].head().key() < lanes[b].head().key())?;
        let piece = *self.lanes[lane].head();
        self.lanes[lane].taken += 1;
        if self.lanes[lane].taken < self.lanes[lane].pieces.len() {
            self.push_lane(lane);
        }
        Some(piece)
    }

    fn merge(&mut self, base: Piece, overlapping: &[Piece]) -> Result<Vec<Piece>> {
        let inputs: Vec<Piece> = match self.func {
            MergeFunc::OneToOne => overlapping.iter().copied().chain([base]).collect(),
            // Replicas of another kind of chunk are dropped: one of them is followed, not both.
            MergeFunc::Penalty => {
                let same = |piece: &&Piece| kind(piece.encoding) == kind(base.encoding);
                [base]
                    .into_iter()
                    .chain(overlapping.iter().filter(same).copied())
                    .collect()
            }
        };
        if inputs
            .iter()
            .all(|piece| kind(piece.encoding) == Some(Kind::Float))
        {
            self.merge_floats(&inputs)
        } else {
            self.merge_samples(&inputs)
        }
    }

    fn choose(&self, times: &[&[i64]]) -> Vec<Pick> {
        let mut picks = Vec::with_capacity(times.iter().map(|times| times.len()).sum());
        match self.func {
            MergeFunc::OneToOne => samples::chain(times, &mut picks),
            MergeFunc::Penalty => dedup::penalty(times, &mut picks),
        }
        picks
    }

    fn merge_floats(&mut self, inputs: &[Piece]) -> Result<Vec<Piece>> {
        // All inputs behind each other in two columns; input `n` starts at `starts[n]`.
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let mut starts = Vec::with_capacity(inputs.len());
        for piece in inputs {
            starts.push(times.len());
            decode_floats(piece.view(self.buffer), &mut times, &mut values)?;
        }
        let ends = starts.iter().skip(1).copied().chain([times.len()]);
        let slices: Vec<&[i64]> = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| &times[start..end])
            .collect();
        let picks = self.choose(&slices);
        let places = picks.iter().map(|pick| starts[pick.input] + pick.sample);
        let (ts, vs): (Vec<i64>, Vec<f64>) = places.map(|at| (times[at], values[at])).unzip();
        let runs = ts
            .chunks(chunk::SAMPLES_PER_CHUNK)
            .zip(vs.chunks(chunk::SAMPLES_PER_CHUNK));
        let encode = |(ts, vs): (&[i64], &[f64])| {
            let payload = chunk::xor::encode(ts, vs);
            tally::check_floats(&payload, ts, vs)?;
            Ok(self.store(ts[0], ts[ts.len() - 1], Encoding::Xor, &payload))
        };
        runs.map(encode).collect()
    }

    fn merge_samples(&mut self, inputs: &[Piece]) -> Result<Vec<Piece>> {
        let mut columns: Vec<Vec<Sample>> = Vec::with_capacity(inputs.len());
        for piece in inputs {
            if kind(piece.encoding).is_none() {
                return Err(unmergeable(piece));
            }
            let mut samples = Vec::new();
            chunk::decode(piece.view(self.buffer), &mut samples)?;
            columns.push(samples);
        }
        let times: Vec<Vec<i64>> = columns
            .iter()
            .map(|samples| samples.iter().map(|sample| sample.t).collect())
            .collect();
        let slices: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        let picks = self.choose(&slices);
        let mut merged = Vec::with_capacity(picks.len());
        for pick in picks {
            let mut sample = columns[pick.input][pick.sample].clone();
            if !pick.consecutive {
                forget_hint(&mut sample.value);
            }
            merged.push(sample);
        }
        let chunks = chunk::encode_samples(&merged)?;
        let mut rest = merged.as_slice();
        let mut store = |chunk: &Chunk| {
            let len = chunk::sample_count(chunk.view())?;
            let samples = rest.split_off(..len.min(rest.len())).unwrap_or_default();
            tally::check_samples(chunk.view(), samples)?;
            Ok(self.store(chunk.min, chunk.max, chunk.encoding, &chunk.payload))
        };
        chunks.iter().map(&mut store).collect()
    }

    fn store(&mut self, min: i64, max: i64, encoding: Encoding, payload: &[u8]) -> Piece {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(payload);
        Piece {
            min,
            max,
            encoding,
            start,
            len: payload.len(),
        }
    }
}

/// Kinds of chunks that can be merged with their like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Histogram,
    FloatHistogram,
}

fn kind(encoding: Encoding) -> Option<Kind> {
    match encoding {
        Encoding::Xor | Encoding::Xor2 => Some(Kind::Float),
        Encoding::Histogram | Encoding::HistogramSt => Some(Kind::Histogram),
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => Some(Kind::FloatHistogram),
        Encoding::Aggregate | Encoding::Unknown(_) => None,
    }
}

fn decode_floats(chunk: ChunkView<'_>, times: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<()> {
    match chunk.encoding {
        Encoding::Xor2 => chunk::xor2::decode(chunk.payload, times, values),
        _ => chunk::xor::decode(chunk.payload, times, values),
    }
}

/// A histogram reached over a detour has no known relation to the one before it; a gauge needs none.
fn forget_hint(value: &mut Value) {
    let hint = match value {
        Value::Float(_) => return,
        Value::Histogram(histogram) => &mut histogram.hint,
        Value::FloatHistogram(histogram) => &mut histogram.hint,
    };
    if *hint != ResetHint::Gauge {
        *hint = ResetHint::Unknown;
    }
}

fn unmergeable(piece: &Piece) -> Error {
    let what = match piece.encoding {
        Encoding::Aggregate => {
            "downsampled chunks overlap; they cannot be merged without losing windows".to_owned()
        }
        other => format!(
            "chunks of encoding {} overlap and cannot be merged",
            other.byte()
        ),
    };
    Error::Invalid(format!("{what} (times {} to {})", piece.min, piece.max))
}
