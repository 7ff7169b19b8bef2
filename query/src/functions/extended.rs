//! `rate`, `increase`, `delta`, `resets`, `changes` over `anchored` and `smoothed` windows, whose edges are known.
//!
//! ```text
//!            start                    end
//! ----x------|-----x-----x-----x-------|----x----
//!            x     x     x     x       x            anchored: the value before the start, the last one
//!            /     x     x     x       /            smoothed: both edges on the line between their neighbours
//! ```
//!
//! Nothing is extrapolated. Neighbours are looked for within the lookback; without any sample after the start there is
//! nothing. On a smoothed edge that lies in a reset a counter rises from zero at the start, and from its old value at the
//! end. Floats and histograms come in one row here, because edges do not care.

use std::sync::Arc;

use super::events::Event;
use super::native::{Shared, gauge, on_line, risen};
use super::native_rate;
use super::over_time::as_float;
use super::rate::{Change, seconds};
use crate::annotation::Annotation;
use crate::error::Result;
use crate::exec::batch::CellRef;
use crate::exec::window::{Cursors, Point, Series, Stamp, Window};
use crate::plan::{Extension, Grid, Look};
use crate::value::SampleValue;

/// What lies in and around a window.
#[derive(Clone, Copy)]
pub(crate) struct Near<'p, 'a> {
    /// Which step.
    pub(crate) step: usize,
    start: i64,
    end: i64,
    extension: Extension,
    points: &'p [Point<'a>],
}

/// Visits the surroundings of each window in order.
pub(crate) fn each<'p, 'a>(
    points: &'p [Point<'a>],
    grid: Grid,
    (look, extension, lookback): (Look, Extension, i64),
    mut visit: impl FnMut(Near<'p, 'a>) -> Result<()>,
) -> Result<()> {
    let mut cursors = Cursors::default();
    for step in 0..grid.steps {
        let end = look.end(grid, step);
        let start = end.saturating_sub(look.range);
        let until = match extension {
            Extension::Smoothed => end.saturating_add(lookback),
            Extension::None | Extension::Anchored => end,
        };
        let bounds = (start.saturating_sub(lookback), until);
        cursors.advance(points.len(), bounds, |at| points[at].stamp.t);
        visit(Near {
            step,
            start,
            end,
            extension,
            points: &points[cursors.low..cursors.high],
        })?;
    }
    Ok(())
}

impl<'p, 'a> Near<'p, 'a> {
    /// The last sample before the start, those inside, and, where smoothed, the first at or after the end.
    fn reach(&self) -> &'p [Point<'a>] {
        let first = self
            .points
            .partition_point(|point| point.stamp.t <= self.start);
        let behind = match self.extension {
            Extension::Smoothed => {
                self.points
                    .partition_point(|point| point.stamp.t < self.end)
                    + 1
            }
            Extension::None | Extension::Anchored => self.points.len(),
        };
        let behind = behind.min(self.points.len());
        let reach = &self.points[first.saturating_sub(1).min(behind)..behind];
        match reach.last() {
            Some(last) if last.stamp.t > self.start => reach,
            _ => &[],
        }
    }

    /// The samples of the window, with its edges.
    pub(crate) fn edged(&self) -> Vec<(Stamp, SampleValue)> {
        let reach = self.reach();
        let ([first, ..], [.., last]) = (reach, reach) else {
            return Vec::new();
        };
        let edge = |t, value| (Stamp { t, start: 0 }, value);
        let (mut left, mut right) = (first.value.to_value(), last.value.to_value());
        if self.extension == Extension::Smoothed
            && let ([_, next, ..], [.., before, _]) = (reach, reach)
        {
            if first.stamp.t < self.start {
                left = between(*first, *next, self.start).unwrap_or(left);
            }
            if last.stamp.t > self.end {
                right = between(*before, *last, self.end).unwrap_or(right);
            }
        }
        let within = self.within(reach);
        let within = within.map(|point| (point.stamp, point.value.to_value()));
        std::iter::once(edge(self.start, left))
            .chain(within)
            .chain([edge(self.end, right)])
            .collect()
    }

    fn within(self, reach: &'p [Point<'a>]) -> impl Iterator<Item = &'p Point<'a>> {
        let inside =
            move |point: &&Point<'_>| self.start < point.stamp.t && point.stamp.t < self.end;
        reach.iter().filter(inside)
    }
}

