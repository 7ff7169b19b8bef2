//! What a run did, for machines (`--report`) and for the exit code.
//!
//! Jobs that run beside each other write into one [`Journal`]. What is in `attention` waits for a person and is said again on every
//! run until that person acted; it never stopped anything else.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tsdb::id::BlockId;
use tsdb::time::Millis;

/// All of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Report {
    /// When it began, in milliseconds since 1970.
    pub started_ms: Millis,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Compactions and downsamplings, in the order of their ends.
    pub jobs: Vec<Job>,
    /// Blocks that got a mark, and why.
    pub marked: Vec<Marked>,
    /// Damaged blocks that were taken out of everything.
    pub fenced: Vec<Finding>,
    /// What needs a person.
    pub attention: Vec<Finding>,
    /// Failures that a later run may not meet again.
    pub failures: Vec<Finding>,
    /// Blocks and remains of blocks that were deleted.
    pub deleted: Vec<Deleted>,
}

/// One block, or none, made of others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// What was done.
    pub kind: JobKind,
    /// Key of the group.
    pub group: String,
    /// Blocks read.
    pub inputs: Vec<BlockId>,
    /// The block written; none where no sample was left.
    pub output: Option<BlockId>,
    /// Whether `output` was there already, made by a run that was cut off.
    pub found: bool,
    /// Resolution of the output, in milliseconds.
    pub resolution_ms: i64,
    /// Bytes of the inputs.
    pub bytes_read: u64,
    /// Bytes of the output.
    pub bytes_written: u64,
    /// Series of the output.
    pub series: u64,
    /// Samples of the output.
    pub samples: u64,
    /// Series whose chunks were out of order in an input and were sorted.
    pub series_sorted: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Many blocks to one.
    Compact,
    /// One block to a coarser one.
    Downsample,
}

/// A mark that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marked {
    /// The block.
    pub block: BlockId,
    /// File name of the mark.
    pub mark: &'static str,
    /// Why.
    pub details: String,
}

/// Something found on a block, or on the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<BlockId>,
    /// Where and what, in one line.
    pub what: String,
}

/// A deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// The block.
    pub block: BlockId,
    /// Why.
    pub why: DeletedBecause,
}

/// Reasons of deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletedBecause {
    /// Its mark is older than the delay.
    Marked,
    /// An upload that died.
    Abandoned,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All that was due is done.
    Done,
    /// Something failed that a later run may do.
    Failed,
    /// Finished, but something needs a person.
    NeedsPerson,
}

impl Report {
    /// How the run ended. A failure outweighs the rest: not all work is done.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.stopped || !self.failures.is_empty() {
            Outcome::Failed
        } else if self.fenced.is_empty() && self.attention.is_empty() {
            Outcome::Done
        } else {
            Outcome::NeedsPerson
        }
    }
}

/// The report while it is written.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Report>);

impl Journal {
    /// An empty report of a run that begins now.
    #[must_use]
    pub fn begin(now: Millis) -> Self {
        Self(Mutex::new(Report {
            started_ms: now,
            ..Report::default()
        }))
    }

    /// Writes into the report.
    pub fn write(&self, entry: impl FnOnce(&mut Report)) {
        entry(&mut self.lock());
    }

    /// Notes, once, that a person is needed.
    pub fn attention(&self, block: Option<BlockId>, what: impl Into<String>) {
        let finding = Finding {
            block,
            what: what.into(),
        };
        let mut report = self.lock();
        if !report.attention.contains(&finding) {
            tracing::error!(
                block = block.map(|id| id.to_string()),
                what = finding.what,
                "needs a person"
            );
            report.attention.push(finding);
        }
    }

    /// Notes a failure.
    pub fn failure(&self, block: Option<BlockId>, what: impl Into<String>) {
        let finding = Finding {
            block,
            what: what.into(),
        };
        tracing::error!(
            block = block.map(|id| id.to_string()),
            what = finding.what,
            "failed"
        );
        self.lock().failures.push(finding);
    }

    /// Jobs written down so far.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.lock().jobs.len() as u64
    }

    /// What is written so far.
    #[must_use]
    pub fn end(&self, now: Millis) -> Report {
        let mut report = self.lock().clone();
        report.seconds = seconds_between(report.started_ms, now);
        report
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        // Every entry is written whole or not at all, so a panic elsewhere leaves nothing half done here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time passed, for reports; never negative, whatever the clock did.
#[must_use]
pub fn seconds_between(start: Millis, end: Millis) -> f64 {
    let passed = u32::try_from(end.saturating_sub(start).0.max(0)).unwrap_or(u32::MAX);
    f64::from(passed) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_what_needs_a_person() {
        let journal = Journal::begin(Millis(1_000));
        assert_eq!(journal.end(Millis(3_500)).outcome(), Outcome::Done);
        journal.attention(None, "x");
        journal.attention(None, "x");
        let report = journal.end(Millis(3_500));
        assert_eq!(
            (report.outcome(), report.attention.len()),
            (Outcome::NeedsPerson, 1)
        );
        assert!((report.seconds - 2.5).abs() < 1e-9);
        journal.failure(None, "y");
        assert_eq!(journal.end(Millis(0)).outcome(), Outcome::Failed);
    }

    #[test]
    fn report_is_json_with_names_of_blocks() {
        let mut report = Report::default();
        report.fenced.push(Finding {
            block: Some(BlockId::new(0, 1)),
            what: "index".into(),
        });
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["fenced"][0]["block"], "00000000000000000000000001");
        assert_eq!(json["outcome"], serde_json::Value::Null);
    }
}
