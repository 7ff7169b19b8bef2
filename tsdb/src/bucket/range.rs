//! Parts of one object: which requests to make (pure), and making them.
//!
//! ```text
//! wanted    |---|  |--|                |----|  |----|
//!               gap      too far apart
//! fetches   |---------|                |------------|
//! ```
//!
//! A request costs its latency, so ranges whose gap is at most `gap_bytes_max` are fetched together and the gap thrown
//! away; no fetch grows beyond `fetch_bytes_max` unless a single wanted range does. Ranges may overlap and stand in any
//! order; the answer is in the order of the question.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{Bucket, cut_short};
use crate::error::{Error, Result, ResultExt};

/// Bounds of the requests for one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeOptions {
    /// Bytes between two ranges that may be fetched for nothing.
    pub gap_bytes_max: u64,
    /// Size beyond which ranges are not joined.
    pub fetch_bytes_max: u64,
    /// Requests at one time.
    pub concurrency: usize,
}

impl Default for RangeOptions {
    fn default() -> Self {
        Self {
            // At 100 MB/s this takes 5 ms, less than any object store's latency.
            gap_bytes_max: 512 << 10,
            // Large enough to keep a connection busy, small enough to hold several.
            fetch_bytes_max: 16 << 20,
            concurrency: 8,
        }
    }
}

/// One request, and the wanted ranges that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Bytes to ask for.
    pub range: Range<u64>,
    /// Positions of the answered ranges in the question.
    pub wanted: Vec<usize>,
}

/// Joins wanted ranges to requests, ascending. Empty ranges are answered by none.
#[must_use]
pub fn coalesce(wanted: &[Range<u64>], options: &RangeOptions) -> Vec<Fetch> {
    let mut order: Vec<usize> = (0..wanted.len())
        .filter(|at| !wanted[*at].is_empty())
        .collect();
    order.sort_by_key(|at| (wanted[*at].start, wanted[*at].end));
    let mut fetches: Vec<Fetch> = Vec::new();
    for at in order {
        let next = wanted[at].clone();
        match fetches.last_mut() {
            Some(last) if joins(&last.range, &next, options) => {
                last.range.end = last.range.end.max(next.end);
                last.wanted.push(at);
            }
            _ => fetches.push(Fetch {
                range: next,
                wanted: vec![at],
            }),
        }
    }
    fetches
}

/// Whether `next`, which does not start before `last`, is fetched with it.
fn joins(last: &Range<u64>, next: &Range<u64>, options: &RangeOptions) -> bool {
    let near = next.start.saturating_sub(last.end) <= options.gap_bytes_max;
    let inside = next.end <= last.end;
    inside || (near && next.end - last.start <= options.fetch_bytes_max)
}

/// Fetches the wanted ranges of an object, in the order wanted.
///
/// # Errors
/// Where the store refuses, or the object ends inside a range.
pub async fn fetch(
    bucket: &Bucket,
    object: &Path,
    wanted: &[Range<u64>],
    options: &RangeOptions,
) -> Result<Vec<Bytes>> {
    let requests = coalesce(wanted, options).into_iter().map(|fetch| async {
        let bytes = fetch_one(bucket, object, fetch.range.clone()).await?;
        Ok::<_, Error>((fetch, bytes))
    });
    let mut answers = vec![Bytes::new(); wanted.len()];
    let mut fetched = futures::stream::iter(requests).buffer_unordered(options.concurrency.max(1));
    while let Some((fetch, bytes)) = fetched.try_next().await? {
        for at in fetch.wanted {
            let start = to_usize(wanted[at].start - fetch.range.start);
            let end = to_usize(wanted[at].end - fetch.range.start);
            answers[at] = bytes.slice(start..end);
        }
    }
    Ok(answers)
}

pub(super) async fn fetch_one(bucket: &Bucket, object: &Path, range: Range<u64>) -> Result<Bytes> {
    let need = range.end - range.start;
    let bytes = bucket.store.get_range(object, range).await.at(|| object)?;
    if bytes.len() as u64 != need {
        return Err(cut_short(need, bytes.len() as u64).at(object));
    }
    Ok(bytes)
}

/// A distance inside bytes that are in memory.
fn to_usize(distance: u64) -> usize {
    usize::try_from(distance).expect("targets have 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(gap: u64, fetch: u64) -> RangeOptions {
        RangeOptions {
            gap_bytes_max: gap,
            fetch_bytes_max: fetch,
            concurrency: 1,
        }
    }

    #[test]
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a list of one range is meant"
    )]
    fn near_ranges_are_fetched_together() {
        fn check(wanted: &[Range<u64>], want: &[Range<u64>]) {
            let fetches = coalesce(wanted, &options(10, 100));
            let got: Vec<_> = fetches.into_iter().map(|fetch| fetch.range).collect();
            assert_eq!(got, want, "{wanted:?}");
        }
        check(&[], &[]);
        check(&[5..5], &[]);
        check(&[0..5, 15..20], &[0..20]);
        check(&[0..5, 16..20], &[0..5, 16..20]);
        check(&[16..20, 0..5, 2..9], &[0..20]);
        check(&[0..60, 60..100], &[0..100]);
        check(&[0..60, 60..101], &[0..60, 60..101]);
        check(&[0..500, 10..20], &[0..500]);
        check(&[0..u64::MAX, u64::MAX - 1..u64::MAX], &[0..u64::MAX]);
    }

    proptest! {
        #[test]
        fn every_wanted_range_lies_in_exactly_one_fetch(
            starts in prop::collection::vec((0u64..1000, 0u64..60), 0..40), gap in 0u64..50, most in 0u64..200,
        ) {
            let wanted: Vec<_> = starts.iter().map(|(start, len)| *start..start + len).collect();
            let fetches = coalesce(&wanted, &options(gap, most));
            let mut answered = vec![0; wanted.len()];
            for fetch in &fetches {
                let longest = fetch.wanted.iter().map(|at| wanted[*at].end - wanted[*at].start).max().unwrap();
                prop_assert!(fetch.range.end - fetch.range.start <= most.max(longest));
                for at in &fetch.wanted {
                    answered[*at] += 1;
                    prop_assert!(fetch.range.start <= wanted[*at].start && wanted[*at].end <= fetch.range.end);
                }
            }
            for (range, count) in wanted.iter().zip(answered) {
                prop_assert_eq!(count, usize::from(!range.is_empty()));
            }
        }
    }
}
