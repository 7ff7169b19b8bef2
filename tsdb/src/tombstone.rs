//! Tombstones: times of series that are deleted, kept beside a block until it is rewritten.
//!
//! ```text
//! magic 0130BA30 u32 | version 1 u8 | entries | crc32c(entries) u32
//! entry:  series uvarint | min varint | max varint
//! ```
//!
//! Intervals are closed. Those of one series ascend and neither overlap nor touch: [`Intervals::add`] keeps it so. The order of
//! series in a file is arbitrary (Go's map order); ours ascends. A missing file means no tombstones; every
//! finished block gets an empty one, nine bytes long. Applied by merge and by the block reader.

#![deny(clippy::indexing_slicing)]

use std::collections::BTreeMap;

use crate::codec::{Cursor, Sink, crc};
use crate::error::{Corruption, Result};
use crate::id::SeriesRef;
use crate::time::{Interval, Millis};

/// First four bytes.
pub const MAGIC: u32 = 0x0130_BA30;

/// The only version.
pub const VERSION: u8 = 1;

const SECTION: &str = "tombstones";

/// Magic and version.
const HEAD_SIZE: u64 = 5;

/// Deleted times of one series: ascending, disjoint, with at least one millisecond between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// Adds an interval and merges it with those that it overlaps or touches. One that ends before it begins is nothing.
    pub fn add(&mut self, interval: Interval) {
        let Interval { mut min, mut max } = interval;
        if max < min {
            return;
        }
        // Those that end right before `min` or later, and begin right after `max` or earlier, become one.
        let from = self
            .0
            .partition_point(|one| one.max.saturating_add(Millis(1)) < min);
        let to = self
            .0
            .partition_point(|one| one.min <= max.saturating_add(Millis(1)));
        if let Some(merged) = self.0.get(from..to)
            && let (Some(first), Some(last)) = (merged.first(), merged.last())
        {
            min = min.min(first.min);
            max = max.max(last.max);
        }
        self.0.splice(from..to.max(from), [Interval { min, max }]);
    }

    /// The intervals in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    /// Number of intervals.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `time` is deleted.
    #[must_use]
    pub fn contains(&self, time: Millis) -> bool {
        self.covers(Interval::new(time, time))
    }

    /// Whether all of `interval` is deleted.
    #[must_use]
    pub fn covers(&self, interval: Interval) -> bool {
        self.first_ending_at(interval.min)
            .is_some_and(|one| one.covers(interval))
    }

    /// Whether some of `interval` is deleted.
    #[must_use]
    pub fn overlaps(&self, interval: Interval) -> bool {
        self.first_ending_at(interval.min)
            .is_some_and(|one| one.overlaps(interval))
    }

    /// The first interval that ends at `time` or later.
    fn first_ending_at(&self, time: Millis) -> Option<&Interval> {
        let at = self.0.partition_point(|one| one.max < time);
        self.0.get(at)
    }
}

impl FromIterator<Interval> for Intervals {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut merged = Self::default();
        for interval in intervals {
            merged.add(interval);
        }
        merged
    }
}

/// Deleted times of all series of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tombstones(BTreeMap<SeriesRef, Intervals>);

