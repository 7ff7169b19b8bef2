//! Selectors and subqueries: which samples a step sees.
//!
//! ```text
//! instant   newest sample in (t - lookback, t]        a stale marker there: none
//! range     all samples in (t - range, t]             without stale markers
//! subquery  its expression at the multiples of its step in (t - range, t]
//! ```
//!
//! `t` is the time of the step, or that of `@`, less the offset. `smoothed` at one time looks at both neighbours.
//! Under `histogram_count` and its kin the storage says of each histogram whether it follows a reset, so it is found out
//! here; hints inside subqueries mean nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::histogram::ResetHint;
use tsdb::label::{Labels, METRIC_NAME};

use super::data::{DataSample, DataSeries};
use super::vector::{Element, Vector};
use super::window::{Bounds, Extension, Window};
use super::{Query, native};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::syntax::ast::{At, Expr, Moment, NodeId, Span, Subquery, VectorSelector};
use crate::value::{SampleValue, Series};

/// A sample that a step sees, with its series.
pub(super) type Picked = (Arc<Labels>, DataSample);

/// A series to cut windows from; without stale markers.
pub(super) struct RangeSeries {
    pub(super) labels: Arc<Labels>,
    pub(super) drop_name: bool,
    pub(super) samples: Vec<DataSample>,
}

/// What a range vector is at every step.
pub(super) struct Ranges {
    pub(super) series: Vec<RangeSeries>,
    /// One for each step.
    pub(super) bounds: Vec<Bounds>,
    pub(super) extension: Extension,
    lookback: i64,
}

impl Ranges {
    /// The window of a series at a step.
    pub(super) fn window<'r>(&self, series: &'r RangeSeries, step: usize) -> Window<'r> {
        Window {
            samples: &series.samples,
            bounds: self.bounds[step],
            lookback: self.lookback,
        }
    }
}

impl RangeSeries {
    /// The name of the metric, empty if it has none.
    pub(super) fn metric(&self) -> &str {
        self.labels.get(METRIC_NAME)
    }
}

/// Where a selector looks at a step.
fn settled(moment: Moment, t: i64) -> i64 {
    let base = match moment.at {
        Some(At::Time(at)) => at,
        _ => t,
    };
    base.saturating_sub(moment.offset.millis())
}

