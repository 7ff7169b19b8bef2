//! Postings: ascending references to the series that have a label pair, and what is asked of them.
//!
//! ```text
//! matchers ──select: plan──► terms ──PostingsSource──► lists ──set──► ascending series
//! ```
//!
//! [`Postings`] is a position in such a list: look, take, or skip ahead. [`set`] unites, intersects and subtracts;
//! [`select`] turns matchers into terms and terms into series; [`names`] answers which label names and values occur.
//! [`PostingsSource`] is the door: an index file implements it in [`index`], tests with a map. Time plays no part here.

use crate::error::Result;
use crate::id::SeriesRef;

pub mod index;
pub mod names;
pub mod select;
pub mod set;

/// A position in an ascending list without repetitions.
pub trait Postings {
    /// The next series, not taken.
    fn peek(&self) -> Option<SeriesRef>;

    /// Takes the next series.
    fn next(&mut self) -> Option<SeriesRef>;

    /// Skips what lies before `target` and looks at what comes next. Never moves backwards.
    fn seek(&mut self, target: SeriesRef) -> Option<SeriesRef>;

    /// How many are left.
    fn len(&self) -> usize;

    /// Whether none is left.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A list that can be read at any place.
pub trait List {
    /// Number of series.
    fn count(&self) -> usize;

    /// The series at a position below the count.
    fn at(&self, position: usize) -> SeriesRef;
}

impl List for Vec<SeriesRef> {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn at(&self, position: usize) -> SeriesRef {
        self[position]
    }
}

impl List for &[SeriesRef] {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn at(&self, position: usize) -> SeriesRef {
        self[position]
    }
}

/// A position in a [`List`]; seeking doubles its steps, then halves them, so near targets are cheap and far ones logarithmic.
#[derive(Debug, Clone)]
pub struct PostingsIter<L> {
    list: L,
    position: usize,
}

impl<L: List> PostingsIter<L> {
    /// Starts at the beginning.
    pub fn new(list: L) -> Self {
        Self { list, position: 0 }
    }
}

impl<L: List> Postings for PostingsIter<L> {
    #[inline]
    fn peek(&self) -> Option<SeriesRef> {
        (self.position < self.list.count()).then(|| self.list.at(self.position))
    }

    #[inline]
    fn next(&mut self) -> Option<SeriesRef> {
        let series = self.peek()?;
        self.position += 1;
        Some(series)
    }

    #[inline]
    fn seek(&mut self, target: SeriesRef) -> Option<SeriesRef> {
        let count = self.list.count();
        // Everything before `low` is below the target, `high` is not or is the end.
        let mut low = self.position;
        let mut step = 1;
        let mut high = low;
        while high < count && self.list.at(high) < target {
            low = high + 1;
            high = high.saturating_add(step).min(count);
            step *= 2;
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.list.at(middle) < target {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.position = low;
        self.peek()
    }

    #[inline]
    fn len(&self) -> usize {
        self.list.count() - self.position
    }
}

/// Where lists come from: an index, or a model of one.
pub trait PostingsSource {
    /// One list.
    type List<'a>: Postings
    where
        Self: 'a;

    /// Where a list lies, as enumerating values finds it.
    type Place: Copy;

    /// All series.
    ///
    /// # Errors
    /// Where the source is damaged.
    fn all(&self) -> Result<Self::List<'_>>;

    /// The series with a label pair; nothing where there is none. No series has a label with an empty name.
    ///
    /// # Errors
    /// Where the source is damaged.
    fn postings(&self, name: &str, value: &str) -> Result<Option<Self::List<'_>>>;

    /// The list at a place that [`Self::values`] gave.
    ///
    /// # Errors
    /// Where the source is damaged.
    fn postings_at(&self, place: Self::Place) -> Result<Self::List<'_>>;

    /// Visits the values of a name that start with `prefix`, ascending.
    ///
    /// # Errors
    /// Where the source is damaged, or what `visit` returns.
    fn values(
        &self,
        name: &str,
        prefix: &str,
        visit: &mut dyn FnMut(&str, Self::Place) -> Result<()>,
    ) -> Result<()>;

    /// All label names that occur, ascending.
    ///
    /// # Errors
    /// Where the source is damaged.
    fn names(&self) -> Result<Vec<String>>;

    /// The label names of some series, ascending.
    ///
    /// # Errors
    /// Where the source is damaged, or has no such series.
    fn names_of(&self, series: &[SeriesRef]) -> Result<Vec<String>>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn seeking_equals_skipping(mut all: Vec<u16>, targets: Vec<u16>) {
            all.sort_unstable();
            all.dedup();
            let all: Vec<_> = all.into_iter().map(|at| SeriesRef(at.into())).collect();
            let mut iter = PostingsIter::new(&all[..]);
            let mut left = &all[..];
            for target in targets {
                let target = SeriesRef(target.into());
                left = &left[left.partition_point(|series| *series < target)..];
                prop_assert_eq!(iter.seek(target), left.first().copied());
                prop_assert_eq!(iter.len(), left.len());
                prop_assert_eq!(iter.next(), left.first().copied());
                left = left.get(1..).unwrap_or_default();
            }
        }
    }
}
