//! One label range of a merge, built into private buffers.
//!
//! Ranges are independent, so they are built side by side; references are relative to the range, so that the stitcher only
//! has to add its own position. Series of all blocks meet in a heap by their labels; those with equal labels become one
//! series. Three ways, cheapest first: copy the records of all blocks one after the other; copy them interleaved by
//! time; merge samples ([`super::chunks`]). A series is complete only when what lies in the buffers is what was read for it
//! ([`super::tally`]).

use std::ops::Range;

use super::chunks::{self, ChunkMerger, Piece};
use super::heap::Heap;
use super::input::{Input, Source};
use super::lane::{Lane, Placed};
use super::tally::{Content, Key, Tally};
use super::{Options, trim};
use crate::chunk::{self, ChunkView, Encoding};
use crate::codec::{Cursor, Sink, crc};
use crate::error::{Corruption, Error, Result, ResultExt};
use crate::id::{ChunkRef, SymbolRef};
use crate::index::ChunkMeta;
use crate::index::series::{self, Encoded};
use crate::meta::BlockStats;
use crate::sample::Sample;
use crate::segment::Record;
use crate::time::Interval;

/// Where one series ends in the buffers of a [`RangeOutput`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeriesEnd {
    /// End of its labels.
    pub labels: usize,
    /// End of its chunks.
    pub chunks: usize,
    /// End of its records.
    pub records: usize,
    /// End of its index entry's body.
    pub bodies: usize,
    /// Where that body lacks the first chunk reference.
    pub encoded: Encoded,
}

/// Finished series of one range.
#[derive(Debug, Default)]
pub struct RangeOutput {
    /// Chunk records, one after the other.
    pub records: Vec<u8>,
    /// Labels of all series.
    pub labels: Vec<(SymbolRef, SymbolRef)>,
    /// Chunks of all series; a reference is the offset in `records`.
    pub chunks: Vec<ChunkMeta>,
    /// Bodies of the index entries, without the first chunk reference.
    pub bodies: Vec<u8>,
    /// Where each series ends.
    pub series: Vec<SeriesEnd>,
    /// Counts.
    pub stats: BlockStats,
    /// Series whose chunks were out of order in a block.
    pub disordered: u64,
    /// What the series amount to.
    pub tally: Tally,
    /// Chunks of the series that is being written, as they were read or encoded.
    given: Content,
}

impl RangeOutput {
    /// Forgets everything but the memory it lies in.
    pub fn clear(&mut self) {
        self.records.clear();
        self.labels.clear();
        self.chunks.clear();
        self.bodies.clear();
        self.series.clear();
        self.stats = BlockStats::default();
        self.disordered = 0;
        self.tally = Tally::default();
        self.given = Content::default();
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let described = self.labels.capacity() * size_of::<(SymbolRef, SymbolRef)>()
            + self.chunks.capacity() * size_of::<ChunkMeta>()
            + self.series.capacity() * size_of::<SeriesEnd>();
        (self.records.capacity() + self.bodies.capacity() + described) as u64
    }

    /// Appends a chunk to the series that is being written.
    ///
    /// # Errors
    /// Where the payload is shorter than its header.
    pub fn put(&mut self, min: i64, max: i64, chunk: ChunkView<'_>) -> Result<()> {
        let samples = chunk::sample_count(chunk)? as u64;
        count(&mut self.stats, chunk.encoding, samples);
        let reference = ChunkRef(self.records.len() as u64);
        self.chunks.push(ChunkMeta {
            min,
            max,
            reference,
        });
        let checksum = put_record(&mut self.records, chunk);
        self.given.add((min, max), checksum, samples);
        Ok(())
    }