impl Query<'_> {
    /// The value of an instant selector at each time.
    pub(super) fn select(
        &mut self,
        selector: &VectorSelector,
        span: Span,
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let picked = self.picked(selector, span, times)?;
        let element = |(labels, sample): Picked| Element {
            labels,
            value: sample.value,
            drop_name: false,
        };
        Ok(picked
            .into_iter()
            .map(|step| step.into_iter().map(element).collect())
            .collect())
    }

    /// The samples that an instant selector sees at each time.
    pub(super) fn picked(
        &mut self,
        selector: &VectorSelector,
        span: Span,
        times: &[i64],
    ) -> Result<Vec<Vec<Picked>>> {
        let lookback = self.request.lookback;
        let mut steps: Vec<Vec<Picked>> = vec![Vec::new(); times.len()];
        let ends = times.iter().map(|t| settled(selector.moment, *t));
        let reach = if selector.smoothed {
            2 * lookback
        } else {
            lookback
        };
        let from = ends.min().unwrap_or(0).saturating_sub(reach);
        for series in self.stored(selector) {
            let mut current = self.with_hints(&series, from);
            if selector.smoothed {
                current.retain(|sample| !sample.is_stale());
            }
            for (t, step) in times.iter().zip(&mut steps) {
                let at = settled(selector.moment, *t);
                let found = if selector.smoothed {
                    self.smoothed((&current, series.labels.get(METRIC_NAME)), at, span)
                } else {
                    newest(&current, at, lookback).cloned()
                };
                step.extend(found.map(|sample| (Arc::clone(&series.labels), sample)));
            }
        }
        let count = steps.iter().map(Vec::len).sum();
        self.charge(count)?;
        Ok(steps)
    }

    fn stored(&self, selector: &VectorSelector) -> Vec<Arc<DataSeries>> {
        self.data.select(&selector.matchers)
    }

    /// Counts samples against the limit of the query.
    fn charge(&mut self, count: usize) -> Result<()> {
        self.samples += count as u64;
        if self.samples > self.request.max_samples {
            return Err(Error::too_many_samples());
        }
        Ok(())
    }

    /// The samples of a series; where only counts and sums matter, each histogram says whether it follows a reset, but for
    /// the first after `from`, as nothing before is read.
    fn with_hints(&self, series: &DataSeries, from: i64) -> Vec<DataSample> {
        let mut samples = series.samples.clone();
        if !self.wants_hints {
            return samples;
        }
        let mut before = None;
        for sample in samples.iter_mut().filter(|sample| sample.t > from) {
            let SampleValue::Histogram(histogram) = &mut sample.value else {
                continue;
            };
            let original = Arc::clone(histogram);
            if let Some(before) = before.replace(Arc::clone(&original))
                && histogram.hint == ResetHint::Unknown
            {
                let before: Arc<_> = before;
                Arc::make_mut(histogram).hint = if original.detect_reset(&before) {
                    ResetHint::Reset
                } else {
                    ResetHint::NotReset
                };
            }
            native::forget_buckets(Arc::make_mut(histogram));
        }
        samples
    }

    /// The value at a time between two samples, on the line that joins them.
    fn smoothed(
        &mut self,
        series: (&[DataSample], &str),
        at: i64,
        span: Span,
    ) -> Option<DataSample> {
        let (samples, metric) = series;
        let lookback = self.request.lookback;
        let first = samples.partition_point(|sample| sample.t <= at.saturating_sub(lookback));
        let end = samples.partition_point(|sample| sample.t <= at.saturating_add(lookback));
        let is_float = |sample: &DataSample| sample.value.float().is_some();
        let near = &samples[first..end.max(first)];
        if near.iter().any(is_float) && !near.iter().all(is_float) {
            self.note(Annotation::MixedTypes(metric.to_owned()), span);
            return None;
        }
        let after = samples.partition_point(|sample| sample.t < at);
        let right = samples
            .get(after)
            .filter(|sample| sample.t <= at.saturating_add(lookback));
        if let Some(exact) = right.filter(|sample| sample.t == at) {
            return Some(exact.clone());
        }
        let left = after
            .checked_sub(1)
            .map(|index| &samples[index])
            .filter(|sample| sample.t > at.saturating_sub(lookback))?;
        let Some(right) = right else {
            return Some(left.clone());
        };
        match native::between(left, right, at) {
            Ok(value) => Some(DataSample {
                t: at,
                start: None,
                value,
            }),
            Err(mismatch) => {
                self.note(mismatch.annotation(metric), span);
                None
            }
        }
    }

    /// What a range vector is at each time.
    pub(super) fn ranges(&mut self, id: NodeId, times: &[i64]) -> Result<Ranges> {
        match self.expr(id).clone() {
            Expr::Paren(inner) => self.ranges(inner, times),
            Expr::Subquery(subquery) => self.subquery(&subquery, times),
            Expr::Matrix { selector, range } => {
                let Expr::Vector(selector) = self.expr(selector).clone() else {
                    return Err(self.misplaced(id));
                };
                self.matrix_selector(&selector, range.millis(), times)
            }
            _ => Err(self.misplaced(id)),
        }
    }

    fn matrix_selector(
        &mut self,
        selector: &VectorSelector,
        range: i64,
        times: &[i64],
    ) -> Result<Ranges> {
        let bounds = bounds(selector.moment, range, times);
        let extension = Extension::of(selector);
        let reach = match extension {
            Extension::None => 0,
            _ => self.request.lookback,
        };
        let starts = bounds.iter().map(|bounds| bounds.start);
        let from = starts.min().unwrap_or(0).saturating_sub(reach);
        let mut series = Vec::new();
        for stored in self.stored(selector) {
            let mut samples = self.with_hints(&stored, from);
            samples.retain(|sample| !sample.is_stale());
            series.push(RangeSeries {
                labels: Arc::clone(&stored.labels),
                drop_name: false,
                samples,
            });
        }
        let ranges = Ranges {
            series,
            bounds,
            extension,
            lookback: self.request.lookback,
        };
        // Windows overlap and share their samples, so the largest step counts.
        let held = |step| {
            let series = ranges.series.iter();
            series
                .map(|series| ranges.window(series, step).inside().len())
                .sum::<usize>()
        };
        let count = (0..times.len()).map(held).max().unwrap_or(0);
        self.charge(count)?;
        Ok(ranges)
    }

    fn subquery(&mut self, subquery: &Subquery, times: &[i64]) -> Result<Ranges> {
        let range = subquery.range.millis();
        let step = match subquery.step.millis() {
            0 => self.request.default_step,
            step => step,
        };
        let bounds = bounds(subquery.moment, range, times);
        let grid = grid(&bounds, step);
        let wants_hints = std::mem::take(&mut self.wants_hints);
        let vectors = self.vectors(subquery.expr, &grid);
        self.wants_hints = wants_hints;
        let vectors = vectors?;
        let mut series = BTreeMap::<Arc<Labels>, RangeSeries>::new();
        for (vector, t) in vectors.into_iter().zip(&grid) {
            for element in vector {
                let row = series
                    .entry(Arc::clone(&element.labels))
                    .or_insert_with(|| RangeSeries {
                        labels: element.labels,
                        drop_name: false,
                        samples: Vec::new(),
                    });
                row.drop_name |= element.drop_name;
                row.samples.push(DataSample {
                    t: *t,
                    start: None,
                    value: native::without_hint(element.value),
                });
            }
        }
        let series: Vec<RangeSeries> = series.into_values().collect();
        self.charge(series.iter().map(|series| series.samples.len()).sum())?;
        Ok(Ranges {
            series,
            bounds,
            extension: Extension::None,
            lookback: 0,
        })
    }

    /// Whether an expression has the same value at every step, so that one step stands for all.
    pub(super) fn is_invariant(&self, id: NodeId) -> bool {
        let is_pinned = |moment: Moment| moment.at.is_some();
        let children_are = || {
            let children = self.tree.children(id);
            children.into_iter().all(|child| self.is_invariant(child))
        };
        match self.expr(id) {
            Expr::Vector(selector) => is_pinned(selector.moment),
            // Also of what never changes, it finds nothing where no step of its own lies in the window.
            Expr::Subquery(subquery) => is_pinned(subquery.moment),
            Expr::Call { function, .. } => !function.depends_on_time() && children_are(),
            _ => children_are(),
        }
    }

    /// Where messages say that a range vector stands: a subquery, once evaluated, is taken to stand at the beginning.
    pub(super) fn range_span(&self, id: NodeId) -> Span {
        match self.expr(id) {
            Expr::Paren(inner) => self.range_span(*inner),
            Expr::Subquery(_) => Span::default(),
            _ => self.tree.span(id),
        }
    }

    /// A range vector as the answer of an instant query.
    pub(super) fn matrix(&mut self, id: NodeId, t: i64) -> Result<Vec<Series>> {
        let ranges = self.ranges(id, &[t])?;
        let mut rows = BTreeMap::<Arc<Labels>, Series>::new();
        for series in &ranges.series {
            let window = ranges.window(series, 0);
            let samples = window.extended(ranges.extension);
            let mut element = Element {
                labels: Arc::clone(&series.labels),
                value: SampleValue::Float(0.0),
                drop_name: series.drop_name,
            };
            element.forget_name();
            for sample in samples {
                rows.entry(Arc::clone(&element.labels))
                    .or_default()
                    .push(sample.t, sample.value);
            }
        }
        Ok(rows
            .into_iter()
            .map(|(labels, series)| Series {
                labels: Arc::unwrap_or_clone(labels),
                ..series
            })
            .collect())
    }
}

/// The newest sample not after `at` and not older than the lookback.
fn newest(samples: &[DataSample], at: i64, lookback: i64) -> Option<&DataSample> {
    let index = samples
        .partition_point(|sample| sample.t <= at)
        .checked_sub(1)?;
    let newest = &samples[index];
    (newest.t > at.saturating_sub(lookback) && !newest.is_stale()).then_some(newest)
}

fn bounds(moment: Moment, range: i64, times: &[i64]) -> Vec<Bounds> {
    let bound = |t: &i64| {
        let end = settled(moment, *t);
        Bounds {
            start: end.saturating_sub(range),
            end,
            t: *t,
        }
    };
    times.iter().map(bound).collect()
}

/// The multiples of `step` that any window holds.
fn grid(bounds: &[Bounds], step: i64) -> Vec<i64> {
    let start = bounds.iter().map(|bounds| bounds.start).min().unwrap_or(0);
    let end = bounds.iter().map(|bounds| bounds.end).max().unwrap_or(0);
    let first = (start.div_euclid(step) + 1) * step;
    std::iter::successors(Some(first), |t| t.checked_add(step))
        .take_while(|t| *t <= end)
        .collect()
}
