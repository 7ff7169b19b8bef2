//! Windows and batches: which samples share a window, and how many windows share a chunk.
//!
//! ```text
//! window    [k r, (k + 1) r - 1], stamped with its last millisecond, or with the last sample of the batch if that is earlier
//! batch     the samples of one aggregate chunk, about 140 windows; of raw samples, it ends where a window ends
//! ```
//!
//! Both are Thanos' rules to the letter, since the bytes of a downsampled block depend on them.

use tsdb::meta::Resolution;

/// Distance of samples that is assumed for raw series.
pub(super) const RAW_STEP: Resolution = Resolution(60_000);

/// Windows that one chunk should have.
const WINDOWS_PER_CHUNK: i64 = 140;

/// Last millisecond of the window that `t` is in.
#[inline]
#[must_use]
pub(super) fn window_end(t: i64, resolution: Resolution) -> i64 {
    (t - t % resolution.0).saturating_add(resolution.0 - 1)
}

/// Among how many chunks to spread `samples` samples of the resolution `from`, the first at `min`, the last at `max`.
///
/// It depends on how many windows of the resolution `to` there are, less the share that is presumably empty.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the rule is defined by these roundings"
)]
pub(super) fn chunk_count(
    (min, max): (i64, i64),
    from: Resolution,
    to: Resolution,
    samples: usize,
) -> usize {
    let range = max.saturating_sub(min);
    let windows = (range / to.0) as f64;
    let fullness = samples as f64 / (range as f64 / from.0 as f64);
    let expected = (windows * fullness.min(1.0)) as i64 + 1;
    // The least number of chunks that leaves no more than that many whole windows to each.
    let chunks = expected.max(0) / (WINDOWS_PER_CHUNK + 1) + 1;
    usize::try_from(chunks).unwrap_or(1)
}

/// Number of samples in the first batch, when each should have `size` at least: it is extended to the end of its window.
#[must_use]
pub(super) fn batch_len(ts: &[i64], size: usize, resolution: Resolution) -> usize {
    let len = size.min(ts.len());
    let Some(last) = len.checked_sub(1) else {
        return 0;
    };
    let end = window_end(ts[last], resolution);
    len + run_len(&ts[len..], end)
}

/// Number of times at the start of `ts` that are not after `end`.
#[inline]
#[must_use]
pub(super) fn run_len(ts: &[i64], end: i64) -> usize {
    ts.iter().take_while(|t| **t <= end).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_window_is_stamped_with_its_last_millisecond() {
        fn check(t: i64, want: i64) {
            assert_eq!(window_end(t, Resolution::FIVE_MINUTES), want, "time {t}");
        }
        check(0, 299_999);
        check(299_999, 299_999);
        check(300_000, 599_999);
        check(i64::MAX, i64::MAX);
    }

    #[test]
    fn chunks_have_about_140_windows() {
        fn check(days: i64, step: i64, want: usize) {
            let range = (0, days * DAY - step);
            let samples = usize::try_from(days * DAY / step).unwrap();
            let got = chunk_count(range, RAW_STEP, Resolution::FIVE_MINUTES, samples);
            assert_eq!(got, want, "{days} days of samples each {step} ms");
        }
        check(14, 15_000, 29);
        check(14, 30_000, 29);
        check(14, 60_000, 29);
        check(14, 300_000, 6);
        check(2, 15_000, 5);
        check(2, 30_000, 5);
        check(2, 60_000, 5);
        check(2, 300_000, 1);
        let (five, hour) = (Resolution::FIVE_MINUTES, Resolution::ONE_HOUR);
        let range = (299_999, 14 * DAY - 15_000);
        assert_eq!(chunk_count(range, five, hour, 4032), 3);
    }

    #[test]
    fn the_number_of_chunks_is_the_least_that_suits() {
        // As the rule is stated: the least x of at least 1 with `expected / x <= 140`.
        for expected in 1..2000_i64 {
            let x = (1..).find(|x| expected / x <= WINDOWS_PER_CHUNK).unwrap();
            let range = (0, (expected - 1) * 300_000);
            let got = chunk_count(range, RAW_STEP, Resolution::FIVE_MINUTES, usize::MAX);
            assert_eq!(got, usize::try_from(x).unwrap(), "{expected} windows");
        }
    }

    #[test]
    fn odd_ranges_give_one_chunk() {
        for range in [(5, 5), (10, 0), (0, i64::MAX), (i64::MIN, i64::MAX)] {
            let got = chunk_count(range, RAW_STEP, Resolution::FIVE_MINUTES, 1);
            assert_eq!(got, 1, "{range:?}");
        }
    }

    #[test]
    fn a_batch_ends_where_a_window_ends() {
        fn check(size: usize, want: usize) {
            let ts = [0, 100_000, 200_000, 300_000, 400_000, 900_000];
            let got = batch_len(&ts, size, Resolution::FIVE_MINUTES);
            assert_eq!(got, want, "size {size}");
        }
        check(1, 3);
        check(3, 3);
        check(4, 5);
        check(6, 6);
        check(7, 6);
        assert_eq!(batch_len(&[], 1, Resolution::FIVE_MINUTES), 0);
    }
}
