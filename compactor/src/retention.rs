//! Blocks past their time, by resolution; pure.
//!
//! A block expires `keep` after its last time, counted from the whole second in which that lies. Zero keeps for ever.
//! Expired blocks are marked, [`crate::clean`] deletes them after the delay.

use std::time::Duration;

use tsdb::id::BlockId;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

/// How long to keep blocks after their last sample; zero: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Raw blocks.
    pub raw: Duration,
    /// Blocks of five-minute samples.
    pub five_minutes: Duration,
    /// Blocks of one-hour samples.
    pub one_hour: Duration,
}

/// Raw blocks live at least this long, else none would be downsampled: the smallest range that is.
pub const RAW_MIN: Duration = Duration::from_hours(40);
/// The same for five-minute blocks.
pub const FIVE_MINUTES_MIN: Duration = Duration::from_hours(240);

/// A block to mark, with the words for the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The block.
    pub block: BlockId,
    /// Details of its deletion mark.
    pub details: String,
}

impl Retention {
    /// How long blocks of this resolution are kept; zero, for ever, for resolutions that do not exist.
    #[must_use]
    pub fn of(&self, resolution: Resolution) -> Duration {
        match resolution {
            Resolution::RAW => self.raw,
            Resolution::FIVE_MINUTES => self.five_minutes,
            Resolution::ONE_HOUR => self.one_hour,
            _ => Duration::ZERO,
        }
    }

    /// What is wrong with these times where blocks are to be downsampled before they expire.
    ///
    /// # Errors
    /// The sentence for the operator.
    pub fn check_with_downsampling(&self) -> Result<(), String> {
        let check = |name: &str, keep: Duration, min: Duration| {
            if keep.is_zero() || keep >= min {
                return Ok(());
            }
            Err(format!(
                "{name} retention of {} is shorter than {}, so no block would live to be downsampled; raise it, use 0 to keep for ever, or disable downsampling",
                go_duration(keep),
                go_duration(min),
            ))
        };
        check("raw", self.raw, RAW_MIN)?;
        check("5m", self.five_minutes, FIVE_MINUTES_MIN)
    }
}

/// Names the blocks that have outlived their retention, in the order given.
#[must_use]
pub fn expired<'a>(
    blocks: impl IntoIterator<Item = &'a BlockMeta>,
    retention: &Retention,
    now: Millis,
) -> Vec<Expired> {
    blocks
        .into_iter()
        .filter_map(|block| {
            let keep = retention.of(block.resolution());
            let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let last_second = Millis(block.max_time.0 / 1000 * 1000);
            let end = last_second.saturating_add(Millis(keep_ms));
            (!keep.is_zero() && now > end).then(|| Expired {
                block: block.ulid,
                details: format!("block exceeding retention of {}", go_duration(keep)),
            })
        })
        .collect()
}

/// A duration as Go prints it: `720h0m0s`, `1m30s`, `1.5s`, `20ms`.
#[must_use]
pub fn go_duration(duration: Duration) -> String {
    let fraction = |value: u128, unit: u128| {
        let text = format!(
            "{}.{:0width$}",
            value / unit,
            value % unit,
            width = unit.ilog10() as usize
        );
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let nanos = duration.as_nanos();
    if duration.is_zero() {
        return "0s".into();
    }
    if duration < Duration::from_micros(1) {
        return format!("{nanos}ns");
    }
    if duration < Duration::from_millis(1) {
        return format!("{}µs", fraction(nanos, 1_000));
    }
    if duration < Duration::from_secs(1) {
        return format!("{}ms", fraction(nanos, 1_000_000));
    }
    let minutes = duration.as_secs() / 60;
    let seconds = fraction(nanos - u128::from(minutes) * 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_expires_after_the_second_of_its_last_sample() {
        fn check(max_time: i64, keep_ms: u64, now: i64, want: bool) {
            let block = BlockMeta {
                max_time: Millis(max_time),
                ..BlockMeta::default()
            };
            let retention = Retention {
                raw: Duration::from_millis(keep_ms),
                ..Retention::default()
            };
            let got = !expired([&block], &retention, Millis(now)).is_empty();
            assert_eq!(got, want, "max {max_time} keep {keep_ms} now {now}");
        }
        check(5_999, 1_000, 6_000, false);
        check(5_999, 1_000, 6_001, true);
        check(5_999, 0, i64::MAX, false);
        check(i64::MAX, 1_000, i64::MAX, false);
        check(i64::MIN, 1_000, 0, true);
    }

    #[test]
    fn durations_print_as_in_go() {
        fn check(nanos: u64, want: &str) {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), want);
        }
        check(0, "0s");
        check(1, "1ns");
        check(1_100, "1.1µs");
        check(2_200_000, "2.2ms");
        check(3_300_000_000, "3.3s");
        check(60_000_000_000, "1m0s");
        check(3_600_000_000_000, "1h0m0s");
        check(30 * 86_400_000_000_000, "720h0m0s");
        check(3_661_001_000_000, "1h1m1.001s");
    }

    #[test]
    fn retention_shorter_than_what_downsampling_needs_is_refused() {
        let hours = Duration::from_hours;
        let check = |raw, five_minutes, sound: bool| {
            let retention = Retention {
                raw: hours(raw),
                five_minutes: hours(five_minutes),
                one_hour: hours(1),
            };
            assert_eq!(retention.check_with_downsampling().is_ok(), sound);
        };
        check(0, 0, true);
        check(40, 240, true);
        check(39, 240, false);
        check(40, 239, false);
    }
}
