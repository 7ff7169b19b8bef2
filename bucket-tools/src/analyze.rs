//! What makes a block large: cardinality, churn, bytes; the lists of `promtool tsdb analyze`.
//!
//! Churn of a label pair is the time that its series do not cover, in lives of the block: ten series that exist for half of
//! it count five. One walk over the index; no chunk is read.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use tsdb::block::reader::Block;
use tsdb::error::ResultExt;
use tsdb::index::pair_slots::PairSlots;
use tsdb::index::series::Pair;
use tsdb::index::{IndexReader, SeriesEntry, SeriesWalk, SymbolTable};
use tsdb::label::METRIC_NAME;
use tsdb::time::Millis;

use crate::error::Result;
use crate::report::{Section, go_duration, write_sections};

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    facts: Vec<(&'static str, String)>,
    sections: Vec<Section>,
}

impl Analysis {
    /// Writes it as text.
    ///
    /// # Errors
    /// Where `out` refuses.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        Ok(write_sections(&self.facts, &self.sections, out)?)
    }
}

/// Of one label pair.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    series: u64,
    uncovered_ms: u64,
}

#[derive(Debug, Default)]
struct Tallies {
    series: u64,
    entries: u64,
    slots: PairSlots,
    of_slots: Vec<Tally>,
}

impl Tallies {
    /// Takes a series that is absent for `uncovered_ms` of the block.
    fn add(&mut self, labels: &[Pair], uncovered_ms: u64) {
        self.series += 1;
        self.entries += labels.len() as u64;
        for (_, slot) in self.slots.of(labels) {
            let slot = *slot as usize;
            if slot == self.of_slots.len() {
                self.of_slots.push(Tally::default());
            }
            let tally = &mut self.of_slots[slot];
            tally.series += 1;
            tally.uncovered_ms = tally.uncovered_ms.saturating_add(uncovered_ms);
        }
    }

    fn pairs(&self) -> impl ExactSizeIterator<Item = (Pair, Tally)> + '_ {
        let slots = self.slots.iter();
        slots.map(|(pair, slot)| (pair, self.of_slots[slot as usize]))
    }
}

/// Counts the block in `dir`; each list has at most `limit` rows.
///
/// # Errors
/// Where the block is damaged or cannot be read.
pub fn run(dir: &Path, limit: usize) -> Result<Analysis> {
    let block = Block::open(dir)?;
    let index = block.index_reader()?;
    let place = || dir.join("index").display().to_string();
    let symbols = index.symbols().at(place)?;
    let tallies = tally(&block, &index, &symbols).at(place)?;
    let names = names(&index).at(place)?;
    let meta = block.meta();
    let duration = meta.range().duration();
    let chunk_bytes = block.segment_files().iter().map(|file| file.size());
    let facts = vec![
        ("Block ID", meta.ulid.to_string()),
        ("Duration", go_duration(duration)),
        ("Series", tallies.series.to_string()),
        ("Label names", names.len().to_string()),
        (
            "Postings (unique label pairs)",
            tallies.pairs().len().to_string(),
        ),
        (
            "Postings entries (total label pairs)",
            tallies.entries.to_string(),
        ),
        ("Index bytes", block.index_file().size().to_string()),
        ("Chunk bytes", chunk_bytes.sum::<u64>().to_string()),
    ];
    let sections = sections(&tallies, &names, &symbols, (duration, limit));
    Ok(Analysis { facts, sections })
}

fn tally<B: AsRef<[u8]>>(
    block: &Block,
    index: &IndexReader<B>,
    symbols: &SymbolTable,
) -> tsdb::Result<Tallies> {
    let length = block.meta().range().duration().0;
    let mut tallies = Tallies::default();
    let mut entry = SeriesEntry::default();
    let mut walk = SeriesWalk::open(index.bytes())?;
    while walk.next(&mut entry)?.is_some() {
        // From the first sample to the last, gaps included.
        let ends = entry.chunks.first().zip(entry.chunks.last());
        let covered = ends.map_or(0, |(first, last)| last.max.saturating_sub(first.min));
        let uncovered = length.saturating_sub(covered).max(0).cast_unsigned();
        for (name, value) in &mut entry.labels {
            *name = symbols.position(*name)?;
            *value = symbols.position(*value)?;
        }
        tallies.add(&entry.labels, uncovered);
    }
    Ok(tallies)
}

