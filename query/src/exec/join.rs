//! Operators between two vectors: series find each other by the labels of the matching.
//!
//! ```text
//! one side    signature -> rows       a number per signature, found once per series
//! many side   row -> signature        then rows meet rows, all steps at once
//! fills       row, no partner         steps at which a partner is missing meet a number with the labels of the signature
//! ```
//!
//! Several rows of the "one" side may share a signature as long as they have no step in common; steps without any row on
//! one of the sides do not count. A pair that the operator refuses has not met. Set operators are in [`super::set`].

use hashbrown::{HashMap, HashSet};
use tsdb::label::{Labels, METRIC_NAME};

use super::batch::{Batch, Head, Row, RowMut, each_bit, words};
use super::binary::with_operator;
use super::operand::{Refusals, combine};
use super::set::set;
use super::unique::push_joined;
use super::{Run, lock};
use crate::annotation::Annotations;
use crate::error::{Error, Result};
use crate::plan::names::changes_metric;
use crate::plan::{Join, PlanId, is_metadata};
use crate::syntax::BinaryOp;
use crate::syntax::ast::{Cardinality, Matching, Span};

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
pub(super) struct Side<'b> {
    pub(super) rows: Vec<(&'b Head, Row<'b>)>,
    pub(super) ids: Vec<usize>,
}

impl Side<'_> {
    /// Bits of the steps at which each signature has a sample.
    pub(super) fn filled(&self, count: usize, width: usize) -> Vec<u64> {
        let mut bits = vec![0_u64; count * width];
        for ((_, row), id) in self.rows.iter().zip(&self.ids) {
            merge(&mut bits[id * width..(id + 1) * width], &row.filled());
        }
        bits
    }

    /// Bits of the steps at which there is any sample.
    fn any(&self, width: usize) -> Vec<u64> {
        let mut bits = vec![0_u64; width];
        for (_, row) in &self.rows {
            merge(&mut bits, &row.filled());
        }
        bits
    }
}

fn merge(into: &mut [u64], more: &[u64]) {
    into.iter_mut()
        .zip(more)
        .for_each(|(word, bits)| *word |= bits);
}

fn meet(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

fn both(a: &[u64], b: &[u64]) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| a & b).collect()
}

fn only(a: &[u64], b: &[u64]) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| a & !b).collect()
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

    /// A series for each, that has its labels only.
    fn heads(&self) -> Vec<Head> {
        let mut heads = vec![Head::default(); self.0.len()];
        for (labels, id) in &self.0 {
            heads[*id].labels.clone_from(labels);
        }
        heads
    }
}

impl Run<'_> {
    pub(super) fn join(&self, id: PlanId, join: &Join) -> Result<Vec<Batch>> {
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
        let swapped = join.matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped {
            (right, left)
        } else {
            (left, right)
        };
        let pairing = Pairing {
            run: self,
            join,
            span: self.plan.nodes[id].span,
            steps,
            many,
            one,
        };
        let mut met = Met {
            claimed: vec![0; count * words(steps)],
            ..Met::default()
        };
        pairing.all(&mut met)?;
        if pairing.fills() != (None, None) {
            pairing.fill(&signatures.heads(), &mut met)?;
        }
        let mut notes = lock(&self.notes);
        notes.merge(met.notes);
        met.refusals.tell(join.op, &mut notes, pairing.span);
        Ok(vec![joined(met.rows, steps)?])
    }
}

/// One row per label set, in the order of their first appearance.
pub(super) fn joined(rows: Vec<(Head, Batch)>, steps: usize) -> Result<Batch> {
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
    let present = both(row.present, keep);
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

/// What came of pairs.
#[derive(Default)]
struct Met {
    rows: Vec<(Head, Batch)>,
    /// Bits of the steps at which each signature has met.
    claimed: Vec<u64>,
    /// The same by result, where several may come of a signature.
    results: HashMap<(usize, Labels), Vec<u64>>,
    refusals: Refusals,
    notes: Annotations,
}

impl Met {
    /// Refuses a second match of a signature, or under `group_*` a second result of the same labels.
    fn claim(&mut self, id: usize, labels: Option<&Labels>, bits: &[u64]) -> Result<()> {
        let claimed = &mut self.claimed[id * bits.len()..(id + 1) * bits.len()];
        let why = match labels {
            None if meet(claimed, bits) => {
                "many-to-one matching must be explicit (group_left/group_right)"
            }
            None => "",
            Some(labels) => {
                let results = self.results.entry((id, labels.clone()));
                let before = results.or_insert_with(|| vec![0; bits.len()]);
                if meet(before, bits) {
                    "grouping labels must ensure unique matches"
                } else {
                    merge(before, bits);
                    ""
                }
            }
        };
        merge(claimed, bits);
        if why.is_empty() {
            return Ok(());
        }
        Err(Error::Execution(format!(
            "multiple matches for labels: {why}"
        )))
    }
}

/// Rows that find each other.
struct Pairing<'r, 'p, 'b> {
    run: &'r Run<'p>,
    join: &'r Join,
    span: Span,
    steps: usize,
    many: Side<'b>,
    one: Side<'b>,
}

