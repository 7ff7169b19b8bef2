//! The engine behind the API.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::server::{Evaluate, Evaluated, Order};
use crate::engine::Engine;
use crate::error::{Error, Result};

impl Evaluate for Engine {
    fn evaluate(&self, order: Order) -> BoxFuture<'_, Result<Evaluated>> {
        let run = async move {
            let evaluation = self.run(order.request);
            let answer = match order.timeout_nanos {
                None => evaluation.await,
                Some(nanos) => {
                    // A time in the past is up at once.
                    let timeout = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
                    let outcome = tokio::time::timeout(timeout, evaluation).await;
                    outcome.unwrap_or(Err(Error::Timeout("expression evaluation")))
                }
            };
            Ok(Evaluated {
                answer: answer?,
                stats: None,
            })
        };
        run.boxed()
    }
}