/// The value at a time on the line between two samples, or why there is none.
pub(crate) fn between(
    left: Point<'_>,
    right: Point<'_>,
    at: i64,
) -> std::result::Result<SampleValue, fn(String) -> Annotation> {
    let share = seconds(at - left.stamp.t) / seconds(right.stamp.t - left.stamp.t);
    match (left.value, right.value) {
        (CellRef::Float(left), CellRef::Float(right)) => {
            Ok(SampleValue::Float(left + (right - left) * share))
        }
        (CellRef::Histogram(left), CellRef::Histogram(right)) => {
            let value = on_line(left, right, share).map(SampleValue::Histogram);
            value.ok_or(Annotation::MixedSchemas)
        }
        _ => Err(Annotation::MixedTypes),
    }
}

fn each_of<'a>(
    series: &mut Series<'a, '_>,
    mut visit: impl FnMut(&mut Series<'a, '_>, Near<'_, 'a>),
) -> Result<()> {
    let points: Vec<Point<'a>> = series.points(Window::whole(series.columns)).collect();
    let look = (series.look, series.extension, series.lookback);
    each(&points, series.grid(), look, |near| {
        visit(series, near);
        Ok(())
    })
}

/// `resets` and `changes`.
pub(super) fn count(series: &mut Series<'_, '_>, event: Event) -> Result<()> {
    each_of(series, |series, near| {
        let samples = near.edged();
        if samples.is_empty() {
            return;
        }
        let happened = samples.windows(2).filter(|pair| {
            let [before, now] = [&pair[0], &pair[1]].map(|(stamp, value)| Point {
                stamp: *stamp,
                value: CellRef::from(value),
            });
            event(before, now)
        });
        series.out.set(near.step, as_float(happened.count()));
    })
}

/// `rate`, `increase`, `delta`: the difference between the edges.
pub(super) fn over_range(series: &mut Series<'_, '_>, change: Change) -> Result<()> {
    each_of(series, |series, near| {
        if let Some(value) = difference(series, near, change) {
            series.out.set_value(near.step, value);
        }
    })
}

fn difference(
    series: &mut Series<'_, '_>,
    near: Near<'_, '_>,
    change: Change,
) -> Option<SampleValue> {
    let reach = near.reach();
    let first = reach.first().filter(|first| first.stamp.t <= near.end)?;
    let is_histogram = first.value.is_histogram();
    if near
        .points
        .iter()
        .any(|point| point.value.is_histogram() != is_histogram)
    {
        series.note_metric(Annotation::MixedTypes);
        return None;
    }
    let range = seconds(near.end - near.start);
    if is_histogram {
        let mut value = histogram_difference(series, near, change.counter)?;
        if change.per_second {
            value.mul(1.0 / range);
        }
        return Some(SampleValue::Histogram(Arc::new(value)));
    }
    let floats: Vec<(i64, f64)> = reach
        .iter()
        .filter_map(|point| match point.value {
            CellRef::Float(value) => Some((point.stamp.t, value)),
            CellRef::Histogram(_) => None,
        })
        .collect();
    let value = float_difference(near, &floats, change.counter);
    Some(SampleValue::Float(if change.per_second {
        value / range
    } else {
        value
    }))
}

/// The value at a time on the line through two points.
fn height(left: (i64, f64), right: (i64, f64), at: i64) -> f64 {
    left.1 + (right.1 - left.1) * seconds(at - left.0) / seconds(right.0 - left.0)
}

fn float_difference(near: Near<'_, '_>, floats: &[(i64, f64)], counter: bool) -> f64 {
    let (left, right) = float_edges(near, floats, counter);
    let mut difference = right - left;
    if counter {
        let inside = |(t, _): &&(i64, f64)| near.start < *t && *t < near.end;
        let within = floats.iter().filter(inside).map(|(_, value)| *value);
        // A right edge between two samples has made up for the reset between them.
        let made_up = near.extension == Extension::Smoothed
            && floats.len() > 1
            && floats.last().is_some_and(|(t, _)| *t > near.end);
        let edge = (!made_up).then_some(right);
        let mut before = left;
        for value in within.chain(edge) {
            if value < before {
                difference += before;
            }
            before = value;
        }
    }
    difference
}

