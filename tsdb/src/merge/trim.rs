//! What deletions and the result's range leave of a series' chunks.
//!
//! A chunk outside the range, or inside one deleted interval, is dropped unread. A chunk that reaches over the range's
//! border makes the border a deletion for all chunks of the series. What a deletion touches is decoded and written anew,
//! all its remaining samples in one chunk; the rest is copied.

use crate::chunk::{self, Chunk, ChunkView, Encoding};
use crate::error::{Error, Result};
use crate::index::ChunkMeta;
use crate::sample::Sample;
use crate::time::{Interval, Millis};

/// Removes the chunks that cannot have a sample in the result.
pub fn drop_outside(chunks: &mut Vec<ChunkMeta>, range: Interval, deleted: &[Interval]) {
    chunks.retain(|chunk| {
        let interval = interval(chunk);
        range.overlaps(interval) && !deleted.iter().any(|deletion| deletion.covers(interval))
    });
}

/// The deletions of a series, with the borders of `range` where a chunk reaches over them.
pub fn with_borders(
    chunks: &[ChunkMeta],
    range: Interval,
    deleted: &[Interval],
    out: &mut Vec<Interval>,
) {
    out.clear();
    out.extend_from_slice(deleted);
    if chunks.iter().any(|chunk| chunk.min < range.min.0) {
        out.push(Interval::new(
            Millis::MIN,
            range.min.saturating_sub(Millis(1)),
        ));
    }
    if chunks.iter().any(|chunk| chunk.max > range.max.0) {
        out.push(Interval::new(
            range.max.saturating_add(Millis(1)),
            Millis::MAX,
        ));
    }
}

/// Whether a deletion touches the chunk, so that it must be written anew.
#[must_use]
pub fn touched(chunk: &ChunkMeta, deleted: &[Interval]) -> bool {
    deleted
        .iter()
        .any(|deletion| deletion.overlaps(interval(chunk)))
}

/// The remaining samples of a touched chunk as new chunks, usually one; none where no sample remains.
///
/// # Errors
/// Where the chunk is damaged, or of a kind that cannot be cut: a downsampled or an unknown one.
pub fn rewrite(
    chunk: ChunkView<'_>,
    deleted: &[Interval],
    samples: &mut Vec<Sample>,
) -> Result<Vec<Chunk>> {
    if matches!(chunk.encoding, Encoding::Aggregate | Encoding::Unknown(_)) {
        let encoding = chunk.encoding.byte();
        return Err(Error::Invalid(format!(
            "a deletion or the block's border cuts a chunk of encoding {encoding}, which cannot be cut"
        )));
    }
    samples.clear();
    chunk::decode(chunk, samples)?;
    samples.retain(|sample| {
        !deleted
            .iter()
            .any(|deletion| deletion.contains(Millis(sample.t)))
    });
    if samples.is_empty() {
        return Ok(Vec::new());
    }
    chunk::reencode_one(samples, chunk.encoding)
}

fn interval(chunk: &ChunkMeta) -> Interval {
    Interval::new(Millis(chunk.min), Millis(chunk.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ChunkRef;

    fn chunk(min: i64, max: i64) -> ChunkMeta {
        ChunkMeta {
            min,
            max,
            reference: ChunkRef(8),
        }
    }

    fn span(min: i64, max: i64) -> Interval {
        Interval::new(Millis(min), Millis(max))
    }

    #[test]
    fn a_chunk_goes_only_when_one_deletion_covers_it() {
        fn check(deleted: &[Interval], want: usize) {
            let mut chunks = vec![chunk(10, 20)];
            drop_outside(&mut chunks, span(0, 100), deleted);
            assert_eq!(chunks.len(), want, "{deleted:?}");
        }
        check(&[], 1);
        check(&[span(10, 20)], 0);
        check(&[span(10, 19)], 1);
        check(&[span(0, 14), span(16, 30)], 1);
    }

    #[test]
    fn borders_count_only_where_a_chunk_reaches_over_them() {
        fn check(chunks: &[ChunkMeta], want: &[Interval]) {
            let mut out = Vec::new();
            with_borders(chunks, span(0, 99), &[], &mut out);
            assert_eq!(out, want);
        }
        check(&[chunk(0, 99)], &[]);
        check(&[chunk(-1, 99)], &[span(i64::MIN, -1)]);
        check(&[chunk(0, 100)], &[span(100, i64::MAX)]);
    }
}
