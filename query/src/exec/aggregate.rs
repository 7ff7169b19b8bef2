//! Aggregations that need one cell per group and step: each batch makes a partial, partials merge in batch order.
//!
//! ```text
//! row of series   v v v v            group of the row, found once per series by its labels
//! cells of group  c c c c   += v     one cell per step: sum with what was lost, mean, count, extreme, spread
//! ```
//!
//! The cell type is chosen once per aggregation, so the loop over a row is that of one operation. Native histograms of
//! sums and means have cells of their own ([`super::native`]); others count them, or pass them over with an info. Those
//! that pick series or need all values of a step are in [`super::pick`].

use hashbrown::HashMap;
use tsdb::label::{Labels, METRIC_NAME};

use super::batch::{Batch, Head, Row, words};
use super::native::Natives;
use super::{Run, lock};
use crate::annotation::{Annotation, Annotations};
use crate::error::Result;
use crate::functions::over_time::{Compensated, Mean};
use crate::plan::{Aggregation, Grid, PlanId};
use crate::syntax::AggregateOp;

/// What is kept of the values of one group at one step.
trait Cell: Copy + Default + Send {
    /// Takes the first value.
    fn first(value: f64) -> Self;
    /// Takes one more.
    fn add(&mut self, value: f64);
    /// Takes those of a later batch.
    fn merge(&mut self, later: Self);
    /// The result.
    fn value(&self) -> f64;
}

#[derive(Clone, Copy, Default)]
struct Sum(Compensated);

impl Cell for Sum {
    fn first(value: f64) -> Self {
        Self(Compensated {
            sum: value,
            lost: 0.0,
        })
    }

    #[inline]
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn merge(&mut self, later: Self) {
        self.0.add(later.0.sum);
        if !self.0.sum.is_infinite() {
            self.0.lost += later.0.lost;
        }
    }

    fn value(&self) -> f64 {
        self.0.total()
    }
}

impl Cell for Mean {
    fn first(value: f64) -> Self {
        let mut mean = Self::default();
        mean.add(value);
        mean
    }

    #[inline]
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn merge(&mut self, later: Self) {
        Self::merge(self, later);
    }

    fn value(&self) -> f64 {
        Self::value(self)
    }
}

#[derive(Clone, Copy, Default)]
struct Count(f64);

impl Cell for Count {
    fn first(_: f64) -> Self {
        Self(1.0)
    }

    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1.0;
    }

    fn merge(&mut self, later: Self) {
        self.0 += later.0;
    }

    fn value(&self) -> f64 {
        self.0
    }
}

#[derive(Clone, Copy, Default)]
struct One;

impl Cell for One {
    fn first(_: f64) -> Self {
        Self
    }

    fn add(&mut self, _: f64) {}

    fn merge(&mut self, _: Self) {}

    fn value(&self) -> f64 {
        1.0
    }
}

/// The greatest, or the least where `LEAST`.
#[derive(Clone, Copy, Default)]
struct Extreme<const LEAST: bool>(f64);

impl<const LEAST: bool> Cell for Extreme<LEAST> {
    fn first(value: f64) -> Self {
        Self(value)
    }

