//! Selectors: packed series to rows, with a function over their windows or without.
//!
//! Each series is decoded into columns that its worker reuses, and is gone when its row is written: what is held is the
//! rows, not the samples. Two cursors that only move forwards find the window of each step.

use std::sync::Arc;

use tsdb::label::METRIC_NAME;
use tsdb::matcher::MatcherKind;

use super::batch::{Batch, Head, RowMut};
use super::window::{Series, each};
use super::{Run, Sink, lock, smooth};
use crate::annotation::{Annotation, Annotations};
use crate::error::{Error, Result};
use crate::functions::{Args, Name, native};
use crate::plan::{Extension, Grid, Look, PlanId, Ranged, Reads, Scan};
use crate::storage::{Columns, HistogramSample, StoredBatch};

impl Run<'_> {
    /// Runs `map` over what `turn` makes of each stored batch.
    fn stored<T: Send>(
        &self,
        scan: &Scan,
        turn: &(dyn Fn(&StoredBatch, &mut Annotations) -> Result<Batch> + Sync),
        (map, fold): Sink<'_, T>,
    ) -> Result<()> {
        let mut feed = self.feed(scan.scan)?;
        let selector = &self.plan.scans[scan.scan];
        let samples = self.no_samples();
        let mut next = || {
            let Some(batch) = feed.blocking_recv() else {
                return Ok(None);
            };
            let mut batch = batch.map_err(Error::Storage)?;
            lock(&self.warnings).append(&mut batch.warnings);
            Ok(Some(batch))
        };
        let turned = |stored: StoredBatch, notes: &mut Annotations| {
            self.check()?;
            let batch = turn(&stored, notes)?;
            drop(stored);
            let _held = self.reserve(&batch).map_err(|error| {
                let chain = error_chain(&error);
                Error::Limit(format!(
                    "selector {selector} needs too much memory: {chain}"
                ))
            })?;
            samples.add(batch.count() as u64)?;
            map(batch, notes)
        };
        self.pipeline(&mut next, &turned, fold)
    }

    pub(super) fn instant<T: Send>(
        &self,
        (id, scan): (PlanId, &Scan),
        reads: Reads,
        (map, fold): Sink<'_, T>,
    ) -> Result<()> {
        let grid = self.grid(id);
        let name = self.fixed_name(scan);
        let turn = |stored: &StoredBatch, notes: &mut Annotations| {
            let mut batch = Batch::new(grid.steps);
            let mut columns = Columns::default();
            for row in 0..stored.rows.len() {
                decode((stored, row), scan, &mut columns, notes)?;
                let head = Head {
                    labels: stored.rows.labels(row, &|name| scan.wanted.keeps(name)),
                    drop_name: false,
                };
                if scan.extension == Extension::Smoothed {
                    columns.drop_stale();
                    let metric = name
                        .unwrap_or_else(|| head.labels.get(METRIC_NAME))
                        .to_owned();
                    let smooth = smooth::Smooth {
                        scan,
                        reads,
                        grid,
                        metric: &metric,
                    };
                    smooth.push(head, &columns, (&mut batch, notes));
                    continue;
                }
                batch.push_with(head, |into| newest(&columns, grid, scan.look, reads, into))?;
            }
            self.costs.inspect(|costs| costs.found(id, &batch));
            Ok(batch)
        };
        self.stored(scan, &turn, (map, fold))
    }

    pub(super) fn windows<T: Send>(
        &self,
        id: PlanId,
        scan: &Scan,
        ranged: &Ranged,
        (map, fold): Sink<'_, T>,
    ) -> Result<()> {
        let scalars = self.scalars(&ranged.args)?;
        let args = self.window_args(id, ranged, &scalars);
        let fixed = self.fixed_name(scan);
        let turn = |stored: &StoredBatch, notes: &mut Annotations| {
            let mut batch = Batch::new(args.grid.steps);
            let mut columns = Columns::default();
            for row in 0..stored.rows.len() {
                decode((stored, row), scan, &mut columns, notes)?;
                columns.drop_stale();
                let labels = stored.rows.labels(row, &|name| scan.wanted.keeps(name));
                let head = Head {
                    labels,
                    drop_name: false,
                };
                let metric = fixed
                    .unwrap_or_else(|| head.labels.get(METRIC_NAME))
                    .to_owned();
                let one = OneSeries {
                    id,
                    columns: &columns,
                    look: scan.look,
                    extension: scan.extension,
                    metric: &metric,
                };
                self.one_series(&one, (ranged, &args), head, (&mut batch, notes))?;
            }
            Ok(batch)
        };
        self.stored(scan, &turn, (map, fold))
    }

    /// The metric name that a selector asks for.
    fn fixed_name(&self, scan: &Scan) -> Option<&str> {
        let matchers = self.plan.scans[scan.scan].matchers.iter();
        matchers
            .filter(|matcher| matcher.name() == METRIC_NAME)
            .find(|matcher| matcher.kind() == MatcherKind::Equal)
            .map(|matcher| matcher.value())
    }

    fn window_args<'a>(&self, id: PlanId, ranged: &'a Ranged, scalars: &'a [Vec<f64>]) -> Args<'a> {
        let node = &self.plan.nodes[id];
        Args {
            scalars: scalars.iter().map(Vec::as_slice).collect(),
            texts: Vec::new(),
            grid: node.grid,
            features: self.request.features,
            span: node.span,
            arg_spans: &ranged.arg_spans,
        }
    }

    fn one_series(
        &self,
        one: &OneSeries<'_>,
        (ranged, args): (&Ranged, &Args<'_>),
        mut head: Head,
        (batch, notes): (&mut Batch, &mut Annotations),
    ) -> Result<()> {
        let kind = head.labels.get("__type__").to_owned();
        if ranged.keeps == Name::Dropped {
            self.drop_name(&mut head);
        }
        if let Some(costs) = self.costs {
            costs.windows(one.id, one.columns, (args.grid, one.look));
        }
        batch.push_with(head, |into| {
            let mut series = Series {
                columns: one.columns,
                look: one.look,
                extension: one.extension,
                lookback: self.request.lookback,
                args,
                metric: one.metric,
                kind: &kind,
                range_span: ranged.range_span,
                out: RowMut {
                    floats: into.floats,
                    present: into.present,
                    histograms: into.histograms,
                },
                notes,
                told: Vec::new(),
            };
            (ranged.body)(&mut series)
        })?;
        Ok(())
    }

    pub(super) fn subquery_windows<T: Send>(
        &self,
        (id, child): (PlanId, PlanId),
        look: Look,
        ranged: &Ranged,
        (map, fold): Sink<'_, T>,
    ) -> Result<()> {
        let scalars = self.scalars(&ranged.args)?;
        let args = self.window_args(id, ranged, &scalars);
        let inner = self.grid(child);
        self.each(
            child,
            &|rows, notes| {
                let mut batch = Batch::new(args.grid.steps);
                let mut columns = Columns::default();
                for (head, row) in rows.iter() {
                    columns.clear();
                    row.each_float(|step, value| {
                        columns.t.push(inner.time(step));
                        columns.v.push(value);
                    });
                    columns
                        .histograms
                        .extend(row.histograms.iter().map(|(step, h)| HistogramSample {
                            t: inner.time(*step as usize),
                            start: 0,
                            h: native::unhinted(h),
                        }));
                    let metric = head.labels.get(METRIC_NAME).to_owned();
                    let one = OneSeries {
                        id,
                        columns: &columns,
                        look,
                        extension: Extension::None,
                        metric: &metric,
                    };
                    self.one_series(&one, (ranged, &args), head.clone(), (&mut batch, notes))?;
                }
                map(batch, notes)
            },
            fold,
        )
    }
}