/// Each label name with the number of its values and their bytes.
fn names<B: AsRef<[u8]>>(index: &IndexReader<B>) -> tsdb::Result<Vec<(String, u64, u64)>> {
    let mut names = Vec::new();
    for name in index.label_names()? {
        let (mut count, mut bytes) = (0, 0);
        for value in index
            .label_values(name)?
            .iter()
            .flat_map(|values| values.iter())
        {
            count += 1;
            bytes += value?.0.len() as u64;
        }
        // The list of all series has the empty name.
        if !name.is_empty() {
            names.push((name.to_owned(), count, bytes));
        }
    }
    Ok(names)
}

fn sections(
    tallies: &Tallies,
    names: &[(String, u64, u64)],
    symbols: &SymbolTable,
    (length, limit): (Millis, usize),
) -> Vec<Section> {
    let text = |symbol| symbols.text(symbol).unwrap_or_default();
    let texts = |pair: &Pair| (text(pair.0), text(pair.1));
    let lives = |uncovered_ms: u64| uncovered_ms / length.0.max(1).cast_unsigned();
    let pair_rows = |count: &dyn Fn(&Tally) -> u64| -> Vec<(u64, String)> {
        let rows = tallies.pairs().map(|(pair, tally)| (count(&tally), pair));
        let rows = largest(rows.collect(), limit, |a, b| texts(a).cmp(&texts(b)));
        let row = |(count, pair)| {
            let (name, value) = texts(&pair);
            (count, format!("{name}={value}"))
        };
        rows.into_iter().map(row).collect()
    };
    let mut churn: HashMap<&str, u64> = HashMap::new();
    let mut metrics = Vec::new();
    for ((name, value), tally) in tallies.pairs() {
        *churn.entry(text(name)).or_default() += tally.uncovered_ms;
        if text(name) == METRIC_NAME {
            metrics.push((tally.series, text(value).to_owned()));
        }
    }
    let churn = churn.into_iter();
    let section = |title, rows| Section {
        title,
        rows: largest(rows, limit, String::cmp),
    };
    vec![
        section(
            "Label pairs most involved in churning",
            pair_rows(&|tally| lives(tally.uncovered_ms)),
        ),
        section(
            "Label names most involved in churning",
            churn
                .map(|(name, ms)| (lives(ms), name.to_owned()))
                .collect(),
        ),
        section("Most common label pairs", pair_rows(&|tally| tally.series)),
        section(
            "Label names with highest cumulative label value length",
            names
                .iter()
                .map(|(name, _, bytes)| (*bytes, name.clone()))
                .collect(),
        ),
        section(
            "Highest cardinality labels",
            names
                .iter()
                .map(|(name, count, _)| (*count, name.clone()))
                .collect(),
        ),
        section("Highest cardinality metric names", metrics),
    ]
}

/// The `limit` rows that count most, the greatest first, equals in the order of their names.
fn largest<T>(
    mut rows: Vec<(u64, T)>,
    limit: usize,
    by_name: impl Fn(&T, &T) -> Ordering,
) -> Vec<(u64, T)> {
    let order = |a: &(u64, T), b: &(u64, T)| b.0.cmp(&a.0).then_with(|| by_name(&a.1, &b.1));
    // All label pairs of a large block are many; few are shown.
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit, order);
        rows.truncate(limit);
    }
    rows.sort_unstable_by(order);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_rows_come_first_and_equals_by_name() {
        fn check(limit: usize, want: &[&str]) {
            let rows = vec![(1, "c"), (5, "b"), (1, "a"), (9, "z"), (5, "a")];
            let got = largest(rows, limit, |a, b| a.cmp(b));
            let names: Vec<&str> = got.into_iter().map(|(_, name)| name).collect();
            assert_eq!(names, want, "limit {limit}");
        }
        check(0, &[]);
        check(3, &["z", "a", "b"]);
        check(4, &["z", "a", "b", "a"]);
        check(9, &["z", "a", "b", "a", "c"]);
    }
}
