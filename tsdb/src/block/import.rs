//! OpenMetrics text to blocks, in memory bounded by [`SAMPLES_MAX`].
//!
//! Each sample belongs to the block whose aligned range holds its time. One pass over the text collects the earliest blocks,
//! as many as fit; where they do not, the latest of them is let go and everything from it on waits for the next pass. So a
//! text of any length is read in few passes, and one block at least is finished in each.
//!
//! Within a series samples may come in any order; two of one time must be equal.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::build::{self, BlockBuilder};
use super::generated::chunks;
use crate::error::{Error, Result};
use crate::id::BlockId;
use crate::label::Labels;
use crate::meta::{BlockMeta, Compaction};
use crate::openmetrics::Reader;
use crate::segment::SIZE_DEFAULT;
use crate::time::Millis;

/// Samples held at one time, unless one block alone has more: 1 GiB.
pub const SAMPLES_MAX: usize = 1 << 26;

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Length of a block; ranges are aligned to it.
    pub block_duration: Millis,
    /// Labels that every series gets.
    pub labels: Vec<(String, String)>,
    /// Bound of the samples held, [`SAMPLES_MAX`].
    pub samples_max: usize,
}

/// Times and values of one series.
type Column = (Vec<i64>, Vec<f64>);

/// The samples of one block.
#[derive(Default)]
struct Samples {
    /// Column by the text that names a series, which is understood once; several texts may name one series.
    texts: HashMap<String, usize, RandomState>,
    series: BTreeMap<Labels, usize>,
    columns: Vec<Column>,
}

impl Samples {
    /// The column of the series that `text` names; `labels` understands a new text, or says in words why not.
    fn column(
        &mut self,
        text: &str,
        labels: impl FnOnce() -> Result<Labels, String>,
    ) -> Result<usize, String> {
        if let Some(known) = self.texts.get(text) {
            return Ok(*known);
        }
        let column = *self.series.entry(labels()?).or_insert(self.columns.len());
        if column == self.columns.len() {
            self.columns.push(Column::default());
        }
        self.texts.insert(text.to_owned(), column);
        Ok(column)
    }

    /// How many there are.
    fn count(&self) -> usize {
        self.columns.iter().map(|(ts, _)| ts.len()).sum()
    }
}

/// Writes the blocks of a text into `parent`, in the order of time. `text` opens it anew for each pass, `id` names blocks.
///
/// # Errors
/// Where a line is wrong, two samples of one time differ, or the disk refuses. Blocks that are whole by then stay.
pub fn import<R: BufRead>(
    text: &mut dyn FnMut() -> Result<R>,
    parent: &Path,
    id: &mut dyn FnMut() -> BlockId,
    options: &ImportOptions,
) -> Result<Vec<(PathBuf, BlockMeta)>> {
    if options.block_duration.0 <= 0 {
        return Err(Error::Invalid("a block must have a length".into()));
    }
    let mut made = Vec::new();
    let mut from = Some(i64::MIN);
    while let Some(first) = from {
        let (blocks, next) = collect(text()?, first, options)?;
        for samples in blocks.into_values() {
            made.extend(write(samples, parent, id())?);
        }
        from = next;
    }
    Ok(made)
}

/// The blocks from number `first` on that fit, and the number of the first that does not.
fn collect<R: BufRead>(
    text: R,
    first: i64,
    options: &ImportOptions,
) -> Result<(BTreeMap<i64, Samples>, Option<i64>)> {
    let mut reader = Reader::new(text);
    let mut blocks: BTreeMap<i64, Samples> = BTreeMap::new();
    let (mut held, mut end) = (0_usize, None);
    while let Some(row) = reader.next_row()? {
        let number = row.t.div_euclid(options.block_duration.0);
        if number < first || end.is_some_and(|end| number >= end) {
            continue;
        }
        let samples = blocks.entry(number).or_default();
        let (t, v) = (row.t, row.v);
        let labels = || Ok(with(row.labels()?, &options.labels));
        let column = samples.column(row.series, labels);
        let column = column.map_err(|why| reader.refuse(&why))?;
        let (ts, vs) = &mut samples.columns[column];
        ts.push(t);
        vs.push(v);
        held += 1;
        while held > options.samples_max && blocks.len() > 1 {
            let Some((number, samples)) = blocks.pop_last() else {
                break;
            };
            held -= samples.count();
            end = Some(number);
        }
    }
    Ok((blocks, end))
}

