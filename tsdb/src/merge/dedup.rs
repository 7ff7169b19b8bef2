//! Replicas to one series by penalty (Thanos' deduplication).
//!
//! Two replicas scrape the same target at shifted times. Taking the union would double the rate of samples, so one replica
//! is followed and the other is skipped ahead by a penalty of twice the last step; only a gap longer than that makes the
//! stream change over. More than two replicas nest to the left: `dedup(dedup(a, b), c)`. As in [`super::samples`],
//! timestamps decide alone. Never in here: values are not adjusted, which is for queries to do.

use super::samples::Pick;

/// Penalty before a first step is known, in milliseconds.
const INITIAL_PENALTY_MS: i64 = 5_000;

/// Folds ascending timestamps from left to right.
pub fn penalty(inputs: &[&[i64]], picks: &mut Vec<Pick>) {
    let Some((first, rest)) = inputs.split_first() else {
        return;
    };
    let mut stream = Stream::Leaf(Leaf::new(0, first));
    for (at, times) in rest.iter().enumerate() {
        stream = Stream::dedup(stream, Stream::Leaf(Leaf::new(at + 1, times)));
    }
    while stream.next() {
        picks.push(stream.pick());
    }
}

/// A stream of samples that can be asked to skip ahead.
enum Stream<'a> {
    Leaf(Leaf<'a>),
    Dedup(Box<Dedup<'a>>),
}

impl<'a> Stream<'a> {
    fn dedup(mut a: Self, mut b: Self) -> Self {
        let (a_left, b_left) = (a.next(), b.next());
        Self::Dedup(Box::new(Dedup {
            a,
            b,
            a_left,
            b_left,
            a_penalty: 0,
            b_penalty: 0,
            last: i64::MIN,
            use_a: true,
        }))
    }

    fn next(&mut self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.next(),
            Self::Dedup(dedup) => dedup.next(),
        }
    }

    fn seek(&mut self, target: i64) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.seek(target),
            Self::Dedup(dedup) => dedup.seek(target),
        }
    }

    fn time(&self) -> i64 {
        match self {
            Self::Leaf(leaf) => leaf.time(),
            Self::Dedup(dedup) => dedup.last,
        }
    }

    fn pick(&self) -> Pick {
        match self {
            Self::Leaf(leaf) => leaf.pick(),
            Self::Dedup(dedup) if dedup.use_a => dedup.a.pick(),
            Self::Dedup(dedup) => dedup.b.pick(),
        }
    }
}

/// One replica.
struct Leaf<'a> {
    input: usize,
    times: &'a [i64],
    taken: usize,
}

impl<'a> Leaf<'a> {
    fn new(input: usize, times: &'a [i64]) -> Self {
        Self {
            input,
            times,
            taken: 0,
        }
    }

    fn next(&mut self) -> bool {
        if self.taken == self.times.len() {
            return false;
        }
        self.taken += 1;
        true
    }

    /// Stays where it is if that is already far enough.
    fn seek(&mut self, target: i64) -> bool {
        while self.taken == 0 || self.time() < target {
            if !self.next() {
                return false;
            }
        }
        true
    }

    fn time(&self) -> i64 {
        self.times[self.taken - 1]
    }

    fn pick(&self) -> Pick {
        Pick {
            input: self.input,
            sample: self.taken - 1,
            consecutive: true,
        }
    }
}

/// Two streams folded to one.
struct Dedup<'a> {
    a: Stream<'a>,
    b: Stream<'a>,
    a_left: bool,
    b_left: bool,
    a_penalty: i64,
    b_penalty: i64,
    last: i64,
    use_a: bool,
}

impl Dedup<'_> {
    fn next(&mut self) -> bool {
        if self.a_left {
            self.a_left = self
                .a
                .seek(self.last.wrapping_add(1).wrapping_add(self.a_penalty));
        }
        if self.b_left {
            self.b_left = self
                .b
                .seek(self.last.wrapping_add(1).wrapping_add(self.b_penalty));
        }
        match (self.a_left, self.b_left) {
            (false, false) => return false,
            (false, true) => self.follow_alone(false),
            (true, false) => self.follow_alone(true),
            (true, true) => self.choose(),
        }
        true
    }

    fn follow_alone(&mut self, use_a: bool) {
        self.use_a = use_a;
        if use_a {
            (self.last, self.a_penalty) = (self.a.time(), 0);
        } else {
            (self.last, self.b_penalty) = (self.b.time(), 0);
        }
    }

    fn choose(&mut self) {
        let (a, b) = (self.a.time(), self.b.time());
        self.use_a = a <= b;
        let time = a.min(b);
        let penalty = if self.last == i64::MIN {
            INITIAL_PENALTY_MS
        } else {
            time.wrapping_sub(self.last).wrapping_mul(2)
        };
        (self.a_penalty, self.b_penalty) = if self.use_a {
            (0, penalty)
        } else {
            (penalty, 0)
        };
        self.last = time;
    }

    /// Steps, for the stream may not jump over the changes from one replica to the other.
    fn seek(&mut self, target: i64) -> bool {
        while self.last == i64::MIN || self.last < target {
            if !self.next() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(inputs: &[&[i64]]) -> Vec<(usize, i64)> {
        let mut picks = Vec::new();
        penalty(inputs, &mut picks);
        picks
            .iter()
            .map(|pick| (pick.input, inputs[pick.input][pick.sample]))
            .collect()
    }

    #[test]
    fn a_replica_shifted_by_seven_seconds_takes_over_after_one_sample() {
        let a: Vec<i64> = (0..8).map(|i| i * 15_000).collect();
        let b: Vec<i64> = (0..8).map(|i| i * 15_000 + 7_000).collect();
        let mut want = vec![(0, 0)];
        want.extend(b.iter().map(|&time| (1, time)));
        assert_eq!(times(&[&a, &b]), want);
    }

    #[test]
    fn at_equal_timestamps_the_first_wins_throughout() {
        let a: Vec<i64> = (0..8).map(|i| i * 15_000).collect();
        let want: Vec<_> = a.iter().map(|&time| (0, time)).collect();
        assert_eq!(times(&[&a, &a, &a]), want);
    }

    proptest! {
        #[test]
        fn the_result_ascends_and_is_a_subset(
            inputs in prop::collection::vec(prop::collection::btree_set(0..1_000_000_i64, 0..50), 0..4)
        ) {
            let columns: Vec<Vec<i64>> = inputs.iter().map(|set| set.iter().copied().collect()).collect();
            let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
            let got = times(&slices);
            prop_assert!(got.windows(2).all(|pair| pair[0].1 < pair[1].1));
            prop_assert_eq!(got.is_empty(), inputs.iter().all(|set| set.is_empty()));
        }
    }
}