    /// The chunks from this one on, as they lie in the buffers.
    fn written(&self, first: usize) -> Result<Content> {
        let mut written = Content::default();
        let mut start = self.series.last().map_or(0, |end| end.records);
        for chunk in &self.chunks[first..] {
            if chunk.reference != ChunkRef(start as u64) {
                return Err(Error::Mismatch("a chunk not behind the one before".into()));
            }
            let mut cursor = Cursor::new("chunk", &self.records[start..], start as u64);
            let record = Record::peek(&mut cursor)?;
            start += record.bytes.len();
            let samples = chunk::sample_count(record.chunk)? as u64;
            written.add((chunk.min, chunk.max), record.checksum(), samples);
        }
        if start != self.records.len() {
            return Err(Error::Mismatch("bytes behind the last chunk".into()));
        }
        Ok(written)
    }

    /// Ends the series whose chunks were put since the last one; one without chunks leaves no trace.
    ///
    /// # Errors
    /// Where label names or chunks do not ascend; [`Error::Mismatch`] where the buffers hold other chunks than were given.
    pub fn finish_series(&mut self, labels: &[(SymbolRef, SymbolRef)]) -> Result<()> {
        let first = self.series.last().map_or(0, |end| end.chunks);
        let given = std::mem::take(&mut self.given);
        let written = self.written(first)?;
        if written != given {
            return Err(Error::Mismatch(written.difference(&given)));
        }
        let chunks = &self.chunks[first..];
        if chunks.is_empty() {
            return Ok(());
        }
        let refuse = |what| Cursor::new("series", &[], 0).corrupt(what);
        series::check(labels, chunks).map_err(refuse)?;
        let encoded = series::encode(labels, chunks, &mut self.bodies);
        self.stats.num_series += 1;
        self.tally.add(Key::of(labels), written);
        self.labels.extend_from_slice(labels);
        self.series.push(SeriesEnd {
            labels: self.labels.len(),
            chunks: self.chunks.len(),
            records: self.records.len(),
            bodies: self.bodies.len(),
            encoded,
        });
        Ok(())
    }
}

/// Builds the series of one range into `out`, whatever that held before; `positions` has the piece of each source's list.
///
/// # Errors
/// Where an input is damaged or cannot be read, or overlapping chunks cannot be merged.
pub fn build<I: Input>(
    sources: &[Source<'_, I>],
    positions: &[Range<usize>],
    options: &Options,
    mut out: RangeOutput,
) -> Result<RangeOutput> {
    out.clear();
    let mut builder = Builder {
        options,
        lanes: Vec::with_capacity(sources.len()),
        heap: Heap::default(),
        out,
        scratch: Scratch::default(),
    };
    for (source, positions) in sources.iter().zip(positions) {
        if !positions.is_empty() {
            builder.lanes.push(Lane::new(
                source,
                positions.clone(),
                options.range.interval(),
            )?);
        }
    }
    builder.run()
}

struct Builder<'a, I: Input> {
    options: &'a Options,
    lanes: Vec<Lane<'a, I>>,
    heap: Heap<usize>,
    out: RangeOutput,
    scratch: Scratch,
}

/// Buffers that are reused from series to series.
#[derive(Default)]
struct Scratch {
    labels: Vec<(SymbolRef, SymbolRef)>,
    /// The lanes of a group by time.
    by_time: Vec<usize>,
    records: Vec<Placed>,
    buffer: Vec<u8>,
    deleted: Vec<Interval>,
    samples: Vec<Sample>,
}

