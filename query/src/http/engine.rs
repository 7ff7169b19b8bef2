//! The engine behind the API.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::server::{Evaluate, Evaluated, Order};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::plan::explain::Explained;
use crate::request::Request;

impl Evaluate for Engine {
    fn evaluate(&self, order: Order) -> BoxFuture<'_, Result<Evaluated>> {
        let run = async move {
            let evaluation = run(self, order.request, order.is_measured);
            match order.timeout_nanos {
                None => evaluation.await,
                Some(nanos) => {
                    // A time in the past is up at once.
                    let timeout = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
                    let outcome = tokio::time::timeout(timeout, evaluation).await;
                    outcome.unwrap_or(Err(Error::Timeout("expression evaluation")))
                }
            }
        };
        run.boxed()
    }

    fn explain(&self, request: &Request) -> Result<Explained> {
        Self::explain(self, request)
    }
}

async fn run(engine: &Engine, request: Request, is_measured: bool) -> Result<Evaluated> {
    if is_measured {
        let (answer, cost) = engine.measure(request).await?;
        let cost = Some(cost);
        return Ok(Evaluated { answer, cost });
    }
    let answer = engine.run(request).await?;
    Ok(Evaluated { answer, cost: None })
}
