//! Which series have which label pair, recorded while the series stream by.
//!
//! ```text
//! log:   (pair << 1 | first of its series) u32, one for each label of each series, in order
//! ```
//!
//! Neighbouring series share most pairs, so a pair's number is mostly that of the series before; else it is found by its value,
//! of which most belong to one name only, else in a map. At the end one counting sort gives all lists in order of
//! (name, value). It runs in batches of whole lists, so that it never needs more than a [`BATCHES`]th beside the log,
//! except for a longer list. Where memory has no room for all pairs, the log is sorted in between, put aside
//! ([`super::runs`]) and started anew. Used by [`super::writer`]; lists are drawn in [`super::postings`].

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::series::Pair;
use super::symbols::SymbolTable;
use crate::error::{Corruption, Result};
use crate::id::{SeriesRef, SymbolRef};

/// Walks over the log to sort it: each takes 1 ns an entry, and needs so much less memory at a time.
pub const BATCHES: usize = 8;

/// List entries sorted at a time at least: 1 MiB of them.
const BATCH_ENTRIES_MIN: usize = 1 << 18;

/// No pair.
const NONE: u32 = u32::MAX;

/// Pairs and series so far.
#[derive(Debug)]
pub struct PairLog {
    log: Vec<u32>,
    series: Vec<SeriesRef>,
    /// Series before those of the log.
    restarted_at: usize,
    pairs: Vec<Pair>,
    /// Series of each pair.
    counts: Vec<u32>,
    /// The first pair seen with each value.
    by_value: Vec<u32>,
    /// All other pairs.
    others: HashMap<Pair, u32, FixedState>,
    last_labels: Vec<Pair>,
    last_pairs: Vec<u32>,
    /// First symbol that may be a name: 1 where the table starts with the empty string.
    names_from: u32,
}

impl PairLog {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new(symbols: &SymbolTable) -> Self {
        Self {
            log: Vec::new(),
            series: Vec::new(),
            restarted_at: 0,
            pairs: Vec::new(),
            counts: Vec::new(),
            by_value: vec![NONE; symbols.len()],
            others: HashMap::default(),
            last_labels: Vec::new(),
            last_pairs: Vec::new(),
            names_from: u32::from(symbols.get(SymbolRef(0)) == Some(b"")),
        }
    }

    /// Labels of the series recorded last.
    #[must_use]
    pub fn last_labels(&self) -> &[Pair] {
        &self.last_labels
    }

    /// Number of series.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// All series so far.
    #[must_use]
    pub fn series(&self) -> &[SeriesRef] {
        &self.series
    }

    /// Memory that stays until the end, in bytes: 4 for each series and symbol.
    #[must_use]
    pub fn fixed_bytes(&self) -> u64 {
        4 * (self.series.len() + self.by_value.len()) as u64
    }

    /// Memory that [`Self::restart`] makes room in, in bytes, with what sorting takes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        let sorting = (self.series.len() - self.restarted_at).max(self.log.len() / BATCHES);
        // Pair, count, place in the order, next slot of its list.
        let pairs = self.pairs.len() * (8 + 4 + 4 + 4);
        (4 * (self.log.len() + sorting) + pairs + 16 * self.others.capacity()) as u64
    }

    /// Forgets the pairs, not the series.
    pub fn restart(&mut self) {
        for (_, value) in self.pairs.drain(..) {
            if let Some(first) = self.by_value.get_mut(value.0 as usize) {
                *first = NONE;
            }
        }
        self.log.clear();
        self.counts.clear();
        self.others.clear();
        self.last_pairs.clear();
        self.restarted_at = self.series.len();
    }

    /// Records one series, which has at least one label.
    ///
    /// # Errors
    /// Where a symbol is not in the table or a name is empty.
    pub fn add(&mut self, labels: &[Pair], series: SeriesRef) -> Result<(), Corruption> {
        self.last_pairs.resize(labels.len(), NONE);
        for (at, pair) in labels.iter().enumerate() {
            let same = self.last_labels.get(at) == Some(pair);
            let known = self.last_pairs.get(at).copied();
            let known = known.filter(|number| same && *number != NONE);
            let number = match known {
                Some(number) => number,
                None => self.number(*pair)?,
            };
            if let Some(last) = self.last_pairs.get_mut(at) {
                *last = number;
            }
            if let Some(count) = self.counts.get_mut(number as usize) {
                *count += 1;
            }
            self.log.push(number << 1 | u32::from(at == 0));
        }
        self.last_labels.clear();
        self.last_labels.extend_from_slice(labels);
        self.series.push(series);
        Ok(())
    }

    fn number(&mut self, pair: Pair) -> Result<u32, Corruption> {
        let (name, value) = pair;
        if name.0 as usize >= self.by_value.len() {
            return Err(self.no_such_symbol(name));
        }
        if name.0 < self.names_from {
            return Err(Corruption::Other("a label without name".into()));
        }
        let Some(first) = self.by_value.get_mut(value.0 as usize) else {
            return Err(self.no_such_symbol(value));
        };
        let next = u32::try_from(self.pairs.len()).unwrap_or(NONE);
        if *first == NONE {
            *first = next;
        } else if self.pairs.get(*first as usize) == Some(&pair) {
            return Ok(*first);
        } else {
            let number = *self.others.entry(pair).or_insert(next);
            if number != next {
                return Ok(number);
            }
        }
        // One bit of the log says where a series starts.
        if next >= NONE >> 1 {
            return Err(Corruption::Range {
                what: "number of label pairs",
                value: next.into(),
                limit: (NONE >> 1).into(),
            });
        }
        self.pairs.push(pair);
        self.counts.push(0);
        Ok(next)
    }

    #[cold]
    fn no_such_symbol(&self, symbol: SymbolRef) -> Corruption {
        Corruption::Range {
            what: "label symbol",
            value: symbol.0.into(),
            limit: self.by_value.len() as u64,
        }
    }

    /// The pairs of the series since the start, or since the log was started anew.
    #[must_use]
    pub fn sort(&self) -> SortedPairs<'_> {
        let mut order: Vec<u32> = (0..).take(self.pairs.len()).collect();
        order.sort_unstable_by_key(|number| self.pairs.get(*number as usize));
        SortedPairs {
            log: &self.log,
            series: self.series.get(self.restarted_at..).unwrap_or_default(),
            pairs: &self.pairs,
            counts: &self.counts,
            order,
        }
    }
}

