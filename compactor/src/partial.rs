//! Which half-uploaded blocks are given up; pure.
//!
//! A directory without a usable `meta.json` is an upload in progress, an upload that died, or a deletion that died. Nobody
//! can tell them apart but by age: the newest of its objects says when somebody last worked on it. Where the store tells
//! no times, the name does.

use std::time::Duration;

use tsdb::id::BlockId;
use tsdb::time::Millis;

/// An upload that has not moved for this long is dead: longer than any upload takes.
pub const ABANDONED_AFTER: Duration = Duration::from_hours(48);

/// Whether the partial block is to be deleted. A block with a deletion mark is left to the cleaner.
#[must_use]
pub fn is_abandoned(
    block: BlockId,
    modified: impl IntoIterator<Item = Millis>,
    deletion_marked: bool,
    now: Millis,
) -> bool {
    let named_at = Millis(i64::try_from(block.time_ms()).expect("48 bits fit in 63"));
    let last = modified.into_iter().max().unwrap_or(named_at);
    let limit = Millis(i64::try_from(ABANDONED_AFTER.as_millis()).expect("48 h fit"));
    !deletion_marked && now.saturating_sub(last) > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_block_is_abandoned_48_hours_after_its_newest_object() {
        fn check(ulid_age_h: i64, object_ages_h: &[i64], marked: bool, want: bool) {
            let now = Millis(1_000 * Millis::HOUR.0);
            let before = |hours: i64| Millis(now.0 - hours * Millis::HOUR.0);
            let named_at = u64::try_from(before(ulid_age_h).0).unwrap();
            let objects = object_ages_h.iter().map(|&hours| before(hours));
            let got = is_abandoned(BlockId::new(named_at, 0), objects, marked, now);
            assert_eq!(got, want, "{ulid_age_h} {object_ages_h:?} {marked}");
        }
        check(100, &[], false, true);
        check(48, &[], false, false);
        check(1, &[49, 60], false, true);
        check(100, &[47, 60], false, false);
        check(100, &[49], true, false);
    }
}
