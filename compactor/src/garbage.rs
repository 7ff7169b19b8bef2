//! Blocks whose data is all in another block; pure.
//!
//! After a crash between upload and marking, the sources of a compacted block are still there, unmarked. The deduplicate filter
//! hides them; this names the ones that get a deletion mark, so that they go, and the block that makes each superfluous, so that it
//! can be looked at first. A block that is itself marked makes nothing superfluous: both would go.

use std::collections::{BTreeSet, HashMap};

use tsdb::bucket::filter;
use tsdb::id::BlockId;
use tsdb::meta::BlockMeta;

/// Details of the deletion mark of a superseded block.
pub const DETAILS: &str = "outdated block";

/// A block that another one covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// The block to mark.
    pub block: BlockId,
    /// The block that has all its sources.
    pub by: BlockId,
}

/// Names the superseded blocks among those without a deletion mark.
#[must_use]
pub fn superseded(unmarked: &[&BlockMeta]) -> Vec<Superseded> {
    let duplicates: BTreeSet<BlockId> = filter::duplicates(unmarked).into_iter().collect();
    let mut kept: HashMap<String, Vec<&BlockMeta>> = HashMap::new();
    for block in unmarked
        .iter()
        .filter(|block| !duplicates.contains(&block.ulid))
    {
        kept.entry(block.group_key()).or_default().push(block);
    }
    unmarked
        .iter()
        .filter(|block| duplicates.contains(&block.ulid))
        .filter_map(|block| {
            let sources = &block.compaction.sources;
            let has_all = |other: &&&BlockMeta| {
                sources
                    .iter()
                    .all(|source| other.compaction.sources.contains(source))
            };
            let by = kept.get(&block.group_key())?.iter().find(has_all)?.ulid;
            Some(Superseded {
                block: block.ulid,
                by,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tsdb::testing::metas::block;

    use super::*;

    #[test]
    fn superseded_blocks_name_the_block_that_has_their_sources() {
        let blocks = [
            block(1, &[1]),
            block(2, &[2]),
            block(8, &[1, 3]),
            block(9, &[1, 3, 4]),
        ];
        let got = superseded(&blocks.iter().collect::<Vec<_>>());
        let [a, b, by] = [1, 8, 9].map(|id| BlockId::new(0, id));
        assert_eq!(
            got,
            [Superseded { block: a, by }, Superseded { block: b, by }]
        );
    }
}
