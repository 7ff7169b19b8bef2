//! Aggregations that need the values of a group at a step together: they pick series, rank values or count them.
//!
//! The rows are held. `topk` and its kin keep the cells they pick and leave the rest of a row empty; of equal values the
//! series that came first wins. At one step the rows come in the order of their rank.

use std::cmp::Ordering;

use hashbrown::HashMap;
use tsdb::label::Labels;

use super::Run;
use super::aggregate::{Groups, group_labels};
use super::batch::{Batch, CellRef, Head, Row, RowMut, words};
use super::join::push_kept;
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::functions::over_time::quantile;
use crate::plan::{Aggregation, Op, PlanId};
use crate::syntax::{AggregateOp, number};

/// The rows of one group.
struct Group<'b> {
    head: Head,
    rows: Vec<(&'b Head, Row<'b>)>,
}

fn grouped<'b>(batches: &'b [Batch], aggregation: &Aggregation) -> Vec<Group<'b>> {
    let mut ids = Groups::new();
    let mut rows: Vec<Vec<(&Head, Row<'_>)>> = Vec::new();
    for (head, row) in batches.iter().flat_map(Batch::iter) {
        let id = ids.of(head, aggregation);
        if id == rows.len() {
            rows.push(Vec::new());
        }
        rows[id].push((head, row));
    }
    let heads = ids.heads.into_iter();
    heads
        .zip(rows)
        .map(|(head, rows)| Group { head, rows })
        .collect()
}

impl Run<'_> {
    pub(super) fn pick(&self, id: PlanId, aggregation: &Aggregation) -> Result<Vec<Batch>> {
        let steps = self.grid(id).steps;
        let param = aggregation
            .param
            .expect("these aggregations have a parameter");
        if let Op::Text(label) = &self.plan.nodes[param].op {
            let held = self.rows(aggregation.child)?;
            return count_values(&held.batches, aggregation, label, steps);
        }
        let param = self.scalar(param)?;
        if aggregation.op == AggregateOp::Quantile {
            return self.quantiles(aggregation, &param);
        }
        let counts = self.limits(aggregation, &param)?;
        let held = self.rows(aggregation.child)?;
        let mut out = Batch::new(steps);
        let mut saw_histogram = false;
        for group in grouped(&held.batches, aggregation) {
            saw_histogram |= pick_of_group(&group, aggregation.op, &counts, &mut out);
        }
        if saw_histogram {
            let note = Annotation::HistogramIgnoredInAggregation(aggregation.op.text());
            self.note(note, self.plan.nodes[id].span);
        }
        Ok(vec![out])
    }

    /// The parameter at each step, checked. Of ratios out of range the worst are told.
    fn limits(&self, aggregation: &Aggregation, param: &[f64]) -> Result<Vec<f64>> {
        let fail = |text: String| Err(Error::Execution(text));
        if aggregation.op == AggregateOp::LimitRatio {
            if param.iter().any(|value| value.is_nan()) {
                return fail("Ratio value is NaN".to_owned());
            }
            for ratio in worst(param, -1.0) {
                let capped = ratio.signum();
                let note = Annotation::InvalidRatio { ratio, capped };
                self.note(note, aggregation.param_span);
            }
            return Ok(param.to_vec());
        }
        for value in param {
            let got = || number::print_general(*value);
            if value.is_nan() {
                return fail("Parameter value is NaN".to_owned());
            } else if *value >= 2_f64.powi(63) {
                return fail(format!("Scalar value {} overflows int64", got()));
            } else if *value <= -(2_f64.powi(63)) {
                return fail(format!("Scalar value {} underflows int64", got()));
            }
        }
        Ok(param.to_vec())
    }

    fn quantiles(&self, aggregation: &Aggregation, param: &[f64]) -> Result<Vec<Batch>> {
        let nan = param.iter().copied().find(|q| q.is_nan());
        for q in worst(param, 0.0).into_iter().chain(nan) {
            self.note(Annotation::InvalidQuantile(q), aggregation.param_span);
        }
        let held = self.rows(aggregation.child)?;
        let mut out = Batch::new(param.len());
        for group in grouped(&held.batches, aggregation) {
            if group.rows.iter().any(|(_, row)| !row.histograms.is_empty()) {
                let note = Annotation::HistogramIgnoredInAggregation("quantile");
                self.note(note, aggregation.child_span);
            }
            out.push_with::<Error>(group.head.clone(), |into| {
                write_quantiles(&group, param, into);
                Ok(())
            })?;
        }
        Ok(vec![out])
    }
}

/// The least value below `least` and the greatest above 1.
fn worst(param: &[f64], least: f64) -> Vec<f64> {
    let low = param.iter().copied().fold(f64::INFINITY, f64::min);
    let high = param.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = Some(low).filter(|value| *value < least);
    let high = Some(high).filter(|value| *value > 1.0);
    low.into_iter().chain(high).collect()
}

