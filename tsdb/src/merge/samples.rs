//! Overlapping chunks to one sample stream, one sample per timestamp (Prometheus' chained series merge).
//!
//! The decision needs timestamps alone, so it works on columns of them and yields [`Pick`]s; the caller copies values.
//! One input is current and is followed as long as its next timestamp lies before the others'; at equal timestamps the
//! current one loses against the top of the heap. So the order of the inputs, and the heap's order among equals, are part
//! of the result.

use super::heap::Heap;

/// One chosen sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Index of the input.
    pub input: usize,
    /// Index of the sample in it.
    pub sample: usize,
    /// Whether the sample before came from the same input without a detour: only then does a hint about a counter reset
    /// keep its meaning.
    pub consecutive: bool,
}

/// Merges ascending timestamps.
pub fn chain(inputs: &[&[i64]], picks: &mut Vec<Pick>) {
    if let [one, other] = inputs {
        pair([one, other], picks);
        return;
    }
    let mut chain = Chain::start(inputs);
    while let Some(pick) = chain.next() {
        picks.push(pick);
    }
}

/// [`Chain`] for two inputs, which needs no heap: replicas mostly come in pairs.
fn pair(inputs: [&[i64]; 2], picks: &mut Vec<Pick>) {
    let [mut left, mut other_left] = inputs;
    let mut current = 0;
    let mut last = None;
    let mut consecutive = false;
    loop {
        let stays = match (left.first(), other_left.first()) {
            (Some(time), _) if last == Some(*time) => {
                left = &left[1..];
                continue;
            }
            (Some(time), Some(top)) => time < top,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        if !stays {
            current = 1 - current;
            (left, other_left) = (other_left, left);
            consecutive = false;
        }
        let time = left[0];
        if last != Some(time) {
            picks.push(Pick {
                input: current,
                sample: inputs[current].len() - left.len(),
                consecutive,
            });
            (last, consecutive) = (Some(time), true);
        }
        left = &left[1..];
    }
}

struct Chain<'a> {
    inputs: &'a [&'a [i64]],
    /// Per input, one more than the index of the sample it stands on; 0 before the first.
    taken: Vec<usize>,
    heap: Heap<usize>,
    current: usize,
    last: Option<i64>,
}

impl<'a> Chain<'a> {
    fn start(inputs: &'a [&'a [i64]]) -> Self {
        let mut taken = vec![0; inputs.len()];
        let mut heap = Heap::default();
        for at in 1..inputs.len() {
            taken[at] = 1;
            if !inputs[at].is_empty() {
                heap.push(at, |a, b| inputs[a][taken[a] - 1] < inputs[b][taken[b] - 1]);
            }
        }
        Self {
            inputs,
            taken,
            heap,
            current: 0,
            last: None,
        }
    }

    fn time(&self, input: usize) -> i64 {
        self.inputs[input][self.taken[input] - 1]
    }

    fn accept(&mut self, consecutive: bool) -> Pick {
        self.last = Some(self.time(self.current));
        Pick {
            input: self.current,
            sample: self.taken[self.current] - 1,
            consecutive,
        }
    }

    fn next(&mut self) -> Option<Pick> {
        let mut consecutive = self.last.is_some();
        if self.inputs.is_empty() {
            return None;
        }
        loop {
            if self.taken[self.current] < self.inputs[self.current].len() {
                self.taken[self.current] += 1;
                let time = self.time(self.current);
                if self.last == Some(time) {
                    continue;
                }
                match self.heap.top() {
                    Some(top) if time >= self.time(top) => self.push_current(),
                    _ => return Some(self.accept(consecutive)),
                }
            }
            self.current = self.pop()?;
            consecutive = false;
            if self.last != Some(self.time(self.current)) {
                return Some(self.accept(false));
            }
        }
    }

    fn push_current(&mut self) {
        let (inputs, taken) = (self.inputs, &self.taken);
        let less = |a: usize, b: usize| inputs[a][taken[a] - 1] < inputs[b][taken[b] - 1];
        self.heap.push(self.current, less);
    }

    fn pop(&mut self) -> Option<usize> {
        let (inputs, taken) = (self.inputs, &self.taken);
        let less = |a: usize, b: usize| inputs[a][taken[a] - 1] < inputs[b][taken[b] - 1];
        self.heap.pop(less)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn merged(inputs: &[&[i64]]) -> Vec<(usize, i64)> {
        let mut picks = Vec::new();
        chain(inputs, &mut picks);
        picks
            .iter()
            .map(|pick| (pick.input, inputs[pick.input][pick.sample]))
            .collect()
    }

    #[test]
    fn of_two_equal_inputs_the_second_given_wins() {
        // The chunk merger gives the first block's chunk last, so the first block wins there.
        assert_eq!(
            merged(&[&[0, 10, 20], &[0, 10, 20]]),
            [(1, 0), (1, 10), (1, 20)]
        );
    }

    #[test]
    fn of_three_equal_inputs_the_result_is_a_mix() {
        // The chunk merger hands over blocks A, B, C as C, B, A; the result is B, C, A.
        let same: &[i64] = &[0, 10, 20];
        assert_eq!(merged(&[same, same, same]), [(1, 0), (0, 10), (2, 20)]);
    }

    proptest! {
        #[test]
        fn a_pair_is_merged_as_the_heap_would(mut one: Vec<u8>, mut other: Vec<u8>) {
            // Sorted only, so that a damaged chunk's repeated timestamps occur too.
            one.sort_unstable();
            other.sort_unstable();
            let columns = [one, other].map(|times| times.into_iter().map(i64::from).collect::<Vec<_>>());
            let inputs = [columns[0].as_slice(), columns[1].as_slice()];
            let mut got = Vec::new();
            pair(inputs, &mut got);
            let mut slow = Chain::start(&inputs);
            let want: Vec<Pick> = std::iter::from_fn(|| slow.next()).collect();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn every_timestamp_comes_once_and_in_order(inputs: Vec<BTreeSet<i64>>) {
            let columns: Vec<Vec<i64>> = inputs.iter().map(|set| set.iter().copied().collect()).collect();
            let slices: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
            let got: Vec<i64> = merged(&slices).into_iter().map(|(_, time)| time).collect();
            let want: Vec<i64> = inputs.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(got, want);
        }
    }
}