/// Two rows, and the steps at which they meet.
struct Pair<'p> {
    id: usize,
    many: (&'p Head, Row<'p>),
    one: (&'p Labels, Row<'p>),
    bits: &'p [u64],
}

impl Pairing<'_, '_, '_> {
    /// What stands for a missing series of the many side, and of the other. Under `group_right` the sides change places,
    /// but the fills do not: so Prometheus has it.
    fn fills(&self) -> (Option<f64>, Option<f64>) {
        let matching = &self.join.matching;
        (matching.fill_left, matching.fill_right)
    }

    /// Rows that are there on both sides.
    fn all(&self, met: &mut Met) -> Result<()> {
        let partners = self.partners(met)?;
        for ((head, row), id) in self.many.rows.iter().zip(&self.many.ids) {
            let filled = row.filled();
            for partner in &partners[*id] {
                let (one_head, one_row) = &self.one.rows[*partner];
                let pair = Pair {
                    id: *id,
                    many: (head, *row),
                    one: (&one_head.labels, *one_row),
                    bits: &both(&filled, &one_row.filled()),
                };
                self.meet(&pair, met)?;
            }
        }
        Ok(())
    }

    /// Rows that lack a partner at some steps.
    fn fill(&self, signatures: &[Head], met: &mut Met) -> Result<()> {
        let width = words(self.steps);
        let (for_many, for_one) = self.fills();
        if let Some(value) = for_one {
            let there = self.one.filled(signatures.len(), width);
            let floats = vec![value; self.steps];
            for ((head, row), id) in self.many.rows.iter().zip(&self.many.ids) {
                let bits = only(&row.filled(), &there[id * width..]);
                let missing = filler(&floats, &bits);
                let pair = Pair {
                    id: *id,
                    many: (head, *row),
                    one: (&signatures[*id].labels, missing),
                    bits: &bits,
                };
                self.meet(&pair, met)?;
            }
        }
        if let Some(value) = for_many {
            let floats = vec![value; self.steps];
            for ((head, row), id) in self.one.rows.iter().zip(&self.one.ids) {
                let bits = only(&row.filled(), &met.claimed[id * width..]);
                let missing = filler(&floats, &bits);
                let pair = Pair {
                    id: *id,
                    many: (&signatures[*id], missing),
                    one: (&head.labels, *row),
                    bits: &bits,
                };
                self.meet(&pair, met)?;
            }
        }
        Ok(())
    }

    /// The rows of each signature of the "one" side; they must not meet where there is anything to meet.
    fn partners(&self, met: &Met) -> Result<Vec<Vec<usize>>> {
        let width = words(self.steps);
        let count = met.claimed.len() / width.max(1);
        let needed = if self.fills() == (None, None) {
            both(&self.many.any(width), &self.one.any(width))
        } else {
            vec![u64::MAX; width]
        };
        let mut partners: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut bits = vec![0_u64; count * width];
        for (at, ((_, row), id)) in self.one.rows.iter().zip(&self.one.ids).enumerate() {
            let filled = both(&row.filled(), &needed);
            let before = &mut bits[id * width..(id + 1) * width];
            if meet(before, &filled) {
                return Err(self.duplicates(&partners[*id], at));
            }
            merge(before, &filled);
            partners[*id].push(at);
        }
        Ok(partners)
    }

    fn duplicates(&self, earlier: &[usize], at: usize) -> Error {
        let (head, row) = &self.one.rows[at];
        let bits = row.filled();
        let meets = |other: &&usize| meet(&self.one.rows[**other].1.filled(), &bits);
        let other = earlier.iter().find(meets).map_or(at, |other| *other);
        let mut pair = [&self.one.rows[other].0.labels, &head.labels];
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

    /// Computes a pair.
    fn meet(&self, pair: &Pair<'_>, met: &mut Met) -> Result<()> {
        if pair.bits.iter().all(|word| *word == 0) {
            return Ok(());
        }
        let mut row = Batch::new(self.steps);
        let mut claimed = pair.bits.to_vec();
        row.push_with::<Error>(Head::default(), |into| {
            let natives = [pair.many.1, pair.one.1].map(|row| row.histograms.is_empty());
            if natives == [true, true] && !self.join.op.is_trim() {
                self.floats(pair, into);
            } else {
                self.either(pair, into, (&mut claimed, met));
            }
            Ok(())
        })?;
        let mut head = self.head(pair.many.0, pair.one.0);
        let grouped = self.join.matching.cardinality != Cardinality::OneToOne;
        met.claim(pair.id, grouped.then_some(&head.labels), &claimed)?;
        if self.join.return_bool {
            self.run.drop_name(&mut head);
        }
        if !row.is_empty() {
            met.rows.push((head, row));
        }
        Ok(())
    }

    /// The labels of a result.
    fn head(&self, many: &Head, one: &Labels) -> Head {
        let matching = &self.join.matching;
        let mut head = many.clone();
        if changes_metric(self.join.op) {
            head.labels.retain(|name, _| !is_metadata(name));
        }
        // Whatever was to be dropped before: matching makes labels anew.
        head.drop_name = false;
        if matching.cardinality == Cardinality::OneToOne {
            let named = |name: &str| matching.labels.iter().any(|label| label == name);
            head.labels.retain(|name, _| named(name) == matching.on);
        }
        let included: HashSet<&str> = matching.include.iter().map(String::as_str).collect();
        for name in included {
            match one.get(name) {
                "" => head.labels.retain(|label, _| label != name),
                value => head.labels.set(name, value),
            }
        }
        head
    }

    fn operands<'a>(&self, pair: &Pair<'a>) -> (Row<'a>, Row<'a>) {
        let (many, one) = (pair.many.1, pair.one.1);
        if self.join.matching.cardinality == Cardinality::OneToMany {
            (one, many)
        } else {
            (many, one)
        }
    }

    #[expect(clippy::float_cmp, reason = "`==` of the language compares exactly")]
    fn floats(&self, pair: &Pair<'_>, into: &mut RowMut<'_>) {
        let (lhs, rhs) = self.operands(pair);
        let filters = self.join.op.is_comparison() && !self.join.return_bool;
        let met = Row {
            present: pair.bits,
            ..lhs
        };
        with_operator!(self.join.op, f, {
            met.each_float(|step, a| {
                let (value, kept) = f(a, rhs.floats[step]);
                if !filters {
                    into.set(step, value);
                } else if kept {
                    into.set(step, a);
                }
            });
        });
    }

    /// As [`Self::floats`] where there are native histograms; steps that are refused are not claimed.
    fn either(
        &self,
        pair: &Pair<'_>,
        into: &mut RowMut<'_>,
        (claimed, met): (&mut [u64], &mut Met),
    ) {
        let (lhs, rhs) = self.operands(pair);
        let (op, span) = (self.join.op, self.span);
        each_bit(pair.bits, |step| {
            let (Some(lhs), Some(rhs)) = (lhs.cell(step), rhs.cell(step)) else {
                return;
            };
            let notes = &mut met.notes;
            match combine(op, lhs, rhs, &mut |note| notes.add(note, span)) {
                Ok((_, holds)) if self.join.return_bool => {
                    into.set(step, f64::from(u8::from(holds)));
                }
                Ok((value, true)) => into.set_value(step, value),
                Ok((_, false)) => {}
                Err(refusal) => {
                    met.refusals.put(step, refusal);
                    claimed[step / 64] &= !(1 << (step % 64));
                }
            }
        });
    }
}

/// A row that has the same float at all steps of `bits`.
fn filler<'f>(floats: &'f [f64], bits: &'f [u64]) -> Row<'f> {
    Row {
        floats,
        present: bits,
        histograms: &[],
    }
}
