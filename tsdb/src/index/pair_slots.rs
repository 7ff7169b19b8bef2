//! A number for each label pair met in a walk over series: 0, 1, 2 and so on.
//!
//! Neighbouring series share most of their pairs, so a pair is looked up only where it differs from the one at its place in the
//! series before. Whoever counts by pair keeps a vector beside it, as long as the greatest number. The writer's own form, with a
//! log, is [`super::pairs`].

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::series::Pair;

/// Numbers by pair.
#[derive(Debug, Default)]
pub struct PairSlots {
    slots: HashMap<Pair, u32, RandomState>,
    /// Pairs of the last series, with their numbers.
    last: Vec<(Pair, u32)>,
}

impl PairSlots {
    /// Each pair of the next series with its number; a new pair gets the next one.
    pub fn of(&mut self, labels: &[Pair]) -> &[(Pair, u32)] {
        let known = self.last.len().min(labels.len());
        self.last.truncate(known);
        for (pair, last) in labels.iter().zip(&mut self.last) {
            if last.0 != *pair {
                *last = (*pair, number(&mut self.slots, *pair));
            }
        }
        for pair in labels.iter().skip(known) {
            self.last.push((*pair, number(&mut self.slots, *pair)));
        }
        &self.last
    }

    /// Takes a pair out; it must not be met again.
    pub fn remove(&mut self, pair: Pair) -> Option<u32> {
        self.slots.remove(&pair)
    }

    /// All pairs in no order, with their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Pair, u32)> + '_ {
        self.slots.iter().map(|(pair, slot)| (*pair, *slot))
    }
}

fn number(slots: &mut HashMap<Pair, u32, RandomState>, pair: Pair) -> u32 {
    let next = u32::try_from(slots.len()).expect("a pair takes more than a byte of a file");
    *slots.entry(pair).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SymbolRef;

    fn pair(name: u32, value: u32) -> Pair {
        (SymbolRef(name), SymbolRef(value))
    }

    #[test]
    fn a_pair_keeps_its_number_wherever_it_is_met() {
        let mut slots = PairSlots::default();
        let mut check = |labels: &[Pair], want: &[u32]| {
            let got: Vec<u32> = slots.of(labels).iter().map(|(_, slot)| *slot).collect();
            assert_eq!(got, want, "{labels:?}");
        };
        check(&[pair(1, 2), pair(3, 4)], &[0, 1]);
        check(&[pair(1, 2)], &[0]);
        check(&[pair(1, 2), pair(3, 5), pair(6, 7)], &[0, 2, 3]);
        check(&[pair(3, 4), pair(6, 7)], &[1, 3]);
        check(&[], &[]);
        check(&[pair(6, 7)], &[3]);
        assert_eq!(slots.iter().len(), 4);
        assert_eq!(slots.remove(pair(3, 5)), Some(2));
        assert_eq!(slots.remove(pair(3, 5)), None);
    }
}
