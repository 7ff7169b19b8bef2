//! Many sorted symbol tables to one, with a remap for each.
//!
//! All tables ascend in byte order, so in the merged table the order of positions is the order of strings, and two series
//! compare as two slices of positions. The union is kept whole, used or not: that is what Prometheus writes.

use crate::error::Result;
use crate::id::SymbolRef;
use crate::index::SymbolTable;

/// The union of all tables, and for each table the new position of each of its symbols.
///
/// A linear scan over the heads beats a heap for the few blocks that are ever merged.
///
/// # Errors
/// Where all strings together exceed what a table can hold.
pub fn merge(tables: &[SymbolTable]) -> Result<(SymbolTable, Vec<Vec<SymbolRef>>)> {
    let mut union = SymbolTable::new();
    let mut remaps: Vec<Vec<SymbolRef>> = tables
        .iter()
        .map(|table| Vec::with_capacity(table.len()))
        .collect();
    let mut taken = vec![SymbolRef(0); tables.len()];
    while let Some(least) = tables
        .iter()
        .zip(&taken)
        .filter_map(|(table, &at)| table.get(at))
        .min()
    {
        let position = union.push(least)?;
        for ((table, at), remap) in tables.iter().zip(&mut taken).zip(&mut remaps) {
            if table.get(*at) == Some(least) {
                remap.push(position);
                at.0 += 1;
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

    proptest! {
        #[test]
        fn the_union_is_sorted_and_each_remap_finds_its_string(sets: Vec<BTreeSet<String>>) {
            let tables: Vec<SymbolTable> = sets.iter().map(|set| {
                let mut table = SymbolTable::new();
                for symbol in set {
                    table.push(symbol.as_bytes()).unwrap();
                }
                table
            }).collect();
            let (union, remaps) = merge(&tables).unwrap();
            let want: Vec<String> = sets.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert!(union.iter().eq(want.iter().map(String::as_bytes)));
            for (set, remap) in sets.iter().zip(&remaps) {
                let found = remap.iter().map(|at| union.get(*at).unwrap());
                prop_assert!(found.eq(set.iter().map(String::as_bytes)));
            }
        }
    }
}
