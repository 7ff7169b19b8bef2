//! `label_replace` and `label_join`: one label written anew, row by row.
//!
//! Both may write the name of the metric, which then is not dropped at the end of the query. Their texts are checked when
//! the query is planned, so that a wrong one fails over no series, too.

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::regex::capture::CaptureRegex;

use super::{Args, Body, Entry, own};
use crate::annotation::Annotations;
use crate::error::{Error, Result};
use crate::exec::batch::Batch;

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "label_replace" => own(Body::Rows(replace)),
        "label_join" => own(Body::Rows(join)),
        _ => None,
    }
}

/// Whether the texts of a call make sense.
///
/// # Errors
/// Where a pattern is none or a name is empty, in Prometheus' words.
pub fn check(function: &str, texts: &[String]) -> Result<()> {
    match (function, texts) {
        ("label_replace", [target, _, _, pattern]) => {
            if CaptureRegex::new(pattern).is_err() {
                return Err(Error::Execution(format!(
                    "invalid regular expression in label_replace(): {pattern}"
                )));
            }
            check_name(target, "destination", function)
        }
        ("label_join", [target, _, sources @ ..]) => {
            for source in sources {
                check_name(source, "source", function)?;
            }
            check_name(target, "destination", function)
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str, role: &str, function: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::Execution(format!(
            "invalid {role} label name in {function}(): {name}"
        )));
    }
    Ok(())
}

/// Sets a label to a template over the groups of a pattern, where the pattern matches another label.
fn replace(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let [target, template, source, pattern] = args.texts[..] else {
        unreachable!("the checker counts arguments")
    };
    let regex = CaptureRegex::new(pattern).map_err(Error::Storage)?;
    rewrite(batch, target, |labels| {
        let captures = regex.captures(labels.get(source))?;
        Some(captures.expand(template))
    });
    Ok(())
}

/// Sets a label to the values of others with a separator between them.
#[expect(clippy::unnecessary_wraps, reason = "a body of a function may fail")]
fn join(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let [target, separator, sources @ ..] = &args.texts[..] else {
        unreachable!("the checker counts arguments")
    };
    rewrite(batch, target, |labels| {
        let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
        Some(values.join(separator))
    });
    Ok(())
}

fn rewrite(batch: &mut Batch, target: &str, value: impl Fn(&Labels) -> Option<String>) {
    for head in &mut batch.heads {
        let Some(value) = value(&head.labels) else {
            continue;
        };
        set(&mut head.labels, target, &value);
        if target == METRIC_NAME {
            head.drop_name = false;
        }
    }
}

/// Sets a label; an empty value is none.
pub(crate) fn set(labels: &mut Labels, name: &str, value: &str) {
    if value.is_empty() {
        labels.retain(|other, _| other != name);
    } else {
        labels.set(name, value);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_that_make_no_sense_are_refused_before_anything_is_read() {
        fn check(function: &str, texts: &[&str], want: Option<&str>) {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let got = super::check(function, &texts).err();
            let got = got.map(|error| error.to_string());
            assert_eq!(got.as_deref(), want, "{function} {texts:?}");
        }
        check("label_replace", &["a", "$1", "b", "(.*)"], None);
        check(
            "label_replace",
            &["", "$1", "b", "(.*"],
            Some("invalid regular expression in label_replace(): (.*"),
        );
        check(
            "label_replace",
            &["", "$1", "b", ".*"],
            Some("invalid destination label name in label_replace(): "),
        );
        check("label_join", &["a", "-"], None);
        check(
            "label_join",
            &["", "-", "b", ""],
            Some("invalid source label name in label_join(): "),
        );
    }
}
