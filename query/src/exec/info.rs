//! `info`: labels of info metrics added to the series they are about.
//!
//! An info series is about a series where `instance` and `job` are the same; of several of one name the newest counts. What
//! a series gains may change from step to step, so one row may become several. Labels that a series has already stay. A
//! series without partner stays as it is, unless a matcher demands a label; info series themselves stay, too.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::Matcher;

use super::Run;
use super::batch::{Batch, Head, Row, words};
use super::join::push_kept;
use crate::error::{Error, Result};
use crate::plan::{InfoCall, PlanId};

/// Labels that name the target a series is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Labels of the target: the values of [`IDENTIFYING`].
type Target<'l> = [&'l str; 2];

/// Info series by target and name, with rows of the times of their samples.
type Infos<'b> = HashMap<Target<'b>, BTreeMap<&'b str, Vec<(&'b Labels, Row<'b>)>>>;

/// Info series that count for one series at one step, by name.
type Chosen<'b> = Vec<&'b Labels>;

fn target(labels: &Labels) -> Target<'_> {
    IDENTIFYING.map(|name| labels.get(name))
}

impl Run<'_> {
    pub(super) fn info(&self, id: PlanId, call: &InfoCall) -> Result<Vec<Batch>> {
        let steps = self.grid(id).steps;
        let vector = self.rows(call.vector)?;
        let infos = self.rows(call.infos)?;
        let infos = by_target(&infos.batches);
        let mut out = Batch::new(steps);
        for (head, row) in vector.batches.iter().flat_map(Batch::iter) {
            if is_info(head, call) {
                out.push(head.clone(), row);
            } else {
                enrich((head, row), &infos, call, &mut out)?;
            }
        }
        Ok(vec![out])
    }
}

fn by_target(batches: &[Batch]) -> Infos<'_> {
    let mut infos = Infos::new();
    for (head, row) in batches.iter().flat_map(Batch::iter) {
        let target = target(&head.labels);
        if target.iter().all(|value| value.is_empty()) {
            continue;
        }
        let names = infos.entry(target).or_default();
        let rows = names.entry(head.labels.get(METRIC_NAME)).or_default();
        rows.push((&head.labels, row));
    }
    infos
}

fn is_info(head: &Head, call: &InfoCall) -> bool {
    let name = if head.drop_name {
        ""
    } else {
        head.labels.get(METRIC_NAME)
    };
    call.names.iter().all(|matcher| matcher.matches(name))
}

/// Appends what becomes of a series: a row for each set of labels that it has at some step.
fn enrich(
    (head, row): (&Head, Row<'_>),
    infos: &Infos<'_>,
    call: &InfoCall,
    out: &mut Batch,
) -> Result<()> {
    let about = infos.get(&target(&head.labels));
    let mut kept: HashMap<Chosen<'_>, Vec<u64>> = HashMap::new();
    let filled = row.filled();
    for step in (0..out.steps).filter(|step| filled[step / 64] >> (step % 64) & 1 == 1) {
        let chosen = match about {
            Some(names) => chosen(names, step)?,
            None => Chosen::new(),
        };
        let bits = kept
            .entry(chosen)
            .or_insert_with(|| vec![0; words(out.steps)]);
        bits[step / 64] |= 1 << (step % 64);
    }
    for (chosen, bits) in kept {
        if let Some(labels) = with_labels(&head.labels, &chosen, &call.data)? {
            let head = Head {
                labels,
                drop_name: head.drop_name,
            };
            push_kept(out, &head, row, &bits);
        }
    }
    Ok(())
}

/// The newest info series of each name at a step.
fn chosen<'b>(
    names: &BTreeMap<&str, Vec<(&'b Labels, Row<'b>)>>,
    step: usize,
) -> Result<Chosen<'b>> {
    let mut chosen = Chosen::new();
    for rows in names.values() {
        let mut newest: Option<(f64, &Labels)> = None;
        for (labels, row) in rows {
            if row.histogram(step).is_some() {
                return Err(Error::Execution(format!(
                    "this should be an info metric, with float samples: {labels}"
                )));
            }
            let Some(t) = row.float(step) else {
                continue;
            };
            match newest {
                Some((known, _)) if known > t => {}
                Some((known, other)) if known >= t => {
                    let t = (t * 1000.0).round();
                    return Err(Error::Execution(format!(
                        "found duplicate series for info metric: existing {other} @ {t}, new {labels} @ {t}"
                    )));
                }
                _ => newest = Some((t, labels)),
            }
        }
        chosen.extend(newest.map(|(_, labels)| labels));
    }
    Ok(chosen)
}

/// Labels with those of info series; none where a label that is asked for is not known.
fn with_labels(labels: &Labels, infos: &[&Labels], data: &[Matcher]) -> Result<Option<Labels>> {
    if infos.is_empty() {
        let is_optional = data.iter().all(Matcher::matches_empty);
        return Ok(is_optional.then(|| labels.clone()));
    }
    let mut added = BTreeMap::<&str, &str>::new();
    for (name, value) in infos.iter().flat_map(|info| info.iter()) {
        let is_asked = data.is_empty() || data.iter().any(|matcher| matcher.name() == name);
        let is_identifying = name == METRIC_NAME || IDENTIFYING.contains(&name);
        if !is_asked || is_identifying || !labels.get(name).is_empty() {
            continue;
        }
        let before = added.insert(name, value);
        if before.is_some_and(|other| other != value) {
            return Err(Error::Execution(format!("conflicting label: {name}")));
        }
    }
    let mut labels = labels.clone();
    for (name, value) in added {
        crate::functions::label::set(&mut labels, name, value);
    }
    Ok(Some(labels))
}
