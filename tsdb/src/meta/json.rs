//! [`BlockMeta`] from JSON and to JSON.
//!
//! Reading refuses what is not JSON, a version other than 1, malformed ULIDs and values of the wrong type, naming the key:
//! `meta.json at 0x0: compaction.sources[2] is not a ULID`. It tolerates absent and `null` keys, invalid UTF-8 (replaced)
//! and unknown keys (kept). Writing omits what Go's encoder omits, in the order drawn in [`super`]. Whether unreadable
//! bytes are JSON at all ([`is_json`]) matters to whoever cleans up: an upload that broke off leaves no JSON.

use serde_json::{Map, Value, json};

use super::fields::{Fields, VERSION};
use super::go_json;
use super::{
    BlockMeta, BlockStats, Compaction, Extra, FileHash, FileMeta, Parent, Resolution, ThanosMeta,
};
use crate::error::Result;
use crate::id::BlockId;
use crate::label::Labels;
use crate::time::Millis;

/// An unset time, as Go writes it.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

impl BlockMeta {
    /// Reads a `meta.json`.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) where it is not JSON, not version 1, or a key has a value that it cannot have.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let mut top = Fields::parse("meta.json", bytes)?;
        top.version("version", false)?;
        let mut stats = top.object("stats")?;
        let compaction = top.object("compaction")?;
        let thanos = match top.take("thanos") {
            None => None,
            Some(value) => Some(read_thanos(top.child("thanos", value)?)?),
        };
        Ok(Self {
            ulid: top.block_id("ulid")?,
            min_time: Millis(top.i64("minTime")?),
            max_time: Millis(top.i64("maxTime")?),
            stats: read_stats(&mut stats)?,
            stats_extra: stats.rest,
            compaction: read_compaction(compaction)?,
            thanos,
            extra: top.rest,
        })
    }

    /// The file as Thanos writes it: Prometheus' form and a newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = self.to_json_prometheus();
        bytes.push(b'\n');
        bytes
    }

    /// The file as Prometheus writes it, without a newline at the end; with Thanos' part where there is one.
    #[must_use]
    pub fn to_json_prometheus(&self) -> Vec<u8> {
        go_json::pretty(&self.to_value())
    }

    fn to_value(&self) -> Value {
        let mut top = Map::new();
        top.insert("ulid".into(), json!(self.ulid));
        top.insert("minTime".into(), json!(self.min_time));
        top.insert("maxTime".into(), json!(self.max_time));
        top.insert(
            "stats".into(),
            write_stats(&self.stats, &self.stats_extra).into(),
        );
        top.insert(
            "compaction".into(),
            write_compaction(&self.compaction).into(),
        );
        top.insert("version".into(), json!(VERSION));
        if let Some(thanos) = &self.thanos {
            top.insert("thanos".into(), write_thanos(thanos).into());
        }
        add_extra(&mut top, &self.extra);
        top.into()
    }
}

/// Whether the bytes are one JSON value, whatever it means.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok()
}

fn read_stats(stats: &mut Fields) -> Result<BlockStats> {
    Ok(BlockStats {
        num_samples: stats.u64("numSamples")?,
        num_float_samples: stats.u64("numFloatSamples")?,
        num_histogram_samples: stats.u64("numHistogramSamples")?,
        num_series: stats.u64("numSeries")?,
        num_chunks: stats.u64("numChunks")?,
        num_tombstones: stats.u64("numTombstones")?,
    })
}

fn read_compaction(mut fields: Fields) -> Result<Compaction> {
    let level = fields.u64("level")?;
    let level = u32::try_from(level).map_err(|_error| fields.wrong("level", "a level"))?;
    let mut sources = Vec::new();
    for (at, text) in fields.strings("sources")?.iter().enumerate() {
        let id = BlockId::parse(text)
            .map_err(|_error| fields.wrong(&format!("sources[{at}]"), "a ULID"))?;
        sources.push(id);
    }
    let mut parents = Vec::new();
    for mut parent in fields.objects("parents")? {
        parents.push(Parent {
            ulid: parent.block_id("ulid")?,
            min_time: Millis(parent.i64("minTime")?),
            max_time: Millis(parent.i64("maxTime")?),
            extra: parent.rest,
        });
    }
    Ok(Compaction {
        level,
        sources,
        deletable: fields.bool("deletable")?,
        parents,
        failed: fields.bool("failed")?,
        hints: fields.strings("hints")?,
        extra: fields.rest,
    })
}

fn read_thanos(mut fields: Fields) -> Result<ThanosMeta> {
    let version = fields.version("version", true)?;
    let mut downsample = fields.object("downsample")?;
    let mut index_stats = fields.object("index_stats")?;
    let mut files = Vec::new();
    for file in fields.objects("files")? {
        files.push(read_file(file)?);
    }
    Ok(ThanosMeta {
        version,
        labels: read_labels(fields.object("labels")?)?,
        resolution: Resolution(downsample.i64("resolution")?),
        downsample_extra: downsample.rest,
        source: fields.string("source")?,
        segment_files: fields.strings("segment_files")?,
        files,
        rewrites: fields.list("rewrites")?,
        series_max_size: index_stats.i64("series_max_size")?,
        chunk_max_size: index_stats.i64("chunk_max_size")?,
        index_stats_extra: index_stats.rest,
        extensions: fields.take("extensions"),
        upload_time: read_time(&mut fields, "upload_time")?,
        extra: fields.rest,
    })
}

