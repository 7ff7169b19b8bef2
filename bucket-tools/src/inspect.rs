//! What each block of a bucket is, as a table with Thanos' columns; the wide forms add bytes and marks.
//!
//! `UNTIL-DOWN` is how much longer the block must be to be downsampled: 40 h for raw blocks, 10 d for those of five
//! minutes; negative where it is long enough, absent where there is no further resolution.

use std::collections::BTreeSet;
use std::sync::Arc;

use tsdb::bucket::Bucket;
use tsdb::id::BlockId;
use tsdb::mark::MarkKind;
use tsdb::meta::{BlockMeta, Resolution};
use tsdb::time::Millis;

use crate::error::{Error, Result};
use crate::report::{Cell, Column, LabelCell, Report};
use crate::select::{Selection, marked, select};

/// Columns, in order; `--sort-by` takes their titles.
pub const COLUMNS: &[Column] = &[
    Column::new("ULID", "ulid"),
    Column::new("FROM", "from"),
    Column::new("UNTIL", "until"),
    Column::new("RANGE", "range"),
    Column::new("UNTIL-DOWN", "until_down"),
    Column::new("#SERIES", "series"),
    Column::new("#SAMPLES", "samples"),
    Column::new("#CHUNKS", "chunks"),
    Column::new("COMP-LEVEL", "compaction_level"),
    Column::new("COMP-FAILED", "compaction_failed"),
    Column::new("LABELS", "labels"),
    Column::new("RESOLUTION", "resolution"),
    Column::new("SOURCE", "source"),
    Column::wide("#BYTES", "bytes"),
    Column::wide("MARKS", "marks"),
];

/// Titles by which Thanos sorts where nobody says otherwise.
pub const SORT_DEFAULT: [&str; 2] = ["FROM", "UNTIL"];

/// Length from which a raw block is downsampled.
const RAW_LENGTH: Millis = Millis(40 * 3_600_000);

/// Length from which a block of five minutes is downsampled.
const FIVE_MINUTES_LENGTH: Millis = Millis(10 * 24 * 3_600_000);

/// What to look at, and how to order it.
#[derive(Debug, Default)]
pub struct Options {
    /// Which blocks.
    pub selection: Selection,
    /// External labels that a block must have.
    pub labels: Vec<(String, String)>,
    /// Titles to sort by; empty for [`SORT_DEFAULT`].
    pub sort_by: Vec<String>,
    /// Ask for marks, three questions a block.
    pub with_marks: bool,
}

/// Understands `name="value"`, as `--selector` takes it.
///
/// # Errors
/// Where it is something else.
pub fn label(text: &str) -> Result<(String, String)> {
    let parsed = text.split_once('=').and_then(|(name, value)| {
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        (!name.is_empty()).then(|| {
            (
                name.to_owned(),
                value.replace("\\\"", "\"").replace("\\\\", "\\"),
            )
        })
    });
    parsed.ok_or_else(|| Error::Invalid("write name=\"value\", with the quotes".to_owned()))
}

/// Looks at the blocks of a bucket.
///
/// # Errors
/// Where the store refuses or no column has the title to sort by.
pub async fn run(bucket: &Bucket, options: &Options) -> Result<Report> {
    let mut metas = select(bucket, &options.selection).await?.metas;
    metas.retain(|meta| has_labels(meta, &options.labels));
    // Equal rows are in the order of their names.
    metas.sort_by_key(|meta| meta.ulid);
    let mut report = report(&metas);
    if options.with_marks {
        add_marks(bucket, &metas, &mut report).await?;
    }
    let titles: Vec<String> = match options.sort_by.as_slice() {
        [] => SORT_DEFAULT.map(str::to_owned).to_vec(),
        titles => titles.to_vec(),
    };
    report.sort(&titles).map_err(|title| {
        Error::Invalid(format!("no column {title}; there are {}", titles_text()))
    })?;
    Ok(report)
}

fn titles_text() -> String {
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    titles.join(", ")
}

fn has_labels(meta: &BlockMeta, labels: &[(String, String)]) -> bool {
    let value = |name: &str| {
        meta.thanos
            .as_ref()
            .map_or("", |thanos| thanos.labels.get(name))
    };
    labels.iter().all(|(name, want)| value(name) == want)
}

/// One row a block, in the order given.
pub(crate) fn report(metas: &[Arc<BlockMeta>]) -> Report {
    Report {
        columns: COLUMNS,
        rows: metas.iter().map(|meta| row(meta)).collect(),
    }
}

fn row(meta: &BlockMeta) -> Vec<Cell> {
    // Whole seconds decide about the order too.
    let time = |time: Millis| Cell::Time(Millis(time.0 / 1000 * 1000));
    let range = meta.range().duration();
    let until_down = match meta.resolution() {
        Resolution::RAW => Cell::Duration(RAW_LENGTH.saturating_sub(range)),
        Resolution::FIVE_MINUTES => Cell::Duration(FIVE_MINUTES_LENGTH.saturating_sub(range)),
        _ => Cell::Absent,
    };
    let thanos = meta.thanos.as_ref();
    let labels = thanos.map(|thanos| thanos.labels.clone());
    let source = thanos.map(|thanos| thanos.source.clone());
    vec![
        Cell::Text(meta.ulid.to_string()),
        time(meta.min_time),
        time(meta.max_time),
        Cell::Duration(range),
        until_down,
        Cell::Number(meta.stats.num_series),
        Cell::Number(meta.stats.num_samples),
        Cell::Number(meta.stats.num_chunks),
        Cell::Number(meta.compaction.level.into()),
        Cell::Flag(meta.compaction.failed),
        Cell::Labels(LabelCell(labels.unwrap_or_default())),
        Cell::Duration(Millis(meta.resolution().0)),
        Cell::Text(source.unwrap_or_default()),
        bytes(meta),
        Cell::Absent,
    ]
}

/// Size of all files but `meta.json`, as the meta lists them; absent in old blocks, which do not.
fn bytes(meta: &BlockMeta) -> Cell {
    let files = meta.thanos.as_ref().map_or(&[][..], |thanos| &thanos.files);
    let sizes = files.iter().filter_map(|file| file.size_bytes);
    if files.is_empty() {
        return Cell::Absent;
    }
    Cell::Number(sizes.sum())
}

async fn add_marks(bucket: &Bucket, metas: &[Arc<BlockMeta>], report: &mut Report) -> Result<()> {
    let mut marks: Vec<(&str, BTreeSet<BlockId>)> = Vec::new();
    for kind in MarkKind::ALL {
        let name = kind.file_name().trim_end_matches("-mark.json");
        marks.push((name, marked(bucket, metas, kind).await?));
    }
    for (meta, row) in metas.iter().zip(&mut report.rows) {
        let of_block = marks.iter().filter(|(_, ids)| ids.contains(&meta.ulid));
        let names: Vec<String> = of_block.map(|(name, _)| (*name).to_owned()).collect();
        if let Some(cell) = row.last_mut() {
            *cell = Cell::List(names);
        }
    }
    Ok(())
}