/// The samples of a series as the scan wants them.
fn decode(
    (stored, row): (&StoredBatch, usize),
    scan: &Scan,
    columns: &mut Columns,
    notes: &mut Annotations,
) -> Result<()> {
    stored.rows.decode(row, columns).map_err(Error::Storage)?;
    if columns.is_downsampled && !scan.is_exact {
        notes.add(Annotation::Downsampled, scan.span);
    }
    if scan.counts_only {
        columns.forget_buckets();
    }
    Ok(())
}

struct OneSeries<'a> {
    id: PlanId,
    columns: &'a Columns,
    look: Look,
    extension: Extension,
    metric: &'a str,
}

/// As [`newest`], of a series of floats: one cursor will do.
fn newest_float(columns: &Columns, grid: Grid, look: Look, out: &mut RowMut<'_>) {
    let (t, v) = (columns.t.as_slice(), columns.v.as_slice());
    let mut behind = 0;
    for step in 0..grid.steps {
        let end = look.end(grid, step);
        while behind < t.len() && t[behind] <= end {
            behind += 1;
        }
        let Some(at) = behind.checked_sub(1) else {
            continue;
        };
        if t[at] > end.saturating_sub(look.range) && !tsdb::float::is_stale(v[at]) {
            out.set(step, v[at]);
        }
    }
}

/// Writes the newest sample of each step's window, unless it marks the series as gone.
fn newest(
    columns: &Columns,
    grid: Grid,
    look: Look,
    reads: Reads,
    out: &mut RowMut<'_>,
) -> Result<()> {
    if columns.histograms.is_empty() && reads == Reads::Value {
        newest_float(columns, grid, look, out);
        return Ok(());
    }
    each(columns, grid, look, |window| {
        let float = window.t.last().copied();
        let histogram = window.histograms.last();
        let is_float = match (float, histogram) {
            (Some(t), Some(sample)) => t > sample.t,
            (float, _) => float.is_some(),
        };
        if is_float {
            let value = window.v[window.v.len() - 1];
            if !tsdb::float::is_stale(value) {
                let t = float.unwrap_or(0);
                let last = window.first + window.v.len() - 1;
                let start = columns.starts.get(last).copied().unwrap_or(0);
                out.set(window.step, read(reads, value, t, start));
            }
        } else if let Some(sample) = histogram.filter(|sample| !sample.h.is_stale()) {
            match reads {
                Reads::Value | Reads::FloatTime => {
                    out.set_histogram(window.step, Arc::clone(&sample.h));
                }
                _ => out.set(window.step, read(reads, 0.0, sample.t, sample.start)),
            }
        }
        Ok(())
    })
}

pub(super) fn read(reads: Reads, value: f64, t: i64, start: i64) -> f64 {
    match reads {
        Reads::Value => value,
        Reads::Time | Reads::FloatTime => super::seconds(t),
        Reads::Start => super::seconds(start),
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    texts.join(": ")
}
