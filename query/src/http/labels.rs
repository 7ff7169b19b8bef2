//! `/labels`, `/label/{name}/values`, `/series`: what there is, without samples.
//!
//! Several `match[]` are united; times bound what is looked at, limits what is answered, and a cut answer carries a warning.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use tsdb::budget::{Budget, Reservation};
use tsdb::label::Labels;
use tsdb::matcher::Matcher;
use tsdb::source::{LabelNames, LabelValues, Names, Select};
use tsdb::time::{Interval, Millis};

use super::dialect::Blame;
use super::escape;
use super::form::decode;
use super::problem::Problem;
use super::reply::{List, Reply};
use super::{Call, json, params};
use crate::storage::gather::Gather;
use crate::syntax::quote;

/// The selectors of a request, or one that selects everything.
fn selectors(call: &Call) -> Result<Vec<Vec<Matcher>>, Problem> {
    let selectors = call.params().selectors(Blame::Bare)?;
    Ok(if selectors.is_empty() {
        vec![Vec::new()]
    } else {
        selectors
    })
}

/// The times of a request; from when on may be a setting.
fn times(call: &Call) -> Result<Interval, Problem> {
    let mut times = call.params().interval()?;
    let range = call.server.settings.metadata_range;
    if range > 0 && times.min == Millis::MIN {
        let end = times.max.0.min(call.server.now());
        times.min = Millis(end.saturating_sub(range));
    }
    Ok(times)
}

/// Label names.
pub(super) async fn names(call: Call) -> Result<Reply, Problem> {
    let limit = call.params().limit()?;
    let times = times(&call)?;
    call.params().flag("partial_response")?;
    let budget = call.budget();
    let mut found = Found::start(&budget)?;
    for matchers in selectors(&call)? {
        let request = LabelNames {
            matchers,
            times,
            limit: None,
            // Replica labels are told: one may want to query without deduplication.
            without_labels: Vec::new(),
        };
        let sources = call.server.sources.current();
        let asked = sources
            .iter()
            .filter(|source| source.info().times.overlaps(times));
        let asked = asked.map(|source| source.label_names(&request, &budget));
        found.add(try_join_all(asked).await?)?;
    }
    Ok(found.reply(limit))
}

/// Values of one label.
pub(super) async fn values(call: Call) -> Result<Reply, Problem> {
    let Some(name) = label_name(&call.path) else {
        return Ok(Reply::refusal(404, "404 page not found\n"));
    };
    let name = name?;
    let limit = call.params().limit()?;
    let times = times(&call)?;
    call.params().flag("partial_response")?;
    let budget = call.budget();
    let mut found = Found::start(&budget)?;
    for matchers in selectors(&call)? {
        let request = LabelValues {
            name: name.clone(),
            matchers,
            times,
            limit: None,
        };
        let sources = call.server.sources.current();
        let asked = sources
            .iter()
            .filter(|source| source.info().times.overlaps(times));
        let asked = asked.map(|source| source.label_values(&request, &budget));
        found.add(try_join_all(asked).await?)?;
    }
    Ok(found.reply(limit))
}

/// The label in the path `…/label/{name}/values`; none where the name has a slash in it, so that the path is another.
fn label_name(path: &str) -> Option<Result<String, Problem>> {
    let raw = path.strip_suffix("/values")?.rsplit('/').next()?;
    let bytes = decode(raw.as_bytes(), false).unwrap_or_else(|| raw.as_bytes().to_vec());
    if bytes.contains(&b'/') {
        return None;
    }
    let name = String::from_utf8(bytes).map_err(|error| {
        let shown: String = error.as_bytes().utf8_chunks().map(quoted).collect();
        Problem::bad_data(format!("invalid label name: \"{shown}\""))
    });
    Some(name.map(|name| escape::unescape(&name)))
}

/// A part of broken UTF-8 as Go quotes it.
fn quoted(part: std::str::Utf8Chunk<'_>) -> String {
    let valid = quote::text(part.valid());
    let invalid = part.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
    let mut shown = valid.trim_matches('"').to_owned();
    shown.extend(invalid);
    shown
}

/// Names or values of all selectors and sources.
struct Found {
    names: BTreeSet<String>,
    warnings: BTreeSet<String>,
    held: Reservation,
}

impl Found {
    fn start(budget: &Budget) -> Result<Self, Problem> {
        Ok(Self {
            names: BTreeSet::new(),
            warnings: BTreeSet::new(),
            held: budget.reserve(0)?,
        })
    }

    fn add(&mut self, answers: Vec<Names>) -> Result<(), Problem> {
        for answer in answers {
            for name in answer.names {
                let size = (name.len() + size_of::<String>()) as u64;
                if self.names.insert(name) {
                    self.held.grow(size)?;
                }
            }
            self.warnings.extend(answer.warnings);
        }
        Ok(())
    }

    fn reply(self, limit: Option<usize>) -> Reply {
        let mut warnings: Vec<String> = self.warnings.into_iter().collect();
        let limit = limit.unwrap_or(usize::MAX);
        if self.names.len() > limit {
            warnings.push(params::TRUNCATED.to_owned());
        }
        let names = self.names.into_iter().take(limit);
        let write = |out: &mut Vec<u8>, name: &String| json::string(out, name);
        List::reply(names, write, (warnings, self.held))
    }
}

/// Label sets.
pub(super) async fn series(call: Call) -> Result<Reply, Problem> {
    let params = call.params();
    if call.form.all("match[]").next().is_none() {
        return Err(Problem::bad_data("no match[] parameter provided"));
    }
    let limit = params.limit()?;
    let times = times(&call)?;
    let replica_labels = params.reading(&call.server.settings, 0)?.replica_labels;
    let selectors = params.selectors(Blame::Match)?;
    let most = limit.unwrap_or(usize::MAX);
    let budget = call.budget();
    let mut found = Series {
        labels: BTreeSet::new(),
        held: budget.reserve(0)?,
    };
    let mut warnings = Vec::new();
    let sources = call.server.sources.current();
    for matchers in selectors {
        let mut select = Select::new(matchers, times);
        select.with_chunks = false;
        select.without_labels.clone_from(&replica_labels);
        let mut gather = Gather::start(&sources, &select, &budget).await?;
        // One more than wanted tells that there is more.
        found.add(&mut gather, most.saturating_add(1)).await?;
        warnings.append(&mut gather.warnings);
    }
    if found.labels.len() > most {
        warnings.push(params::TRUNCATED.to_owned());
    }
    let labels = found.labels.into_iter().take(most);
    Ok(List::reply(labels, json::labels, (warnings, found.held)))
}

/// Label sets of all selectors.
struct Series {
    labels: BTreeSet<Labels>,
    held: Reservation,
}

impl Series {
    /// Adds the first `most`.
    async fn add(&mut self, gather: &mut Gather, most: usize) -> Result<(), Problem> {
        for _ in 0..most {
            let Some(series) = gather.next().await? else {
                break;
            };
            let size = super::size_bytes(&series.labels);
            if self.labels.insert(series.labels) {
                self.held.grow(size)?;
            }
        }
        Ok(())
    }
}
