//! Whether every label pair has exactly its series, no more and no less, and every list its place.
//!
//! While series stream by, each pair keeps a count and a sum over its series' references, mixed so that no two sets are
//! likely to have the same; each list on disk must give the same two numbers.

use super::Findings;
use super::index::{at, check_padding};
use crate::block::INDEX;
use crate::codec::{Cursor, crc};
use crate::error::{Corruption, Result};
use crate::id::SeriesRef;
use crate::index::pair_slots::PairSlots;
use crate::index::postings::PostingsList;
use crate::index::series::Pair;
use crate::index::{SymbolTable, Toc, Version};

/// Lists start at multiples of this.
const LIST_ALIGN: u64 = 4;

/// Of a set of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Trace {
    count: u32,
    sum: u64,
}

impl Trace {
    fn add(&mut self, series: SeriesRef) {
        self.count += 1;
        let mixed =
            (u64::from(series.0) ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.sum = self.sum.wrapping_add(mixed ^ mixed >> 29);
    }

    fn of(list: PostingsList<'_>) -> Self {
        let mut trace = Self::default();
        list.iter().for_each(|series| trace.add(series));
        trace
    }
}

/// What the series say about the lists.
#[derive(Debug, Default)]
pub(super) struct Postings {
    all: Trace,
    traces: Vec<Trace>,
    slots: PairSlots,
}

impl Postings {
    /// Takes a series, its labels by position in the symbol table.
    pub(super) fn add(&mut self, series: SeriesRef, labels: &[Pair]) {
        self.all.add(series);
        for (_, slot) in self.slots.of(labels) {
            let slot = *slot as usize;
            if slot == self.traces.len() {
                self.traces.push(Trace::default());
            }
            self.traces[slot].add(series);
        }
    }

    /// Compares with the lists and their table.
    pub(super) fn check(
        mut self,
        bytes: &[u8],
        toc: &Toc,
        (version, symbols): (Version, &SymbolTable),
        findings: &mut Findings,
    ) -> Result<()> {
        let mut table = at(
            bytes,
            "postings offset table",
            toc.postings_table,
            bytes.len() as u64,
        );
        let content = crc::take_frame(&mut table)?;
        let mut entries = Cursor::new("postings offset table", content, toc.postings_table + 4);
        let count = entries.u32()?;
        let lists_end = match crate::index::legacy::table(toc) {
            Some(table) => table.start,
            None => toc.postings_table,
        };
        let mut end = toc.postings;
        let mut last: Option<(&[u8], &[u8])> = None;
        for _ in 0..count {
            let here = entries.clone();
            let (key, list) = take_entry(&mut entries)?;
            if version != Version::One && last >= Some(key) {
                return Err(here.corrupt(Corruption::Order("entries")));
            }
            last = Some(key);
            let start = end.next_multiple_of(LIST_ALIGN);
            // Version 1's table is not sorted: where the lists lie says nothing.
            if version != Version::One && list != start {
                let fact = format!("list lies at {list:#x}, the one before ends at {end:#x}");
                findings.damage(INDEX, here.offset(), fact);
            } else if version != Version::One {
                check_padding(bytes, end..start, findings);
            }
            let mut cursor = at(bytes, "postings", list, lists_end);
            let list = PostingsList::decode(&mut cursor)?;
            end = cursor.offset();
            list.check_order()?;
            self.compare(key, list, symbols, (&here, findings));
        }
        if !entries.is_empty() {
            findings.damage(INDEX, entries.offset(), "bytes after the last entry");
        }
        if version != Version::One && end != lists_end {
            findings.damage(INDEX, end, format!("lists end here, not at {lists_end:#x}"));
        }
        self.missing(symbols, findings);
        Ok(())
    }

    fn compare(
        &mut self,
        (name, value): (&[u8], &[u8]),
        list: PostingsList<'_>,
        symbols: &SymbolTable,
        (here, findings): (&Cursor<'_>, &mut Findings),
    ) {
        let pair = symbols.find(name).zip(symbols.find(value));
        let want = if name.is_empty() && value.is_empty() {
            Some(std::mem::take(&mut self.all))
        } else {
            // Taken out, so that what remains in the end has no list.
            pair.and_then(|pair| self.slots.remove(pair))
                .map(|slot| self.traces[slot as usize])
        };
        let got = Trace::of(list);
        if want != Some(got) {
            let (name, value) = (
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value),
            );
            let want = want.unwrap_or_default().count;
            let fact = format!(
                "list of {name:?}={value:?} has {} series, not the {want} that have the label",
                got.count
            );
            findings.damage(INDEX, here.offset(), fact);
        }
    }

    fn missing(&self, symbols: &SymbolTable, findings: &mut Findings) {
        if self.all != Trace::default() {
            findings.damage(INDEX, None, "no list of all series");
        }
        let mut pairs: Vec<Pair> = self.slots.iter().map(|(pair, _)| pair).collect();
        pairs.sort_unstable();
        for (name, value) in pairs {
            let text = |symbol| String::from_utf8_lossy(symbols.get(symbol).unwrap_or_default());
            let fact = format!("no list of {:?}={:?}", text(name), text(value));
            findings.damage(INDEX, None, fact);
        }
    }
}

/// Key and offset of one list.
type Entry<'a> = ((&'a [u8], &'a [u8]), u64);

fn take_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Entry<'a>> {
    let start = cursor.clone();
    let keys = cursor.uvarint()?;
    if keys != 2 {
        return Err(start.corrupt(Corruption::Other(format!("{keys} strings in a key, not 2"))));
    }
    let key = (cursor.uvarint_bytes()?, cursor.uvarint_bytes()?);
    Ok((key, cursor.uvarint()?))
}