fn read_labels(mut labels: Fields) -> Result<Labels> {
    let names: Vec<String> = labels.rest.keys().cloned().collect();
    let mut pairs = Vec::new();
    for name in names {
        let value = labels.string(&name)?;
        pairs.push((name, value));
    }
    Ok(Labels::from_pairs(pairs))
}

fn read_file(mut file: Fields) -> Result<FileMeta> {
    let hash = match file.take("hash") {
        None => None,
        Some(value) => {
            let mut hash = file.child("hash", value)?;
            Some(FileHash {
                func: hash.string("hashFunc")?,
                value: hash.string("value")?,
                extra: hash.rest,
            })
        }
    };
    Ok(FileMeta {
        rel_path: file.string("rel_path")?,
        size_bytes: Some(file.u64("size_bytes")?).filter(|size| *size > 0),
        hash,
        extra: file.rest,
    })
}

fn read_time(fields: &mut Fields, key: &str) -> Result<Option<jiff::Timestamp>> {
    let text = fields.string(key)?;
    if text.is_empty() || text == ZERO_TIME {
        return Ok(None);
    }
    let time = text.parse();
    time.map(Some)
        .map_err(|_error| fields.wrong(key, "an RFC 3339 time"))
}

fn write_stats(stats: &BlockStats, extra: &Extra) -> Map<String, Value> {
    let mut object = Map::new();
    for (key, count) in [
        ("numSamples", stats.num_samples),
        ("numFloatSamples", stats.num_float_samples),
        ("numHistogramSamples", stats.num_histogram_samples),
        ("numSeries", stats.num_series),
        ("numChunks", stats.num_chunks),
        ("numTombstones", stats.num_tombstones),
    ] {
        if count > 0 {
            object.insert(key.into(), json!(count));
        }
    }
    add_extra(&mut object, extra);
    object
}

fn write_compaction(compaction: &Compaction) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("level".into(), json!(compaction.level));
    if !compaction.sources.is_empty() {
        object.insert("sources".into(), json!(compaction.sources));
    }
    if compaction.deletable {
        object.insert("deletable".into(), json!(true));
    }
    if !compaction.parents.is_empty() {
        let parents = compaction.parents.iter().map(write_parent);
        object.insert("parents".into(), parents.collect());
    }
    if compaction.failed {
        object.insert("failed".into(), json!(true));
    }
    if !compaction.hints.is_empty() {
        object.insert("hints".into(), json!(compaction.hints));
    }
    add_extra(&mut object, &compaction.extra);
    object
}

fn write_parent(parent: &Parent) -> Value {
    let mut object = Map::new();
    object.insert("ulid".into(), json!(parent.ulid));
    object.insert("minTime".into(), json!(parent.min_time));
    object.insert("maxTime".into(), json!(parent.max_time));
    add_extra(&mut object, &parent.extra);
    object.into()
}

fn write_thanos(thanos: &ThanosMeta) -> Map<String, Value> {
    let mut object = Map::new();
    if thanos.version > 0 {
        object.insert("version".into(), json!(thanos.version));
    }
    let labels: Map<String, Value> = thanos
        .labels
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    object.insert("labels".into(), labels.into());
    let mut downsample = Map::new();
    downsample.insert("resolution".into(), json!(thanos.resolution.0));
    add_extra(&mut downsample, &thanos.downsample_extra);
    object.insert("downsample".into(), downsample.into());
    object.insert("source".into(), json!(thanos.source));
    if !thanos.segment_files.is_empty() {
        object.insert("segment_files".into(), json!(thanos.segment_files));
    }
    if !thanos.files.is_empty() {
        let files = thanos.files.iter().map(write_file);
        object.insert("files".into(), files.collect());
    }
    if !thanos.rewrites.is_empty() {
        object.insert("rewrites".into(), json!(thanos.rewrites));
    }
    object.insert("index_stats".into(), write_index_stats(thanos).into());
    if let Some(extensions) = &thanos.extensions {
        object.insert("extensions".into(), extensions.clone());
    }
    let time = thanos
        .upload_time
        .map_or(ZERO_TIME.into(), |time| time.to_string());
    object.insert("upload_time".into(), json!(time));
    add_extra(&mut object, &thanos.extra);
    object
}

fn write_index_stats(thanos: &ThanosMeta) -> Map<String, Value> {
    let mut object = Map::new();
    if thanos.series_max_size != 0 {
        object.insert("series_max_size".into(), json!(thanos.series_max_size));
    }
    if thanos.chunk_max_size != 0 {
        object.insert("chunk_max_size".into(), json!(thanos.chunk_max_size));
    }
    add_extra(&mut object, &thanos.index_stats_extra);
    object
}

fn write_file(file: &FileMeta) -> Value {
    let mut object = Map::new();
    object.insert("rel_path".into(), json!(file.rel_path));
    if let Some(size) = file.size_bytes.filter(|size| *size > 0) {
        object.insert("size_bytes".into(), json!(size));
    }
    if let Some(hash) = &file.hash {
        object.insert("hash".into(), write_hash(hash));
    }
    add_extra(&mut object, &file.extra);
    object.into()
}

fn write_hash(hash: &FileHash) -> Value {
    let mut object = Map::new();
    object.insert("hashFunc".into(), json!(hash.func));
    object.insert("value".into(), json!(hash.value));
    add_extra(&mut object, &hash.extra);
    object.into()
}

/// Unknown keys come last and never replace a known one.
fn add_extra(object: &mut Map<String, Value>, extra: &Extra) {
    for (key, value) in extra {
        object.entry(key.clone()).or_insert_with(|| value.clone());
    }
}