fn float_edges(near: Near<'_, '_>, floats: &[(i64, f64)], counter: bool) -> (f64, f64) {
    let (first, last) = (floats[0], floats[floats.len() - 1]);
    let (mut left, mut right) = (first.1, last.1);
    if near.extension != Extension::Smoothed || floats.len() < 2 {
        return (left, right);
    }
    let (next, before) = (floats[1], floats[floats.len() - 2]);
    if first.0 < near.start {
        let falls = counter && next.1 < first.1;
        let from = if falls { 0.0 } else { first.1 };
        left = height((first.0, from), next, near.start);
    }
    if last.0 > near.end {
        let falls = counter && last.1 < before.1;
        right = if !falls {
            height(before, last, near.end)
        } else if before.0 < near.start {
            // The reset came before the window, as it did for the left edge.
            height((before.0, 0.0), last, near.end)
        } else {
            height(before, (last.0, last.1 + before.1), near.end)
        };
    }
    (left, right)
}

/// As for floats, in histograms; none where custom and exponential buckets meet.
fn histogram_difference(
    series: &mut Series<'_, '_>,
    near: Near<'_, '_>,
    counter: bool,
) -> Option<tsdb::histogram::FloatHistogram> {
    let points: Vec<(i64, &Shared)> = near
        .reach()
        .iter()
        .filter_map(|point| match point.value {
            CellRef::Histogram(histogram) => Some((point.stamp.t, histogram)),
            CellRef::Float(_) => None,
        })
        .collect();
    let histograms = points.iter().map(|(_, histogram)| *histogram);
    native_rate::note_kinds(series, histograms.clone(), counter);
    let is_custom = points.first()?.1.is_custom();
    if histograms.clone().any(|h| h.is_custom() != is_custom) {
        series.note_metric(Annotation::MixedSchemas);
        return None;
    }
    let (left, right) = histogram_edges(near, &points, counter)?;
    let mut total = (*right).clone();
    total.sub(&left).ok()?;
    if counter {
        let (_, rest) = points.split_last()?;
        let inside = |(t, _): &&(i64, &Shared)| near.start < *t && *t < near.end;
        let within = rest.iter().filter(inside).map(|(_, value)| *value);
        let mut before = &left;
        for value in within.chain([&right]) {
            if value.detect_reset(before) {
                total.add(before).ok()?;
            }
            before = value;
        }
    }
    Some(gauge(total))
}

/// The values at both edges.
fn histogram_edges(
    near: Near<'_, '_>,
    points: &[(i64, &Shared)],
    counter: bool,
) -> Option<(Shared, Shared)> {
    let (first, last) = (points.first()?, points.last()?);
    let (mut left, mut right) = (Arc::clone(first.1), Arc::clone(last.1));
    let ([_, next, ..], [.., before, _]) = (points, points) else {
        return Some((left, right));
    };
    if near.extension != Extension::Smoothed {
        return Some((left, right));
    }
    let share = |from: i64, to: i64, at: i64| seconds(at - from) / seconds(to - from);
    if first.0 < near.start {
        let share = share(first.0, next.0, near.start);
        left = if counter && next.1.detect_reset(first.1) {
            risen(next.1, share)
        } else {
            on_line(first.1, next.1, share)?
        };
    }
    if last.0 > near.end {
        let share = share(before.0, last.0, near.end);
        right = if !counter || !last.1.detect_reset(before.1) {
            on_line(before.1, last.1, share)?
        } else if before.0 < near.start {
            // The reset came before the window, as it did for the left edge.
            risen(last.1, share)
        } else {
            let mut value = (**before.1).clone();
            value.add(&risen(last.1, share)).ok()?;
            value.into()
        };
    }
    Some((left, right))
}
