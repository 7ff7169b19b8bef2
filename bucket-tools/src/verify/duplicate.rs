//! Blocks that say nothing new: all their sources are in another block of the same labels and resolution.

use std::sync::Arc;

use tsdb::block::check::Findings;
use tsdb::bucket::filter;
use tsdb::meta::BlockMeta;

use super::Verified;

/// Reports each of them. Compaction marks them in its next run, so they are no damage.
pub(super) fn check(metas: &[Arc<BlockMeta>], verified: &mut Verified) {
    let blocks: Vec<&BlockMeta> = metas.iter().map(|meta| &**meta).collect();
    for id in filter::duplicates(&blocks) {
        let mut findings = Findings::default();
        let fact = "all sources are in another block of the group: compaction will mark this one for deletion";
        findings.unusual("meta.json", None, fact);
        verified.add(&id.to_string(), findings);
    }
}
