//! What a query costs, counted only where somebody asks: time, rows and samples of each operator.
//!
//! ```text
//! driver   ──parent──┐                     ┌──fold: parent──┐
//! pool               └─ pause ── child ── parent ── …       └─ pause
//! ```
//!
//! Each thread remembers when it last changed hands. Where a batch goes from an operator to the one above it, the time
//! since then is put down to who had it; waiting belongs to nobody. Samples of windows are counted by going over them a
//! second time, so that whoever does not ask pays nothing.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tsdb::histogram::FloatHistogram;

use super::batch::Batch;
use super::window::{Window, each};
use super::{Run, Sink, lock};
use crate::annotation::Annotations;
use crate::error::Result;
use crate::plan::explain::name;
use crate::plan::{Grid, Look, Op, Plan, PlanId};
use crate::storage::Columns;

/// A clock that only moves forward: nanoseconds since any moment.
pub type Ticks = fn() -> u64;

thread_local! {
    static MARK: Cell<u64> = const { Cell::new(0) };
}

/// Counters of a query on its way.
pub struct Costs {
    ticks: Ticks,
    nodes: Vec<Counters>,
    parents: Vec<Option<PlanId>>,
    sorting: AtomicU64,
}

#[derive(Default)]
struct Counters {
    nanos: AtomicU64,
    batches: AtomicU64,
    series: AtomicU64,
    samples: AtomicU64,
    bytes: AtomicU64,
    largest_window: AtomicU64,
    /// Samples of all windows of a step, and those that no earlier step had.
    steps: Mutex<Vec<(u64, u64)>>,
}

/// What a query cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cost {
    /// Nanoseconds at the gate.
    pub queue_nanos: u64,
    /// Nanoseconds from text to plan.
    pub preparation_nanos: u64,
    /// Nanoseconds of the evaluation, without sorting.
    pub evaluation_nanos: u64,
    /// Nanoseconds of sorting the result.
    pub sorting_nanos: u64,
    /// By step of the query: samples of all windows, and those that no earlier step had.
    pub steps: Vec<(u64, u64)>,
    /// Samples of all selectors' rows, and the largest window: what an evaluator that holds them all would hold.
    pub peak_samples: u64,
    /// The operators.
    pub root: Analyzed,
}

/// An operator with what it did, and those it reads from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analyzed {
    /// What it is, and how.
    pub name: String,
    /// Nanoseconds of all threads, without those of its children.
    pub nanos: u64,
    /// Batches that it gave.
    pub batches: u64,
    /// Series that it gave.
    pub series: u64,
    /// Samples that it gave, a histogram by its size.
    pub samples: u64,
    /// Bytes of its rows.
    pub bytes: u64,
    /// Samples of the windows that it looked into, of all steps.
    pub window_samples: u64,
    /// Those that it reads from, in order.
    pub children: Vec<Self>,
}

impl Costs {
    /// Counters at zero for `plan`.
    #[must_use]
    pub fn new(plan: &Plan, ticks: Ticks) -> Self {
        let mut parents = vec![None; plan.nodes.len()];
        for id in 0..plan.nodes.len() {
            for child in plan.children(id) {
                parents[child] = Some(id);
            }
        }
        Self {
            ticks,
            nodes: plan.nodes.iter().map(|_| Counters::default()).collect(),
            parents,
            sorting: AtomicU64::new(0),
        }
    }

    /// What happened on this thread since the last call belongs to nobody.
    pub fn pause(&self) {
        MARK.set((self.ticks)());
    }

    fn since_mark(&self) -> u64 {
        let now = (self.ticks)();
        now.saturating_sub(MARK.replace(now))
    }

    fn spent(&self, id: Option<PlanId>) {
        let nanos = self.since_mark();
        if let Some(id) = id {
            self.nodes[id].nanos.fetch_add(nanos, Relaxed);
        }
    }

    fn made(&self, id: PlanId, batch: &Batch) {
        self.spent(Some(id));
        let node = &self.nodes[id];
        node.batches.fetch_add(1, Relaxed);
        node.series.fetch_add(batch.len() as u64, Relaxed);
        node.samples.fetch_add(samples(batch), Relaxed);
        node.bytes.fetch_add(batch.size_bytes(), Relaxed);
    }

    /// What it cost, when it is over.
    #[must_use]
    pub fn total(&self, plan: &Plan, grid: Grid) -> Cost {
        let mut cost = Cost {
            sorting_nanos: self.sorting.load(Relaxed),
            steps: vec![(0, 0); grid.steps],
            root: self.analyzed(plan, plan.root),
            ..Cost::default()
        };
        self.add_steps(plan, plan.root, &mut cost.steps);
        let selectors = plan.nodes.iter().zip(&self.nodes);
        let selectors = selectors.filter(|(node, _)| is_selector(&node.op));
        let (mut held, mut largest) = (0, 0);
        for (_, counters) in selectors {
            held += counters.samples.load(Relaxed);
            largest = counters.largest_window.load(Relaxed).max(largest);
        }
        cost.peak_samples = held + largest;
        cost
    }

    fn analyzed(&self, plan: &Plan, id: PlanId) -> Analyzed {
        let node = &self.nodes[id];
        let children = plan.children(id).into_iter();
        Analyzed {
            name: name(plan, id),
            nanos: node.nanos.load(Relaxed),
            batches: node.batches.load(Relaxed),
            series: node.series.load(Relaxed),
            samples: node.samples.load(Relaxed),
            bytes: node.bytes.load(Relaxed),
            window_samples: lock(&node.steps).iter().map(|step| step.0).sum(),
            children: children.map(|child| self.analyzed(plan, child)).collect(),
        }
    }