impl Tombstones {
    /// Reads a whole file.
    ///
    /// # Errors
    /// Where it is shorter than nine bytes, not a tombstones file, or the checksum differs.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut head = Cursor::new(SECTION, bytes, 0);
        let start = head.clone();
        let found = head.u32()?;
        if found != MAGIC {
            return Err(start.corrupt(Corruption::Magic { found, want: MAGIC }));
        }
        let here = head.clone();
        let version = head.u8()?;
        if version != VERSION {
            return Err(here.corrupt(Corruption::Version(version.into())));
        }
        let Some((entries, checksum)) = head.rest().split_last_chunk::<4>() else {
            return Err(head.corrupt(Corruption::Truncated {
                need: 4,
                have: head.len() as u64,
            }));
        };
        crc::verify(&head, entries, u32::from_be_bytes(*checksum))?;
        let mut intervals = Vec::new();
        let mut cursor = Cursor::new(SECTION, entries, HEAD_SIZE);
        while !cursor.is_empty() {
            let series = SeriesRef(cursor.uvarint32()?);
            let (min, max) = (Millis(cursor.varint()?), Millis(cursor.varint()?));
            intervals.push((series, Interval::new(min, max)));
        }
        // In order each interval joins the last one or follows it, which costs nothing.
        intervals.sort_unstable_by_key(|(series, interval)| (*series, interval.min));
        let mut tombstones = Self::default();
        for (series, interval) in intervals {
            tombstones.add(series, interval);
        }
        Ok(tombstones)
    }

    /// The bytes of a file, series ascending.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for (series, intervals) in &self.0 {
            for interval in intervals.as_slice() {
                entries.put_uvarint(series.0.into());
                entries.put_varint(interval.min.0);
                entries.put_varint(interval.max.0);
            }
        }
        let mut bytes = Vec::with_capacity(entries.len() + 9);
        bytes.put_u32(MAGIC);
        bytes.put_u8(VERSION);
        bytes.put(&entries);
        bytes.put_u32(crc::crc32c(&entries));
        bytes
    }

    /// Deletes an interval of a series.
    pub fn add(&mut self, series: SeriesRef, interval: Interval) {
        if interval.min <= interval.max {
            self.0.entry(series).or_default().add(interval);
        }
    }

    /// What is deleted of a series, if anything.
    #[must_use]
    pub fn get(&self, series: SeriesRef) -> Option<&Intervals> {
        self.0.get(&series)
    }

    /// All series with deleted times, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SeriesRef, &Intervals)> {
        self.0
            .iter()
            .map(|(series, intervals)| (*series, intervals))
    }

    /// Whether nothing is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of intervals of all series, as `numTombstones` in `meta.json` counts them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().map(Intervals::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(min: i64, max: i64) -> Interval {
        Interval::new(Millis(min), Millis(max))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn files_are_those_of_the_specification() {
        let mut tombstones = Tombstones::default();
        assert_eq!(hex(&tombstones.encode()), "0130ba300100000000");
        tombstones.add(SeriesRef(3), interval(-5, 10));
        tombstones.add(SeriesRef(3), interval(1000, 2000));
        assert_eq!(
            hex(&tombstones.encode()),
            "0130ba300103091403d00fa01fdd4ecc3c"
        );
        assert_eq!(tombstones.count(), 2);
    }

    #[test]
    fn neighbours_become_one() {
        fn check(add: &[(i64, i64)], want: &[(i64, i64)]) {
            let got: Intervals = add.iter().map(|(min, max)| interval(*min, *max)).collect();
            let want: Vec<_> = want.iter().map(|(min, max)| interval(*min, *max)).collect();
            assert_eq!(got.as_slice(), want, "{add:?}");
        }
        check(&[(1, 2), (4, 5)], &[(1, 2), (4, 5)]);
        check(&[(4, 5), (1, 2)], &[(1, 2), (4, 5)]);
        check(&[(1, 2), (3, 5)], &[(1, 5)]);
        check(&[(3, 5), (1, 2)], &[(1, 5)]);
        check(&[(1, 2), (6, 7), (3, 5)], &[(1, 7)]);
        check(&[(1, 9), (3, 5)], &[(1, 9)]);
        check(&[(3, 5), (1, 9)], &[(1, 9)]);
        check(&[(5, 4)], &[]);
        check(&[(i64::MIN, 0), (1, i64::MAX)], &[(i64::MIN, i64::MAX)]);
        check(
            &[(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)],
            &[(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)],
        );
    }

    #[test]
    fn every_flip_of_an_entry_or_checksum_is_found() {
        let mut tombstones = Tombstones::default();
        tombstones.add(SeriesRef(3), interval(-5, 10));
        tombstones.add(SeriesRef(70_000), interval(1000, 2000));
        let bytes = tombstones.encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Tombstones::decode(&damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Tombstones::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_series_past_32_bits_is_refused() {
        let mut entries = Vec::new();
        entries.put_uvarint(1 << 32);
        entries.put_varint(1);
        entries.put_varint(2);
        let mut bytes = vec![1, 0x30, 0xBA, 0x30, 1];
        bytes.put(&entries);
        bytes.put_u32(crc::crc32c(&entries));
        let error = Tombstones::decode(&bytes).unwrap_err().to_string();
        assert_eq!(
            error,
            "tombstones at 0x5: variable-length integer overflows"
        );
    }

    proptest! {
        #[test]
        fn intervals_equal_a_set_of_times(added in proptest::collection::vec((0_i64..40, 0_i64..8), 0..12)) {
            let mut intervals = Intervals::default();
            let mut deleted = [false; 64];
            for (min, length) in added {
                intervals.add(interval(min, min + length));
                for time in min..=min + length {
                    deleted[usize::try_from(time).unwrap()] = true;
                }
            }
            for min in 0..60_usize {
                let time = i64::try_from(min).unwrap();
                prop_assert_eq!(intervals.contains(Millis(time)), deleted[min]);
                for length in 0..4_usize {
                    let wanted = interval(time, time + i64::try_from(length).unwrap());
                    let times = &deleted[min..=min + length];
                    prop_assert_eq!(intervals.covers(wanted), times.iter().all(|deleted| *deleted));
                    prop_assert_eq!(intervals.overlaps(wanted), times.contains(&true));
                }
            }
            let gaps = intervals.as_slice().is_sorted_by(|one, next| one.max.0 + 1 < next.min.0);
            prop_assert!(gaps);
        }

        #[test]
        fn files_survive_a_round_trip_in_any_order(added in proptest::collection::vec((0_u32..5, any::<i64>(), any::<i64>()), 0..12)) {
            let mut tombstones = Tombstones::default();
            let mut entries = Vec::new();
            for (series, min, max) in added {
                tombstones.add(SeriesRef(series), interval(min, max));
                entries.put_uvarint(series.into());
                entries.put_varint(min);
                entries.put_varint(max);
            }
            prop_assert_eq!(&Tombstones::decode(&tombstones.encode()).unwrap(), &tombstones);
            let mut bytes = vec![1, 0x30, 0xBA, 0x30, 1];
            bytes.put(&entries);
            bytes.put_u32(crc::crc32c(&entries));
            prop_assert_eq!(&Tombstones::decode(&bytes).unwrap(), &tombstones);
        }

        #[test]
        fn any_bytes_give_tombstones_or_an_error(bytes: Vec<u8>) {
            let _ = Tombstones::decode(&bytes);
            let mut file = vec![1, 0x30, 0xBA, 0x30, 1];
            file.put(&bytes);
            file.put_u32(crc::crc32c(&bytes));
            let _ = Tombstones::decode(&file);
        }
    }
}
