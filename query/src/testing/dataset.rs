//! Recorded data sets: `datasets/*.jsonl.gz` of a corpus, by name.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tsdb::matcher::Matcher;

use super::recorded::{self, Malformed};
use crate::naive::{Data, DataSample, DataSeries};

/// Series in label order.
#[derive(Debug, Clone, Default)]
pub struct DataSet {
    /// Each with all its samples.
    pub series: Vec<Arc<DataSeries>>,
}

impl Data for DataSet {
    fn select(&self, matchers: &[Matcher]) -> Vec<Arc<DataSeries>> {
        let is_selected = |series: &&Arc<DataSeries>| {
            matchers
                .iter()
                .all(|matcher| matcher.matches_labels(&series.labels))
        };
        self.series.iter().filter(is_selected).cloned().collect()
    }
}

/// All data sets of a corpus.
#[derive(Debug, Clone, Default)]
pub struct DataSets {
    by_name: BTreeMap<String, DataSet>,
    nothing: DataSet,
}

impl DataSets {
    /// Reads every file of a directory.
    ///
    /// # Errors
    /// What could not be read.
    pub fn read(directory: &Path) -> Result<Self, Malformed> {
        let mut sets = Self::default();
        let entries = std::fs::read_dir(directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            // Exemplars are read by whoever needs them.
            if path.to_string_lossy().contains("exemplars") {
                continue;
            }
            for line in lines(&path)? {
                sets.add(&line)?;
            }
        }
        for set in sets.by_name.values_mut() {
            set.series.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        Ok(sets)
    }

    /// The data set of a name; one that no file mentions is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> &DataSet {
        self.by_name.get(name).unwrap_or(&self.nothing)
    }

    fn add(&mut self, line: &Json) -> Result<(), Malformed> {
        let name = recorded::text(&line["dataset"])?;
        let samples = line["samples"]
            .as_array()
            .ok_or_else(|| format!("no samples: {line}"))?;
        let sample = |json: &Json| {
            Ok::<_, Malformed>(DataSample {
                t: json[0].as_i64().ok_or_else(|| format!("no time: {json}"))?,
                start: json[2].as_i64(),
                value: recorded::sample_value(&json[1])?,
            })
        };
        let series = DataSeries {
            labels: Arc::new(recorded::labels(&line["labels"])?),
            samples: samples.iter().map(sample).collect::<Result<_, _>>()?,
        };
        let set = self.by_name.entry(name.to_owned()).or_default();
        set.series.push(Arc::new(series));
        Ok(())
    }
}

/// The text of a file, unpacked if its name ends in `.gz`.
///
/// # Errors
/// What could not be read.
pub fn contents(path: &Path) -> Result<String, Malformed> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(fail)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut unpacked = flate2::read::GzDecoder::new(&bytes[..]);
        unpacked.read_to_string(&mut text).map_err(fail)?;
    } else {
        (&bytes[..]).read_to_string(&mut text).map_err(fail)?;
    }
    Ok(text)
}

/// The lines of a JSONL file.
///
/// # Errors
/// What could not be read.
pub fn lines(path: &Path) -> Result<Vec<Json>, Malformed> {
    let parse = |line: &str| {
        serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display()))
    };
    contents(path)?
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(parse)
        .collect()
}