    #[inline]
    fn add(&mut self, value: f64) {
        let better = if LEAST {
            value < self.0
        } else {
            value > self.0
        };
        if better || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn merge(&mut self, later: Self) {
        self.add(later.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

/// Variance by running means, its root where `ROOT`.
#[derive(Clone, Copy, Default)]
struct Spread<const ROOT: bool> {
    count: f64,
    mean: f64,
    squares: f64,
}

impl<const ROOT: bool> Cell for Spread<ROOT> {
    fn first(value: f64) -> Self {
        Self {
            count: 1.0,
            mean: value,
            // Infinity and NaN have no distance to anything.
            squares: if value.is_finite() { 0.0 } else { f64::NAN },
        }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, later: Self) {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        self.squares += later.squares + delta * delta * (self.count * later.count / count);
        self.mean += delta * (later.count / count);
        self.count = count;
    }

    fn value(&self) -> f64 {
        let variance = self.squares / self.count;
        if ROOT { variance.sqrt() } else { variance }
    }
}

/// The groups of some rows.
#[derive(Debug)]
pub(crate) struct Groups {
    ids: HashMap<Labels, usize>,
    pub(crate) heads: Vec<Head>,
}

impl Groups {
    pub(crate) fn new() -> Self {
        Self {
            ids: HashMap::new(),
            heads: Vec::new(),
        }
    }

    /// The group of a series.
    pub(crate) fn of(&mut self, head: &Head, aggregation: &Aggregation) -> usize {
        let key = group_labels(head, aggregation);
        self.id(key, head.drop_name)
    }

    fn id(&mut self, labels: Labels, drop_name: bool) -> usize {
        let next = self.heads.len();
        let id = *self.ids.entry(labels.clone()).or_insert(next);
        if id == next {
            self.heads.push(Head { labels, drop_name });
        } else {
            self.heads[id].drop_name |= drop_name;
        }
        id
    }
}

/// The labels of the group of a series.
pub(crate) fn group_labels(head: &Head, aggregation: &Aggregation) -> Labels {
    let grouping = &aggregation.grouping;
    let named = |name: &str| grouping.iter().any(|label| label == name);
    let mut labels = head.labels.clone();
    labels.retain(|name, _| {
        if aggregation.without {
            name != METRIC_NAME && !named(name)
        } else {
            named(name)
        }
    });
    labels
}

/// What becomes of native histograms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Histograms {
    /// They are passed over.
    Ignored,
    /// They count like floats.
    Counted,
    /// They are added up.
    Summed,
    /// They are averaged.
    Averaged,
}

/// The cells of some groups.
struct Partial<C> {
    groups: Groups,
    steps: usize,
    cells: Vec<C>,
    seen: Vec<u64>,
    natives: Natives,
}

/// Adds a value to the cell of a step, or makes it its first.
#[inline]
fn put<C: Cell>(cell: &mut C, (seen, step): (&mut u64, usize), value: f64) {
    let bit = 1_u64 << (step % 64);
    if *seen & bit == 0 {
        *seen |= bit;
        *cell = C::first(value);
    } else {
        cell.add(value);
    }
}

impl<C: Cell> Partial<C> {
    fn new(steps: usize, histograms: Histograms) -> Self {
        Self {
            groups: Groups::new(),
            steps,
            cells: Vec::new(),
            seen: Vec::new(),
            natives: Natives::new(steps, histograms == Histograms::Averaged),
        }
    }

    fn grow(&mut self) {
        let count = self.groups.heads.len();
        self.cells.resize(count * self.steps, C::default());
        self.seen.resize(count * words(self.steps), 0);
    }

    fn of(batch: &Batch, aggregation: &Aggregation, histograms: Histograms) -> Self {
        let mut partial = Self::new(batch.steps, histograms);
        for (head, row) in batch.iter() {
            let group = partial.groups.of(head, aggregation);
            partial.grow();
            partial.add_row(group, row, histograms == Histograms::Counted);
            if matches!(histograms, Histograms::Summed | Histograms::Averaged) {
                let metric = head.labels.get(METRIC_NAME);
                partial.natives.add_row(group, row.histograms, metric);
            }
        }
        partial
    }

    fn add_row(&mut self, group: usize, row: Row<'_>, counts_histograms: bool) {
        let cells = &mut self.cells[group * self.steps..(group + 1) * self.steps];
        let width = words(self.steps);
        let seen = &mut self.seen[group * width..(group + 1) * width];
        for (at, (word, seen)) in row.present.iter().zip(seen.iter_mut()).enumerate() {
            let base = at * 64;
            if *word == u64::MAX && *seen == u64::MAX {
                // Most series have all steps.
                let values = &row.floats[base..base + 64];
                let cells = &mut cells[base..base + 64];
                cells
                    .iter_mut()
                    .zip(values)
                    .for_each(|(cell, v)| cell.add(*v));
                continue;
            }
            let mut rest = *word;
            while rest != 0 {
                let step = base + rest.trailing_zeros() as usize;
                put(&mut cells[step], (seen, step), row.floats[step]);
                rest &= rest - 1;
            }
        }
        if counts_histograms {
            for (step, _) in row.histograms {
                let step = *step as usize;
                put(&mut cells[step], (&mut seen[step / 64], step), 0.0);
            }
        }
    }

    fn merge(&mut self, mut later: Self) {
        let width = words(self.steps);
        for (at, head) in later.groups.heads.iter().enumerate() {
            let group = self.groups.id(head.labels.clone(), head.drop_name);
            self.grow();
            for step in 0..self.steps {
                let bit = 1_u64 << (step % 64);
                if later.seen[at * width + step / 64] & bit == 0 {
                    continue;
                }
                let cell = &mut self.cells[group * self.steps + step];
                let seen = &mut self.seen[group * width + step / 64];
                let other = later.cells[at * self.steps + step];
                if *seen & bit == 0 {
                    *seen |= bit;
                    *cell = other;
                } else {
                    cell.merge(other);
                }
            }
            self.natives.merge(group, &mut later.natives, at);
        }
    }

    fn finish(mut self, aggregation: &Aggregation, notes: &mut Annotations) -> Batch {
        let present = (self.seen.as_mut_slice(), words(self.steps));
        let told = (notes, aggregation.child_span);
        let mut histograms = self.natives.finish(present, told);
        if !histograms.is_empty() {
            histograms.resize(self.groups.heads.len(), Vec::new());
        }
        Batch {
            steps: self.steps,
            heads: self.groups.heads,
            floats: self.cells.iter().map(Cell::value).collect(),
            present: self.seen,
            histograms,
        }
    }
}

impl Run<'_> {
    pub(super) fn aggregate(&self, id: PlanId, aggregation: &Aggregation) -> Result<Vec<Batch>> {
        use Histograms::{Averaged, Counted, Ignored, Summed};
        let grid = self.grid(id);
        match aggregation.op {
            AggregateOp::Sum => self.reduce::<Sum>(aggregation, grid, Summed),
            AggregateOp::Avg => self.reduce::<Mean>(aggregation, grid, Averaged),
            AggregateOp::Count => self.reduce::<Count>(aggregation, grid, Counted),
            AggregateOp::Group => self.reduce::<One>(aggregation, grid, Counted),
            AggregateOp::Min => self.reduce::<Extreme<true>>(aggregation, grid, Ignored),
            AggregateOp::Max => self.reduce::<Extreme<false>>(aggregation, grid, Ignored),
            AggregateOp::Stddev => self.reduce::<Spread<true>>(aggregation, grid, Ignored),
            AggregateOp::Stdvar => self.reduce::<Spread<false>>(aggregation, grid, Ignored),
            _ => self.pick(id, aggregation),
        }
    }

    fn reduce<C: Cell>(
        &self,
        aggregation: &Aggregation,
        grid: Grid,
        histograms: Histograms,
    ) -> Result<Vec<Batch>> {
        let mut total = Partial::<C>::new(grid.steps, histograms);
        let partial = |batch: Batch, notes: &mut Annotations| {
            if histograms == Histograms::Ignored && batch.has_histograms() {
                let note = Annotation::HistogramIgnoredInAggregation(aggregation.op.text());
                notes.add(note, aggregation.child_span);
            }
            Ok(Partial::<C>::of(&batch, aggregation, histograms))
        };
        self.each(aggregation.child, &partial, &mut |later: Partial<C>| {
            total.merge(later);
            Ok(())
        })?;
        let mut batch = total.finish(aggregation, &mut lock(&self.notes));
        batch.drop_empty();
        let _held = self.reserve(&batch)?;
        Ok(vec![batch])
    }

    /// Tells something about a vector.
    pub(super) fn note(&self, annotation: Annotation, span: crate::syntax::ast::Span) {
        lock(&self.notes).add(annotation, span);
    }
}
