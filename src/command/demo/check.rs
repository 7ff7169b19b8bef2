//! Is everything still there? The bucket against what was generated.
//!
//! 1. Every block keeps every promise of its format.
//! 2. Raw: each series of each block has exactly the times that [`super::penalty`] chooses among those of both replicas, each
//!    with a value that a replica scraped then.
//! 3. Downsampled: the counts of each series add up to its raw samples of the same range.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use tsdb::block::check;
use tsdb::block::mmap::Mapped;
use tsdb::block::reader::Block;
use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{self, ChunkView, Encoding};
use tsdb::generate::Series;
use tsdb::index::reader::IndexReader;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::sample::{Sample, Value};
use tsdb::segment::SegmentReader;
use tsdb::time::TimeRange;

use super::make::{self, Fleet};
use super::penalty;
use crate::progress::Bar;

/// What was checked.
pub(super) struct Checked {
    blocks: usize,
    raw_samples: u64,
    downsampled: usize,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "checked: {} blocks are sound, the {} raw samples are those of the replicas, deduplicated,\n\
             and the counts of {} downsampled blocks add up to them",
            self.blocks, self.raw_samples, self.downsampled
        )
    }
}

/// Checks all blocks in `root`; `metas` has the raw ones first.
pub(super) fn run(fleet: &Fleet, root: &Path, metas: &[BlockMeta]) -> anyhow::Result<Checked> {
    let bar = Bar::start("check", metas.len() as u64);
    let mut counts: BTreeMap<(i64, i64), Vec<u64>> = BTreeMap::new();
    let mut checked = Checked {
        blocks: 0,
        raw_samples: 0,
        downsampled: 0,
    };
    for meta in metas {
        let dir = root.join(meta.ulid.to_string());
        let at = || format!("block {}", meta.ulid);
        let (_, findings) = check::directory(&dir)?;
        ensure!(!findings.is_damaged(), "{}: {}", at(), findings.list[0]);
        checked.blocks += 1;
        let key = (meta.min_time.0, meta.max_time.0);
        if meta.resolution() == Resolution::RAW {
            let samples = raw(fleet, &dir, meta.range()).with_context(at)?;
            checked.raw_samples += samples.iter().sum::<u64>();
            counts.insert(key, samples);
        } else {
            let got = downsampled(&dir).with_context(at)?;
            ensure!(
                counts.get(&key) == Some(&got),
                "{}: counts do not add up",
                at()
            );
            checked.downsampled += 1;
        }
        bar.step();
    }
    ensure!(checked.raw_samples > 0, "no raw samples are left");
    Ok(checked)
}

/// Checks one raw block and returns the samples of each series.
fn raw(fleet: &Fleet, dir: &Path, range: TimeRange) -> anyhow::Result<Vec<u64>> {
    let blocks: Vec<_> = fleet.generators.iter().map(|one| one.block(0)).collect();
    let mut series: Vec<_> = blocks.iter().map(|block| block.series()).collect();
    let mut counts = Vec::new();
    let mut samples = Vec::new();
    each_series(dir, &mut |labels, chunks| {
        samples.clear();
        for chunk in chunks {
            chunk::decode(*chunk, &mut samples)?;
        }
        let scraped: Vec<Series<'_>> = series.iter_mut().filter_map(Iterator::next).collect();
        let known = scraped.iter().all(|one| one.labels() == *labels);
        ensure!(known && !scraped.is_empty(), "{labels:?} was not generated");
        compare(&scraped, range, &samples).with_context(|| format!("{labels:?}"))?;
        counts.push(samples.len() as u64);
        Ok(())
    })?;
    ensure!(
        counts.len() == blocks[0].len(),
        "{} of {} series are left",
        counts.len(),
        blocks[0].len()
    );
    Ok(counts)
}

fn compare(scraped: &[Series<'_>], range: TimeRange, got: &[Sample]) -> anyhow::Result<()> {
    let mut values: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    let mut rest = got;
    let mut start = range.min;
    while start < range.max {
        // Uploaded blocks were merged pair by pair before anything else.
        let window = TimeRange::new(start, start.saturating_add(make::BLOCK));
        start = window.max;
        let mut replicas = Vec::new();
        for one in scraped {
            ts.clear();
            vs.clear();
            one.fill(window, &mut ts, &mut vs);
            for (t, v) in ts.iter().zip(&vs) {
                values.entry(*t).or_default().push(v.to_bits());
            }
            replicas.push(ts.clone());
        }
        let (inside, behind) =
            rest.split_at(rest.partition_point(|sample| sample.t < window.max.0));
        rest = behind;
        let times: Vec<i64> = inside.iter().map(|sample| sample.t).collect();
        let [a, b] = replicas.as_slice() else {
            anyhow::bail!("{} replicas instead of two", replicas.len());
        };
        // Which of two that begin together comes first depends on the names of the blocks.
        let known = times == penalty::merged(a, b) || times == penalty::merged(b, a);
        ensure!(
            known,
            "{} samples from {} on are not those that deduplication leaves",
            times.len(),
            window.min.0
        );
    }
    ensure!(rest.is_empty(), "samples behind the end of the block");
    for sample in got {
        let Value::Float(value) = &sample.value else {
            anyhow::bail!("a histogram at {} was not generated", sample.t);
        };
        let scraped = values[&sample.t].contains(&value.to_bits());
        ensure!(scraped, "sample {value} at {} was not scraped", sample.t);
    }
    Ok(())
}

/// Sum of the counts of each series.
fn downsampled(dir: &Path) -> anyhow::Result<Vec<u64>> {
    let mut counts = Vec::new();
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    each_series(dir, &mut |labels, chunks| {
        ts.clear();
        vs.clear();
        for chunk in chunks {
            ensure!(
                chunk.encoding == Encoding::Aggregate,
                "{labels:?} has raw chunks"
            );
            let count = AggregateView::parse(chunk.payload)?.get(Aggregate::Count);
            let count = count.context("an aggregate chunk without counts")?;
            chunk::xor::decode(count.payload, &mut ts, &mut vs)?;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are small whole numbers"
        )]
        counts.push(vs.iter().sum::<f64>() as u64);
        Ok(())
    })?;
    Ok(counts)
}

type PerSeries<'a> = dyn FnMut(&tsdb::label::Labels, &[ChunkView<'_>]) -> anyhow::Result<()> + 'a;

/// Calls `take` for each series, in order.
fn each_series(dir: &Path, take: &mut PerSeries<'_>) -> anyhow::Result<()> {
    let block = Block::open(dir)?;
    let index: IndexReader<Mapped> = block.index_reader()?;
    let segments = block.map_segments()?.into_iter().map(SegmentReader::open);
    let segments: Vec<_> = segments.collect::<tsdb::Result<_>>()?;
    for entry in index.all_series()? {
        let (_, entry) = entry?;
        let labels = index.labels(&entry)?;
        let mut chunks = Vec::with_capacity(entry.chunks.len());
        for meta in &entry.chunks {
            let segment = segments.get(meta.reference.segment() as usize);
            let segment = segment.context("a chunk in a segment that is not there")?;
            chunks.push(segment.chunk(meta.reference.offset())?);
        }
        take(&labels, &chunks)?;
    }
    Ok(())
}
