//! Which sources answer for which times, where some hold coarser samples than others.
//!
//! ```text
//! 1 h    |------------------|
//! 5 m    |-----------------------------|
//! raw            |----------------------------|
//! asked  1 h 1 h 1 h 1 h 1 h 5 m 5 m 5 m raw raw      coarsest first, gaps filled with finer ones
//! ```
//!
//! Sources with the same external labels hold the same series, so no time is taken from two resolutions of them: windows
//! would count samples twice. Sources of one resolution may overlap; their samples are merged. Pure.

use tsdb::label::Labels;
use tsdb::meta::Resolution;
use tsdb::source::SourceInfo;
use tsdb::time::{Interval, Millis};

/// Positions of sources, each with the times for which it answers; they may reach outside of what is asked.
pub(crate) type Choice = Vec<(usize, Interval)>;

/// Chooses among `sources` for `times`, no samples coarser than `coarsest`.
pub(crate) fn choose(sources: &[SourceInfo], times: Interval, coarsest: Resolution) -> Choice {
    let mut choice = Choice::new();
    let mut groups: Vec<&[Labels]> = Vec::new();
    for source in sources {
        if groups.contains(&source.external.as_slice()) {
            continue;
        }
        groups.push(&source.external);
        let members = sources.iter().enumerate();
        let members = members
            .filter(|(_, other)| other.external == source.external && other.times.overlaps(times));
        let mut members: Vec<(usize, &SourceInfo)> = members.collect();
        members.sort_by_key(|(_, member)| member.times.min);
        let mut levels: Vec<Resolution> = members.iter().map(|(_, m)| m.resolution).collect();
        levels.retain(|level| *level <= coarsest);
        levels.sort_unstable_by(|a, b| b.cmp(a));
        levels.dedup();
        fill(&members, &levels, Interval::ALL, &mut choice);
    }
    choice.retain(|(_, answered)| answered.overlaps(times));
    // Where two have a sample at one time the earlier source counts, so their order stays.
    choice.sort_by_key(|(at, times)| (*at, times.min));
    choice
}

/// Covers a gap with the coarsest level, and what that leaves open with the finer ones.
fn fill(
    members: &[(usize, &SourceInfo)],
    levels: &[Resolution],
    gap: Interval,
    choice: &mut Choice,
) {
    let Some((level, finer)) = levels.split_first() else {
        return;
    };
    let mut open = gap.min;
    for (at, member) in members {
        if member.resolution != *level || !member.times.overlaps(gap) {
            continue;
        }
        if member.times.min > open {
            let before = member.times.min.saturating_sub(Millis(1));
            fill(members, finer, Interval::new(open, before), choice);
        }
        let (min, max) = (member.times.min.max(gap.min), member.times.max.min(gap.max));
        choice.push((*at, Interval::new(min, max)));
        open = open.max(max.saturating_add(Millis(1)));
    }
    if open <= gap.max {
        fill(members, finer, Interval::new(open, gap.max), choice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Resolution = Resolution::ONE_HOUR;
    const FIVE: Resolution = Resolution::FIVE_MINUTES;
    const RAW: Resolution = Resolution::RAW;

    fn source(group: &str, resolution: Resolution, min: i64, max: i64) -> SourceInfo {
        SourceInfo {
            name: String::new(),
            external: vec![Labels::from_pairs([("group", group)])],
            times: Interval::new(Millis(min), Millis(max)),
            resolution,
        }
    }

    #[test]
    fn the_coarsest_that_will_do_answers_and_finer_ones_fill_its_gaps() {
        fn check(coarsest: Resolution, times: (i64, i64), want: &[(usize, i64, i64)]) {
            let sources = [
                source("a", RAW, 300, 999),
                source("a", HOUR, 0, 499),
                source("a", FIVE, 0, 799),
                source("b", RAW, 0, 999),
            ];
            let times = Interval::new(Millis(times.0), Millis(times.1));
            let got = choose(&sources, times, coarsest).into_iter();
            let got: Vec<_> = got.map(|(at, t)| (at, t.min.0, t.max.0)).collect();
            assert_eq!(got, want, "{coarsest:?} {times:?}");
        }
        check(RAW, (0, 2000), &[(0, 300, 999), (3, 0, 999)]);
        check(FIVE, (0, 2000), &[(0, 800, 999), (2, 0, 799), (3, 0, 999)]);
        let hour = [(0, 800, 999), (1, 0, 499), (2, 500, 799), (3, 0, 999)];
        check(HOUR, (0, 2000), &hour);
        check(HOUR, (100, 200), &[(1, 0, 499), (3, 0, 999)]);
        check(HOUR, (600, 700), &[(2, 0, 799), (3, 0, 999)]);
        check(Resolution(299_999), (0, 200), &[(3, 0, 999)]);
    }

    #[test]
    fn a_gap_between_coarse_sources_is_filled() {
        let sources = [
            source("a", HOUR, 0, 99),
            source("a", HOUR, 200, 299),
            source("a", RAW, 50, 249),
        ];
        let times = Interval::new(Millis(0), Millis(299));
        let got = choose(&sources, times, HOUR).into_iter();
        let got: Vec<_> = got.map(|(at, t)| (at, t.min.0, t.max.0)).collect();
        assert_eq!(got, [(0, 0, 99), (1, 200, 299), (2, 100, 199)]);
    }
}
