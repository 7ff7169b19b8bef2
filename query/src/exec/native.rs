//! Native histograms of aggregations: those of a group at a step become one, their sum or their mean.
//!
//! Cells are sparse: a group without histograms has none. A group with floats and histograms at one step has no result
//! there, and neither has one with custom and exponential buckets.

use std::sync::Arc;

use tsdb::histogram::FloatHistogram;
use tsdb::histogram::ops::Combined;

use super::batch::{HistogramRow, index};
use crate::annotation::{Annotation, Annotations, HistogramOperation};
use crate::functions::native::{Total, told};
use crate::syntax::ast::Span;

/// The histograms of one group at one step.
struct Cell {
    total: Total,
    /// Metric of the first of them.
    metric: Arc<str>,
    /// What came of putting them together.
    combined: Combined,
    /// Metric of the first that did not fit those before.
    misfit: Option<Arc<str>>,
}

impl Cell {
    fn new(histogram: &FloatHistogram, metric: &Arc<str>, is_mean: bool) -> Self {
        Self {
            total: Total::new(histogram, is_mean),
            metric: Arc::clone(metric),
            combined: Combined::default(),
            misfit: None,
        }
    }

    /// Keeps what came of one more, or that it did not fit.
    fn keep(&mut self, combined: Option<Combined>, metric: &Arc<str>) {
        match combined {
            Some(more) => {
                self.combined.hints_conflict |= more.hints_conflict;
                self.combined.bounds_reconciled |= more.bounds_reconciled;
            }
            None => self.misfit = Some(Arc::clone(metric)),
        }
    }

    fn add(&mut self, histogram: &FloatHistogram, metric: &Arc<str>) {
        if self.misfit.is_none() {
            let combined = self.total.add(histogram);
            self.keep(combined, metric);
        }
    }

    fn merge(&mut self, later: &Self) {
        if self.misfit.is_some() {
            return;
        }
        let combined = self.total.merge(&later.total);
        self.keep(combined, &later.metric);
        if self.misfit.is_none() {
            self.keep(Some(later.combined), &later.metric);
            self.misfit.clone_from(&later.misfit);
        }
    }
}

/// The histograms of some groups.
pub(super) struct Natives {
    steps: usize,
    is_mean: bool,
    /// By group and step; a group without histograms has no steps.
    groups: Vec<Vec<Option<Box<Cell>>>>,
}

impl Natives {
    pub(super) fn new(steps: usize, is_mean: bool) -> Self {
        Self {
            steps,
            is_mean,
            groups: Vec::new(),
        }
    }

    fn cells(&mut self, group: usize) -> &mut [Option<Box<Cell>>] {
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, Vec::new);
        }
        let cells = &mut self.groups[group];
        cells.resize_with(self.steps, || None);
        cells
    }

    /// Adds the histograms of a series to its group.
    pub(super) fn add_row(
        &mut self,
        group: usize,
        row: &[(u32, Arc<FloatHistogram>)],
        metric: &str,
    ) {
        if row.is_empty() {
            return;
        }
        let (is_mean, metric) = (self.is_mean, Arc::<str>::from(metric));
        let cells = self.cells(group);
        for (step, histogram) in row {
            match &mut cells[*step as usize] {
                Some(cell) => cell.add(histogram, &metric),
                empty => *empty = Some(Box::new(Cell::new(histogram, &metric, is_mean))),
            }
        }
    }

    /// Adds those that a later one has of group `at` to group `group`.
    pub(super) fn merge(&mut self, group: usize, later: &mut Self, at: usize) {
        let Some(others) = later.groups.get_mut(at).filter(|cells| !cells.is_empty()) else {
            return;
        };
        for (cell, other) in self.cells(group).iter_mut().zip(others) {
            match (cell, other.take()) {
                (_, None) => {}
                (Some(cell), Some(other)) => cell.merge(&other),
                (empty, other) => *empty = other,
            }
        }
    }

    /// The rows of histograms. Where `present` says that a group has floats too, it keeps neither.
    pub(super) fn finish(
        self,
        (present, width): (&mut [u64], usize),
        (notes, span): (&mut Annotations, Span),
    ) -> Vec<HistogramRow> {
        let mut rows = Vec::new();
        for (group, cells) in self.groups.into_iter().enumerate() {
            let mut row = HistogramRow::new();
            let with_cell = cells.into_iter().enumerate();
            for (step, cell) in with_cell.filter_map(|(step, cell)| Some((step, cell?))) {
                let (word, bit) = (group * width + step / 64, 1 << (step % 64));
                if present[word] & bit != 0 {
                    present[word] &= !bit;
                    notes.add(Annotation::MixedTypesInAggregation, span);
                    continue;
                }
                for annotation in told(cell.combined, HistogramOperation::Aggregation) {
                    notes.add(annotation, span);
                }
                match cell.misfit {
                    Some(metric) => notes.add(Annotation::MixedSchemas((*metric).to_owned()), span),
                    None => row.push((index(step), cell.total.finish())),
                }
            }
            rows.push(row);
        }
        rows
    }
}
