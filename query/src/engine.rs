//! The engine: text to answer within limits, callable without HTTP.
//!
//! ```text
//! gate (concurrency) ─► parse, prepare, plan ─► pumps: storage ──queues──► one blocking thread + pool ─► answer
//! ```
//!
//! The future returned by [`Engine::run`] owns the pumps: dropping it stops the storage at once and tells the evaluation,
//! which looks at every batch. The timeout holds for the wait at the gate, and again for the evaluation.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tsdb::budget::Budget;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::exec::cost::{Cost, Costs};
use crate::exec::{Feed, Run, lock};
use crate::gate::Gate;
use crate::metrics::EngineMetrics;
use crate::plan::build::build;
use crate::plan::explain::{Explained, explain};
use crate::plan::rewrite::rewrite;
use crate::plan::{Grid, Plan};
use crate::request::{Answer, Request};
use crate::storage::{Selection, Storage, StoredBatch};
use crate::syntax::ast::{Expr, NodeId};
use crate::syntax::{AggregateOp, Tree, ValueType, parse, prepare, types};

/// Batches that wait between a selector's storage and the pool.
const QUEUE_BATCHES: usize = 4;

/// Evaluates queries over a storage. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: Config,
    storage: Arc<dyn Storage>,
    pool: rayon::ThreadPool,
    gate: Gate,
    metrics: EngineMetrics,
    budget: Budget,
    #[cfg(feature = "testing")]
    fault: Option<crate::testing::fault::Fault>,
}

/// Tells the evaluation that nobody waits any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Engine {
    /// An engine over `storage`.
    ///
    /// # Errors
    /// Where the system refuses threads.
    pub fn new(config: Config, storage: Arc<dyn Storage>) -> Result<Self> {
        let pool = tsdb::merge::pool(config.threads).map_err(Error::Storage)?;
        let budget = config.memory.child("queries", u64::MAX);
        let metrics = EngineMetrics::new(config.concurrency);
        let gate = Gate::new(config.concurrency, &metrics);
        Ok(Self(Arc::new(Inner {
            config,
            storage,
            pool,
            gate,
            metrics,
            budget,
            #[cfg(feature = "testing")]
            fault: None,
        })))
    }

    /// The same, broken: for tests of tests.
    ///
    /// # Panics
    /// Where the engine was cloned.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_fault(mut self, fault: crate::testing::fault::Fault) -> Self {
        let inner = Arc::get_mut(&mut self.0).expect("a new engine is not shared");
        inner.fault = Some(fault);
        self
    }

    /// Evaluates `request`. Dropping the future cancels it, down to the storage.
    ///
    /// # Errors
    /// Where the text is wrong, the evaluation fails, a limit is passed, the time is up or the storage fails.
    pub async fn run(&self, request: Request) -> Result<Answer> {
        let (answer, _) = self.pass(request, false).await?;
        Ok(answer)
    }

    /// As [`Self::run`], with what it cost; counting that costs something, too.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn measure(&self, request: Request) -> Result<(Answer, Cost)> {
        self.pass(request, true).await
    }

    async fn pass(&self, request: Request, is_measured: bool) -> Result<(Answer, Cost)> {
        let inner = &self.0;
        let ticks = inner.config.ticks;
        let arrival = ticks();
        let timeout = inner.config.timeout;
        let _pass = inner.gate.enter(timeout).await?;
        let queue_nanos = ticks().saturating_sub(arrival);
        inner.metrics.admitted.inc();
        let waited = Duration::from_nanos(queue_nanos);
        inner.metrics.waits.observe(waited.as_secs_f64());
        let evaluation = self.evaluate(request, is_measured);
        match tokio::time::timeout(timeout, evaluation).await {
            Ok(outcome) => outcome.map(|(answer, cost)| {
                (
                    answer,
                    Cost {
                        queue_nanos,
                        ..cost
                    },
                )
            }),
            Err(_) => Err(Error::Timeout("expression evaluation")),
        }
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &EngineMetrics {
        &self.0.metrics
    }

    /// The plan of `request`, as a tree.
    ///
    /// # Errors
    /// Where the text is wrong.
    pub fn explain(&self, request: &Request) -> Result<Explained> {
        let (_, plan) = self.plan(request)?;
        Ok(explain(&plan))
    }

    fn plan(&self, request: &Request) -> Result<(Tree, Plan)> {
        let tree = parse(&request.text, request.features.syntax())?;
        let tree = prepare(tree, request.when)?;
        let kind = root_type(&tree);
        if !request.when.is_instant() && matches!(kind, ValueType::Matrix | ValueType::String) {
            return Err(Error::BadData(format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                kind.documented()
            )));
        }
        let points = Grid::of(request.when).steps as u64;
        if points > self.0.config.points_max.saturating_add(1) {
            return Err(Error::BadData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)".to_owned()));
        }
        #[cfg_attr(
            not(feature = "testing"),
            expect(unused_mut, reason = "tests break plans")
        )]
        let mut plan = rewrite(build(&tree, request)?, request.features);
        #[cfg(feature = "testing")]
        if let Some(fault) = self.0.fault {
            fault.put_into(&mut plan);
        }
        Ok((tree, plan))
    }

    async fn evaluate(&self, request: Request, is_measured: bool) -> Result<(Answer, Cost)> {
        let ticks = self.0.config.ticks;
        let begin = ticks();
        let (tree, plan) = self.plan(&request)?;
        let preparation_nanos = ticks().saturating_sub(begin);
        let costs = is_measured.then(|| Costs::new(&plan, ticks));
        let kind = root_type(&tree);
        let is_ordered = request.when.is_instant() && decides_order(&tree, tree.root());
        let budget = self.0.budget.child("query", self.0.config.query_bytes_max);
        let mut pumps = JoinSet::new();
        let mut feeds = Vec::with_capacity(plan.scans.len());
        for selection in &plan.scans {
            let (sender, feed) = mpsc::channel(QUEUE_BATCHES);
            let pump = Pump {
                storage: Arc::clone(&self.0.storage),
                selection: selection.clone(),
                budget: budget.clone(),
                series_max: self.0.config.series_max,
            };
            pumps.spawn(pump.run(sender));
            feeds.push(Mutex::new(Some(feed)));
        }
        let canceled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(Arc::clone(&canceled));
        let inner = Arc::clone(&self.0);
        let work = move || {
            let begin = ticks();
            let sides = (&*canceled, budget, feeds);
            let answer = carry_out(&inner, (&plan, costs.as_ref()), (&request, kind), sides)?;
            let answer = answer.ordered(is_ordered);
            let took = ticks().saturating_sub(begin);
            let mut cost = costs.map_or_else(Cost::default, |costs| {
                costs.total(&plan, Grid::of(request.when))
            });
            cost.preparation_nanos = preparation_nanos;
            cost.evaluation_nanos = took.saturating_sub(cost.sorting_nanos);
            Ok((answer, cost))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::Execution(format!("evaluation stopped: {error}"))),
        }
    }
}

