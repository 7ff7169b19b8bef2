//! Whether the blocks of a bucket are sound, and whether they fit each other.
//!
//! The checks have Thanos' names and look at more than it does:
//!
//! - `index_known_issues`: everything that one block promises ([`tsdb::block::check`]): index, checksum and content of every
//!   chunk, order, what no checksum covers, counts and sizes against `meta.json`; hashes, where it has them.
//! - `overlapped_blocks`: blocks of one group that share a time ([`overlap`]).
//! - `duplicated_compaction`: blocks whose sources are all in another block of the group ([`duplicate`]).
//!
//! Blocks with a deletion mark are left out. Partial uploads are mentioned and are no damage. Every finding names its object and place.

pub mod blocks;
pub mod duplicate;
pub mod overlap;

use std::path::PathBuf;

use tsdb::block::check::{Counts, Finding, Findings, Severity};
use tsdb::bucket::Bucket;
use tsdb::bucket::sync::Partial;

use crate::error::{Error, Result};
use crate::report::{Cell, Column, Report};
use crate::select::{Selected, Selection, select};

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Everything that one block promises.
    Index,
    /// Blocks that share a time.
    Overlap,
    /// Blocks that say nothing new.
    Duplicate,
}

impl Check {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 3] = [Self::Overlap, Self::Duplicate, Self::Index];

    /// Thanos' name of the check.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index_known_issues",
            Self::Overlap => "overlapped_blocks",
            Self::Duplicate => "duplicated_compaction",
        }
    }

    /// The check of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|check| check.name() == name);
        let names = || Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| Error::Invalid(format!("no such issue; there are {}", names())))
    }
}

/// What to check.
#[derive(Debug)]
pub struct Options {
    /// Which blocks; those with deletion marks are always left out.
    pub selection: Selection,
    /// Which checks.
    pub checks: Vec<Check>,
    /// Where blocks are put that are not on a local disk, one at a time each.
    pub work_dir: PathBuf,
    /// Blocks checked at one time.
    pub concurrency: usize,
}

/// A finding and its block, or whatever lies in the bucket instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Directory in the bucket.
    pub block: String,
    /// What is wrong.
    pub finding: Finding,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Blocks looked at.
    pub blocks: u64,
    /// Series, chunks and samples that were read.
    pub counts: Counts,
    /// What is not as it should be.
    pub findings: Vec<Placed>,
    /// Findings beyond those that are remembered.
    pub more: u64,
    damaged: bool,
}

const COLUMNS: &[Column] = &[
    Column::new("BLOCK", "block"),
    Column::new("OBJECT", "object"),
    Column::new("OFFSET", "offset"),
    Column::new("SEVERITY", "severity"),
    Column::new("FACT", "fact"),
];

impl Verified {
    /// Whether a person must look: a promise is broken, or blocks do not fit each other.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The findings as rows.
    #[must_use]
    pub fn report(&self) -> Report {
        let row = |placed: &Placed| {
            let offset = placed.finding.offset;
            vec![
                Cell::Text(placed.block.clone()),
                Cell::Text(placed.finding.file.clone()),
                offset.map_or(Cell::Absent, |offset| Cell::Text(format!("{offset:#x}"))),
                Cell::Text(severity(placed.finding.severity).to_owned()),
                Cell::Text(placed.finding.fact.clone()),
            ]
        };
        Report {
            columns: COLUMNS,
            rows: self.findings.iter().map(row).collect(),
        }
    }

    /// Takes what was found in one block, or with it.
    pub(crate) fn add(&mut self, block: &str, findings: Findings) {
        self.damaged |= findings.is_damaged();
        self.more += findings.more;
        let placed = findings.list.into_iter().map(|finding| Placed {
            block: block.to_owned(),
            finding,
        });
        self.findings.extend(placed);
    }

    /// Takes what was counted in one block.
    pub(crate) fn count(&mut self, counts: Counts) {
        self.blocks += 1;
        self.counts.add(counts);
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unusual => "unusual",
        Severity::Damage => "damage",
    }
}

/// Checks the blocks of a bucket.
///
/// # Errors
/// Where the store refuses or a block cannot be put into the work directory.
pub async fn run(bucket: &Bucket, options: &Options) -> Result<Verified> {
    let selection = Selection {
        times: options.selection.times,
        relabel: options.selection.relabel.clone(),
        exclude_marked: true,
        ids: options.selection.ids.clone(),
    };
    let selected = select(bucket, &selection).await?;
    let mut verified = Verified::default();
    unusable(&selected, &selection, &mut verified);
    if options.checks.contains(&Check::Overlap) {
        overlap::check(&selected.metas, &mut verified);
    }
    if options.checks.contains(&Check::Duplicate) {
        duplicate::check(&selected.metas, &mut verified);
    }
    if options.checks.contains(&Check::Index) {
        blocks::check(bucket, &selected.metas, options, &mut verified).await?;
    }
    Ok(verified)
}

/// Reports what lies in the bucket and is no block.
fn unusable(selected: &Selected, selection: &Selection, verified: &mut Verified) {
    let wanted = |id| selection.ids.is_empty() || selection.ids.contains(id);
    for (id, partial) in selected.view.partial.iter().filter(|(id, _)| wanted(id)) {
        let mut findings = Findings::default();
        match partial {
            Partial::NoMeta => {
                let fact =
                    "is not there: an upload or a deletion that is under way, or was broken off";
                findings.unusual("meta.json", None, fact);
            }
            Partial::NotJson(error) => findings.error("meta.json", error),
        }
        verified.add(&id.to_string(), findings);
    }
    for (id, error) in selected.view.bad.iter().filter(|(id, _)| wanted(id)) {
        let mut findings = Findings::default();
        findings.error("meta.json", error);
        verified.add(&id.to_string(), findings);
    }
    for name in &selected.view.listing.malformed {
        if selection.ids.is_empty() {
            let mut findings = Findings::default();
            findings.unusual("", None, "has the form of a block's name and is no ULID");
            verified.add(name, findings);
        }
    }
}
