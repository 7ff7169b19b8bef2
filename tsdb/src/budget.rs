//! Budgets: a tree of byte counters, process → job or query → stage.
//!
//! ```text
//! process  30 of 100 bytes
//! ├── compact  10 of 50        a reservation counts here and in every counter above
//! └── query    20 of 40        and is given back when its guard is dropped
//! ```
//!
//! A reservation that would pass any limit on the way up is refused, and the error names each counter of that way with
//! what it holds. Counters never block and never lie low: what is reserved is counted before it is allocated.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// One counter, with those above it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    name: String,
    limit_bytes: u64,
    used_bytes: AtomicU64,
    parent: Option<Budget>,
}

impl Budget {
    /// A root of `limit_bytes`.
    pub fn new(name: impl Into<String>, limit_bytes: u64) -> Self {
        Self::with_parent(name.into(), limit_bytes, None)
    }

    /// A root without a limit, which only counts.
    pub fn unlimited(name: impl Into<String>) -> Self {
        Self::new(name, u64::MAX)
    }

    /// A counter below this one, with a limit of its own.
    #[must_use]
    pub fn child(&self, name: impl Into<String>, limit_bytes: u64) -> Self {
        Self::with_parent(name.into(), limit_bytes, Some(self.clone()))
    }

    fn with_parent(name: String, limit_bytes: u64, parent: Option<Self>) -> Self {
        Self(Arc::new(Counter {
            name,
            limit_bytes,
            used_bytes: AtomicU64::new(0),
            parent,
        }))
    }

    /// Bytes in use, here and below.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.0.used_bytes.load(Ordering::Relaxed)
    }

    /// The most that may be in use here.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.0.limit_bytes
    }

    /// Counts `bytes` until the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Limit`] where this counter or one above would pass its limit; then nothing is counted.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation> {
        let mut reservation = Reservation {
            budget: self.clone(),
            bytes: 0,
        };
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    fn take(&self, bytes: u64) -> Result<()> {
        for (passed, counter) in self.ancestry().enumerate() {
            if let Err(used) = counter.add(bytes) {
                for taken in self.ancestry().take(passed) {
                    taken.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
                }
                let limit = Error::Limit {
                    what: "memory in bytes",
                    need: used.saturating_add(bytes),
                    limit: counter.limit_bytes,
                };
                return Err(limit.at(self.holders()));
            }
        }
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        for counter in self.ancestry() {
            counter.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn ancestry(&self) -> impl Iterator<Item = &Counter> {
        std::iter::successors(Some(&*self.0), |counter| counter.above())
    }

    /// Who holds what, from here up.
    fn holders(&self) -> String {
        let mut text = String::from("budget");
        for counter in self.ancestry() {
            let used = counter.used_bytes.load(Ordering::Relaxed);
            write!(text, " {} holds {used}", counter.name).expect("a String takes all text");
            if counter.parent.is_some() {
                text.push(',');
            }
        }
        text
    }
}

impl Counter {
    fn above(&self) -> Option<&Self> {
        self.parent.as_ref().map(|parent| &*parent.0)
    }

    /// Adds, unless that passes the limit; then gives what is in use.
    fn add(&self, bytes: u64) -> Result<u64, u64> {
        let fits = |used: u64| {
            used.checked_add(bytes)
                .filter(|sum| *sum <= self.limit_bytes)
        };
        self.used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
    }
}

/// Counted bytes; dropping it gives them back.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    bytes: u64,
}

impl Reservation {
    /// How many bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts more.
    ///
    /// # Errors
    /// As [`Budget::reserve`]; then the reservation stays as it was.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives some back, at most all.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.budget.give_back(bytes);
        self.bytes -= bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reservation_counts_in_every_counter_above() {
        let process = Budget::new("process", 100);
        let query = process.child("query", 60);
        let guard = query.reserve(40).unwrap();
        assert_eq!((process.used_bytes(), query.used_bytes()), (40, 40));
        assert!(query.reserve(20).is_ok());
        drop(guard);
        assert_eq!((process.used_bytes(), query.used_bytes()), (0, 0));
    }

    #[test]
    fn refusal_names_who_holds_what_and_counts_nothing() {
        let process = Budget::new("process", 100);
        let _job = process.child("job", 90).reserve(70).unwrap();
        let query = process.child("query", 60);
        let mut guard = query.reserve(20).unwrap();
        let error = guard.grow(11).unwrap_err();
        let want =
            "budget query holds 20, process holds 90: memory in bytes needs 101, the limit is 100";
        assert_eq!(error.chain(), want);
        assert_eq!(error.kind(), crate::ErrorKind::Limit);
        assert_eq!((process.used_bytes(), query.used_bytes()), (90, 20));
        guard.grow(10).unwrap();
        guard.shrink(5);
        assert_eq!((process.used_bytes(), guard.bytes()), (95, 25));
    }

    #[test]
    fn a_sum_past_all_bounds_is_refused() {
        let budget = Budget::unlimited("process");
        let _all = budget.reserve(u64::MAX).unwrap();
        assert!(budget.reserve(1).is_err() && budget.reserve(0).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_held_is_what_is_counted(steps in prop::collection::vec((0_usize..3, 0_u64..50, any::<bool>()), 0..40)) {
            let root = Budget::new("root", 100);
            let leaves = [root.child("a", 60), root.child("b", 60), root.clone()];
            let mut held: Vec<(usize, Reservation)> = Vec::new();
            for (leaf, bytes, drops) in steps {
                if drops && !held.is_empty() {
                    held.remove(0);
                } else if let Ok(guard) = leaves[leaf].reserve(bytes) {
                    held.push((leaf, guard));
                }
                let sum = |keep: &dyn Fn(usize) -> bool| -> u64 {
                    held.iter().filter(|(leaf, _)| keep(*leaf)).map(|(_, guard)| guard.bytes()).sum()
                };
                prop_assert_eq!(root.used_bytes(), sum(&|_| true));
                prop_assert_eq!(leaves[0].used_bytes(), sum(&|leaf| leaf == 0));
                prop_assert!(root.used_bytes() <= 100 && leaves[1].used_bytes() <= 60);
            }
        }
    }
}
