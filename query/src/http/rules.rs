//! `/rules` and `/alerts`: what is evaluated all the time, and what came of it.
//!
//! With `group_limit` the groups come page by page; the token of the next page names its first group, so a group that
//! vanishes meanwhile costs nothing but itself.

use std::fmt::Write as _;

use tsdb::matcher::Matcher;
use tsdb::source::rule::{Alert, Alerting, Rule, RuleGroup};

use super::dialect::Blame;
use super::problem::Problem;
use super::reply::Reply;
use super::{Call, json, number};

/// Which rules are wanted.
struct Filter {
    wants_alerting: bool,
    wants_recording: bool,
    with_alerts: bool,
    selectors: Vec<Vec<Matcher>>,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Problem> {
        let dialect = call.server.settings.dialect;
        let kind = call.form.get("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "all" | "alert" | "record") {
            return Err(Problem::bad_data(
                dialect.rule_type_error(call.form.get("type")),
            ));
        }
        let all = |name| call.form.all(name).map(str::to_owned).collect();
        let excludes = call.form.get("exclude_alerts");
        Ok(Self {
            wants_alerting: kind != "record",
            wants_recording: kind != "alert",
            with_alerts: !matches!(excludes, "true" | "1" | "t" | "T" | "TRUE" | "True"),
            selectors: call.params().selectors(Blame::Match)?,
            names: all("rule_name[]"),
            groups: all("rule_group[]"),
            files: all("file[]"),
        })
    }

    fn takes_group(&self, group: &RuleGroup) -> bool {
        let is_named = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        is_named(&self.groups, &group.name) && is_named(&self.files, &group.file)
    }

    fn takes_rule(&self, rule: &Rule) -> bool {
        let is_wanted = if rule.alerting.is_some() {
            self.wants_alerting
        } else {
            self.wants_recording
        };
        let selects = |matchers: &Vec<Matcher>| {
            matchers
                .iter()
                .all(|matcher| matcher.matches_labels(&rule.labels))
        };
        is_wanted
            && (self.names.is_empty() || self.names.contains(&rule.name))
            && (self.selectors.is_empty() || self.selectors.iter().any(selects))
    }
}

/// Groups with their rules.
pub(super) async fn groups(call: Call) -> Result<Reply, Problem> {
    let filter = Filter::of(&call)?;
    let (page, from) = page(&call)?;
    let mut groups = call.server.companions.rules.groups().await?;
    groups.retain(|group| filter.takes_group(group));
    for group in &mut groups {
        group.rules.retain(|rule| filter.takes_rule(rule));
    }
    groups.retain(|group| !group.rules.is_empty());
    groups.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    groups.retain(|group| token(group) >= from);
    let next = groups.get(page).map(token);
    let shown = groups.iter().take(page);
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"groups\":");
        json::list(out, shown, |out, group| {
            write_group(out, group, filter.with_alerts);
        });
        if let Some(next) = next {
            json::text_field(out, "groupNextToken", &next);
        }
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}

/// How many groups to show, and the token of the first.
fn page(call: &Call) -> Result<(usize, String), Problem> {
    let (limit, from) = (
        call.form.get("group_limit"),
        call.form.get("group_next_token"),
    );
    if limit.is_empty() {
        if !from.is_empty() {
            let text = "group_limit needs to be set when group_next_token is set";
            return Err(Problem::bad_data(text));
        }
        return Ok((usize::MAX, String::new()));
    }
    let limit: Option<usize> = limit.parse().ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| Problem::bad_data("group_limit must be a positive number"))?;
    Ok((limit, from.to_owned()))
}

