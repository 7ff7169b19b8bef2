//! Metas for tests of what is decided by metas alone.

use crate::id::BlockId;
use crate::meta::BlockMeta;

/// The block of this number, with the sources of these numbers; otherwise empty.
#[must_use]
pub fn block(number: u128, sources: &[u128]) -> BlockMeta {
    let mut meta = BlockMeta {
        ulid: BlockId::new(0, number),
        ..BlockMeta::default()
    };
    meta.compaction.sources = sources.iter().map(|&id| BlockId::new(0, id)).collect();
    meta
}
