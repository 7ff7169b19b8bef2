//! Many sorted symbol tables to one, with a remap for each.
//!
//! All tables ascend in byte order, so in the merged table the order of positions is the order of strings, and two series
//! compare as two slices of positions. The union is kept whole, used or not: that is what Prometheus writes.

use crate::error::Result;
use crate::id::SymbolRef;
use crate::index::SymbolTable;

/// Strings in ascending order, one at a time.
pub trait Ascending {
    /// The string at the position; none at the end.
    fn head(&self) -> Option<&[u8]>;

    /// Number of strings, past ones included.
    fn count(&self) -> usize;

    /// Goes to the next string.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn advance(&mut self) -> Result<()>;
}

/// The union of all tables, and for each table the new position of each of its symbols.
///
/// A linear scan over the heads beats a heap for the few blocks that are ever merged.
///
/// # Errors
/// Where all strings together exceed what a table can hold, or one cannot be read.
pub fn merge(tables: &mut [impl Ascending]) -> Result<(SymbolTable, Vec<Vec<SymbolRef>>)> {
    let mut union = SymbolTable::new();
    let mut remaps: Vec<Vec<SymbolRef>> = tables
        .iter()
        .map(|table| Vec::with_capacity(table.count()))
        .collect();
    let mut symbol = Vec::new();
    while let Some(least) = tables.iter().filter_map(Ascending::head).min() {
        symbol.clear();
        symbol.extend_from_slice(least);
        let position = union.push(&symbol)?;
        for (table, remap) in tables.iter_mut().zip(&mut remaps) {
            if table.head() == Some(&symbol) {
                remap.push(position);
                table.advance()?;
            }
        }
    }
    Ok((union, remaps))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Some strings, and the position among them.
    struct Strings(Vec<String>, usize);

    impl Ascending for Strings {
        fn head(&self) -> Option<&[u8]> {
            self.0.get(self.1).map(String::as_bytes)
        }

        fn count(&self) -> usize {
            self.0.len()
        }

        fn advance(&mut self) -> Result<()> {
            self.1 += 1;
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn the_union_is_sorted_and_each_remap_finds_its_string(sets: Vec<BTreeSet<String>>) {
            let mut tables: Vec<Strings> = sets.iter().map(|set| Strings(set.iter().cloned().collect(), 0)).collect();
            let (union, remaps) = merge(&mut tables).unwrap();
            let want: Vec<String> = sets.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert!(union.iter().eq(want.iter().map(String::as_bytes)));
            for (set, remap) in sets.iter().zip(&remaps) {
                let found = remap.iter().map(|at| union.get(*at).unwrap());
                prop_assert!(found.eq(set.iter().map(String::as_bytes)));
            }
        }
    }
}