/// Appends what is kept of the rows of a group; whether a histogram was passed over.
fn pick_of_group(group: &Group<'_>, op: AggregateOp, counts: &[f64], out: &mut Batch) -> bool {
    let width = words(out.steps);
    let mut keep = vec![0_u64; group.rows.len() * width];
    let ranks = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
    let mut saw_histogram = false;
    let mut order: Vec<usize> = (0..group.rows.len()).collect();
    for (step, count) in counts.iter().enumerate() {
        if ranks && *count < 1.0 {
            continue;
        }
        let mut candidates = Vec::new();
        for (at, (head, row)) in group.rows.iter().enumerate() {
            match row.cell(step) {
                Some(CellRef::Float(value)) => candidates.push((at, value, *head)),
                Some(CellRef::Histogram(_)) if ranks => saw_histogram = true,
                Some(CellRef::Histogram(_)) => candidates.push((at, 0.0, *head)),
                None => {}
            }
        }
        select(&mut candidates, op, *count);
        for (at, ..) in &candidates {
            keep[at * width + step / 64] |= 1 << (step % 64);
        }
        if counts.len() == 1 {
            order = candidates.into_iter().map(|(at, ..)| at).collect();
        }
    }
    for at in order {
        let (head, row) = group.rows[at];
        push_kept(out, head, row, &keep[at * width..(at + 1) * width]);
    }
    saw_histogram
}

fn write_quantiles(group: &Group<'_>, param: &[f64], into: &mut RowMut<'_>) {
    let mut values = Vec::new();
    for (step, q) in param.iter().enumerate() {
        values.clear();
        values.extend(group.rows.iter().filter_map(|(_, row)| row.float(step)));
        if !values.is_empty() {
            into.set(step, quantile(*q, &mut values));
        }
    }
}

/// Leaves the candidates that are picked.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts below one pick nothing, large ones everything; a hash is a fraction of 2^64"
)]
fn select(candidates: &mut Vec<(usize, f64, &Head)>, op: AggregateOp, count: f64) {
    match op {
        AggregateOp::LimitRatio => candidates.retain(|(_, _, head)| {
            let share = head.labels.hash64() as f64 / 2_f64.powi(64);
            let ratio = count.clamp(-1.0, 1.0);
            if ratio >= 0.0 {
                share < ratio
            } else {
                share >= 1.0 + ratio
            }
        }),
        AggregateOp::Topk | AggregateOp::Bottomk => {
            let greatest = op == AggregateOp::Topk;
            keep_first(candidates, count.max(0.0) as usize, |a, b| {
                let order = if greatest {
                    ranked(b.1, a.1)
                } else {
                    ranked(a.1, b.1)
                };
                by_nan(a.1, b.1).then(order).then(a.0.cmp(&b.0))
            });
        }
        _ => candidates.truncate(count.max(0.0) as usize),
    }
}

/// Leaves the first `count`, sorted, without sorting the others.
fn keep_first<T>(all: &mut Vec<T>, count: usize, order: impl Fn(&T, &T) -> Ordering) {
    if (1..all.len()).contains(&count) {
        all.select_nth_unstable_by(count - 1, &order);
    }
    all.truncate(count);
    all.sort_unstable_by(order);
}

fn ranked(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// NaN behind numbers.
fn by_nan(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan())
}

fn count_values(
    batches: &[Batch],
    aggregation: &Aggregation,
    label: &str,
    steps: usize,
) -> Result<Vec<Batch>> {
    if label.is_empty() {
        return Err(Error::Execution("invalid label name \"\"".to_owned()));
    }
    let mut aggregation = aggregation.clone();
    if !aggregation.without {
        aggregation.grouping.push(label.to_owned());
    }
    let mut counts: HashMap<Labels, (usize, Vec<f64>)> = HashMap::new();
    for (head, row) in batches.iter().flat_map(Batch::iter) {
        let mut count = |step: usize, text: &str| {
            let mut valued = head.clone();
            valued.labels.set(label, text);
            let next = counts.len();
            let (_, cells) = counts
                .entry(group_labels(&valued, &aggregation))
                .or_insert_with(|| (next, vec![0.0; steps]));
            cells[step] += 1.0;
        };
        row.each_float(|step, value| count(step, &number::print_number(value)));
        for (step, histogram) in row.histograms {
            count(*step as usize, &histogram.to_string());
        }
    }
    let mut found: Vec<_> = counts.into_iter().collect();
    found.sort_by_key(|(_, (order, _))| *order);
    let mut out = Batch::new(steps);
    for (labels, (_, cells)) in found {
        let head = Head {
            labels,
            drop_name: false,
        };
        out.push_with::<Error>(head, |into| {
            let some = cells.iter().enumerate().filter(|(_, count)| **count > 0.0);
            some.for_each(|(step, count)| into.set(step, *count));
            Ok(())
        })?;
    }
    Ok(vec![out])
}
