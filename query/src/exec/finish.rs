//! Rows to the value of a query: names dropped at last, sorted by labels, steps with their times.
//!
//! The last step of a query: what rows and their presence bits were is here [`crate::value::Value`] for whoever asked.
//! Rows that become equal by dropping the name are joined, or refused where they meet at a step.

use std::sync::Arc;

use hashbrown::HashMap;
use tsdb::label::Labels;

use super::Run;
use super::batch::Batch;
use super::unique::duplicate;
use super::window::{Point, Window, points};
use crate::error::{Error, Result};
use crate::functions::{extended, native};
use crate::plan::{Extension, Grid, Op, PlanId, Scan, is_metadata};
use crate::request::When;
use crate::storage::Columns;
use crate::syntax::ValueType;
use crate::value::{FloatPoint, HistogramPoint, Sample, SampleValue, Series, Value};

impl Run<'_> {
    /// The value of the whole plan.
    ///
    /// # Errors
    /// Where an operator fails.
    pub fn value(&self, kind: ValueType) -> Result<Value> {
        let root = self.plan.root;
        let grid = self.grid(root);
        match (kind, self.request.when) {
            (ValueType::String, _) => match &self.plan.nodes[root].op {
                Op::Text(text) => Ok(Value::String {
                    t: grid.start,
                    text: text.clone(),
                }),
                _ => Err(Error::Execution("a string has no operator".to_owned())),
            },
            (ValueType::Scalar, When::Instant(t)) => {
                let v = self.scalar(root)?[0];
                Ok(Value::Scalar(FloatPoint { t, v }))
            }
            (ValueType::Scalar, When::Range { .. }) => {
                let times = grid.times().zip(self.scalar(root)?);
                let floats = times.map(|(t, v)| FloatPoint { t, v }).collect();
                Ok(Value::Matrix(vec![Series {
                    floats,
                    ..Series::default()
                }]))
            }
            (ValueType::Matrix, _) => self.matrix(root),
            (ValueType::Vector, when) => {
                let series = self.series(root, grid)?;
                Ok(match when {
                    When::Instant(t) if self.plan.is_ordered => Value::Vector(vector(series, t)),
                    When::Instant(t) => Value::Vector(vector(self.sorting(|| sorted(series)), t)),
                    When::Range { .. } => Value::Matrix(self.sorting(|| sorted(series))),
                })
            }
        }
    }

    fn series(&self, root: PlanId, grid: Grid) -> Result<Vec<Series>> {
        let held = self.rows(root)?;
        let mut series = Vec::new();
        for batch in &held.batches {
            push_series(batch, grid, &mut series);
        }
        unique(series)
    }

    fn matrix(&self, root: PlanId) -> Result<Value> {
        let grid = self.grid(root);
        let mut series = match &self.plan.nodes[root].op {
            Op::Range(scan) => self.raw(scan, grid)?,
            Op::SubqueryRange(child, _) => {
                let mut series = self.series(*child, self.grid(*child))?;
                for point in series.iter_mut().flat_map(|series| &mut series.histograms) {
                    point.h = native::unhinted(&point.h);
                }
                series
            }
            _ => return Err(Error::Execution("a range has no operator".to_owned())),
        };
        series.retain(|series| !series.is_empty());
        Ok(Value::Matrix(self.sorting(|| sorted(series))))
    }

    /// The samples of a range selector as they are.
    fn raw(&self, scan: &Scan, grid: Grid) -> Result<Vec<Series>> {
        let mut feed = self.feed(scan.scan)?;
        let samples = self.no_samples();
        let mut columns = Columns::default();
        let mut found = Vec::new();
        while let Some(stored) = feed.blocking_recv() {
            self.check()?;
            let stored = stored.map_err(Error::Storage)?;
            for row in 0..stored.rows.len() {
                stored
                    .rows
                    .decode(row, &mut columns)
                    .map_err(Error::Storage)?;
                columns.drop_stale();
                if let Some(costs) = self.costs {
                    costs.windows(self.plan.root, &columns, (grid, scan.look));
                }
                let mut series = Series {
                    labels: stored.rows.labels(row, &|_| true),
                    ..Series::default()
                };
                if scan.extension != Extension::None {
                    self.raw_edged(scan, &columns, &mut series)?;
                    found.push(series);
                    continue;
                }
                super::window::each(&columns, grid, scan.look, |window| {
                    let floats = window.t.iter().zip(window.v);
                    series.floats = floats.map(|(t, v)| FloatPoint { t: *t, v: *v }).collect();
                    let histograms = window.histograms.iter();
                    series.histograms = histograms
                        .map(|sample| HistogramPoint {
                            t: sample.t,
                            h: Arc::clone(&sample.h),
                        })
                        .collect();
                    Ok(())
                })?;
                samples.add((series.floats.len() + series.histograms.len()) as u64)?;
                found.push(series);
            }
        }
        Ok(found)
    }

    /// The samples of an anchored or smoothed range, with its edges.
    fn raw_edged(&self, scan: &Scan, columns: &Columns, series: &mut Series) -> Result<()> {
        let samples: Vec<Point<'_>> = points(Window::whole(columns), None).collect();
        let grid = Grid::of(self.request.when);
        let look = (scan.look, scan.extension, self.request.lookback);
        extended::each(&samples, grid, look, |near| {
            for (stamp, value) in near.edged() {
                series.push(stamp.t, value);
            }
            Ok(())
        })
    }
}

fn push_series(batch: &Batch, grid: Grid, series: &mut Vec<Series>) {
    for (head, row) in batch.iter() {
        let mut labels = head.labels.clone();
        if head.drop_name {
            labels.retain(|name, _| !is_metadata(name));
        }
        let mut one = Series {
            labels,
            ..Series::default()
        };
        row.each_float(|step, v| {
            one.floats.push(FloatPoint {
                t: grid.time(step),
                v,
            });
        });
        one.histograms = row
            .histograms
            .iter()
            .map(|(step, h)| HistogramPoint {
                t: grid.time(*step as usize),
                h: Arc::clone(h),
            })
            .collect();
        series.push(one);
    }
}

/// Joins series whose labels became equal where their times differ.
fn unique(series: Vec<Series>) -> Result<Vec<Series>> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut out: Vec<Series> = Vec::new();
    for one in series {
        let next = out.len();
        let at = *places.entry(one.labels.clone()).or_insert(next);
        if at == next {
            out.push(one);
            continue;
        }
        let into = &mut out[at];
        into.floats.extend(one.floats);
        into.floats.sort_by_key(|point| point.t);
        into.histograms.extend(one.histograms);
        into.histograms.sort_by_key(|point| point.t);
        let floats = into.floats.windows(2).any(|pair| pair[0].t == pair[1].t);
        let histograms = into
            .histograms
            .windows(2)
            .any(|pair| pair[0].t == pair[1].t);
        let mixed = into.histograms.iter().any(|point| {
            let found = into.floats.binary_search_by_key(&point.t, |float| float.t);
            found.is_ok()
        });
        if floats || histograms || mixed {
            return Err(duplicate());
        }
    }
    Ok(out)
}

fn sorted(mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

fn vector(series: Vec<Series>, t: i64) -> Vec<Sample> {
    let samples = series.into_iter().filter_map(|series| {
        let float = series
            .floats
            .first()
            .map(|point| SampleValue::Float(point.v));
        let histogram = series.histograms.into_iter().next();
        let value = float.or_else(|| histogram.map(|point| SampleValue::Histogram(point.h)))?;
        Some(Sample {
            labels: series.labels,
            t,
            value,
        })
    });
    samples.collect()
}
