//! The chunks of one series in order: aggregates that belong together joined, copies dropped, replicas told apart.
//!
//! ```text
//! chunks     a  b  a' c      a' is a copy of a: gone
//! pieces     a  b  c         ascending by their first time
//! lanes      a-----c         no two pieces of a lane overlap
//!              b---
//! ```
//!
//! What a lane holds is taken for one replica. That is how Thanos splits series whose replica label is gone, and where the
//! replicas are whole it finds them again. Nothing is decoded here.

use tsdb::chunk::aggregate::Aggregate;
use tsdb::error::{Error, Result};
use tsdb::source::SeriesChunk;
use tsdb::time::Interval;

use super::Reading;

/// A stretch of samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// The samples, or the aggregate that is read.
    pub(crate) chunk: SeriesChunk,
    /// The number of samples behind each window, where it is read beside another aggregate.
    pub(crate) count: Option<SeriesChunk>,
    /// Samples outside belong to another source.
    pub(crate) within: Interval,
}

impl Reading {
    /// The aggregates of a downsampled series that it needs.
    pub(crate) fn aggregates(self) -> &'static [Aggregate] {
        match self {
            Self::Average => &[Aggregate::Count, Aggregate::Sum],
            Self::Count => &[Aggregate::Count],
            Self::Sum => &[Aggregate::Sum],
            Self::Min => &[Aggregate::Min],
            Self::Max => &[Aggregate::Max],
            Self::Counter => &[Aggregate::Counter],
        }
    }
}

/// The pieces of a series, ascending, each once.
///
/// # Errors
/// Where a sum has no count.
pub(crate) fn pieces(chunks: &[(SeriesChunk, Interval)], reading: Reading) -> Result<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::with_capacity(chunks.len());
    let mut count: Option<&SeriesChunk> = None;
    for (chunk, within) in chunks {
        let mut piece = Piece {
            chunk: chunk.clone(),
            count: None,
            within: *within,
        };
        match chunk.aggregate {
            Some(aggregate) if !reading.aggregates().contains(&aggregate) => continue,
            Some(Aggregate::Count) if reading == Reading::Average => {
                count = Some(chunk);
                continue;
            }
            Some(_) if reading == Reading::Average => {
                let belongs =
                    |count: &&SeriesChunk| (count.min, count.max) == (chunk.min, chunk.max);
                let Some(of_it) = count.take().filter(belongs) else {
                    let what = "a sum stands without the count of its samples";
                    return Err(Error::corrupt("aggregate chunk", 0, what));
                };
                piece.count = Some(of_it.clone());
            }
            _ => {}
        }
        pieces.push(piece);
    }
    pieces.sort_by_key(|piece| (piece.chunk.min, piece.chunk.max));
    drop_copies(&mut pieces);
    Ok(pieces)
}

/// Of pieces with the same bytes the first stays.
fn drop_copies(pieces: &mut Vec<Piece>) {
    let mut kept = 0;
    for at in 0..pieces.len() {
        let span = |piece: &Piece| (piece.chunk.min, piece.chunk.max);
        let same = pieces[..kept].iter().rev();
        let mut same = same.take_while(|other| span(other) == span(&pieces[at]));
        if !same.any(|other| *other == pieces[at]) {
            pieces.swap(kept, at);
            kept += 1;
        }
    }
    pieces.truncate(kept);
}

/// Distributes ascending pieces over as few lanes as hold them without overlaps.
pub(crate) fn lanes(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut lanes: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let is_free = |lane: &&mut Vec<Piece>| {
            let last = lane.last();
            last.is_none_or(|last| last.chunk.max < piece.chunk.min)
        };
        match lanes.iter_mut().find(is_free) {
            Some(lane) => lane.push(piece),
            None => lanes.push(vec![piece]),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use tsdb::chunk::Encoding;

    use super::*;

    fn chunk(
        min: i64,
        max: i64,
        aggregate: Option<Aggregate>,
        byte: u8,
    ) -> (SeriesChunk, Interval) {
        let chunk = SeriesChunk {
            min,
            max,
            aggregate,
            encoding: Encoding::Xor,
            payload: vec![byte].into(),
        };
        (chunk, Interval::ALL)
    }

    #[test]
    fn copies_go_and_what_overlaps_lies_in_lanes_of_its_own() {
        let chunks = [
            chunk(11, 20, None, 1),
            chunk(0, 10, None, 1),
            chunk(5, 15, None, 2),
            chunk(0, 10, None, 1),
            chunk(0, 10, None, 3),
        ];
        let lanes = lanes(pieces(&chunks, Reading::Average).unwrap());
        let shape = lanes.iter().map(|lane| {
            let pieces = lane.iter();
            pieces.map(|p| (p.chunk.min, p.chunk.payload[0])).collect()
        });
        let shape: Vec<Vec<(i64, u8)>> = shape.collect();
        assert_eq!(shape, [vec![(0, 1), (11, 1)], vec![(0, 3)], vec![(5, 2)]]);
    }

    #[test]
    fn a_sum_is_read_with_its_count_and_not_without() {
        let (count, sum) = (Some(Aggregate::Count), Some(Aggregate::Sum));
        let chunks = [
            chunk(0, 9, count, 1),
            chunk(0, 9, sum, 2),
            chunk(0, 9, Some(Aggregate::Min), 3),
            chunk(10, 19, None, 4),
        ];
        let check = |reading, want: &[u8]| {
            let got = pieces(&chunks, reading).unwrap();
            let got: Vec<u8> = got.iter().map(|piece| piece.chunk.payload[0]).collect();
            assert_eq!(got, want, "{reading:?}");
        };
        check(Reading::Average, &[2, 4]);
        check(Reading::Count, &[1, 4]);
        check(Reading::Min, &[3, 4]);
        check(Reading::Counter, &[4]);
        let joined = pieces(&chunks, Reading::Average).unwrap();
        assert_eq!(joined[0].count, Some(chunks[0].0.clone()));
        assert!(pieces(&chunks[1..], Reading::Average).is_err());
    }
}
