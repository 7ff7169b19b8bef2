//! The two evaluators behind one door: a request and a data set in, an answer out.
//!
//! [`Naive`] reads a data set as it is. [`Fast`] is the engine over a shelf on which the data set of each request is put;
//! it gets a few series at a time, and of each only the samples of the interval that the plan asks for, so a plan that asks
//! for too little is found out.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use tsdb::budget::Budget;
use tsdb::label::Labels;
use tsdb::time::{Interval, Millis};

use super::dataset::DataSet;
use super::fault::Fault;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::naive::{self, Data as _, DataSeries};
use crate::request::{Answer, Request};
use crate::storage::{
    Columns, HistogramSample, Selection, Storage, StoredBatch, StoredRows, StoredStream,
};
use crate::value::SampleValue;

/// Something that evaluates queries over a data set.
pub trait Evaluator {
    /// What reports call it.
    fn name(&self) -> &'static str;

    /// Evaluates a query.
    ///
    /// # Errors
    /// What the query fails with.
    fn evaluate(&self, request: &Request, data: &DataSet) -> Result<Answer>;
}

/// The naive evaluator.
#[derive(Debug, Clone, Copy)]
pub struct Naive;

impl Evaluator for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn evaluate(&self, request: &Request, data: &DataSet) -> Result<Answer> {
        naive::evaluate(request, data)
    }
}

/// The engine.
pub struct Fast {
    engine: Engine,
    shelf: Arc<Shelf>,
    runtime: tokio::runtime::Runtime,
}

impl Fast {
    /// An engine with two threads.
    ///
    /// # Errors
    /// Where the system refuses threads.
    pub fn new() -> Result<Self> {
        Self::with_threads(2)
    }

    /// An engine with so many threads.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_threads(threads: usize) -> Result<Self> {
        let shelf = Arc::new(Shelf::default());
        let config = Config {
            threads,
            ..Config::default()
        };
        let storage: Arc<dyn Storage> = Arc::<Shelf>::clone(&shelf);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::Execution(format!("no runtime: {error}")))?;
        Ok(Self {
            engine: Engine::new(config, storage)?,
            shelf,
            runtime,
        })
    }
}

impl Fast {
    /// The engine with a fault in it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn broken(fault: Fault) -> Result<Self> {
        let fast = Self::new()?;
        Ok(Self {
            engine: fast.engine.with_fault(fault),
            ..fast
        })
    }
}

impl Evaluator for Fast {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn evaluate(&self, request: &Request, data: &DataSet) -> Result<Answer> {
        self.shelf.put(data.clone());
        self.runtime.block_on(self.engine.run(request.clone()))
    }
}

/// A storage whose content is exchanged between queries.
#[derive(Default)]
struct Shelf(Mutex<DataSet>);

/// Series in a batch: few, so that partial results meet.
const BATCH_SERIES: usize = 3;

impl Shelf {
    fn put(&self, data: DataSet) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = data;
    }

    fn get(&self) -> DataSet {
        let data = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        data.clone()
    }
}

impl Storage for Shelf {
    fn select<'a>(
        &'a self,
        selection: &'a Selection,
        _: &'a Budget,
    ) -> BoxFuture<'a, tsdb::Result<StoredStream>> {
        let times = selection.times;
        let found = self.get().select(&selection.matchers);
        let batches = found.chunks(BATCH_SERIES).map(|series| {
            let series = series.to_vec();
            Ok(StoredBatch {
                rows: Box::new(Rows { series, times }),
                warnings: Vec::new(),
            })
        });
        let batches: Vec<_> = batches.collect();
        async move { Ok(stream::iter(batches).boxed()) }.boxed()
    }
}

struct Rows {
    series: Vec<Arc<DataSeries>>,
    times: Interval,
}

impl StoredRows for Rows {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, row: usize, keep: &dyn Fn(&str) -> bool) -> Labels {
        let mut labels = (*self.series[row].labels).clone();
        labels.retain(|name, _| keep(name));
        labels
    }

    fn decode(&self, row: usize, into: &mut Columns) -> tsdb::Result<()> {
        into.clear();
        let samples = &self.series[row].samples;
        let has_starts = samples.iter().any(|sample| sample.start.is_some());
        for sample in samples {
            if !self.times.contains(Millis(sample.t)) {
                continue;
            }
            let (t, start) = (sample.t, sample.start.unwrap_or(0));
            match &sample.value {
                SampleValue::Float(value) => {
                    into.t.push(t);
                    into.v.push(*value);
                    if has_starts {
                        into.starts.push(start);
                    }
                }
                SampleValue::Histogram(h) => into.histograms.push(HistogramSample {
                    t,
                    start,
                    h: Arc::clone(h),
                }),
            }
        }
        Ok(())
    }
}
