//! Union, intersection and difference of ascending lists.
//!
//! Results are ascending and without repetitions. Intersection leaps: the shortest list leads and all others seek. Union of
//! a few lists merges; of many it sets bits where that is denser than one in [`BITS_PER_SERIES_MAX`], else sorts.

use bitvec::vec::BitVec;

use super::Postings;
use crate::id::SeriesRef;

/// Up to so many bits of range per series, a bit set is cheaper than sorting: one in 64 is a word each.
const BITS_PER_SERIES_MAX: usize = 64;

/// Series that are in all lists; none where there is no list.
pub fn intersect<P: Postings>(mut lists: Vec<P>) -> Vec<SeriesRef> {
    lists.sort_by_key(Postings::len);
    let Some((leader, others)) = lists.split_first_mut() else {
        return Vec::new();
    };
    let mut common = Vec::new();
    while let Some(candidate) = leader.peek() {
        match agreed(others, candidate) {
            Agreed::Yes => {
                common.push(candidate);
                leader.next();
            }
            Agreed::NotBefore(later) => {
                leader.seek(later);
            }
            Agreed::Exhausted => break,
        }
    }
    common
}

enum Agreed {
    Yes,
    NotBefore(SeriesRef),
    Exhausted,
}

fn agreed<P: Postings>(lists: &mut [P], candidate: SeriesRef) -> Agreed {
    for list in lists {
        match list.seek(candidate) {
            None => return Agreed::Exhausted,
            Some(found) if found > candidate => return Agreed::NotBefore(found),
            Some(_) => {}
        }
    }
    Agreed::Yes
}

/// Whether two lists have a series in common.
pub fn intersects(left: &mut impl Postings, right: &mut impl Postings) -> bool {
    while let Some(candidate) = left.peek() {
        match right.seek(candidate) {
            None => return false,
            Some(found) if found == candidate => return true,
            Some(found) => left.seek(found),
        };
    }
    false
}

/// Series that are in any list.
pub fn union<P: Postings>(mut lists: Vec<P>) -> Vec<SeriesRef> {
    let total: usize = lists.iter().map(Postings::len).sum();
    match &mut lists[..] {
        [] => Vec::new(),
        [only] => take_all(only, total),
        [left, right] => merge(left, right, total),
        _ => union_of_many(lists, total),
    }
}

fn take_all(list: &mut impl Postings, len: usize) -> Vec<SeriesRef> {
    let mut all = Vec::with_capacity(len);
    all.extend(std::iter::from_fn(|| list.next()));
    all
}

fn merge<P: Postings>(left: &mut P, right: &mut P, len: usize) -> Vec<SeriesRef> {
    let mut all = Vec::with_capacity(len);
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        all.push(one.min(other));
        if one <= other {
            left.next();
        }
        if other <= one {
            right.next();
        }
    }
    all.extend(std::iter::from_fn(|| left.next()));
    all.extend(std::iter::from_fn(|| right.next()));
    all
}

fn union_of_many<P: Postings>(mut lists: Vec<P>, total: usize) -> Vec<SeriesRef> {
    let mut all: Vec<SeriesRef> = Vec::with_capacity(total);
    for list in &mut lists {
        all.extend(std::iter::from_fn(|| list.next()));
    }
    let (Some(low), Some(high)) = (all.iter().min(), all.iter().max()) else {
        return all;
    };
    let (low, range) = (low.0, (high.0 - low.0) as usize + 1);
    if range / BITS_PER_SERIES_MAX > all.len() {
        all.sort_unstable();
        all.dedup();
        return all;
    }
    let mut present: BitVec = BitVec::repeat(false, range);
    for series in &all {
        present.set((series.0 - low) as usize, true);
    }
    all.clear();
    let positions = present.iter_ones().map(u32::try_from);
    all.extend(positions.filter_map(|at| Some(SeriesRef(low + at.ok()?))));
    all
}

/// Takes every series of `list` out of `from`, which is ascending.
pub fn subtract(from: &mut Vec<SeriesRef>, list: &mut impl Postings) {
    from.retain(|series| list.seek(*series) != Some(*series));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::postings::PostingsIter;

    type Model = BTreeSet<u32>;

    fn list(model: &Model) -> PostingsIter<Vec<SeriesRef>> {
        PostingsIter::new(model.iter().map(|at| SeriesRef(*at)).collect())
    }

    fn refs(model: impl IntoIterator<Item = u32>) -> Vec<SeriesRef> {
        model.into_iter().map(SeriesRef).collect()
    }

    /// Dense lists, sparse ones, and ones at the end of the range.
    fn lists() -> impl Strategy<Value = Vec<Model>> {
        let dense = prop::collection::btree_set(0_u32..40, 0..30);
        let sparse = prop::collection::btree_set(any::<u32>(), 0..30);
        let high = prop::collection::btree_set(u32::MAX - 20..=u32::MAX, 0..10);
        prop::collection::vec(prop_oneof![dense, sparse, high], 0..6)
    }

    proptest! {
        #[test]
        fn operations_equal_those_of_sets(models in lists()) {
            let all = || models.iter().map(list).collect::<Vec<_>>();
            let united: Model = models.iter().flatten().copied().collect();
            prop_assert_eq!(union(all()), refs(united));
            let common = models.split_first().map_or_else(Model::new, |(first, rest)| {
                first.iter().copied().filter(|at| rest.iter().all(|other| other.contains(at))).collect()
            });
            prop_assert_eq!(intersect(all()), refs(common));
            if let [left, right, ..] = &models[..] {
                let mut rest = refs(left.iter().copied());
                subtract(&mut rest, &mut list(right));
                prop_assert_eq!(rest, refs(left.difference(right).copied()));
                let any = intersects(&mut list(left), &mut list(right));
                prop_assert_eq!(any, !left.is_disjoint(right));
            }
        }
    }
}
