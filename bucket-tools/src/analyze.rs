//! What makes a block large: cardinality, churn, bytes; the lists of `promtool tsdb analyze`.
//!
//! Churn of a label pair is the time that its series do not cover, in lives of the block: ten series that exist for half of
//! it count five. One walk over the index; no chunk is read.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use tsdb::block::reader::Block;
use tsdb::error::ResultExt;
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
    pairs: HashMap<Pair, Tally>,
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
            tallies.pairs.len().to_string(),
        ),
        (
            "Postings entries (total label pairs)",
            tallies.entries.to_string(),
        ),
        ("Index bytes", block.index_file().size().to_string()),
        ("Chunk bytes", chunk_bytes.sum::<u64>().to_string()),
    ];
    let sections = sections(&tallies, &names, &symbols, duration);
    Ok(Analysis {
        facts,
        sections: sections
            .into_iter()
            .map(|section| top(section, limit))
            .collect(),
    })
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
        tallies.series += 1;
        tallies.entries += entry.labels.len() as u64;
        for (name, value) in &entry.labels {
            let pair = (symbols.position(*name)?, symbols.position(*value)?);
            let tally = tallies.pairs.entry(pair).or_default();
            tally.series += 1;
            tally.uncovered_ms = tally.uncovered_ms.saturating_add(uncovered);
        }
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
    length: Millis,
) -> Vec<Section> {
    let text = |symbol| symbols.text(symbol).unwrap_or_default();
    let lives = |uncovered_ms: u64| uncovered_ms / length.0.max(1).cast_unsigned();
    let pair_rows = |count: &dyn Fn(&Tally) -> u64| -> Vec<(u64, String)> {
        let rows = tallies.pairs.iter();
        rows.map(|((name, value), tally)| {
            (count(tally), format!("{}={}", text(*name), text(*value)))
        })
        .collect()
    };
    let mut churn: HashMap<&str, u64> = HashMap::new();
    let mut metrics = Vec::new();
    for ((name, value), tally) in &tallies.pairs {
        *churn.entry(text(*name)).or_default() += tally.uncovered_ms;
        if text(*name) == METRIC_NAME {
            metrics.push((tally.series, text(*value).to_owned()));
        }
    }
    let churn = churn.into_iter();
    let section = |title, rows| Section { title, rows };
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

/// The largest first, equals by name.
fn top(mut section: Section, limit: usize) -> Section {
    section
        .rows
        .sort_by(|a, b| (Reverse(a.0), &a.1).cmp(&(Reverse(b.0), &b.1)));
    section.rows.truncate(limit);
    section
}
