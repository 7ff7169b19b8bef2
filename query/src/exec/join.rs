//! Operators between two vectors: series find each other by the labels of the matching.
//!
//! ```text
//! one side    signature -> rows       a number per signature, found once per series
//! many side   row -> signature        then rows meet rows, step by step
//! ```
//!
//! Several rows of the "one" side may share a signature as long as they have no step in common. Set operators only need to
//! know at which steps a signature has any sample.

use hashbrown::{HashMap, HashSet};
use tsdb::label::{Labels, METRIC_NAME};

use super::Run;
use super::batch::{Batch, Head, Row, words};
use super::binary::{unsupported, with_operator};
use super::unique::push_joined;
use crate::error::{Error, Result};
use crate::plan::build::drops_name;
use crate::plan::{Join, PlanId, is_metadata};
use crate::syntax::BinaryOp;
use crate::syntax::ast::{Cardinality, Matching};

/// The labels by which a series is found.
fn signature(labels: &Labels, matching: &Matching) -> Labels {
    let named = |name: &str| matching.labels.iter().any(|label| label == name);
    let mut signature = labels.clone();
    signature.retain(|name, _| {
        if matching.on {
            named(name)
        } else {
            name != METRIC_NAME && !named(name)
        }
    });
    signature
}

/// Rows of one side with the number of each row's signature.
struct Side<'b> {
    rows: Vec<(&'b Head, Row<'b>)>,
    ids: Vec<usize>,
}

/// Numbers of signatures.
#[derive(Default)]
struct Signatures(HashMap<Labels, usize>);

impl Signatures {
    fn side<'b>(&mut self, batches: &'b [Batch], matching: &Matching) -> Side<'b> {
        let rows: Vec<_> = batches.iter().flat_map(Batch::iter).collect();
        let ids = rows.iter().map(|(head, _)| {
            let next = self.0.len();
            *self
                .0
                .entry(signature(&head.labels, matching))
                .or_insert(next)
        });
        let ids = ids.collect();
        Side { rows, ids }
    }
}

impl Run<'_> {
    pub(super) fn join(&self, id: PlanId, join: &Join) -> Result<Vec<Batch>> {
        if join.matching.fill_left.is_some() || join.matching.fill_right.is_some() {
            let text = "fill modifiers: not supported by this engine yet";
            return Err(Error::Execution(text.to_owned()));
        }
        let lhs = self.rows(join.lhs)?;
        let rhs = self.rows(join.rhs)?;
        let steps = self.grid(id).steps;
        let mut signatures = Signatures::default();
        let left = signatures.side(&lhs.batches, &join.matching);
        let right = signatures.side(&rhs.batches, &join.matching);
        let count = signatures.0.len();
        if join.op.is_set() {
            return Ok(vec![set(join.op, &left, &right, (count, steps))?]);
        }
        let (many, one) = if join.matching.cardinality == Cardinality::OneToMany {
            (right, left)
        } else {
            (left, right)
        };
        let pairs = Pairs {
            run: self,
            join,
            steps,
        };
        pairs.matched(&many, &one, count)
    }
}

/// Bits of the steps at which each signature has a sample.
fn filled(side: &Side<'_>, count: usize, width: usize) -> Vec<u64> {
    let mut bits = vec![0_u64; count * width];
    for ((_, row), id) in side.rows.iter().zip(&side.ids) {
        for (word, more) in bits[id * width..].iter_mut().zip(row.filled()) {
            *word |= more;
        }
    }
    bits
}

fn set(
    op: BinaryOp,
    left: &Side<'_>,
    right: &Side<'_>,
    (count, steps): (usize, usize),
) -> Result<Batch> {
    let width = words(steps);
    let mut out: Vec<(Head, Batch)> = Vec::new();
    let mut masked = |side: &Side<'_>, other: &[u64], keep_met: bool| {
        for ((head, row), id) in side.rows.iter().zip(&side.ids) {
            let met = &other[id * width..(id + 1) * width];
            let keep: Vec<u64> = met
                .iter()
                .map(|word| if keep_met { *word } else { !*word })
                .collect();
            let mut batch = Batch::new(steps);
            push_kept(&mut batch, head, *row, &keep);
            if !batch.is_empty() {
                out.push(((*head).clone(), batch));
            }
        }
    };
    match op {
        BinaryOp::And => masked(left, &filled(right, count, width), true),
        BinaryOp::Unless => masked(left, &filled(right, count, width), false),
        _ => {
            masked(left, &vec![u64::MAX; count * width], true);
            masked(right, &filled(left, count, width), false);
        }
    }
    joined(out, steps)
}

/// One row per label set, in the order of their first appearance.
fn joined(rows: Vec<(Head, Batch)>, steps: usize) -> Result<Batch> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Head, Vec<Batch>)> = Vec::new();
    for (head, batch) in rows {
        let next = groups.len();
        let at = *places.entry(head.labels.clone()).or_insert(next);
        if at == next {
            groups.push((head, Vec::new()));
        }
        groups[at].1.push(batch);
    }
    let mut out = Batch::new(steps);
    for (head, batches) in groups {
        let rows: Vec<Row<'_>> = batches.iter().map(|batch| batch.row(0)).collect();
        push_joined(&mut out, head, &rows)?;
    }
    Ok(out)
}

