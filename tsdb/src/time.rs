//! Time as blocks know it: signed milliseconds since the Unix epoch.
//!
//! Block ranges are half open, chunk intervals closed; [`TimeRange`] and [`Interval`] keep them apart. Nothing here reads
//! a clock: decisions take `now` as an argument, long work asks a [`Clock`]. Sums and differences saturate unless a format asks for wrapping.

use std::fmt;

/// A point in time, or a distance, in milliseconds.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);
    /// One second.
    pub const SECOND: Self = Self(1_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000);

    /// Later by `other`, at most [`Millis::MAX`].
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Earlier by `other`, at least [`Millis::MIN`].
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The door to wall time; the one implementation that reads a clock is the binary's.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Millis;
}

/// The half-open range `[min, max)` of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First time inside.
    pub min: Millis,
    /// First time after.
    pub max: Millis,
}

impl TimeRange {
    /// The range `[min, max)`.
    #[must_use]
    pub fn new(min: Millis, max: Millis) -> Self {
        Self { min, max }
    }

    /// How long it is.
    #[must_use]
    pub fn duration(self) -> Millis {
        self.max.saturating_sub(self.min)
    }

    /// Whether the two have a time in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.min < other.max && other.min < self.max
    }

    /// The same times as a closed interval.
    #[must_use]
    pub fn interval(self) -> Interval {
        Interval::new(self.min, self.max.saturating_sub(Millis(1)))
    }
}

/// The closed interval `[min, max]` of a chunk, a tombstone or a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    /// First time inside.
    pub min: Millis,
    /// Last time inside.
    pub max: Millis,
}

impl Interval {
    /// All of time.
    pub const ALL: Self = Self {
        min: Millis::MIN,
        max: Millis::MAX,
    };

    /// The interval `[min, max]`.
    #[must_use]
    pub fn new(min: Millis, max: Millis) -> Self {
        Self { min, max }
    }

    /// Whether `time` is inside.
    #[must_use]
    pub fn contains(self, time: Millis) -> bool {
        self.min <= time && time <= self.max
    }

    /// Whether all of `other` is inside.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }

    /// Whether the two have a time in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_ranges_do_not_overlap_and_touching_intervals_do() {
        let range = |min, max| TimeRange::new(Millis(min), Millis(max));
        assert!(!range(0, 10).overlaps(range(10, 20)));
        assert!(range(0, 11).overlaps(range(10, 20)));
        let interval = |min, max| Interval::new(Millis(min), Millis(max));
        assert!(interval(0, 10).overlaps(interval(10, 20)));
        assert!(!interval(0, 9).overlaps(interval(10, 20)));
    }
}
