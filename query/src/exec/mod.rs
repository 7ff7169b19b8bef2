//! A plan carried out: batches of rows from the storage through functions to partial aggregates.
//!
//! ```text
//! async pump ──bounded queue──► this thread ──spawn──► pool: decode, function, elementwise, partial aggregate
//!                                    ▲                              │
//!                                    └───── folded in batch order ◄─┘
//! ```
//!
//! One thread that may block drives a query; [`Run::each`] hands it an operator's batches. What a parent does to a batch
//! is composed onto what its child does (`map`), so a batch goes through all of them on one core before the next operator
//! that needs all rows. Results are folded in the order of batches, so they are the same for any number of threads.

pub mod absent;
pub mod aggregate;
pub mod batch;
pub mod binary;
pub mod cost;
pub mod finish;
pub mod info;
pub mod join;
mod native;
mod operand;
pub mod pick;
pub mod scan;
mod set;
mod smooth;
pub mod unique;
pub mod window;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use tsdb::budget::{Budget, Reservation};

use crate::annotation::Annotations;
use crate::error::{Error, Result};
use crate::functions::{Args, Input, Name};
use crate::plan::{Grid, Op, Plan, PlanId, RowCall, VectorCall};
use crate::request::Request;
use crate::storage::StoredBatch;
use batch::{Batch, Head};
use cost::Costs;

/// Where the batches of a selector arrive.
pub type Feed = tokio::sync::mpsc::Receiver<tsdb::Result<StoredBatch>>;

/// What is done to a batch, on the pool.
pub type Map<'m, T> = &'m (dyn Fn(Batch, &mut Annotations) -> Result<T> + Sync);
/// What is done to the results, in order.
pub type Fold<'f, T> = &'f mut (dyn FnMut(T) -> Result<()> + Send);

/// Both.
pub(crate) type Sink<'s, T> = (Map<'s, T>, Fold<'s, T>);

/// A query on its way.
pub struct Run<'p> {
    /// What to do.
    pub plan: &'p Plan,
    /// What was asked.
    pub request: &'p Request,
    /// Threads that compute.
    pub pool: &'p rayon::ThreadPool,
    /// Set when nobody waits for the answer.
    pub canceled: &'p AtomicBool,
    /// Memory of this query.
    pub budget: Budget,
    /// Batches of each scan, taken once.
    pub feeds: Vec<Mutex<Option<Feed>>>,
    /// What is worth telling about the expression.
    pub notes: Mutex<Annotations>,
    /// What the storage told.
    pub warnings: Mutex<Vec<String>>,
    /// Samples of rows that are held.
    pub samples: AtomicU64,
    /// Counts what it costs, if anybody asks.
    pub costs: Option<&'p Costs>,
}

/// Rows that are held, and counted.
pub struct Held<'r> {
    /// In label order where the operator keeps it.
    pub batches: Vec<Batch>,
    _bytes: Reservation,
    _samples: Samples<'r>,
}

/// Samples that count against the limit of the query until this is dropped.
///
/// Rows on their way from a selector count until its last batch went through what is made of them, as if they were all in
/// memory: whether a query is refused must not depend on how it is carried out.
pub struct Samples<'r> {
    total: &'r AtomicU64,
    max: u64,
    held: AtomicU64,
}

impl Samples<'_> {
    /// Counts more.
    ///
    /// # Errors
    /// Where the query holds too many then.
    pub fn add(&self, count: u64) -> Result<()> {
        self.held.fetch_add(count, Ordering::Relaxed);
        let before = self.total.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.max {
            return Err(Error::too_many_samples());
        }
        Ok(())
    }
}