fn with(mut labels: Labels, more: &[(String, String)]) -> Labels {
    for (name, value) in more {
        labels.set(name, value);
    }
    labels
}

fn write(mut samples: Samples, parent: &Path, id: BlockId) -> Result<Option<(PathBuf, BlockMeta)>> {
    let names = samples.series.keys().flat_map(Labels::iter);
    let symbols = build::symbol_table(names.flat_map(|(name, value)| [name, value]))?;
    let mut builder = BlockBuilder::create(parent, id, symbols, SIZE_DEFAULT)?;
    let (mut min, mut max) = (i64::MAX, i64::MIN);
    for (labels, column) in samples.series {
        let (ts, vs) = std::mem::take(&mut samples.columns[column]);
        let (ts, vs) = in_order(ts, vs).map_err(|t| {
            Error::Invalid(format!("{labels:?} has two samples at {t} that differ"))
        })?;
        min = min.min(ts[0]);
        max = max.max(ts[ts.len() - 1]);
        builder.series(&labels, &chunks(&ts, &vs))?;
    }
    let meta = BlockMeta {
        ulid: id,
        min_time: Millis(min),
        // Ranges of blocks are half open.
        max_time: Millis(max.saturating_add(1)),
        compaction: Compaction {
            level: 1,
            sources: vec![id],
            ..Compaction::default()
        },
        ..BlockMeta::default()
    };
    builder.finish(meta, true)
}

/// Sorts by time and drops repetitions; fails with the time of two samples that differ.
fn in_order(ts: Vec<i64>, vs: Vec<f64>) -> Result<(Vec<i64>, Vec<f64>), i64> {
    if ts.is_sorted_by(|a, b| a < b) {
        return Ok((ts, vs));
    }
    let mut samples: Vec<(i64, u64)> = ts
        .into_iter()
        .zip(vs.into_iter().map(f64::to_bits))
        .collect();
    samples.sort_unstable();
    samples.dedup();
    if let Some(pair) = samples.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(pair[0].0);
    }
    Ok(samples
        .into_iter()
        .map(|(t, v)| (t, f64::from_bits(v)))
        .unzip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::digest::digest;
    use crate::block::reader::Block;

    fn check(text: &str, samples_max: usize) -> Result<Vec<(i64, u64, u64)>> {
        let dir = tempfile::tempdir().unwrap();
        let mut count = 0;
        let mut id = || {
            count += 1;
            BlockId::new(1, count)
        };
        let options = ImportOptions {
            block_duration: Millis(10_000),
            labels: vec![("x".into(), "y".into())],
            samples_max,
        };
        let made = import(&mut || Ok(text.as_bytes()), dir.path(), &mut id, &options)?;
        let totals = made.iter().map(|(dir, meta)| {
            let totals = digest(&Block::open(dir).unwrap(), false).unwrap();
            (meta.min_time.0, totals.samples, totals.digest)
        });
        Ok(totals.collect())
    }

    const TEXT: &str = "a 1 21\nb 2 1.5\na 1 3\na 2 2\na 2 2\na 3 12\n# EOF\n";

    #[test]
    fn samples_go_into_the_blocks_of_their_times_in_any_order() {
        let made = check(TEXT, SAMPLES_MAX).unwrap();
        let shape: Vec<_> = made
            .iter()
            .map(|(min, samples, _)| (*min, *samples))
            .collect();
        assert_eq!(shape, [(1500, 3), (12_000, 1), (21_000, 1)]);
    }

    #[test]
    fn a_small_bound_gives_the_same_blocks_in_more_passes() {
        let want = check(TEXT, SAMPLES_MAX).unwrap();
        for samples_max in 1..6 {
            assert_eq!(check(TEXT, samples_max).unwrap(), want, "{samples_max}");
        }
    }

    #[test]
    fn two_samples_of_one_time_that_differ_are_refused() {
        let error = check("a 1 3\na 2 3\n# EOF\n", SAMPLES_MAX).unwrap_err();
        assert!(
            error.chain().contains("two samples at 3000"),
            "{}",
            error.chain()
        );
    }
}
