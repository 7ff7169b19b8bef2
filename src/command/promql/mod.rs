//! `stratal tools promql`: what the language says of an expression, and questions to servers.
//!
//! [`client`] asks, [`answer`] prints; expressions are understood by the library alone.

mod answer;
mod client;

use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::Context as _;
use query::plan::build::build;
use query::plan::explain::{Explained, explain};
use query::plan::rewrite::rewrite;
use query::request::{Features, Request, When};
use query::syntax::{self, parse, prepare};

use super::Outcome;
use super::open::{Usage, block_on};
use crate::cli::promql::{ExplainFlags, ExprFlags, Form, PromqlCommand, QueryFlags, Question};
use crate::{clock, output};

/// An hour, of which `explain` shows a range query.
const EXPLAINED_MS: i64 = 3_600_000;

pub(super) fn run(command: &PromqlCommand) -> anyhow::Result<Outcome> {
    match command {
        PromqlCommand::Parse(flags) => output::text(&parsed(flags)?)?,
        PromqlCommand::Format(flags) => {
            let tree = parse(&text(&flags.expr)?, features(flags)?.syntax())?;
            output::text(&format!("{}\n", syntax::pretty(&tree)))?;
        }
        PromqlCommand::Explain(flags) => output::text(&explained(flags)?)?,
        PromqlCommand::Query(flags) => output::text(&asked(flags)?)?,
    }
    Ok(Outcome::Done)
}

/// An expression, from standard input where it is a hyphen.
fn text(expr: &str) -> anyhow::Result<String> {
    if expr != "-" {
        return Ok(expr.to_owned());
    }
    let mut text = String::new();
    let mut input = std::io::stdin().take(syntax::TEXT_BYTES_MAX as u64 + 1);
    input.read_to_string(&mut text).context("standard input")?;
    Ok(text)
}

fn features(flags: &ExprFlags) -> anyhow::Result<Features> {
    let mut features = Features::default();
    for name in &flags.features {
        if !features.enable(name) {
            return Err(Usage(format!("no feature is called {name}")).into());
        }
    }
    Ok(features)
}

fn parsed(flags: &ExprFlags) -> anyhow::Result<String> {
    let tree = parse(&text(&flags.expr)?, features(flags)?.syntax())?;
    let json = syntax::json(&tree)?;
    let value: serde_json::Value = serde_json::from_str(&json)?;
    Ok(format!("{value:#}\n"))
}

fn explained(flags: &ExplainFlags) -> anyhow::Result<String> {
    let now = clock::now().0;
    let when = match flags.step {
        None => When::Instant(now),
        Some(step) => When::Range {
            start: now - EXPLAINED_MS,
            end: now,
            step: i64::try_from(step.as_millis())?.max(1),
        },
    };
    let mut request = Request::new(text(&flags.expr.expr)?, when);
    request.features = features(&flags.expr)?;
    let tree = parse(&request.text, request.features.syntax())?;
    let plan = build(&prepare(tree, when)?, &request)?;
    let plan = rewrite(plan, request.features);
    let mut out = String::new();
    draw(&explain(&plan), "", "", &mut out);
    Ok(out)
}

/// Draws a tree: `first` before the name of the root, `rest` before the lines below it.
fn draw(node: &Explained, first: &str, rest: &str, out: &mut String) {
    writeln!(out, "{first}{}", node.name).expect("a String takes all text");
    let count = node.children.len();
    for (at, child) in node.children.iter().enumerate() {
        let (branch, bar) = if at + 1 == count {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        draw(
            child,
            &format!("{rest}{branch}"),
            &format!("{rest}{bar}"),
            out,
        );
    }
}

fn asked(flags: &QueryFlags) -> anyhow::Result<String> {
    let now = clock::now();
    let call = client::call(&flags.question, now, &text)?;
    let reply = block_on(client::ask(&call, &flags.headers, flags.timeout))??;
    for warning in &reply.warnings {
        tracing::warn!(warning, "the server warns");
    }
    match (&flags.question, flags.form) {
        (Question::Instant { .. } | Question::Range { .. }, form) => {
            answer::value(reply.data.get(), form == Form::Json)
        }
        (_, Form::Json) => Ok(format!("{}\n", reply.data.get())),
        (Question::Series { .. }, Form::Promql) => answer::series(reply.data.get()),
        (Question::Labels { .. }, Form::Promql) => answer::labels(reply.data.get()),
    }
}