    /// Adds the samples below `id`. The points of a subquery count, not those that they were made of; what is evaluated
    /// once for all steps was looked at by each, and read by the first.
    fn add_steps(&self, plan: &Plan, id: PlanId, steps: &mut [(u64, u64)]) {
        for (into, own) in steps.iter_mut().zip(lock(&self.nodes[id].steps).iter()) {
            into.0 += own.0;
            into.1 += own.1;
        }
        match plan.nodes[id].op {
            Op::SubqueryWindow(..) | Op::SubqueryRange(..) => {}
            Op::Broadcast(child) => {
                let mut once = [(0, 0)];
                self.add_steps(plan, child, &mut once);
                for (at, into) in steps.iter_mut().enumerate() {
                    into.0 += once[0].0;
                    into.1 += if at == 0 { once[0].1 } else { 0 };
                }
            }
            _ => {
                for child in plan.children(id) {
                    self.add_steps(plan, child, steps);
                }
            }
        }
    }

    /// Counts the samples of the windows of a series.
    pub(super) fn windows(&self, id: PlanId, columns: &Columns, (grid, look): (Grid, Look)) {
        let node = &self.nodes[id];
        let mut steps = lock(&node.steps);
        steps.resize(grid.steps, (0, 0));
        let (mut floats_seen, mut histograms_seen) = (0, i64::MIN);
        let visited = each(columns, grid, look, |window| {
            let size = size(&window);
            node.largest_window.fetch_max(size, Relaxed);
            let floats = window.first + window.v.len();
            let new_floats = floats - floats_seen.clamp(window.first, floats);
            floats_seen = floats;
            let known = window.histograms.iter();
            let new_histograms = known.filter(|one| one.t > histograms_seen);
            let new_histograms: u64 = new_histograms.map(|one| units(&one.h)).sum();
            histograms_seen = window
                .histograms
                .last()
                .map_or(histograms_seen, |one| one.t);
            let step = &mut steps[window.step];
            step.0 += size;
            step.1 += new_floats as u64 + new_histograms;
            Ok(())
        });
        debug_assert!(visited.is_ok(), "counting does not fail");
    }

    /// Counts the samples that an instant selector found.
    pub(super) fn found(&self, id: PlanId, batch: &Batch) {
        let mut steps = lock(&self.nodes[id].steps);
        steps.resize(batch.steps, (0, 0));
        for (_, row) in batch.iter() {
            row.each_float(|step, _| {
                steps[step].0 += 1;
                steps[step].1 += 1;
            });
            for (step, histogram) in row.histograms {
                steps[*step as usize].0 += units(histogram);
                steps[*step as usize].1 += units(histogram);
            }
        }
    }
}

fn is_selector(op: &Op) -> bool {
    matches!(op, Op::Instant(..) | Op::Window(..) | Op::Range(_))
}

fn size(window: &Window<'_>) -> u64 {
    let histograms = window.histograms.iter().map(|one| units(&one.h));
    window.v.len() as u64 + histograms.sum::<u64>()
}

fn samples(batch: &Batch) -> u64 {
    let histograms = batch.histograms.iter().flatten();
    let histograms: u64 = histograms.map(|(_, histogram)| units(histogram)).sum();
    let floats: u32 = batch.present.iter().map(|word| word.count_ones()).sum();
    u64::from(floats) + histograms
}

/// A histogram in units of a float sample, which takes 16 bytes: as Prometheus counts it, with the time and all slices.
fn units(histogram: &FloatHistogram) -> u64 {
    const FIXED_BYTES: usize = 176;
    let lens = [
        histogram.positive_spans.len(),
        histogram.negative_spans.len(),
        histogram.positive_buckets.len(),
        histogram.negative_buckets.len(),
        histogram.custom_bounds.len(),
    ];
    ((FIXED_BYTES + 8 * lens.iter().sum::<usize>()) / 16) as u64
}

impl Run<'_> {
    /// Puts the time since the last mark of this thread down to an operator.
    pub(super) fn spent(&self, id: PlanId) {
        if let Some(costs) = self.costs {
            costs.spent(Some(id));
        }
    }

    /// Measures how long the result is sorted.
    pub(super) fn sorting<T>(&self, sort: impl FnOnce() -> T) -> T {
        let Some(costs) = self.costs else {
            return sort();
        };
        costs.pause();
        let sorted = sort();
        costs.sorting.fetch_add(costs.since_mark(), Relaxed);
        sorted
    }

    /// [`Self::each`] with an eye on the clock.
    pub(super) fn each_counted<T: Send>(
        &self,
        costs: &Costs,
        id: PlanId,
        (map, fold): Sink<'_, T>,
    ) -> Result<()> {
        let above = costs.parents[id];
        costs.spent(above);
        let map = |batch: Batch, notes: &mut Annotations| {
            costs.made(id, &batch);
            let mapped = map(batch, notes);
            costs.spent(above);
            mapped
        };
        let mut fold = |item| {
            costs.pause();
            let folded = fold(item);
            costs.spent(above);
            folded
        };
        let outcome = self.each_plain(id, &map, &mut fold);
        costs.pause();
        outcome
    }
}
