//! Budgets: a tree of byte counters, process → job or query → stage.
//!
//! ```text
//! process  30 of 100 bytes
//! ├── compact  10 of 50        a reservation counts here and in every counter above
//! └── query    20 of 40        and is given back when its guard is dropped
//! ```
//!
//! A reservation that would pass any limit on the way up is refused, and the error names each counter of that way with
//! what it holds. Counters never lie low: what is reserved is counted before it is allocated. Who holds nothing yet may wait
//! for others ([`Budget::reserve_waiting`]); who holds something must not, so that nobody waits for ever. [`Memory`] is a budget
//! with a place beside it where bytes can be put aside.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::codec::{Scratch, ScratchSpace};
use crate::error::{Error, Result, ResultExt as _};

/// One counter, with those above it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    name: String,
    limit_bytes: u64,
    used_bytes: AtomicU64,
    parent: Option<Budget>,
    /// Rings when bytes are given back, anywhere in the tree.
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    lock: Mutex<()>,
    rings: Condvar,
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
        let bell = parent.as_ref().map(|parent| Arc::clone(&parent.0.bell));
        Self(Arc::new(Counter {
            bell: bell.unwrap_or_default(),
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

    /// As [`Self::reserve`], but waits until others have given enough back. For who holds nothing of this budget yet.
    ///
    /// # Errors
    /// [`Error::Limit`] where the bytes would not fit even if nobody held any.
    pub fn reserve_waiting(&self, bytes: u64) -> Result<Reservation> {
        let narrow = self.ancestry().find(|counter| counter.limit_bytes < bytes);
        if let Some(counter) = narrow {
            let limit = Error::Limit {
                what: "memory in bytes",
                need: bytes,
                limit: counter.limit_bytes,
            };
            return Err(limit.at(format!("budget {}", counter.name)));
        }
        let Bell { lock, rings } = &*self.0.bell;
        let mut quiet = lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Ok(reservation) = self.reserve(bytes) {
                return Ok(reservation);
            }
            quiet = rings.wait(quiet).unwrap_or_else(PoisonError::into_inner);
        }
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
        if bytes == 0 {
            return;
        }
        for counter in self.ancestry() {
            counter.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        // Under the lock, or it could ring between the look and the wait of another.
        let quiet = self.0.bell.lock.lock();
        self.0.bell.rings.notify_all();
        drop(quiet);
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

    /// Hands a part of it, at most all, to another holder.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            budget: self.budget.clone(),
            bytes,
        }
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

/// What a job may hold in memory, and where it puts the rest.
#[derive(Debug, Clone)]
pub struct Memory {
    /// What it may hold.
    pub budget: Budget,
    /// Where it puts the rest.
    pub scratch: Option<Arc<dyn ScratchSpace>>,
}

impl Memory {
    /// All the memory that there is.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            budget: Budget::unlimited("job"),
            scratch: None,
        }
    }

    /// A place to put bytes aside.
    ///
    /// # Errors
    /// Where there is none, which makes the budget the limit, or the disk refuses.
    pub fn scratch(&self) -> Result<Box<dyn Scratch>> {
        let Some(space) = &self.scratch else {
            let limit = Error::Limit {
                what: "memory in bytes, without a scratch directory,",
                need: self.budget.limit_bytes().saturating_add(1),
                limit: self.budget.limit_bytes(),
            };
            return Err(limit.at(self.budget.holders()));
        };
        space.create().at(|| "scratch space")
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
    fn who_waits_gets_what_another_gives_back() {
        let process = Budget::new("process", 100);
        let job = process.child("job", 80);
        let held = process.reserve(70).unwrap();
        let waiting = std::thread::spawn(move || job.reserve_waiting(60).map(|held| held.bytes()));
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert!(!waiting.is_finished());
        drop(held);
        assert_eq!(waiting.join().unwrap().unwrap(), 60);
    }

    #[test]
    fn nobody_waits_for_what_can_never_be() {
        let process = Budget::new("process", 100);
        let error = process.child("job", 80).reserve_waiting(81).unwrap_err();
        assert_eq!(
            error.chain(),
            "budget job: memory in bytes needs 81, the limit is 80"
        );
        assert!(process.child("job", u64::MAX).reserve_waiting(101).is_err());
    }

    #[test]
    fn a_part_that_is_handed_on_is_counted_once() {
        let process = Budget::new("process", 100);
        let mut held = process.reserve(70).unwrap();
        let part = held.split(30);
        assert_eq!(
            (held.bytes(), part.bytes(), process.used_bytes()),
            (40, 30, 70)
        );
        drop(held);
        assert_eq!(process.used_bytes(), 30);
        drop(part);
        assert_eq!(process.used_bytes(), 0);
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
