//! Compaction levels and the aligned windows of each; pure.
//!
//! A level is a width. A window of width `w` starts at a multiple of `w`, also before 1970. Blocks belong to the window
//! in which they start, if they end in it too:
//!
//! ```text
//! width 8h   0        8        16
//!            |a b  c  |  d e   |        a b c | d e
//!            |    fff-|-fff  g |        f spans two windows: it belongs to none and ends the run
//! ```
//!
//! The levels are Thanos': 1 h is no target and only there so that the middle of the list is 8 h. Used by [`crate::plan`].

use std::ops::Range;

use tsdb::time::{Millis, TimeRange};

/// Widths of Thanos' levels: 1 h (no target), 2 h, 8 h, 2 d, 14 d.
pub const LEVELS: [Millis; 5] = [
    Millis(Millis::HOUR.0),
    Millis(2 * Millis::HOUR.0),
    Millis(8 * Millis::HOUR.0),
    Millis(48 * Millis::HOUR.0),
    Millis(14 * 24 * Millis::HOUR.0),
];

/// The levels up to and including number `max_level`; all of them where there are fewer.
#[must_use]
pub fn levels(max_level: usize) -> &'static [Millis] {
    &LEVELS[..LEVELS.len().min(max_level.saturating_add(1))]
}

/// The aligned window of this width in which `time` lies.
#[must_use]
pub fn window(time: Millis, width: Millis) -> TimeRange {
    let start = Millis(time.0.div_euclid(width.0).saturating_mul(width.0));
    TimeRange::new(start, start.saturating_add(width))
}

/// Runs of neighbouring blocks, sorted by first time, that lie whole in one window; as ranges of positions.
///
/// A block that reaches out of its window is in no run.
#[must_use]
pub fn split(blocks: &[TimeRange], width: Millis) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < blocks.len() {
        let window = window(blocks[at].min, width);
        let len = blocks[at..]
            .iter()
            .take_while(|block| block.max <= window.max)
            .count();
        if len > 0 {
            runs.push(at..at + len);
        }
        at += len.max(1);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_aligned_also_before_1970() {
        fn check(time: i64, want: (i64, i64)) {
            let got = window(Millis(time), Millis(10));
            assert_eq!((got.min.0, got.max.0), want, "time {time}");
        }
        check(0, (0, 10));
        check(9, (0, 10));
        check(10, (10, 20));
        check(-1, (-10, 0));
        check(-10, (-10, 0));
        check(-11, (-20, -10));
        // The first window of all time is cut short by the number's own end.
        assert_eq!(window(Millis::MIN, Millis(10)).min, Millis::MIN);
    }

    #[test]
    fn a_block_that_spans_windows_ends_the_run() {
        fn check(blocks: &[(i64, i64)], want: &[Range<usize>]) {
            let blocks: Vec<_> = blocks
                .iter()
                .map(|&(min, max)| TimeRange::new(Millis(min), Millis(max)))
                .collect();
            assert_eq!(split(&blocks, Millis(8)), want, "{blocks:?}");
        }
        check(&[], &[]);
        check(&[(0, 2), (2, 8), (8, 10)], &[0..2, 2..3]);
        check(&[(0, 2), (4, 9), (6, 8)], &[0..1, 2..3]);
        check(&[(0, 9)], &[]);
    }

    #[test]
    fn max_level_counts_targets() {
        assert_eq!(levels(4).len(), 5);
        assert_eq!(levels(2).last(), Some(&Millis(8 * Millis::HOUR.0)));
        assert_eq!(levels(0).len(), 1);
        assert_eq!(levels(usize::MAX).len(), 5);
    }
}