impl Drop for Samples<'_> {
    fn drop(&mut self) {
        let held = self.held.load(Ordering::Relaxed);
        self.total.fetch_sub(held, Ordering::Relaxed);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run<'_> {
    pub(crate) fn grid(&self, id: PlanId) -> Grid {
        self.plan.nodes[id].grid
    }

    /// Removes the name of a series, or remembers to.
    pub(crate) fn drop_name(&self, head: &mut Head) {
        head.forget_name(self.request.features);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Canceled`] if not.
    pub fn check(&self) -> Result<()> {
        if self.canceled.load(Ordering::Relaxed) {
            return Err(Error::Canceled("query execution"));
        }
        Ok(())
    }

    /// Counts the memory of rows.
    pub(crate) fn reserve(&self, batch: &Batch) -> Result<Reservation> {
        self.budget
            .reserve(batch.size_bytes())
            .map_err(Error::Storage)
    }

    pub(crate) fn no_samples(&self) -> Samples<'_> {
        Samples {
            total: &self.samples,
            max: self.request.max_samples,
            held: AtomicU64::new(0),
        }
    }

    /// The samples of a scan, as they arrive.
    pub(crate) fn feed(&self, scan: usize) -> Result<Feed> {
        let feed = lock(&self.feeds[scan]).take();
        feed.ok_or_else(|| Error::Execution(format!("scan {scan} was read twice")))
    }

    /// Runs `map` on the pool over what `next` gives and folds the results in order.
    pub(crate) fn pipeline<I: Send, T: Send>(
        &self,
        next: &mut (dyn FnMut() -> Result<Option<I>> + Send),
        map: &(dyn Fn(I, &mut Annotations) -> Result<T> + Sync),
        fold: Fold<'_, T>,
    ) -> Result<()> {
        let width = self.pool.current_num_threads() + 1;
        self.pool.in_place_scope(|scope| {
            let mut flight = VecDeque::new();
            let mut open = true;
            while open || !flight.is_empty() {
                self.check()?;
                match if open { next()? } else { None } {
                    Some(item) => {
                        let (done, result) = mpsc::sync_channel(1);
                        let costs = self.costs;
                        scope.spawn(move |_| answer(costs, &done, map, item));
                        flight.push_back(result);
                    }
                    None => open = false,
                }
                if open && flight.len() < width {
                    continue;
                }
                let Some(result) = flight.pop_front() else {
                    continue;
                };
                let (mapped, notes) = result.recv().expect("a batch that panics ends the scope")?;
                lock(&self.notes).merge(notes);
                fold(mapped)?;
            }
            Ok(())
        })
    }

    /// Runs `map` over the batches of a vector and folds the results in order.
    pub(crate) fn each<T: Send>(
        &self,
        id: PlanId,
        map: Map<'_, T>,
        fold: Fold<'_, T>,
    ) -> Result<()> {
        match self.costs {
            None => self.each_plain(id, map, fold),
            Some(costs) => self.each_counted(costs, id, (map, fold)),
        }
    }

    fn each_plain<T: Send>(&self, id: PlanId, map: Map<'_, T>, fold: Fold<'_, T>) -> Result<()> {
        match &self.plan.nodes[id].op {
            Op::Instant(scan, reads) => self.instant((id, scan), *reads, (map, fold)),
            Op::Window(scan, ranged) => self.windows(id, scan, ranged, (map, fold)),
            Op::SubqueryWindow(child, look, ranged) => {
                self.subquery_windows((id, *child), *look, ranged, (map, fold))
            }
            Op::Rows(child, call) => self.rows_call((id, *child), call, map, fold),
            Op::VectorScalar(side) if !side.op.is_trim() => {
                self.vector_scalar((id, side), map, fold)
            }
            Op::Broadcast(child) => {
                let steps = self.grid(id).steps;
                self.each(
                    *child,
                    &|batch, notes| map(broadcast(&batch, steps), notes),
                    fold,
                )
            }
            _ => {
                let held = self.blocking(id)?;
                self.spent(id);
                let mut batches = held.into_iter();
                self.pipeline(&mut || Ok(batches.next()), map, fold)
            }
        }
    }

    /// All rows of a vector.
    pub(crate) fn rows(&self, id: PlanId) -> Result<Held<'_>> {
        let mut batches = Vec::new();
        let mut bytes = self.budget.reserve(0).map_err(Error::Storage)?;
        let mut count = 0;
        self.each(id, &|batch, _| Ok(batch), &mut |batch: Batch| {
            bytes.grow(batch.size_bytes()).map_err(Error::Storage)?;
            count += batch.count() as u64;
            if !batch.is_empty() {
                batches.push(batch);
            }
            Ok(())
        })?;
        let samples = self.no_samples();
        samples.add(count)?;
        Ok(Held {
            batches,
            _bytes: bytes,
            _samples: samples,
        })
    }

    /// Operators that need all rows of a child before they give one.
    fn blocking(&self, id: PlanId) -> Result<Vec<Batch>> {
        let grid = self.grid(id);
        match &self.plan.nodes[id].op {
            Op::VectorOf(scalar) => {
                let values = self.scalar(*scalar)?;
                let mut batch = Batch::new(grid.steps);
                batch.push_with::<Error>(Head::default(), |row| {
                    values
                        .iter()
                        .enumerate()
                        .for_each(|(step, value)| row.set(step, *value));
                    Ok(())
                })?;
                Ok(vec![batch])
            }
            Op::VectorScalar(side) => self.trim(id, side),
            Op::Vector(call) => self.vector_call(id, call),
            Op::Absent(child, labels) => self.absent(*child, labels, grid),
            Op::Info(info) => self.info(id, info),
            Op::Unique(child, how) => Ok(vec![unique::unique(
                self.rows(*child)?.batches,
                *how,
                grid,
            )?]),
            Op::Join(join) => self.join(id, join),
            Op::Aggregate(aggregation) => self.aggregate(id, aggregation),
            _ => Err(Error::Execution(
                "a range stands where a vector should".to_owned(),
            )),
        }
    }

    /// A scalar at each step.
    pub(crate) fn scalar(&self, id: PlanId) -> Result<Vec<f64>> {
        self.check()?;
        let grid = self.grid(id);
        Ok(match &self.plan.nodes[id].op {
            Op::Number(value) => vec![*value; grid.steps],
            Op::Time => grid.times().map(seconds).collect(),
            Op::Negate(child) => self
                .scalar(*child)?
                .into_iter()
                .map(|value| -value)
                .collect(),
            Op::Extreme(greatest, lhs, rhs) => {
                let pick = if *greatest {
                    crate::functions::math::greater
                } else {
                    crate::functions::math::lesser
                };
                let pairs = self.scalar(*lhs)?.into_iter().zip(self.scalar(*rhs)?);
                pairs.map(|(a, b)| pick(a, b)).collect()
            }
            Op::ScalarBinary(op, lhs, rhs) => {
                binary::scalars(*op, &self.scalar(*lhs)?, &self.scalar(*rhs)?)?
            }
            Op::Broadcast(child) => {
                let once = self.scalar(*child)?;
                vec![once.first().copied().unwrap_or(f64::NAN); grid.steps]
            }
            Op::ScalarOf(child) => self.scalar_of(*child, grid)?,
            _ => {
                return Err(Error::Execution(
                    "a vector stands where a scalar should".to_owned(),
                ));
            }
        })
    }

    /// The one float of each step; NaN where there are others, or none.
    fn scalar_of(&self, child: PlanId, grid: Grid) -> Result<Vec<f64>> {
        let mut found = vec![(f64::NAN, 0_u32); grid.steps];
        self.each(child, &|batch, _| Ok(batch), &mut |batch: Batch| {
            for (_, row) in batch.iter() {
                row.each_float(|step, value| found[step] = (value, found[step].1 + 1));
            }
            Ok(())
        })?;
        let one = |(value, count)| if count == 1 { value } else { f64::NAN };
        Ok(found.into_iter().map(one).collect())
    }

    pub(crate) fn scalars(&self, ids: &[PlanId]) -> Result<Vec<Vec<f64>>> {
        ids.iter().map(|id| self.scalar(*id)).collect()
    }

    fn rows_call<T: Send>(
        &self,
        (id, child): (PlanId, PlanId),
        call: &RowCall,
        map: Map<'_, T>,
        fold: Fold<'_, T>,
    ) -> Result<()> {
        let scalars = self.scalars(&call.args)?;
        let node = &self.plan.nodes[id];
        let args = Args {
            scalars: scalars.iter().map(Vec::as_slice).collect(),
            texts: call.texts.iter().map(String::as_str).collect(),
            grid: node.grid,
            features: self.request.features,
            span: node.span,
            arg_spans: &call.arg_spans,
        };
        self.each(
            child,
            &|mut batch, notes| {
                (call.body)(&mut batch, &args, notes)?;
                batch.drop_empty();
                if call.keeps == Name::Dropped {
                    batch.heads.iter_mut().for_each(|head| self.drop_name(head));
                }
                map(batch, notes)
            },
            fold,
        )
    }

    fn vector_call(&self, id: PlanId, call: &VectorCall) -> Result<Vec<Batch>> {
        let scalars = self.scalars(&call.args)?;
        let mut vectors = Vec::new();
        let mut held = Vec::new();
        for vector in &call.vectors {
            let mut rows = self.rows(*vector)?;
            vectors.push(std::mem::take(&mut rows.batches));
            held.push(rows);
        }
        let node = &self.plan.nodes[id];
        let args = Args {
            scalars: scalars.iter().map(Vec::as_slice).collect(),
            texts: call.texts.iter().map(String::as_str).collect(),
            grid: node.grid,
            features: self.request.features,
            span: node.span,
            arg_spans: &call.arg_spans,
        };
        (call.body)(Input { vectors, args }, &mut lock(&self.notes))
    }
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// What comes of one item, with what is to be told.
type Mapped<T> = Result<(T, Annotations)>;

fn answer<I, T>(
    costs: Option<&Costs>,
    done: &mpsc::SyncSender<Mapped<T>>,
    map: &(dyn Fn(I, &mut Annotations) -> Result<T> + Sync),
    item: I,
) {
    costs.inspect(|costs| costs.pause());
    let mut notes = Annotations::default();
    let mapped = map(item, &mut notes);
    // Nobody listens after an earlier batch failed.
    let _ = done.send(mapped.map(|mapped| (mapped, notes)));
}

/// The one step of each row at `steps` steps.
fn broadcast(batch: &Batch, steps: usize) -> Batch {
    let mut out = Batch::new(steps);
    for (head, row) in batch.iter() {
        let written = out.push_with::<std::convert::Infallible>(head.clone(), |into| {
            for step in 0..steps {
                if let Some(value) = row.float(0) {
                    into.set(step, value);
                } else if let Some(histogram) = row.histogram(0) {
                    into.set_histogram(step, std::sync::Arc::clone(histogram));
                }
            }
            Ok(())
        });
        let Ok(_) = written;
    }
    out
}
