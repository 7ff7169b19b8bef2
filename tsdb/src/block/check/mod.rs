//! Everything that a sound block promises, as one pass over its bytes.
//!
//! ```text
//! index      magic, version, table of contents equal to the real ends of the sections, zero padding, checksums
//!            symbols ascend; series ascend, their labels and chunks too; each pair has exactly its series     [`index`], [`postings`]
//! chunks     every record: checksum, encoding, samples in order, first and last as the index says;
//!            records one behind the other, in the order of the series, nothing between or after them          [`chunks`], [`content`]
//! meta.json  counts, range, file sizes, tally                                                                      [`meta`]
//! tombstones checksum, known series
//! ```
//!
//! The pass goes on after what it finds, as far as that makes sense: with a broken index the segments are still walked
//! record by record. What breaks a promise is [`Severity::Damage`]; what readers take in their stride (chunks outside the block's range, series without
//! chunks) is [`Severity::Unusual`]. Memory: the symbols, and a few words per label pair.

mod chunks;
mod content;
mod index;
mod meta;
mod postings;

use std::fmt;
use std::path::Path;

use super::mmap::Mapped;
use super::{CHUNKS, INDEX, META, TOMBSTONES, file};
use crate::error::{Error, Result};
use crate::id::SeriesRef;
use crate::index::SeriesEntry;
use crate::meta::BlockMeta;
use crate::tombstone::Tombstones;

/// Findings that are remembered of one block; the others are counted.
pub const FINDINGS_MAX: usize = 100;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Legal and rare.
    Unusual,
    /// A broken promise.
    Damage,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the block: `index`, `chunks/000001`.
    pub file: String,
    /// Where in the file, if it has a place there.
    pub offset: Option<u64>,
    /// What is wrong.
    pub fact: String,
}

impl Finding {
    /// Whether it is a broken promise.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.severity == Severity::Damage
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} at {offset:#x}: {}", self.file, self.fact),
            None => write!(f, "{}: {}", self.file, self.fact),
        }
    }
}

/// What a pass found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// In the order in which they were found, at most [`FINDINGS_MAX`].
    pub list: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
    damaged: bool,
}

impl Findings {
    /// Whether a promise is broken.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Remembers a broken promise.
    pub fn damage(&mut self, file: &str, offset: impl Into<Option<u64>>, fact: impl Into<String>) {
        self.add(Severity::Damage, file, offset.into(), fact.into());
    }

    /// Remembers something rare.
    pub fn unusual(&mut self, file: &str, offset: impl Into<Option<u64>>, fact: impl Into<String>) {
        self.add(Severity::Unusual, file, offset.into(), fact.into());
    }

    /// Remembers the failure of a decoder that was given the whole file.
    pub fn error(&mut self, file: &str, error: &Error) {
        match error.root() {
            Error::Corrupt {
                section,
                offset,
                what,
            } => self.damage(file, *offset, format!("{section}: {what}")),
            _ => self.damage(file, None, error.chain()),
        }
    }

    fn add(&mut self, severity: Severity, file: &str, offset: Option<u64>, fact: String) {
        self.push(Finding {
            severity,
            file: file.to_owned(),
            offset,
            fact,
        });
    }

    fn push(&mut self, finding: Finding) {
        self.damaged |= finding.severity == Severity::Damage;
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Takes what was found elsewhere in the block, behind what is here.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.more += other.more;
        self.damaged |= other.damaged;
        for finding in other.list {
            self.push(finding);
        }
    }
}

/// What the pass counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Series in the index.
    pub series: u64,
    /// Chunks of all series.
    pub chunks: u64,
    /// Samples of all chunks; of aggregate chunks those of the count.
    pub samples: u64,
    /// Samples of float chunks.
    pub float_samples: u64,
    /// Samples of histogram chunks.
    pub histogram_samples: u64,
    /// First sample's time; none without samples.
    pub min: Option<i64>,
    /// Last sample's time.
    pub max: Option<i64>,
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.series += other.series;
        self.chunks += other.chunks;
        self.samples += other.samples;
        self.float_samples += other.float_samples;
        self.histogram_samples += other.histogram_samples;
        self.min = self.min.into_iter().chain(other.min).min();
        self.max = self.max.into_iter().chain(other.max).max();
    }
}

