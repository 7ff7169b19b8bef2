//! When a target is scraped.
//!
//! Time is cut into slots of one interval, counted from the epoch. Each target has its offset within a slot, another one for
//! each replica. Some scrapes are a few milliseconds early or late, some fail. All series of a target share its scrapes.

use super::stream::mix;
use super::{Config, Target};
use crate::time::TimeRange;

/// A shorter interval would let jitter swap two scrapes.
pub(super) const INTERVAL_MIN_MS: i64 = 100;

/// Furthest that a scrape is early or late.
const JITTER_MAX_MS: i64 = 5;

/// The scrapes of one target.
pub(super) struct Schedule {
    key: u64,
    interval: i64,
    offset: i64,
    jitter_ppm: u64,
    missing_ppm: u64,
}

impl Schedule {
    pub(super) fn new(config: &Config, target: &Target) -> Self {
        let replica = u64::from(config.replica);
        // Successors keep the offset, so that the first scrape of a life is one interval after the last of the one before.
        let key = mix(mix(config.seed, u64::from(target.number)), replica);
        let interval = config.interval.0;
        Self {
            key,
            interval,
            offset: (key >> 1).cast_signed() % interval,
            jitter_ppm: u64::from(config.jitter_ppm),
            missing_ppm: u64::from(config.missing_ppm),
        }
    }

    /// Slots and times of the scrapes in `range`.
    pub(super) fn scrapes(&self, range: TimeRange) -> impl Iterator<Item = (i64, i64)> {
        let first = (range.min.0.saturating_sub(self.offset)).div_euclid(self.interval) - 1;
        let last = (range.max.0.saturating_sub(self.offset)).div_euclid(self.interval) + 1;
        (first..=last).filter_map(move |slot| {
            let t = self.time(slot)?;
            (range.min.0 <= t && t < range.max.0).then_some((slot, t))
        })
    }

    fn time(&self, slot: i64) -> Option<i64> {
        let chance = mix(self.key, slot.cast_unsigned());
        if chance % 1_000_000 < self.missing_ppm {
            return None;
        }
        let regular = slot.wrapping_mul(self.interval).wrapping_add(self.offset);
        let chance = chance >> 20;
        if chance % 1_000_000 >= self.jitter_ppm {
            return Some(regular);
        }
        let width = 2 * JITTER_MAX_MS + 1;
        let late = (chance >> 21).cast_signed() % width - JITTER_MAX_MS;
        Some(regular.wrapping_add(late))
    }
}