/// The recorded pairs in order of (name, value).
#[derive(Debug)]
pub struct SortedPairs<'a> {
    log: &'a [u32],
    series: &'a [SeriesRef],
    pairs: &'a [Pair],
    counts: &'a [u32],
    order: Vec<u32>,
}

impl SortedPairs<'_> {
    /// Every pair in order with the length of its list.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (Pair, u32)> + Clone + '_ {
        self.order.iter().map(|number| {
            let number = *number as usize;
            let pair = self.pairs.get(number).expect("the order numbers pairs");
            (*pair, self.counts.get(number).copied().unwrap_or_default())
        })
    }

    /// Hands every list, in order, to `take`.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn lists(&self, mut take: impl FnMut(&[SeriesRef]) -> Result<()>) -> Result<()> {
        let mut slots = vec![NONE; self.pairs.len()];
        let mut sorted = Vec::new();
        let mut order = self.order.as_slice();
        while !order.is_empty() {
            let (batch, rest) = order.split_at(self.batch_len(order));
            self.sort_batch(batch, &mut slots, &mut sorted);
            let mut lists = sorted.as_slice();
            for number in batch {
                let (list, after) = lists.split_at(self.count(*number));
                take(list)?;
                lists = after;
            }
            order = rest;
        }
        Ok(())
    }

    fn count(&self, number: u32) -> usize {
        self.counts
            .get(number as usize)
            .copied()
            .unwrap_or_default() as usize
    }

    /// How many of the next pairs fit a batch, at least one.
    fn batch_len(&self, order: &[u32]) -> usize {
        let most = (self.log.len() / BATCHES).max(BATCH_ENTRIES_MIN);
        let mut entries = 0;
        let fits = order.iter().take_while(|number| {
            entries += self.count(**number);
            entries <= most
        });
        fits.count().max(1)
    }

    /// Fills `sorted` with the lists of a batch, one after the other.
    fn sort_batch(&self, batch: &[u32], slots: &mut [u32], sorted: &mut Vec<SeriesRef>) {
        let mut next = 0;
        for number in batch {
            if let Some(slot) = slots.get_mut(*number as usize) {
                *slot = next;
            }
            // A list has fewer than 2^32 entries, and a batch is one list or far less than that.
            next += u32::try_from(self.count(*number)).unwrap_or(NONE);
        }
        sorted.clear();
        sorted.resize(next as usize, SeriesRef::default());
        let mut series = self.series.iter();
        let mut current = SeriesRef::default();
        for entry in self.log {
            if entry & 1 == 1 {
                current = series.next().copied().unwrap_or_default();
            }
            let Some(slot) = slots.get_mut((entry >> 1) as usize) else {
                continue;
            };
            if let Some(place) = sorted.get_mut(*slot as usize) {
                *place = current;
                *slot += 1;
            }
        }
        for number in batch {
            if let Some(slot) = slots.get_mut(*number as usize) {
                *slot = NONE;
            }
        }
    }
}
