//! Calls that are operators of the plan: scalars, times of samples, absence, info.
//!
//! What they need is in the tree rather than in rows: `absent` answers with the labels of its selector, `timestamp` reads a
//! selector in another way, `info` brings a selector of its own.

use tsdb::label::{Labels, METRIC_NAME};
use tsdb::matcher::{Matcher, MatcherKind};

use super::build::Builder;
use super::call::Call;
use super::{Grid, InfoCall, Look, Op, PlanId, Ranged, Reads, RowCall, Unique, Wanted};
use crate::annotation::Annotation;
use crate::error::{Error, Result};
use crate::functions::{Body, Entry, Name, label, lookup, time};
use crate::syntax::ast::{Expr, Moment, NodeId, VectorSelector};

impl Builder<'_> {
    /// The operator of a function that has one.
    pub(super) fn own_operator(
        &mut self,
        call: &Call<'_>,
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<Option<PlanId>> {
        let all = &Wanted::All;
        let op = match call.function.name {
            "time" => Op::Time,
            "pi" => Op::Number(std::f64::consts::PI),
            "scalar" => Op::ScalarOf(self.node(call.args[0], grid, &Wanted::Only(Vec::new()))?),
            "vector" => Op::VectorOf(self.node(call.args[0], grid, all)?),
            name @ ("min_of" | "max_of") => {
                let a = self.node(call.args[0], grid, all)?;
                let b = self.node(call.args[1], grid, all)?;
                Op::Extreme(name == "max_of", a, b)
            }
            "absent" => {
                let child = self.node(call.args[0], grid, &Wanted::Only(Vec::new()))?;
                Op::Absent(child, self.asked_for(call.args[0]))
            }
            "absent_over_time" => self.absent_over_time(call, grid)?,
            "timestamp" => return self.times(call, Reads::Time, grid, wanted),
            "start_timestamp" if self.request.features.start_timestamps => {
                return self.times(call, Reads::Start, grid, wanted);
            }
            "info" => {
                let op = self.info(call, grid)?;
                let id = self.push(op, call.span, grid);
                let op = Op::Unique(id, Unique::PerStep);
                return Ok(Some(self.push(op, call.span, grid)));
            }
            _ => return Ok(None),
        };
        Ok(Some(self.push(op, call.span, grid)))
    }

    /// What is known of a call before it is planned: texts that are none, a sort that has no effect.
    pub(super) fn check_call(&mut self, call: &Call<'_>) -> Result<()> {
        let name = call.function.name;
        let is_range = !self.request.when.is_instant();
        if name.starts_with("sort") && is_range && !self.fixed[call.id.index()] {
            self.plan.notes.add(Annotation::SortInRange, call.span);
        }
        label::check(name, &self.texts(call))
    }

    /// The absence of what `present_over_time` finds.
    fn absent_over_time(&mut self, call: &Call<'_>, grid: Grid) -> Result<Op> {
        let arg = call.args[0];
        let Some(Entry {
            body: Body::Window(body),
            ..
        }) = lookup("present_over_time")
        else {
            return Err(Error::Execution("windows are not there".to_owned()));
        };
        let ranged = Ranged {
            name: "present_over_time",
            body,
            keeps: Name::Kept,
            args: Vec::new(),
            arg_spans: self.arg_spans(call),
            range_span: self.range_span(arg),
        };
        let wanted = &Wanted::Only(Vec::new());
        let window = self.window((arg, call.span), ranged, grid, wanted)?;
        Ok(Op::Absent(window, self.asked_for(arg)))
    }

    /// Labels that a selector pins to one value, each by one matcher alone.
    fn asked_for(&self, arg: NodeId) -> Labels {
        match self.tree.expr(arg) {
            Expr::Paren(inner) => self.asked_for(*inner),
            Expr::Matrix { selector, .. } => self.asked_for(*selector),
            Expr::Vector(selector) => pinned(&selector.matchers),
            _ => Labels::default(),
        }
    }

    /// The times of the samples of a selector; none where the argument is anything else.
    fn times(
        &mut self,
        call: &Call<'_>,
        reads: Reads,
        grid: Grid,
        wanted: &Wanted,
    ) -> Result<Option<PlanId>> {
        let tree = self.tree;
        let arg = self.unparenthesized(call.args[0]);
        let Expr::Vector(selector) = tree.expr(arg) else {
            return Ok(None);
        };
        let safe = self.keeps_apart(arg);
        let wanted = self.needed(safe, wanted);
        let scan = self.instant(selector, tree.span(arg), grid, wanted)?;
        let child = self.push(Op::Instant(scan, reads), tree.span(arg), grid);
        let row_call = RowCall {
            name: call.function.name,
            body: time::unchanged,
            keeps: Name::Dropped,
            args: Vec::new(),
            texts: Vec::new(),
            arg_spans: self.arg_spans(call),
        };
        let id = self.push(Op::Rows(child, row_call), call.span, grid);
        Ok(Some(self.unique(id, safe, Unique::PerStep)))
    }

    fn info(&mut self, call: &Call<'_>, grid: Grid) -> Result<Op> {
        let vector = self.node(call.args[0], grid, &Wanted::All)?;
        let (names, data) = self.info_matchers(call.args.get(1).copied())?;
        let selector = VectorSelector {
            name: None,
            matchers: names.iter().chain(&data).cloned().collect(),
            moment: Moment::default(),
            anchored: false,
            smoothed: false,
        };
        let span = self.tree.span(call.args[0]);
        let look = self.info_look(call.args[0]);
        let scan = self.scan((&selector, span), (grid, look), &Wanted::All, "")?;
        let infos = self.push(Op::Instant(scan, Reads::FloatTime), span, grid);
        Ok(Op::Info(InfoCall {
            vector,
            infos,
            names,
            data,
        }))
    }

    /// Matchers on the name of info metrics, and on their labels.
    fn info_matchers(&self, arg: Option<NodeId>) -> Result<(Vec<Matcher>, Vec<Matcher>)> {
        let matchers = match arg.map(|arg| self.tree.expr(self.unparenthesized(arg))) {
            Some(Expr::Vector(selector)) => selector.matchers.as_slice(),
            _ => &[],
        };
        let all = matchers.iter().cloned();
        let (mut names, data): (Vec<_>, Vec<_>) =
            all.partition(|matcher| matcher.name() == METRIC_NAME);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if names.iter().all(|matcher| matcher.kind().is_negative()) {
            names.push(Matcher::new(MatcherKind::Regex, METRIC_NAME, ".+_info")?);
        }
        Ok((names, data))
    }

    /// Where info series are looked for: at the time of the first selector inside the expression.
    fn info_look(&self, arg: NodeId) -> Look {
        let mut look = Look {
            range: self.request.lookback,
            ..Look::default()
        };
        for moment in self.moments(arg) {
            let inner = self.look(&moment, 0);
            if inner.at.is_some() {
                look.at = inner.at;
                look.offset = 0;
            }
            look.offset = look.offset.saturating_add(inner.offset);
        }
        look
    }

    /// When the first selector inside an expression looks, from the outside in.
    fn moments(&self, id: NodeId) -> Vec<Moment> {
        match self.tree.expr(id) {
            Expr::Vector(selector) => vec![selector.moment],
            Expr::Subquery(subquery) => {
                let mut all = vec![subquery.moment];
                all.extend(self.moments(subquery.expr));
                all
            }
            _ => {
                let children = self.tree.children(id).into_iter();
                let mut found = children.map(|child| self.moments(child));
                found
                    .find(|moments| !moments.is_empty())
                    .unwrap_or_default()
            }
        }
    }
}

fn pinned(matchers: &[Matcher]) -> Labels {
    let mut labels = Labels::default();
    let mut equal = std::collections::HashSet::new();
    for matcher in matchers.iter().filter(|m| m.name() != METRIC_NAME) {
        let name = matcher.name();
        if matcher.kind() == MatcherKind::Equal && equal.insert(name) {
            label::set(&mut labels, name, matcher.value());
        } else {
            labels.retain(|other, _| other != name);
        }
    }
    labels
}
