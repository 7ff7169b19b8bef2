//! Examples of what a series counted, with the labels of a trace. A companion of [`super::SeriesSource`].

use futures::future::BoxFuture;

use super::nothing::Nothing;
use crate::error::Result;
use crate::label::Labels;
use crate::matcher::Matcher;
use crate::time::{Interval, Millis};

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Labels of its own, `trace_id` as a rule.
    pub labels: Labels,
    /// What was observed.
    pub value: f64,
    /// When.
    pub time: Millis,
}

/// The examples of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplars {
    /// The series.
    pub series: Labels,
    /// By time.
    pub exemplars: Vec<Exemplar>,
}

/// Holds exemplars.
pub trait ExemplarSource: Send + Sync {
    /// The exemplars within `times` of the series that any of `selectors` selects, by series; a series without any is
    /// left out.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn exemplars<'a>(
        &'a self,
        selectors: &'a [Vec<Matcher>],
        times: Interval,
    ) -> BoxFuture<'a, Result<Vec<SeriesExemplars>>>;
}

impl ExemplarSource for Nothing {
    fn exemplars<'a>(
        &'a self,
        _selectors: &'a [Vec<Matcher>],
        _times: Interval,
    ) -> BoxFuture<'a, Result<Vec<SeriesExemplars>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
