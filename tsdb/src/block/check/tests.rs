//! Sound blocks have no findings; each injury has its own.

use std::path::PathBuf;

use super::*;
use crate::block::build::{BlockBuilder, symbol_table};
use crate::chunk::encode_samples;
use crate::id::BlockId;
use crate::label::Labels;
use crate::sample::Sample;
use crate::testing::damage::{Damage, every_byte, every_length};
use crate::time::Millis;

/// The files of a block, held so that they can be injured.
struct Held {
    meta: BlockMeta,
    index: Vec<u8>,
    segments: Vec<(String, Vec<u8>)>,
    tombstones: Vec<u8>,
}

impl Held {
    /// Five series with 0 to 2 chunks in two small segments.
    fn small() -> Self {
        let root = tempfile::tempdir().unwrap();
        let id = BlockId::new(1, 1);
        let series: Vec<Labels> = (["a", "b", "c"].iter())
            .map(|job| Labels::from_pairs([("__name__", "up"), ("job", job)]))
            .chain([Labels::from_pairs([("__name__", "zero")])])
            .collect();
        let strings = series
            .iter()
            .flat_map(|labels| labels.iter().flat_map(|(n, v)| [n, v]));
        let symbols = symbol_table(strings).unwrap();
        let mut builder = BlockBuilder::create(root.path(), id, symbols, 700).unwrap();
        for (at, labels) in (0_i64..).zip(&series) {
            let samples: Vec<Sample> = (0..130 + at)
                .map(|t| {
                    Sample::float(
                        1000 + t * 15_000 + at,
                        f64::from(u8::try_from(t % 7).unwrap()),
                    )
                })
                .collect();
            builder
                .series(labels, &encode_samples(&samples).unwrap())
                .unwrap();
        }
        let meta = BlockMeta {
            ulid: id,
            min_time: Millis(0),
            max_time: Millis(7_200_000),
            ..BlockMeta::default()
        };
        let (dir, meta) = builder.finish(meta, true).unwrap().unwrap();
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let names = segment_names(&dir.join(CHUNKS)).unwrap();
        Self {
            meta,
            index: read(dir.join(INDEX)),
            segments: names
                .into_iter()
                .map(|name| (name.clone(), read(dir.join(CHUNKS).join(name))))
                .collect(),
            tombstones: read(dir.join(TOMBSTONES)),
        }
    }

    fn check(&self) -> (Counts, Findings) {
        let segments: Vec<(String, &[u8])> = (self.segments.iter())
            .map(|(name, bytes)| (name.clone(), &bytes[..]))
            .collect();
        check(Files {
            meta: Some(&self.meta),
            index: Some(&self.index),
            segments: &segments,
            tombstones: Some(&self.tombstones),
        })
    }

    /// What is found after an injury of the index (none) or of a segment.
    fn injured(&mut self, segment: Option<usize>, damage: Damage) -> Findings {
        let bytes = match segment {
            Some(segment) => &mut self.segments[segment].1,
            None => &mut self.index,
        };
        let sound = bytes.clone();
        damage.apply(bytes);
        let (_, findings) = self.check();
        match segment {
            Some(segment) => self.segments[segment].1 = sound,
            None => self.index = sound,
        }
        findings
    }
}

#[test]
fn a_sound_block_has_no_findings() {
    let block = Held::small();
    let (counts, findings) = block.check();
    assert_eq!(findings.list, []);
    assert_eq!((counts.series, counts.chunks, counts.samples), (4, 8, 526));
    assert_eq!(
        (counts.min, counts.max),
        (Some(1000), Some(1000 + 132 * 15_000 + 3))
    );
    assert!(
        block.segments.len() > 1,
        "the border between segments is part of the test"
    );
}

#[test]
fn every_flip_truncation_and_appended_byte_is_found() {
    let mut block = Held::small();
    let files = std::iter::once(None).chain((0..block.segments.len()).map(Some));
    for file in files {
        let len = file.map_or(block.index.len(), |segment| block.segments[segment].1.len());
        let append = Damage::Append { len: 1, value: 0 };
        for damage in every_byte(len).chain(every_length(len)).chain([append]) {
            let findings = block.injured(file, damage);
            assert!(findings.is_damaged(), "{file:?} {damage}");
        }
    }
}

#[test]
fn a_broken_record_is_named_by_segment_and_offset() {
    let mut block = Held::small();
    let findings = block.injured(Some(0), Damage::FlipBit { at: 40, bit: 0 });
    let finding = &findings.list[0];
    assert_eq!(
        (finding.file.as_str(), finding.offset),
        ("chunks/000001", Some(8))
    );
    assert!(finding.fact.contains("checksum"), "{finding}");
    assert_eq!(
        findings.list.len(),
        1,
        "the others are sound: {:?}",
        findings.list
    );
}

#[test]
fn a_broken_index_does_not_keep_the_segments_from_being_read() {
    let mut block = Held::small();
    block.segments[1].1[30] ^= 1;
    let findings = block.injured(None, Damage::Truncate { at: 100 });
    let files: Vec<&str> = findings
        .list
        .iter()
        .map(|finding| finding.file.as_str())
        .collect();
    assert_eq!(files, ["index", "chunks/000002"], "{:?}", findings.list);
}

#[test]
fn meta_must_count_what_is_there() {
    fn check(change: impl Fn(&mut BlockMeta), want: &str) {
        let mut block = Held::small();
        change(&mut block.meta);
        let (_, findings) = block.check();
        let fact = findings.list.first().map(|finding| finding.fact.as_str());
        assert_eq!(fact, Some(want));
    }
    check(
        |meta| meta.stats.num_series += 1,
        "numSeries is 5, there are 4",
    );
    check(
        |meta| meta.stats.num_chunks -= 1,
        "numChunks is 7, there are 8",
    );
    check(
        |meta| meta.stats.num_samples = 0,
        "numSamples is 0, there are 526",
    );
    check(
        |meta| meta.stats.num_tombstones = 2,
        "numTombstones is 2, there are 0",
    );
    check(
        |meta| meta.max_time = Millis(5000),
        "chunks from 1000 to 1981003 reach outside the block's range from 0 to 5000",
    );
}

#[test]
fn missing_and_surplus_segments_are_found() {
    let mut block = Held::small();
    let last = block.segments.pop().unwrap();
    assert!(block.check().1.is_damaged());
    block.segments.push(last.clone());
    block.segments.push(last);
    let (_, findings) = block.check();
    assert!(
        findings
            .list
            .iter()
            .any(|finding| finding.fact.starts_with("is in the place of"))
    );
}

#[test]
fn findings_are_bounded() {
    let mut findings = Findings::default();
    for offset in 0..250 {
        findings.damage(INDEX, offset, "same");
    }
    assert_eq!((findings.list.len(), findings.more), (FINDINGS_MAX, 150));
}
