//! The aggregates of one chunk as they get ready, and the chunk's interval.
//!
//! The interval spans the stamps of all windows of all aggregates; the first and last raw samples of a counter, which its
//! chunk holds besides, do not count.

use tsdb::chunk::aggregate::{self, Aggregate};
use tsdb::chunk::xor::{SAMPLES_MAX, XorEncoder};
use tsdb::chunk::{Chunk, Encoding};
use tsdb::merge::tally;
use tsdb::{Error, Result};

/// Some of the five aggregates.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: [Option<(Encoding, Vec<u8>)>; 5],
    /// First and last stamp.
    range: Option<(i64, i64)>,
}

impl Parts {
    /// Adds an aggregate that has a float for each window; absent if there are no windows.
    ///
    /// # Errors
    /// Where there are more windows than a chunk can count, or the chunk holds others.
    pub(super) fn add_floats(
        &mut self,
        aggregate: Aggregate,
        stamps: &[i64],
        vs: &[f64],
    ) -> Result<()> {
        check_len(stamps.len())?;
        if !stamps.is_empty() {
            let mut encoder = XorEncoder::new();
            encoder.extend(stamps, vs);
            let payload = encoder.finish();
            tally::check_floats(&payload, stamps, vs)?;
            self.add(aggregate, stamps, (Encoding::Xor, payload));
        }
        Ok(())
    }

    /// Adds the counter: its first raw sample, the running totals, its last raw value at the time of the last window.
    ///
    /// # Errors
    /// As [`Self::add_floats`].
    pub(super) fn add_counter(
        &mut self,
        stamps: &[i64],
        totals: &[f64],
        (first, last_v): ((i64, f64), f64),
    ) -> Result<()> {
        check_len(stamps.len() + 2)?;
        if let Some(&last_t) = stamps.last() {
            let mut encoder = XorEncoder::new();
            encoder.append(first.0, first.1);
            encoder.extend(stamps, totals);
            encoder.append(last_t, last_v);
            let part = (Encoding::Xor, encoder.finish());
            self.add(Aggregate::Counter, stamps, part);
        }
        Ok(())
    }

    /// Adds an aggregate that is packed already, with the stamps of its windows.
    pub(super) fn add(&mut self, aggregate: Aggregate, stamps: &[i64], part: (Encoding, Vec<u8>)) {
        if let (Some(&first), Some(&last)) = (stamps.first(), stamps.last()) {
            let (min, max) = self.range.unwrap_or((first, last));
            self.range = Some((min.min(first), max.max(last)));
        }
        self.parts[aggregate as usize] = Some(part);
    }

    /// The chunk, if there is a window. Where there is no counter, it gets an empty one: Thanos can read that, but no
    /// chunk that ends in an absent aggregate.
    pub(super) fn finish(mut self, empty_counter: fn() -> (Encoding, Vec<u8>)) -> Option<Chunk> {
        let (min, max) = self.range?;
        self.parts[Aggregate::Counter as usize].get_or_insert_with(empty_counter);
        let parts = self.parts.each_ref().map(|part| {
            part.as_ref()
                .map(|(encoding, bytes)| (*encoding, &bytes[..]))
        });
        Some(Chunk {
            min,
            max,
            encoding: Encoding::Aggregate,
            payload: aggregate::encode(parts),
        })
    }
}

fn check_len(len: usize) -> Result<()> {
    if len > SAMPLES_MAX {
        return Err(Error::Limit {
            what: "samples of an aggregate",
            need: len as u64,
            limit: SAMPLES_MAX as u64,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tsdb::chunk::aggregate::AggregateView;

    use super::*;

    fn empty() -> (Encoding, Vec<u8>) {
        (Encoding::Xor, vec![0, 0])
    }

    #[test]
    fn a_chunk_never_ends_in_an_absent_aggregate() {
        let mut parts = Parts::default();
        parts
            .add_floats(Aggregate::Sum, &[7, 9], &[1.0, 2.0])
            .unwrap();
        let chunk = parts.finish(empty).unwrap();
        assert_eq!((chunk.min, chunk.max), (7, 9));
        let view = AggregateView::parse(&chunk.payload).unwrap();
        assert!(view.get(Aggregate::Count).is_none());
        assert_eq!(view.get(Aggregate::Counter).unwrap().payload, [0, 0]);
        assert_eq!(Parts::default().finish(empty), None);
    }

    #[test]
    fn a_chunk_that_could_not_count_its_windows_is_refused() {
        let check = |len: usize, want: bool| {
            let (stamps, totals) = (vec![0; len], vec![0.0; len]);
            let mut parts = Parts::default();
            let added = parts.add_counter(&stamps, &totals, ((0, 0.0), 0.0));
            assert_eq!(added.is_ok(), want, "{len}");
        };
        check(SAMPLES_MAX - 2, true);
        check(SAMPLES_MAX - 1, false);
    }
}
