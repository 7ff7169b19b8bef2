//! Samples of a block as text, one a line, as `promtool tsdb dump` prints them.
//!
//! ```text
//! {__name__="up", job="node"} 1 1700006411478
//! {__name__="latency"} {count:12, sum:18.4, [-0.001,0.001]:2, (0.5,1]:10} 1700006411478
//! ```
//!
//! Series in label order, samples in order of time, without what tombstones delete. One write a few hundred kilobytes, one
//! series' chunk in memory. The text of values is in [`value`].

mod value;

use std::io::Write;
use std::path::Path;

use tsdb::block::mmap::Mapped;
use tsdb::block::reader::Block;
use tsdb::chunk::{self, Encoding};
use tsdb::error::ResultExt;
use tsdb::id::SeriesRef;
use tsdb::index::{ChunkMeta, IndexReader, SeriesEntry};
use tsdb::matcher::Matcher;
use tsdb::merge::input::Input as _;
use tsdb::postings::select::select;
use tsdb::sample::Sample;
use tsdb::segment::SegmentReader;
use tsdb::time::{Interval, Millis};

use crate::error::{Error, Result};

/// Text gathered before it is written.
const BUFFER_BYTES: usize = 256 << 10;

/// What to print.
#[derive(Debug)]
pub struct Options {
    /// Selectors; a series that one of them selects is printed, all are where there is none.
    pub selectors: Vec<Vec<Matcher>>,
    /// Times of the samples.
    pub times: Interval,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            selectors: Vec::new(),
            times: Interval::ALL,
        }
    }
}

/// Prints the block in `dir`.
///
/// # Errors
/// Where the block is damaged, downsampled, or `out` refuses.
pub fn run(dir: &Path, options: &Options, out: &mut dyn Write) -> Result<()> {
    let block = Block::open(dir)?;
    let index = block.index_reader()?;
    let place = || dir.display().to_string();
    let series = selected(&index, &options.selectors).at(place)?;
    let mapped = block.map_segments()?.into_iter();
    let segments = mapped.map(SegmentReader::open).collect::<tsdb::Result<_>>();
    let mut printer = Printer {
        block: &block,
        segments: segments.at(place)?,
        times: options.times,
        text: Vec::with_capacity(BUFFER_BYTES * 2),
        samples: Vec::new(),
    };
    let mut entry = SeriesEntry::default();
    for series in series {
        index.series_into(series, &mut entry).at(place)?;
        let labels = index.labels(&entry).at(place)?.to_string();
        for meta in &entry.chunks {
            printer.chunk(series, &labels, meta)?;
            if printer.text.len() >= BUFFER_BYTES {
                out.write_all(&printer.text)?;
                printer.text.clear();
            }
        }
    }
    Ok(out.write_all(&printer.text)?)
}

/// The series that any of the selectors selects, in label order.
fn selected<B: AsRef<[u8]>>(
    index: &IndexReader<B>,
    selectors: &[Vec<Matcher>],
) -> tsdb::Result<Vec<SeriesRef>> {
    if selectors.is_empty() {
        return select(index, &[]);
    }
    let mut all = Vec::new();
    for selector in selectors {
        all.extend(select(index, selector)?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

struct Printer<'a> {
    block: &'a Block,
    segments: Vec<SegmentReader<Mapped>>,
    times: Interval,
    text: Vec<u8>,
    samples: Vec<Sample>,
}

impl Printer<'_> {
    fn chunk(&mut self, series: SeriesRef, labels: &str, meta: &ChunkMeta) -> Result<()> {
        let interval = Interval::new(Millis(meta.min), Millis(meta.max));
        if !self.times.overlaps(interval) {
            return Ok(());
        }
        let place = || format!("{}: series {}", self.block.dir().display(), series.0);
        let segment = meta.reference.segment() as usize;
        let reader = self.segments.get(segment);
        let missing = || Error::Invalid(format!("{}: no segment {segment}", place()));
        let reader = reader.ok_or_else(missing)?;
        let chunk = reader.chunk(meta.reference.offset()).at(place)?;
        if chunk.encoding == Encoding::Aggregate {
            return Err(Error::Invalid(format!(
                "{}: the block is downsampled, its chunks hold aggregates and no samples",
                place()
            )));
        }
        self.samples.clear();
        chunk::decode(chunk, &mut self.samples).at(place)?;
        let deleted = self.block.tombstones().get(series);
        for sample in &self.samples {
            let t = Millis(sample.t);
            let is_deleted = deleted.is_some_and(|intervals| intervals.contains(t));
            if self.times.contains(t) && !is_deleted {
                self.text.extend_from_slice(labels.as_bytes());
                self.text.push(b' ');
                value::put(&mut self.text, &sample.value);
                writeln!(self.text, " {t}")?;
            }
        }
        Ok(())
    }
}