impl<I: Input> Builder<'_, I> {
    fn run(mut self) -> Result<RangeOutput> {
        for lane in 0..self.lanes.len() {
            self.advance(lane)?;
        }
        let mut group = Vec::with_capacity(self.lanes.len());
        while self.pop_group(&mut group) {
            self.emit(&group)?;
            for &lane in &group {
                self.advance(lane)?;
            }
        }
        self.lanes.iter().try_for_each(Lane::check_read)?;
        Ok(self.out)
    }

    /// Moves a lane to its next series, which must sort after the series just written.
    fn advance(&mut self, lane: usize) -> Result<()> {
        if self.lanes[lane].advance()? {
            if self.lanes[lane].labels() <= self.scratch.labels.as_slice() {
                return Err(self.out_of_order(lane));
            }
            let lanes = &self.lanes;
            self.heap
                .push(lane, |a, b| lanes[a].labels() < lanes[b].labels());
        }
        Ok(())
    }

    fn out_of_order(&self, lane: usize) -> Error {
        let source = self.lanes[lane].source();
        Cursor::new("series", &[], 0)
            .corrupt(Corruption::Order("series labels"))
            .at(format!("{}: index", source.input.name()))
    }

    /// The lanes that stand on the least labels, in the order in which the heap yields them.
    fn pop_group(&mut self, group: &mut Vec<usize>) -> bool {
        group.clear();
        let lanes = &self.lanes;
        let less = |a: usize, b: usize| lanes[a].labels() < lanes[b].labels();
        let Some(first) = self.heap.pop(less) else {
            return false;
        };
        group.push(first);
        while let Some(next) = self.heap.top() {
            if lanes[next].labels() != lanes[first].labels() {
                break;
            }
            group.push(next);
            self.heap.pop(less);
        }
        self.scratch.labels.clear();
        self.scratch.labels.extend_from_slice(lanes[first].labels());
        true
    }

    fn emit(&mut self, group: &[usize]) -> Result<()> {
        self.out.disordered += group
            .iter()
            .filter(|&&lane| self.lanes[lane].is_disordered())
            .count() as u64;
        if self.can_copy(group) {
            for at in 0..group.len() {
                self.copy(self.scratch.by_time[at])?;
            }
        } else {
            self.merge(group)?;
        }
        let finished = self.out.finish_series(&self.scratch.labels);
        finished.at(|| self.names(group))
    }

    /// Whether no chunk must be looked into; then `by_time` has the lanes in the order of their chunks in the result.
    fn can_copy(&mut self, group: &[usize]) -> bool {
        let range = self.options.range.interval();
        let sound = group.iter().all(|&lane| {
            let lane = &self.lanes[lane];
            let inside = |chunk: &ChunkMeta| chunk.min >= range.min.0 && chunk.max <= range.max.0;
            !lane.is_disordered() && lane.deleted().is_empty() && lane.chunks().iter().all(inside)
        });
        if !sound {
            return false;
        }
        let key = |lane: usize| {
            let chunks = self.lanes[lane].chunks();
            (chunks[0].min, chunks[chunks.len() - 1].max)
        };
        let by_time = &mut self.scratch.by_time;
        by_time.clear();
        by_time.extend_from_slice(group);
        by_time.sort_unstable_by_key(|&lane| key(lane));
        by_time
            .windows(2)
            .all(|pair| key(pair[0]).1 < key(pair[1]).0)
    }

    fn copy(&mut self, lane: usize) -> Result<()> {
        self.scratch.records.clear();
        self.lanes[lane].read_records(&mut self.out.records, &mut self.scratch.records)?;
        for (record, chunk) in self.scratch.records.iter().zip(self.lanes[lane].chunks()) {
            count(&mut self.out.stats, record.encoding, record.samples);
            let times = (chunk.min, chunk.max);
            self.out.given.add(times, record.checksum, record.samples);
            self.out.chunks.push(ChunkMeta {
                reference: ChunkRef(record.start as u64),
                ..*chunk
            });
        }
        Ok(())
    }

    fn merge(&mut self, group: &[usize]) -> Result<()> {
        self.scratch.buffer.clear();
        let mut lanes = Vec::with_capacity(group.len());
        for &lane in group {
            let pieces = self.pieces(lane)?;
            if !pieces.is_empty() {
                lanes.push(pieces);
            }
        }
        let mut all: Vec<Piece> = lanes.iter().flatten().copied().collect();
        all.sort_by_key(|piece| (piece.min, piece.max));
        if !chunks::disjoint(&all) {
            let mut merger = ChunkMerger::new(self.options.func, &mut self.scratch.buffer);
            lanes.into_iter().for_each(|pieces| merger.push(pieces));
            all = merger.finish().at(|| self.names(group))?;
        }
        for piece in all {
            self.out
                .put(piece.min, piece.max, piece.view(&self.scratch.buffer))?;
        }
        Ok(())
    }

    /// The series that is being merged, as its blocks have it.
    fn names(&self, group: &[usize]) -> String {
        let names: Vec<String> = group.iter().map(|&lane| self.lanes[lane].place()).collect();
        names.join(", ")
    }

    /// The current series' chunks of one block after deletions, with copies of the same chunk dropped.
    fn pieces(&mut self, lane: usize) -> Result<Vec<Piece>> {
        let Scratch {
            records,
            buffer,
            deleted,
            samples,
            ..
        } = &mut self.scratch;
        records.clear();
        let lane = &mut self.lanes[lane];
        lane.read_records(buffer, records)?;
        trim::with_borders(
            lane.chunks(),
            self.options.range.interval(),
            lane.deleted(),
            deleted,
        );
        let mut pieces: Vec<Piece> = Vec::with_capacity(records.len());
        for (record, chunk) in records.iter().zip(lane.chunks()) {
            let (start, len) = (record.payload, record.len);
            let piece = Piece {
                min: chunk.min,
                max: chunk.max,
                encoding: record.encoding,
                start,
                len,
            };
            if trim::touched(chunk, deleted) {
                let place = || lane.source().chunk_place(chunk.reference);
                for chunk in trim::rewrite(piece.view(buffer), deleted, samples).at(place)? {
                    let (start, len) = (buffer.len(), chunk.payload.len());
                    buffer.extend_from_slice(&chunk.payload);
                    pieces.push(Piece {
                        min: chunk.min,
                        max: chunk.max,
                        encoding: chunk.encoding,
                        start,
                        len,
                    });
                }
            } else if !pieces
                .last()
                .is_some_and(|last| piece.same_as(last, buffer))
            {
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }
}

/// Appends a chunk as a segment stores it, and says which checksum it got.
fn put_record(out: &mut Vec<u8>, chunk: ChunkView<'_>) -> u32 {
    out.put_uvarint(chunk.payload.len() as u64);
    let body = out.len();
    out.put_u8(chunk.encoding.byte());
    out.put(chunk.payload);
    let checksum = crc::crc32c(&out[body..]);
    out.put_u32(checksum);
    checksum
}

/// Adds a chunk to the counts, as Prometheus does: aggregates count as samples of no kind.
#[inline]
fn count(stats: &mut BlockStats, encoding: Encoding, samples: u64) {
    stats.num_chunks += 1;
    stats.num_samples += samples;
    match encoding {
        Encoding::Xor | Encoding::Xor2 => stats.num_float_samples += samples,
        Encoding::Histogram
        | Encoding::FloatHistogram
        | Encoding::HistogramSt
        | Encoding::FloatHistogramSt => {
            stats.num_histogram_samples += samples;
        }
        Encoding::Aggregate | Encoding::Unknown(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_whose_buffers_hold_something_else_is_refused() {
        fn check(damage: impl Fn(&mut RangeOutput), is_sound: bool) {
            let mut range = RangeOutput::default();
            for t in [0, 10] {
                let payload = &chunk::xor::encode(&[t], &[1.0]);
                let encoding = Encoding::Xor;
                range.put(t, t, ChunkView { encoding, payload }).unwrap();
            }
            damage(&mut range);
            let done = range.finish_series(&[(SymbolRef(0), SymbolRef(1))]);
            assert_eq!(done.is_ok(), is_sound, "{range:?}");
        }
        check(|_| {}, true);
        check(|range| range.chunks[1].max = 11, false);
        check(|range| range.chunks.truncate(1), false);
        check(|range| range.records.truncate(5), false);
        check(|range| range.records.push(0), false);
        check(|range| range.chunks.swap(0, 1), false);
        check(
            |range| {
                let last = range.records.len() - 1;
                range.records[last] ^= 1;
            },
            false,
        );
    }
}
