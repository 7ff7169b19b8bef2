//! An index file as a source of postings.
//!
//! Lists are read where they lie, four big-endian bytes a series; nothing is copied. Names of selected series are found by
//! marking the symbols that occur as names, one bit each, so that each name is looked up once.

use bitvec::vec::BitVec;

use super::{List, PostingsIter, PostingsSource};
use crate::error::{Corruption, Error, Result};
use crate::id::{SeriesRef, SymbolRef};
use crate::index::postings::PostingsList;
use crate::index::reader::IndexReader;
use crate::index::series::SeriesEntry;

impl List for PostingsList<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn at(&self, position: usize) -> SeriesRef {
        self.get(position).unwrap_or_default()
    }
}

impl<B: AsRef<[u8]>> PostingsSource for IndexReader<B> {
    type List<'a>
        = PostingsIter<PostingsList<'a>>
    where
        B: 'a;
    type Place = u64;

    fn all(&self) -> Result<Self::List<'_>> {
        self.all_postings().map(PostingsIter::new)
    }

    fn postings(&self, name: &str, value: &str) -> Result<Option<Self::List<'_>>> {
        // The pair of two empty strings is the list of all series, not a label.
        if name.is_empty() {
            return Ok(None);
        }
        let list = Self::postings(self, name, value)?;
        Ok(list.map(PostingsIter::new))
    }

    fn postings_at(&self, place: u64) -> Result<Self::List<'_>> {
        Self::postings_at(self, place).map(PostingsIter::new)
    }

    fn values(
        &self,
        name: &str,
        prefix: &str,
        visit: &mut dyn FnMut(&str, u64) -> Result<()>,
    ) -> Result<()> {
        // The pair of two empty strings is the list of all series, not a label.
        if name.is_empty() {
            return Ok(());
        }
        let Some(values) = self.label_values(name)? else {
            return Ok(());
        };
        for value in values.iter_from(prefix.as_bytes())? {
            let (value, place) = value?;
            if !value.starts_with(prefix.as_bytes()) {
                break;
            }
            visit(text(value)?, place)?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        let names = self.label_names()?;
        let real = names.into_iter().filter(|name| !name.is_empty());
        Ok(real.map(str::to_owned).collect())
    }

    fn names_of(&self, series: &[SeriesRef]) -> Result<Vec<String>> {
        let mut seen = SeenSymbols::default();
        let mut entry = SeriesEntry::default();
        for reference in series {
            self.series_into(*reference, &mut entry)?;
            for (name, _) in &entry.labels {
                seen.mark(*name, self)?;
            }
        }
        seen.names.sort_unstable();
        Ok(seen.names)
    }
}

/// The names met so far, with one bit per symbol.
#[derive(Default)]
struct SeenSymbols {
    marked: BitVec<usize>,
    names: Vec<String>,
}

impl SeenSymbols {
    fn mark<B: AsRef<[u8]>>(&mut self, symbol: SymbolRef, index: &IndexReader<B>) -> Result<()> {
        let position = symbol.0 as usize;
        if self.marked.get(position).is_some_and(|seen| *seen) {
            return Ok(());
        }
        // Looked up first: a reference past the table fails before the bits grow to it.
        self.names.push(text(index.symbol(symbol)?)?.to_owned());
        if position >= self.marked.len() {
            self.marked.resize(position + 1, false);
        }
        self.marked.set(position, true);
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| Error::Corrupt {
        section: "symbols",
        offset: 0,
        what: Corruption::Other(format!("string is not UTF-8: {error}")),
    })
}