fn root_type(tree: &Tree) -> ValueType {
    types::types(tree)[tree.root().index()]
}

/// Moves the batches of a selector from the storage to its queue.
struct Pump {
    storage: Arc<dyn Storage>,
    selection: Selection,
    budget: Budget,
    /// Most series of the selector; 0 for no bound.
    series_max: u64,
}

impl Pump {
    /// Ends when all is moved, something failed or nobody reads any more.
    async fn run(self, sender: mpsc::Sender<tsdb::Result<StoredBatch>>) {
        if let Err(error) = self.pump(&sender).await {
            let error = error.at(format!("selector {}", self.selection));
            // Nobody to tell if the evaluation ended first.
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn pump(&self, sender: &mpsc::Sender<tsdb::Result<StoredBatch>>) -> tsdb::Result<()> {
        let mut stream = self.storage.select(&self.selection, &self.budget).await?;
        let mut series = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            series += batch.rows.len() as u64;
            if self.series_max > 0 && series > self.series_max {
                return Err(tsdb::Error::Limit {
                    what: "number of series",
                    need: series,
                    limit: self.series_max,
                });
            }
            if sender.send(Ok(batch)).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the order of a vector was asked for.
fn decides_order(tree: &Tree, id: NodeId) -> bool {
    match tree.expr(id) {
        Expr::Paren(inner) => decides_order(tree, *inner),
        Expr::Aggregate(aggregate) => {
            matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk)
        }
        Expr::Call { function, .. } => function.name.starts_with("sort"),
        _ => false,
    }
}

fn carry_out(
    inner: &Inner,
    (plan, costs): (&Plan, Option<&Costs>),
    (request, kind): (&Request, ValueType),
    (canceled, budget, feeds): (&AtomicBool, Budget, Vec<Mutex<Option<Feed>>>),
) -> Result<Answer> {
    let run = Run {
        plan,
        request,
        pool: &inner.pool,
        canceled,
        budget,
        feeds,
        notes: Mutex::new(plan.notes.clone()),
        warnings: Mutex::new(Vec::new()),
        samples: AtomicU64::new(0),
        costs,
    };
    costs.inspect(|costs| costs.pause());
    let value = run.value(kind)?;
    let (mut warnings, infos) = lock(&run.notes).render(&request.text);
    let mut told = std::mem::take(&mut *lock(&run.warnings));
    told.append(&mut warnings);
    Ok(Answer {
        value,
        warnings: told,
        infos,
        is_ordered: plan.is_ordered,
    })
}
