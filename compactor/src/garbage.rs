//! Blocks whose data is all in others; pure.
//!
//! After a crash between upload and marking, the sources of a compacted block are still there, unmarked. The deduplicate filter
//! ([`tsdb::bucket::filter::duplicates`]) hides them; this names the ones that get a deletion mark, so that they go.

use std::collections::BTreeSet;

use tsdb::id::BlockId;

/// Details of the deletion mark of a superseded block.
pub const DETAILS: &str = "outdated block";

/// Names the duplicates without a deletion mark, in the order given.
#[must_use]
pub fn unmarked(duplicates: &[BlockId], marked: &BTreeSet<BlockId>) -> Vec<BlockId> {
    duplicates
        .iter()
        .copied()
        .filter(|block| !marked.contains(block))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_duplicates_are_not_marked_again() {
        let [a, b] = [1, 2].map(|id| BlockId::new(0, id));
        assert_eq!(unmarked(&[a, b], &BTreeSet::from([a])), [b]);
    }
}
