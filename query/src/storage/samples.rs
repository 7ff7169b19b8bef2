//! The raw samples of one series from all sources, in time order, one per time.
//!
//! Chunks of aggregates are passed over: whoever federates or reads remotely wants what was scraped.

use tsdb::chunk;
use tsdb::error::Result;
use tsdb::sample::Sample;
use tsdb::source::SeriesChunk;
use tsdb::time::{Interval, Millis};

/// Samples of `chunks` within `times`; of two at one time the one of the first chunk stays.
///
/// # Errors
/// Where a chunk is damaged.
pub(crate) fn within(chunks: &[SeriesChunk], times: Interval) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for part in chunks.iter().filter(|part| part.aggregate.is_none()) {
        let interval = Interval::new(Millis(part.min), Millis(part.max));
        if interval.overlaps(times) {
            chunk::decode(part.view(), &mut samples)?;
        }
    }
    samples.retain(|sample| times.contains(Millis(sample.t)));
    samples.sort_by_key(|sample| sample.t);
    samples.dedup_by_key(|sample| sample.t);
    Ok(samples)
}