/// Names a group among all; tokens sort as file and name do.
fn token(group: &RuleGroup) -> String {
    let bytes = group.file.bytes().chain([0]).chain(group.name.bytes());
    bytes.fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

fn write_group(out: &mut Vec<u8>, group: &RuleGroup, with_alerts: bool) {
    out.push(b'{');
    json::text_field(out, "name", &group.name);
    json::text_field(out, "file", &group.file);
    json::key(out, "rules");
    let strategy = &group.partial_response;
    json::list(out, &group.rules, |out, rule| {
        write_rule(out, rule, strategy, with_alerts);
    });
    json::number_field(out, "interval", number::seconds(group.interval.0));
    json::key(out, "limit");
    number::unsigned(out, group.limit);
    if !strategy.is_empty() {
        json::text_field(out, "partialResponseStrategy", strategy);
    }
    json::number_field(out, "evaluationTime", group.evaluation.seconds);
    json::time_field(out, "lastEvaluation", group.evaluation.time);
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &Rule, strategy: &str, with_alerts: bool) {
    out.push(b'{');
    if let Some(alerting) = &rule.alerting {
        json::text_field(out, "state", alerting.state.name());
    }
    json::text_field(out, "name", &rule.name);
    json::text_field(out, "query", &rule.query);
    if let Some(alerting) = &rule.alerting {
        write_alerting(out, rule, alerting, strategy, with_alerts);
    } else if !rule.labels.is_empty() {
        json::key(out, "labels");
        json::labels(out, &rule.labels);
    }
    json::text_field(out, "health", &rule.health);
    if !rule.last_error.is_empty() {
        json::text_field(out, "lastError", &rule.last_error);
    }
    json::number_field(out, "evaluationTime", rule.evaluation.seconds);
    json::time_field(out, "lastEvaluation", rule.evaluation.time);
    let kind = if rule.alerting.is_some() {
        "alerting"
    } else {
        "recording"
    };
    json::text_field(out, "type", kind);
    out.push(b'}');
}

fn write_alerting(
    out: &mut Vec<u8>,
    rule: &Rule,
    alerting: &Alerting,
    strategy: &str,
    with_alerts: bool,
) {
    json::number_field(out, "duration", number::seconds(alerting.hold.0));
    json::number_field(
        out,
        "keepFiringFor",
        number::seconds(alerting.keep_firing.0),
    );
    json::key(out, "labels");
    json::labels(out, &rule.labels);
    json::key(out, "annotations");
    json::labels(out, &alerting.annotations);
    let alerts: &[Alert] = if with_alerts { &alerting.alerts } else { &[] };
    json::key(out, "alerts");
    json::list(out, alerts, |out, alert| write_alert(out, alert, strategy));
}

fn write_alert(out: &mut Vec<u8>, alert: &Alert, strategy: &str) {
    out.extend_from_slice(b"{\"labels\":");
    json::labels(out, &alert.labels);
    json::key(out, "annotations");
    json::labels(out, &alert.annotations);
    json::text_field(out, "state", alert.state.name());
    json::time_field(out, "activeAt", alert.active_at);
    if alert.keep_firing_since.is_some() {
        json::time_field(out, "keepFiringSince", alert.keep_firing_since);
    }
    json::key(out, "value");
    out.push(b'"');
    number::exponent(out, alert.value);
    out.push(b'"');
    if !strategy.is_empty() {
        json::text_field(out, "partialResponseStrategy", strategy);
    }
    out.push(b'}');
}

/// Alerts of all rules.
pub(super) async fn alerts(call: Call) -> Result<Reply, Problem> {
    let groups = call.server.companions.rules.groups().await?;
    let alerts = groups.iter().flat_map(|group| {
        let rules = group.rules.iter().filter_map(|rule| rule.alerting.as_ref());
        rules
            .flat_map(|alerting| &alerting.alerts)
            .map(|alert| (alert, &group.partial_response))
    });
    let mut alerts = alerts.peekable();
    let dialect = call.server.settings.dialect;
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"alerts\":");
        if alerts.peek().is_none() {
            out.extend_from_slice(dialect.no_alerts().as_bytes());
        } else {
            json::list(out, alerts, |out, (alert, strategy)| {
                write_alert(out, alert, strategy);
            });
        }
        out.push(b'}');
    };
    Ok(Reply::data(write, &[]))
}
