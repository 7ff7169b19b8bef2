//! Chunks fit for a reader of remote read: in time order, none reaching into another, in encodings that it knows.

use bytes::Bytes;
use tsdb::chunk::Encoding;
use tsdb::chunk::encode::encode_samples;
use tsdb::error::Result;
use tsdb::source::SeriesChunk;
use tsdb::time::Interval;

use crate::storage::samples;

/// The chunks as they are where that will do, else their samples in new ones.
pub(super) fn disjoint(mut chunks: Vec<SeriesChunk>) -> Result<Vec<SeriesChunk>> {
    chunks.retain(|chunk| chunk.aggregate.is_none());
    chunks.sort_by_key(|chunk| (chunk.min, chunk.max));
    // Replicas of a block bring the very same chunks.
    chunks.dedup_by(|a, b| a == b);
    let is_known = |chunk: &SeriesChunk| {
        matches!(
            chunk.encoding,
            Encoding::Xor | Encoding::Histogram | Encoding::FloatHistogram
        )
    };
    let are_disjoint = chunks.windows(2).all(|pair| pair[0].max < pair[1].min);
    if are_disjoint && chunks.iter().all(is_known) {
        return Ok(chunks);
    }
    let samples = samples::within(&chunks, Interval::ALL)?;
    let chunks = encode_samples(&samples)?
        .into_iter()
        .map(|chunk| SeriesChunk {
            min: chunk.min,
            max: chunk.max,
            aggregate: None,
            encoding: chunk.encoding,
            payload: Bytes::from(chunk.payload),
        });
    Ok(chunks.collect())
}
