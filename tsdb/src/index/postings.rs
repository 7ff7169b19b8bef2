//! One postings list: the series that have a label pair.
//!
//! ```text
//! len u32 | n u32 | n x series u32 | crc32c(n, series) u32          len = 4 + 4n
//! ```
//!
//! Invariant: strictly ascending. Each list starts at a multiple of 4 and is found through [`super::offsets`]. The list of
//! all series has the empty name and the empty value.

use crate::codec::{Cursor, Sink, Window, crc};
use crate::error::{Corruption, Result};
use crate::id::SeriesRef;

/// A list as it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostingsList<'a> {
    bytes: &'a [u8],
}

impl<'a> PostingsList<'a> {
    /// Takes a list with length and checksum, both checked.
    ///
    /// # Errors
    /// Where the bytes end too early, the checksum differs, or the two counts do not fit each other.
    pub fn decode(cursor: &mut Cursor<'a>) -> Result<Self> {
        let start = cursor.offset();
        let body = crc::take_frame(cursor)?;
        let mut inner = Cursor::new("postings", body, start + 4);
        let count = inner.u32()? as usize;
        if inner.len() != count * 4 {
            return Err(inner.corrupt(Corruption::Other(format!(
                "{count} series do not fill {} bytes",
                inner.len()
            ))));
        }
        Ok(Self {
            bytes: inner.rest(),
        })
    }

    /// Takes a list of which only `n` and the series were fetched, as a store does. What follows them is ignored: the range of
    /// the last list of an old file reaches too far.
    ///
    /// # Errors
    /// Where the bytes end too early.
    pub fn decode_range(bytes: &'a [u8], offset: u64) -> Result<Self> {
        let mut cursor = Cursor::new("postings", bytes, offset);
        let count = cursor.u32()? as usize;
        Ok(Self {
            bytes: cursor.bytes(count * 4)?,
        })
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / 4
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The series at a position.
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> Option<SeriesRef> {
        let bytes = self.bytes.get(at * 4..)?.first_chunk()?;
        Some(SeriesRef(u32::from_be_bytes(*bytes)))
    }

    /// Position of the first series that is not before `series`; the list's length where there is none.
    #[must_use]
    pub fn lower_bound(&self, series: SeriesRef) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle) < Some(series) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// All series in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SeriesRef> + Clone + use<'a> {
        let (entries, _rest) = self.bytes.as_chunks::<4>();
        entries
            .iter()
            .map(|entry| SeriesRef(u32::from_be_bytes(*entry)))
    }

    /// The series as they lie in the file, four big-endian bytes each.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks the order, which reading does not.
    ///
    /// # Errors
    /// Where a series is not greater than the one before it.
    pub fn check_order(&self) -> Result<()> {
        let mut last = None;
        for (at, series) in self.iter().enumerate() {
            if last >= Some(series) {
                let here = Cursor::new("postings", &[], at as u64 * 4);
                return Err(here.corrupt(Corruption::Order("series")));
            }
            last = Some(series);
        }
        Ok(())
    }
}

/// Series of a list that are read at a time.
const PIECE_SERIES: u64 = 16 << 10;

/// Number of series of the list at `at`, by its head alone.
///
/// # Errors
/// Where the two counts do not fit each other or the file.
pub fn read_len<W: Window>(window: &mut W, at: u64) -> Result<u32> {
    let mut head = Cursor::new("postings", window.fill(at, 8)?, at);
    let (len, count) = (head.u32()?, head.u32()?);
    if u64::from(len) != 4 + 4 * u64::from(count) {
        return Err(head.corrupt(Corruption::Other(format!(
            "{count} series do not fill {len} bytes"
        ))));
    }
    let (need, have) = (u64::from(len) + 8, window.size() - at);
    if need > have {
        return Err(Cursor::new("postings", &[], at).corrupt(Corruption::Truncated { need, have }));
    }
    Ok(count)
}

/// Reads the list at `at` piece by piece, with order and checksum checked.
///
/// # Errors
/// Where the list is damaged, not strictly ascending, or cannot be read.
pub fn read<W: Window>(window: &mut W, at: u64) -> Result<Vec<SeriesRef>> {
    let count = read_len(window, at)?;
    let mut checksum = crc::Crc32c::default();
    checksum.update(&count.to_be_bytes());
    let mut list = Vec::with_capacity(count as usize);
    let (mut next, end) = (at + 8, at + 8 + 4 * u64::from(count));
    while next < end {
        let len = (end - next).min(4 * PIECE_SERIES);
        let bytes = window.fill(next, usize::try_from(len).expect("a piece is small"))?;
        checksum.update(bytes);
        for series in (PostingsList { bytes }).iter() {
            if list.last() >= Some(&series) {
                let here = Cursor::new("postings", &[], at + 8 + 4 * list.len() as u64);
                return Err(here.corrupt(Corruption::Order("series")));
            }
            list.push(series);
        }
        next += len;
    }
    let stored = Cursor::new("postings", window.fill(end, 4)?, end).u32()?;
    let computed = checksum.finish();
    if stored == computed {
        return Ok(list);
    }
    Err(Cursor::new("postings", &[], at).corrupt(Corruption::Checksum { stored, computed }))
}

/// Appends a list.
///
/// # Panics
/// Where it is longer than 4 GiB; there are fewer series than that.
pub fn encode(series: &[SeriesRef], out: &mut Vec<u8>) {
    let len = u32::try_from(4 + 4 * series.len()).expect("a block has fewer than 2^30 series");
    out.put_u32(len);
    let start = out.len();
    out.put_u32(len / 4 - 1);
    out.reserve(4 * series.len() + 4);
    for reference in series {
        out.put_u32(reference.0);
    }
    let checksum = crc::crc32c(out.get(start..).expect("start was inside"));
    out.put_u32(checksum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(refs: &[u32]) -> Vec<u8> {
        let refs: Vec<_> = refs.iter().copied().map(SeriesRef).collect();
        let mut bytes = Vec::new();
        encode(&refs, &mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<PostingsList<'_>> {
        PostingsList::decode(&mut Cursor::new("postings", bytes, 0))
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = encoded(&[3, 5, 6]);
        let list = decode(&bytes).unwrap();
        assert!(list.iter().map(|series| series.0).eq([3, 5, 6]));
        list.check_order().unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn counts_must_fit_each_other() {
        let mut bytes = Vec::new();
        crc::put_frame(&mut bytes, &[0, 0, 0, 2, 0, 0, 0, 1]);
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(error.contains("2 series do not fill 4 bytes"), "{error}");
        assert!(decode(&encoded(&[5, 5])).unwrap().check_order().is_err());
    }

    #[test]
    fn lower_bound_finds_the_first_not_before() {
        fn check(refs: &[u32], series: u32, want: usize) {
            let bytes = encoded(refs);
            assert_eq!(decode(&bytes).unwrap().lower_bound(SeriesRef(series)), want);
        }
        check(&[], 1, 0);
        check(&[3, 5, 6], 2, 0);
        check(&[3, 5, 6], 3, 0);
        check(&[3, 5, 6], 4, 1);
        check(&[3, 5, 6], 6, 2);
        check(&[3, 5, 6], 7, 3);
    }

    #[test]
    fn a_fetched_range_may_reach_too_far() {
        let bytes = encoded(&[3, 5, 6]);
        let list = PostingsList::decode_range(&bytes[4..], 4).unwrap();
        assert_eq!(list.len(), 3);
        assert!(PostingsList::decode_range(&bytes[4..15], 4).is_err());
    }
}
