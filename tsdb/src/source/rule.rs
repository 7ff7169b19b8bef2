//! Alerting and recording rules with their state. A companion of [`super::SeriesSource`].

use futures::future::BoxFuture;

use super::nothing::Nothing;
use crate::error::Result;
use crate::label::Labels;
use crate::time::Millis;

/// Rules that are evaluated together.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleGroup {
    /// Unique within its file.
    pub name: String,
    /// Where it is written.
    pub file: String,
    /// In the order of evaluation.
    pub rules: Vec<Rule>,
    /// Time between evaluations.
    pub interval: Millis,
    /// Most series or alerts of a rule; 0 for no bound.
    pub limit: u64,
    /// Whether partial data is better than none: `WARN`, `ABORT`; empty where the source knows no such thing.
    pub partial_response: String,
    /// The last evaluation, if there was one.
    pub evaluation: Evaluation,
}

/// When a rule was evaluated, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evaluation {
    /// Its start.
    pub time: Option<Millis>,
    /// Its length.
    pub seconds: f64,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name of the alert, or of the metric recorded.
    pub name: String,
    /// The expression.
    pub query: String,
    /// Labels that are added.
    pub labels: Labels,
    /// `ok`, `err`, `unknown`.
    pub health: String,
    /// Why the last evaluation failed; empty where it did not.
    pub last_error: String,
    /// The last evaluation.
    pub evaluation: Evaluation,
    /// What an alerting rule has besides; none for a recording rule.
    pub alerting: Option<Alerting>,
}

/// What an alerting rule has besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    /// The worst state of its alerts.
    pub state: AlertState,
    /// How long the expression must hold before an alert fires.
    pub hold: Millis,
    /// How long an alert fires on after that.
    pub keep_firing: Millis,
    /// Texts for people.
    pub annotations: Labels,
    /// Those that there are.
    pub alerts: Vec<Alert>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What it is about.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// How far it is.
    pub state: AlertState,
    /// Since when its expression holds.
    pub active_at: Option<Millis>,
    /// Since when it fires although its expression does not hold.
    pub keep_firing_since: Option<Millis>,
    /// The value that raised it.
    pub value: f64,
}

/// How far an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Its expression does not hold.
    Inactive,
    /// It holds, not yet long enough.
    Pending,
    /// People are told.
    Firing,
}

impl AlertState {
    /// As the API calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// Holds rules.
pub trait RuleSource: Send + Sync {
    /// All groups, by file and name.
    ///
    /// # Errors
    /// Where the source is out of reach.
    fn groups(&self) -> BoxFuture<'_, Result<Vec<RuleGroup>>>;
}

impl RuleSource for Nothing {
    fn groups(&self) -> BoxFuture<'_, Result<Vec<RuleGroup>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
