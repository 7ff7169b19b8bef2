//! Which blocks a bucket has, one a line or in a table; by start and name.
//!
//! ```text
//! (nothing)   01M81G2QG09F36858KBZG3FSRA
//! wide        01M8… -- 2024-01-18T00:00:00Z - 2024-01-19T23:58:00Z Diff: 47h58m0s, Compaction: 3, Downsample: 0, Source: compactor
//! json        the metas, one after another, as they lie in the bucket
//! {{.ULID}}   field paths of Go's templates
//! table csv tsv  columns
//! ```

use std::io::Write;
use std::sync::Arc;

use tsdb::bucket::Bucket;
use tsdb::meta::BlockMeta;
use tsdb::time::Millis;

use crate::error::{Error, Result};
use crate::inspect;
use crate::report::{Format, go_duration, rfc3339};
use crate::select::{Selection, select};
use crate::template::Template;

/// How to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Names,
    Wide,
    Json,
    Template(Template),
    Table(Format),
}

impl Form {
    /// Understands the value of `--output`.
    ///
    /// # Errors
    /// Where it is neither a form nor a template with a field in it.
    pub fn parse(text: &str) -> Result<Self> {
        let names =
            "write wide, json, table, csv, tsv, or field paths like '{{.ULID}} {{.Thanos.Labels}}'";
        Ok(Self(match text {
            "" => Kind::Names,
            "wide" => Kind::Wide,
            "json" => Kind::Json,
            "table" => Kind::Table(Format::Table),
            "csv" => Kind::Table(Format::Csv),
            "tsv" => Kind::Table(Format::Tsv),
            _ if !text.contains("{{") => return Err(Error::Invalid(names.to_owned())),
            _ => Kind::Template(Template::parse(text).map_err(Error::Invalid)?),
        }))
    }
}

/// Lists the blocks of a bucket and returns how many there are.
///
/// # Errors
/// Where the store or `out` refuses.
pub async fn run(
    bucket: &Bucket,
    selection: &Selection,
    form: &Form,
    out: &mut (dyn Write + Send),
) -> Result<usize> {
    let metas = select(bucket, selection).await?.metas;
    write(&metas, form, out)?;
    Ok(metas.len())
}

fn write(metas: &[Arc<BlockMeta>], form: &Form, out: &mut dyn Write) -> Result<()> {
    if let Kind::Table(format) = form.0 {
        return Ok(inspect::report(metas).write(format, out)?);
    }
    for meta in metas {
        match &form.0 {
            Kind::Names => writeln!(out, "{}", meta.ulid)?,
            Kind::Wide => writeln!(out, "{}", wide(meta))?,
            Kind::Json => out.write_all(&meta.to_json())?,
            Kind::Template(template) => {
                writeln!(out, "{}", template.render(meta).map_err(Error::Invalid)?)?;
            }
            Kind::Table(_) => {}
        }
    }
    Ok(())
}

fn wide(meta: &BlockMeta) -> String {
    // The difference of the whole seconds that are shown.
    let seconds = meta.max_time.0 / 1000 - meta.min_time.0 / 1000;
    let source = meta.thanos.as_ref().map_or("", |thanos| &thanos.source);
    format!(
        "{} -- {} - {} Diff: {}, Compaction: {}, Downsample: {}, Source: {source}",
        meta.ulid,
        rfc3339(meta.min_time),
        rfc3339(meta.max_time),
        go_duration(Millis(seconds.saturating_mul(1000))),
        meta.compaction.level,
        meta.resolution().0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_form_is_refused_with_those_that_are() {
        for sound in ["", "wide", "json", "table", "csv", "tsv", "{{.ULID}}"] {
            assert!(Form::parse(sound).is_ok(), "{sound}");
        }
        let error = Form::parse("nope").unwrap_err().to_string();
        assert!(error.contains("wide, json, table"), "{error}");
        let error = Form::parse("{{.Nope}}").unwrap_err().to_string();
        assert!(error.contains("no field .Nope"), "{error}");
    }
}
