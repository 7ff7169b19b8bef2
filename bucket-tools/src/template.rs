//! Field paths of Go's templates over a meta: `{{.ULID}} {{.Thanos.Labels}}`.
//!
//! Text and actions alternate; an action is a dot and names with dots between them, as Go's structs have them. Nothing else of Go's
//! template language is here: no pipes, conditions or functions.

use tsdb::meta::{BlockMeta, ThanosMeta};

/// Fields that an error names, of the many.
const KNOWN: [&str; 7] = [
    "ULID",
    "MinTime",
    "MaxTime",
    "Stats.NumSeries",
    "Compaction.Level",
    "Thanos.Labels",
    "Thanos.Downsample.Resolution and so on",
];

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Path(Vec<String>),
}

impl Template {
    /// Parses a template and tries it on an empty meta, so that a wrong name is found even where there is no block.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (action, after) = after
                .split_once("}}")
                .ok_or_else(|| "there is no }} after {{".to_owned())?;
            let path = action.trim().strip_prefix('.').ok_or_else(|| {
                format!("{{{{{action}}}}} is not a field path like {{{{.ULID}}}}")
            })?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Path(path.split('.').map(str::to_owned).collect()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        template.render(&BlockMeta::default())?;
        Ok(template)
    }

    /// The text of one block.
    ///
    /// # Errors
    /// Where there is no such field.
    pub(crate) fn render(&self, meta: &BlockMeta) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Path(path) => {
                    let names: Vec<&str> = path.iter().map(String::as_str).collect();
                    let value = field(meta, &names).ok_or_else(|| {
                        let name = path.join(".");
                        format!(
                            "there is no field .{name}; there are .{}",
                            KNOWN.join(", .")
                        )
                    })?;
                    text.push_str(&value);
                }
            }
        }
        Ok(text)
    }
}

fn field(meta: &BlockMeta, path: &[&str]) -> Option<String> {
    let (stats, compaction) = (&meta.stats, &meta.compaction);
    Some(match path {
        ["BlockMeta", rest @ ..] if !rest.is_empty() => return field(meta, rest),
        ["ULID"] => meta.ulid.to_string(),
        ["MinTime"] => meta.min_time.to_string(),
        ["MaxTime"] => meta.max_time.to_string(),
        ["Version"] => "1".to_owned(),
        ["Stats", "NumSamples"] => stats.num_samples.to_string(),
        ["Stats", "NumFloatSamples"] => stats.num_float_samples.to_string(),
        ["Stats", "NumHistogramSamples"] => stats.num_histogram_samples.to_string(),
        ["Stats", "NumSeries"] => stats.num_series.to_string(),
        ["Stats", "NumChunks"] => stats.num_chunks.to_string(),
        ["Stats", "NumTombstones"] => stats.num_tombstones.to_string(),
        ["Compaction", "Level"] => compaction.level.to_string(),
        ["Compaction", "Sources"] => list(&compaction.sources),
        ["Compaction", "Deletable"] => compaction.deletable.to_string(),
        ["Compaction", "Failed"] => compaction.failed.to_string(),
        ["Compaction", "Hints"] => list(&compaction.hints),
        ["Thanos", rest @ ..] => {
            let absent = ThanosMeta::default();
            return thanos_field(meta.thanos.as_ref().unwrap_or(&absent), rest);
        }
        _ => return None,
    })
}

fn thanos_field(thanos: &ThanosMeta, path: &[&str]) -> Option<String> {
    Some(match path {
        ["Version"] => thanos.version.to_string(),
        ["Labels"] => {
            let pairs = thanos.labels.iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
        ["Labels", name] => match thanos.labels.get(name) {
            "" => "<no value>".to_owned(),
            value => value.to_owned(),
        },
        ["Downsample", "Resolution"] => thanos.resolution.0.to_string(),
        ["Source"] => thanos.source.clone(),
        ["SegmentFiles"] => list(&thanos.segment_files),
        ["IndexStats", "SeriesMaxSize"] => thanos.series_max_size.to_string(),
        ["IndexStats", "ChunkMaxSize"] => thanos.chunk_max_size.to_string(),
        _ => return None,
    })
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_field_paths_are_templates() {
        let meta = BlockMeta::default();
        let text =
            |template: &str| Template::parse(template).and_then(|template| template.render(&meta));
        assert_eq!(text("a {{.MinTime}}-{{ .MaxTime }} b").unwrap(), "a 0-0 b");
        assert_eq!(
            text("{{.Thanos.Labels}}{{.Compaction.Sources}}").unwrap(),
            "map[][]"
        );
        assert_eq!(text("plain").unwrap(), "plain");
        for bad in ["{{.Nope}}", "{{.ULID", "{{range .Files}}", "{{.}}"] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
