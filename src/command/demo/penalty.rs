//! Penalty deduplication told once more, in plain, for the check: which times of two replicas stay.
//!
//! A replica that was passed over has to be ahead by twice the distance of the last two samples before it is used again, so a
//! series does not hop between servers. Chunks that do not overlap are not deduplicated at all.

/// What a replica has to make up for where no distance is known yet, in milliseconds.
const FIRST_PENALTY: i64 = 5_000;

/// The times that stay of two chunks.
pub(super) fn merged(a: &[i64], b: &[i64]) -> Vec<i64> {
    let overlap = |a: &[i64], b: &[i64]| -> Option<bool> {
        Some(a.first()? <= b.last()? && b.first()? <= a.last()?)
    };
    if overlap(a, b) == Some(true) {
        return deduplicated(a, b);
    }
    let mut all = [a, b].concat();
    all.sort_unstable();
    all
}

fn deduplicated(mut a: &[i64], mut b: &[i64]) -> Vec<i64> {
    let mut out: Vec<i64> = Vec::new();
    let (mut penalty_a, mut penalty_b) = (0, 0);
    loop {
        let next = out.last().map_or(i64::MIN, |last| last + 1);
        a = after(a, next.saturating_add(penalty_a));
        b = after(b, next.saturating_add(penalty_b));
        let use_a = match (a.first(), b.first()) {
            (None, None) => return out,
            (Some(ta), Some(tb)) => ta <= tb,
            (ta, _) => ta.is_some(),
        };
        let (used, other, penalty, penalty_other) = match use_a {
            true => (a, b, &mut penalty_a, &mut penalty_b),
            false => (b, a, &mut penalty_b, &mut penalty_a),
        };
        let t = used[0];
        if !other.is_empty() {
            *penalty_other = out.last().map_or(FIRST_PENALTY, |last| 2 * (t - last));
        }
        *penalty = 0;
        out.push(t);
    }
}

fn after(times: &[i64], t: i64) -> &[i64] {
    &times[times.partition_point(|time| *time < t)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_that_was_chosen_stays_while_it_has_samples() {
        let a: Vec<_> = (0..8).map(|at| at * 15_000).collect();
        let b: Vec<_> = a.iter().map(|t| t + 7_000).collect();
        assert_eq!(merged(&a, &b), [&[0], &b[..]].concat());
    }

    #[test]
    fn replicas_that_scrape_together_or_apart_lose_nothing() {
        assert_eq!(merged(&[0, 10, 20], &[0, 10, 20]), [0, 10, 20]);
        assert_eq!(merged(&[30, 40], &[10, 20]), [10, 20, 30, 40]);
        assert_eq!(merged(&[], &[10]), [10]);
    }
}