/// Appends a row without the steps that `keep` lacks, unless nothing is left.
pub(super) fn push_kept(out: &mut Batch, head: &Head, row: Row<'_>, keep: &[u64]) {
    let present: Vec<u64> = row
        .present
        .iter()
        .zip(keep)
        .map(|(has, keep)| has & keep)
        .collect();
    let kept = row.histograms.iter();
    let histograms: Vec<_> = kept
        .filter(|(step, _)| keep[*step as usize / 64] >> (step % 64) & 1 == 1)
        .cloned()
        .collect();
    let masked = Row {
        floats: row.floats,
        present: &present,
        histograms: &histograms,
    };
    if !masked.is_empty() {
        out.push(head.clone(), masked);
    }
}

/// Rows that meet.
struct Pairs<'r, 'p> {
    run: &'r Run<'p>,
    join: &'r Join,
    steps: usize,
}

impl Pairs<'_, '_> {
    fn matched(&self, many: &Side<'_>, one: &Side<'_>, count: usize) -> Result<Vec<Batch>> {
        let partners = self.partners(one, count)?;
        let grouped = self.join.matching.cardinality != Cardinality::OneToOne;
        let width = words(self.steps);
        let mut taken: HashMap<(usize, Option<Labels>), Vec<u64>> = HashMap::new();
        let mut rows = Vec::new();
        for ((head, row), id) in many.rows.iter().zip(&many.ids) {
            for partner in &partners[*id] {
                let (one_head, one_row) = &one.rows[*partner];
                let result = self.head(head, one_head);
                let met: Vec<u64> = row
                    .filled()
                    .iter()
                    .zip(one_row.filled())
                    .map(|(a, b)| a & b)
                    .collect();
                let key = (*id, grouped.then(|| result.labels.clone()));
                let before = taken.entry(key).or_insert_with(|| vec![0; width]);
                if before.iter().zip(&met).any(|(word, bits)| word & bits != 0) {
                    return Err(many_to_one(grouped));
                }
                before
                    .iter_mut()
                    .zip(&met)
                    .for_each(|(word, bits)| *word |= bits);
                let batch = self.compute((*row, *one_row), &met)?;
                if !batch.is_empty() {
                    rows.push((result, batch));
                }
            }
        }
        Ok(vec![joined(rows, self.steps)?])
    }

    /// The rows of each signature of the "one" side; they must not meet.
    fn partners(&self, one: &Side<'_>, count: usize) -> Result<Vec<Vec<usize>>> {
        let width = words(self.steps);
        let mut partners: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut bits = vec![0_u64; count * width];
        for (at, ((_, row), id)) in one.rows.iter().zip(&one.ids).enumerate() {
            for (word, more) in bits[id * width..].iter_mut().zip(row.filled()) {
                if *word & more != 0 {
                    return Err(self.duplicates(one, &partners[*id], at));
                }
                *word |= more;
            }
            partners[*id].push(at);
        }
        Ok(partners)
    }

    fn duplicates(&self, one: &Side<'_>, earlier: &[usize], at: usize) -> Error {
        let (head, row) = &one.rows[at];
        let bits = row.filled();
        let meets = |other: &&usize| {
            let filled = one.rows[**other].1.filled();
            filled.iter().zip(&bits).any(|(a, b)| a & b != 0)
        };
        let other = earlier.iter().find(meets).map_or(at, |other| *other);
        let mut pair = [&one.rows[other].0.labels, &head.labels];
        pair.sort();
        let side = if self.join.matching.cardinality == Cardinality::OneToMany {
            "left"
        } else {
            "right"
        };
        let group = signature(&head.labels, &self.join.matching);
        Error::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            pair[0], pair[1]
        ))
    }

    fn head(&self, many: &Head, one: &Head) -> Head {
        let matching = &self.join.matching;
        let mut head = many.clone();
        if drops_name(self.join.op, self.join.return_bool) {
            self.run.drop_name(&mut head);
        }
        if matching.cardinality == Cardinality::OneToOne {
            let named = |name: &str| matching.labels.iter().any(|label| label == name);
            head.labels.retain(|name, _| {
                named(name) == matching.on
                    || (self.run.delayed() && is_metadata(name) && !matching.on)
            });
        }
        let included: HashSet<&str> = matching.include.iter().map(String::as_str).collect();
        for name in included {
            match one.labels.get(name) {
                "" => head.labels.retain(|label, _| label != name),
                value => head.labels.set(name, value),
            }
        }
        head
    }

    #[expect(clippy::float_cmp, reason = "`==` of the language compares exactly")]
    fn compute(&self, (many, one): (Row<'_>, Row<'_>), met: &[u64]) -> Result<Batch> {
        if !many.histograms.is_empty() || !one.histograms.is_empty() {
            return Err(unsupported(self.join.op.text()));
        }
        let swapped = self.join.matching.cardinality == Cardinality::OneToMany;
        let (lhs, rhs) = if swapped { (one, many) } else { (many, one) };
        let filters = self.join.op.is_comparison() && !self.join.return_bool;
        let both = Row {
            floats: lhs.floats,
            present: met,
            histograms: &[],
        };
        let mut out = Batch::new(self.steps);
        out.push_with::<Error>(Head::default(), |into| {
            with_operator!(self.join.op, f, {
                both.each_float(|step, a| {
                    let (value, kept) = f(a, rhs.floats[step]);
                    if !filters {
                        into.set(step, value);
                    } else if kept {
                        into.set(step, a);
                    }
                });
            });
            Ok(())
        })?;
        Ok(out)
    }
}

fn many_to_one(grouped: bool) -> Error {
    Error::Execution(
        if grouped {
            "multiple matches for labels: grouping labels must ensure unique matches"
        } else {
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        }
        .to_owned(),
    )
}
