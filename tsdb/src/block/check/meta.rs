//! What `meta.json` says, against what is there.

use super::{Counts, Files, Findings};
use crate::block::{CHUNKS, INDEX, META};
use crate::merge::tally::Tally;
use crate::meta::{BlockMeta, BlockStats, ThanosMeta};
use crate::time::Millis;
use crate::tombstone::Tombstones;

/// Compares; nothing is counted where not all of the block could be read.
pub(super) fn check(
    meta: &BlockMeta,
    files: Files<'_>,
    counted: Option<(&Counts, &Tally)>,
    deleted: &Tombstones,
    findings: &mut Findings,
) {
    if meta.min_time > meta.max_time {
        findings.damage(
            META,
            None,
            format!(
                "ends at {}, before it begins at {}",
                meta.max_time, meta.min_time
            ),
        );
    }
    if meta
        .compaction
        .sources
        .windows(2)
        .any(|pair| pair[0] >= pair[1])
    {
        findings.damage(META, None, "sources out of order");
    }
    if let Some((counts, tally)) = counted {
        stats(meta, counts, findings);
        range(meta, counts, findings);
        if let Some(stated) = Tally::of(meta).filter(|stated| stated != tally) {
            let what = tally.difference(&stated);
            let fact = format!("is not what its writer tallied: {what}");
            findings.damage(META, None, fact);
        }
    }
    let stated = meta.stats.num_tombstones;
    if files.tombstones.is_some() && stated != deleted.count() as u64 {
        findings.damage(
            META,
            None,
            format!("numTombstones is {stated}, there are {}", deleted.count()),
        );
    }
    if let Some(thanos) = &meta.thanos {
        sizes(thanos, files, findings);
    }
}

fn stats(meta: &BlockMeta, counts: &Counts, findings: &mut Findings) {
    let BlockStats {
        num_samples,
        num_float_samples,
        num_histogram_samples,
        num_series,
        num_chunks,
        ..
    } = meta.stats;
    let mut compare = |name: &str, stated: u64, found: u64| {
        if stated != found {
            findings.damage(META, None, format!("{name} is {stated}, there are {found}"));
        }
    };
    compare("numSeries", num_series, counts.series);
    compare("numChunks", num_chunks, counts.chunks);
    compare("numSamples", num_samples, counts.samples);
    // Older writers do not tell the kinds apart; downsampling keeps the numbers of the raw block.
    let told_apart = num_float_samples + num_histogram_samples > 0;
    if told_apart && meta.resolution().0 == 0 {
        compare("numFloatSamples", num_float_samples, counts.float_samples);
        compare(
            "numHistogramSamples",
            num_histogram_samples,
            counts.histogram_samples,
        );
    }
}

/// Readers clip what lies outside; Thanos counts such blocks among those with known issues.
fn range(meta: &BlockMeta, counts: &Counts, findings: &mut Findings) {
    let (Some(min), Some(max)) = (counts.min, counts.max) else {
        return;
    };
    if Millis(min) < meta.min_time || Millis(max) >= meta.max_time {
        let fact = format!(
            "chunks from {min} to {max} reach outside the block's range from {} to {}",
            meta.min_time, meta.max_time
        );
        findings.unusual(INDEX, None, fact);
    }
}

fn sizes(thanos: &ThanosMeta, files: Files<'_>, findings: &mut Findings) {
    for file in &thanos.files {
        let found = size(&file.rel_path, files);
        match (file.size_bytes, found) {
            (Some(stated), Some(found)) if stated != found => {
                let fact = format!("is {found} bytes long, {META} says {stated}");
                findings.damage(&file.rel_path, None, fact);
            }
            // A missing index was reported by whoever looked for it.
            (Some(_), None) if file.rel_path != INDEX => {
                findings.damage(
                    &file.rel_path,
                    None,
                    format!("is not there, {META} lists it"),
                );
            }
            _ => {}
        }
    }
    for (name, _) in files.segments {
        let rel_path = format!("{CHUNKS}/{name}");
        let listed = thanos.files.iter().any(|file| file.rel_path == rel_path);
        if !thanos.files.is_empty() && !listed {
            findings.damage(
                &rel_path,
                None,
                format!("is not in the list of files of {META}"),
            );
        }
    }
}

fn size(rel_path: &str, files: Files<'_>) -> Option<u64> {
    if rel_path == INDEX {
        return files.index.map(|bytes| bytes.len() as u64);
    }
    let name = rel_path.strip_prefix(CHUNKS)?.strip_prefix('/')?;
    let segment = files.segments.iter().find(|(segment, _)| segment == name)?;
    Some(segment.1.len() as u64)
}