/// The files of a block.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The block's meta; none where it is unreadable, which the caller has reported.
    pub meta: Option<&'a BlockMeta>,
    /// Bytes of the index; none where there is no such file, which the caller has reported.
    pub index: Option<&'a [u8]>,
    /// Names (`000001`) and bytes of the segments, in order.
    pub segments: &'a [(String, &'a [u8])],
    /// Bytes of the tombstones, if there is such a file.
    pub tombstones: Option<&'a [u8]>,
}

/// Checks the files of one block.
#[must_use]
pub fn check(files: Files<'_>) -> (Counts, Findings) {
    let mut findings = Findings::default();
    let deleted = files
        .tombstones
        .map(Tombstones::decode)
        .transpose()
        .unwrap_or_else(|error| {
            findings.error(TOMBSTONES, &error);
            None
        })
        .unwrap_or_default();
    let mut walk = chunks::Walk::new(files);
    let mut unknown: Vec<SeriesRef> = deleted.iter().map(|(series, _)| series).collect();
    let mut visit = |series, entry: &SeriesEntry, findings: &mut Findings| {
        if let Ok(at) = unknown.binary_search(&series) {
            unknown.remove(at);
        }
        walk.series(series, entry, findings);
    };
    let index = files.index;
    let whole = index.is_some_and(|bytes| index::walk(bytes, &mut findings, &mut visit));
    match whole {
        true => walk.finish(&mut findings),
        false => walk.all_records(&mut findings),
    }
    let mut counts = walk.counts;
    if whole {
        for series in unknown {
            findings.damage(
                TOMBSTONES,
                None,
                format!("names series {}, which is not there", series.0),
            );
        }
    } else {
        // What could not be read cannot be compared with what the meta says.
        counts = Counts::default();
    }
    if let Some(meta) = files.meta {
        let counted = (whole && !walk.unread).then_some((&counts, &walk.tally));
        meta::check(meta, files, counted, &deleted, &mut findings);
    }
    (counts, findings)
}

/// Checks the block in `dir`: its files are mapped, so nothing may write to them meanwhile.
///
/// # Errors
/// Where a file cannot be read at all. A missing or damaged file is a finding.
pub fn directory(dir: &Path) -> Result<(Counts, Findings)> {
    let mut before = Findings::default();
    let meta = read_meta(dir, &mut before)?;
    let index = map(dir, INDEX, &mut before)?;
    let tombstones = match dir.join(TOMBSTONES).exists() {
        true => map(dir, TOMBSTONES, &mut before)?,
        false => None,
    };
    let mut mapped = Vec::new();
    for name in segment_names(&dir.join(CHUNKS))? {
        let bytes = map(dir, &format!("{CHUNKS}/{name}"), &mut before)?;
        mapped.extend(bytes.map(|bytes| (name, bytes)));
    }
    let segments: Vec<(String, &[u8])> = mapped
        .iter()
        .map(|(name, bytes)| (name.clone(), &**bytes))
        .collect();
    let (counts, after) = check(Files {
        meta: meta.as_ref(),
        index: index.as_deref(),
        segments: &segments,
        tombstones: tombstones.as_deref(),
    });
    before.absorb(after);
    Ok((counts, before))
}

fn read_meta(dir: &Path, findings: &mut Findings) -> Result<Option<BlockMeta>> {
    let bytes = match file::read_small(&dir.join(META), 64 << 20) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == crate::ErrorKind::NotFound => {
            findings.damage(META, None, "is not there");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match BlockMeta::from_json(&bytes) {
        Ok(meta) => {
            let name = dir.file_name().and_then(|name| name.to_str());
            if let Some(id) = name.and_then(|name| crate::id::BlockId::parse(name).ok())
                && id != meta.ulid
            {
                findings.damage(META, None, format!("names block {}", meta.ulid));
            }
            Ok(Some(meta))
        }
        Err(error) => {
            findings.error(META, &error);
            Ok(None)
        }
    }
}

fn map(dir: &Path, name: &str, findings: &mut Findings) -> Result<Option<Mapped>> {
    match Mapped::open(&dir.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == crate::ErrorKind::NotFound => {
            findings.damage(name, None, "is not there");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Names of all files in the directory of chunks; a block without series may lack it.
fn segment_names(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
